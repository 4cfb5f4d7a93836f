// OptOutService over gRPC: adapts RPCs to the opt-outs.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OPT_OUT_RPC_H_
#define SLUICE_SERVER_OPT_OUT_RPC_H_

#include <grpcpp/grpcpp.h>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/opt_outs.h"
#include "sluice/v1/opt_out_service.grpc.pb.h"

namespace sluice::server {

class OptOutRpc final : public BoundedService<v1::OptOutService> {
 public:
  static constexpr size_t kMaxRequestBytes = 1 << 20;

  OptOutRpc(const CallParts& calls, OptOuts* opt_outs)
      : BoundedService(kMaxRequestBytes), calls_(calls), opt_outs_(*opt_outs) {}

  grpc::Status OptOut(grpc::ServerContext* context, const v1::OptOutRequest* request,
                      v1::OptOutResponse* response) override;
  grpc::Status OptIn(grpc::ServerContext* context, const v1::OptInRequest* request,
                     v1::OptInResponse* response) override;
  grpc::Status CheckOptOuts(grpc::ServerContext* context, const v1::CheckOptOutsRequest* request,
                            v1::CheckOptOutsResponse* response) override;

 private:
  const CallParts calls_;
  OptOuts& opt_outs_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OPT_OUT_RPC_H_
