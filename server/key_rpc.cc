#include "server/key_rpc.h"

#include <chrono>
#include <utility>

namespace sluice::server {

template <typename Request, typename Response>
grpc::Status KeyRpc::Run(grpc::ServerContext* context, const char* rpc, const Request& request,
                         Response& response,
                         absl::StatusOr<Response> (OwnerKeys::*serve)(const Caller&, RequestId&,
                                                                      const Request&)) {
  Call call(calls_, rpc);
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  absl::StatusOr<Response> answer = (keys_->*serve)(call.caller(), call.request_id(), request);
  if (answer.ok()) response = *std::move(answer);
  return call.End(answer.status());
}

grpc::Status KeyRpc::ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* request,
                              v1::ListKeysResponse* response) {
  return Run(context, "ListKeys", *request, *response, &OwnerKeys::List);
}

grpc::Status KeyRpc::GetKey(grpc::ServerContext* context, const v1::GetKeyRequest* request,
                            v1::GetKeyResponse* response) {
  return Run(context, "GetKey", *request, *response, &OwnerKeys::Get);
}

grpc::Status KeyRpc::RotateKey(grpc::ServerContext* context, const v1::RotateKeyRequest* request,
                               v1::RotateKeyResponse* response) {
  return Run(context, "RotateKey", *request, *response, &OwnerKeys::Rotate);
}

grpc::Status KeyRpc::DestroyKey(grpc::ServerContext* context, const v1::DestroyKeyRequest* request,
                                v1::DestroyKeyResponse* response) {
  Call call(calls_, "DestroyKey");
  if (const absl::Status s = call.Begin(*context->auth_context()); !s.ok()) return call.End(s);
  // Work as long as a read of all.
  if (const absl::Status s = call.BeginStream(); !s.ok()) return call.End(s);
  absl::StatusOr<v1::DestroyKeyResponse> answer =
      keys_->Destroy(call.caller(), call.request_id(), *request, [context] {
        return context->IsCancelled() || std::chrono::system_clock::now() >= context->deadline();
      });
  if (answer.ok()) *response = *std::move(answer);
  return call.End(answer.status());
}

}  // namespace sluice::server
