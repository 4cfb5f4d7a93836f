// OperatorService over gRPC: adapts RPCs to the organizations, for the operator's principals alone.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OPERATOR_RPC_H_
#define SLUICE_SERVER_OPERATOR_RPC_H_

#include <grpcpp/grpcpp.h>

#include <functional>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/organizations.h"
#include "sluice/v1/operator_service.grpc.pb.h"

namespace sluice::server {

class OperatorRpc final : public BoundedService<v1::OperatorService> {
 public:
  // As much as a message may have: two bundles, and lists with what stands around them.
  static constexpr size_t kMaxRequestBytes = 5 << 20;

  struct Parts {
    CallParts calls;
    Organizations* organizations;
    // What stands on the trust looks at it anew: called after each change, before its answer.
    std::function<void()> changed;
  };
  explicit OperatorRpc(Parts parts) : BoundedService(kMaxRequestBytes), parts_(std::move(parts)) {}

  grpc::Status ListOrganizations(grpc::ServerContext* context,
                                 const v1::ListOrganizationsRequest* request,
                                 v1::ListOrganizationsResponse* response) override;
  grpc::Status GetOrganization(grpc::ServerContext* context,
                               const v1::GetOrganizationRequest* request,
                               v1::GetOrganizationResponse* response) override;
  grpc::Status CreateOrganization(grpc::ServerContext* context,
                                  const v1::CreateOrganizationRequest* request,
                                  v1::CreateOrganizationResponse* response) override;
  grpc::Status UpdateOrganization(grpc::ServerContext* context,
                                  const v1::UpdateOrganizationRequest* request,
                                  v1::UpdateOrganizationResponse* response) override;

 private:
  absl::Status List(const v1::ListOrganizationsRequest& request,
                    v1::ListOrganizationsResponse& response) const;
  absl::Status Get(absl::string_view name, v1::TrustedOrganization& view) const;
  absl::Status Create(Call& call, const v1::CreateOrganizationRequest& request,
                      v1::TrustedOrganization& view);
  absl::Status Update(Call& call, const v1::UpdateOrganizationRequest& request,
                      v1::TrustedOrganization& view);
  absl::Status Put(Call& call, StoredOrganization organization, std::optional<uint64_t> replaces,
                   v1::TrustedOrganization& view);
  // Begins the call and asks whether this caller may make it, then runs `serve`.
  template <typename Serve>
  grpc::Status Run(grpc::ServerContext* context, const char* rpc, Serve serve);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OPERATOR_RPC_H_
