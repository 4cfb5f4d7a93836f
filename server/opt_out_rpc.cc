#include "server/opt_out_rpc.h"

#include <utility>

namespace sluice::server {

grpc::Status OptOutRpc::OptOut(grpc::ServerContext* context, const v1::OptOutRequest* request,
                               v1::OptOutResponse* response) {
  Call call(calls_, "OptOut");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::OptOutResponse> done =
      opt_outs_.OptOut(call.caller(), call.request_id(), *request);
  if (done.ok()) *response = *std::move(done);
  return call.End(done.status());
}

grpc::Status OptOutRpc::OptIn(grpc::ServerContext* context, const v1::OptInRequest* request,
                              v1::OptInResponse* response) {
  Call call(calls_, "OptIn");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::OptInResponse> done =
      opt_outs_.OptIn(call.caller(), call.request_id(), *request);
  if (done.ok()) *response = *std::move(done);
  return call.End(done.status());
}

grpc::Status OptOutRpc::CheckOptOuts(grpc::ServerContext* context,
                                     const v1::CheckOptOutsRequest* request,
                                     v1::CheckOptOutsResponse* response) {
  Call call(calls_, "CheckOptOuts");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<v1::CheckOptOutsResponse> found =
      opt_outs_.Check(call.caller(), call.request_id(), *request);
  if (found.ok()) *response = *std::move(found);
  return call.End(found.status());
}

}  // namespace sluice::server
