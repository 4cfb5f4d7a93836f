// MouService over gRPC: adapts RPCs to the registry, for the parties of an MOU.
//
// Thread-safe.
#ifndef SLUICE_SERVER_MOU_RPC_H_
#define SLUICE_SERVER_MOU_RPC_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/mou_act.h"
#include "server/mou_registry.h"
#include "server/store/store.h"
#include "sluice/v1/mou_service.grpc.pb.h"

namespace sluice::server {

class MouRpc final : public BoundedService<v1::MouService> {
 public:
  static constexpr size_t kMaxRequestBytes = 64 << 10;
  // Of a version's history.
  static constexpr int kMaxEvents = 1000;

  struct Parts {
    CallParts calls;
    MouRegistry* mous;
    const Store* store;  // of the log's rows
  };
  explicit MouRpc(Parts parts) : BoundedService(kMaxRequestBytes), parts_(parts) {}

  grpc::Status ListMous(grpc::ServerContext* context, const v1::ListMousRequest* request,
                        v1::ListMousResponse* response) override;
  grpc::Status GetMou(grpc::ServerContext* context, const v1::GetMouRequest* request,
                      v1::GetMouResponse* response) override;
  grpc::Status SuspendMou(grpc::ServerContext* context, const v1::SuspendMouRequest* request,
                          v1::SuspendMouResponse* response) override;
  grpc::Status ResumeMou(grpc::ServerContext* context, const v1::ResumeMouRequest* request,
                         v1::ResumeMouResponse* response) override;
  grpc::Status TerminateMou(grpc::ServerContext* context, const v1::TerminateMouRequest* request,
                            v1::TerminateMouResponse* response) override;
  grpc::Status WithdrawGrant(grpc::ServerContext* context, const v1::WithdrawGrantRequest* request,
                             v1::WithdrawGrantResponse* response) override;

 private:
  // Begins the call and asks whether this caller may make it, then runs `serve`.
  template <typename Serve>
  grpc::Status Run(grpc::ServerContext* context, const char* rpc, Serve serve);
  absl::Status List(Call& call, const v1::ListMousRequest& request, v1::ListMousResponse& response);
  absl::Status Get(Call& call, absl::string_view name, v1::MouStatus& status);
  // `act` without what the request of every act has.
  template <typename Request>
  absl::Status Act(Call& call, v1::MouAction action, const Request& request, MouAct act,
                   v1::MouStatus& status);
  v1::MouStatus View(const Call& call, absl::string_view mou, bool whole) const;
  absl::Status PutHistory(const TakenVersion& version, v1::MouVersionStatus& status) const;

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_RPC_H_
