// KeyService over gRPC: adapts RPCs to the owners' keys.
//
// Thread-safe.
#ifndef SLUICE_SERVER_KEY_RPC_H_
#define SLUICE_SERVER_KEY_RPC_H_

#include <grpcpp/grpcpp.h>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/owner_keys.h"
#include "sluice/v1/key_service.grpc.pb.h"

namespace sluice::server {

class KeyRpc final : public BoundedService<v1::KeyService> {
 public:
  static constexpr size_t kMaxRequestBytes = 64 << 10;

  KeyRpc(const CallParts& calls, OwnerKeys* keys)
      : BoundedService(kMaxRequestBytes), calls_(calls), keys_(keys) {}

  grpc::Status ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status GetKey(grpc::ServerContext* context, const v1::GetKeyRequest* request,
                      v1::GetKeyResponse* response) override;
  grpc::Status RotateKey(grpc::ServerContext* context, const v1::RotateKeyRequest* request,
                         v1::RotateKeyResponse* response) override;
  grpc::Status DestroyKey(grpc::ServerContext* context, const v1::DestroyKeyRequest* request,
                          v1::DestroyKeyResponse* response) override;

 private:
  template <typename Request, typename Response>
  grpc::Status Run(grpc::ServerContext* context, const char* rpc, const Request& request,
                   Response& response,
                   absl::StatusOr<Response> (OwnerKeys::*serve)(const Caller&, RequestId&,
                                                                const Request&));

  const CallParts calls_;
  OwnerKeys* const keys_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_RPC_H_
