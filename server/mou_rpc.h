// MouService over gRPC: adapts RPCs to the registry, for the parties of an MOU.
//
// Thread-safe.
#ifndef SLUICE_SERVER_MOU_RPC_H_
#define SLUICE_SERVER_MOU_RPC_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/bounded_service.h"
#include "server/call.h"
#include "server/identity/trust.h"
#include "server/mou_act.h"
#include "server/mou_proposal.h"
#include "server/mou_registry.h"
#include "server/store/store.h"
#include "sluice/v1/mou_service.grpc.pb.h"

namespace sluice::server {

class MouRpc final : public BoundedService<v1::MouService> {
 public:
  // A document, and what is around it.
  static constexpr size_t kMaxRequestBytes = kMaxDocumentBytes + (4 << 10);
  // Of the history of a version that is asked for by itself, and of all of an MOU's together.
  static constexpr int kMaxEvents = 1000;
  static constexpr int kMaxEventsOfAll = 100;
  // Of documents and signatures in one answer, beside the newest version's.
  static constexpr size_t kMaxBytesOfAll = 8 << 20;

  struct Parts {
    CallParts calls;
    MouRegistry* mous;
    const Store* store;                                   // of the log's rows
    std::function<std::shared_ptr<const Trust>()> trust;  // as of now
  };
  explicit MouRpc(Parts parts) : BoundedService(kMaxRequestBytes), parts_(std::move(parts)) {}

  grpc::Status ListMous(grpc::ServerContext* context, const v1::ListMousRequest* request,
                        v1::ListMousResponse* response) override;
  grpc::Status GetMou(grpc::ServerContext* context, const v1::GetMouRequest* request,
                      v1::GetMouResponse* response) override;
  grpc::Status ProposeMou(grpc::ServerContext* context, const v1::ProposeMouRequest* request,
                          v1::ProposeMouResponse* response) override;
  grpc::Status SignMou(grpc::ServerContext* context, const v1::SignMouRequest* request,
                       v1::SignMouResponse* response) override;
  grpc::Status AttestDestruction(grpc::ServerContext* context,
                                 const v1::AttestDestructionRequest* request,
                                 v1::AttestDestructionResponse* response) override;
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
  absl::Status Propose(Call& call, const v1::ProposeMouRequest& request, v1::MouStatus& status);
  absl::Status Sign(Call& call, const v1::SignMouRequest& request, v1::MouStatus& status);
  absl::Status Attest(Call& call, const v1::AttestDestructionRequest& request,
                      v1::MouStatus& status);
  // An act by this caller.
  static MouAct ActOf(Call& call, v1::MouAction action);
  // NOT_FOUND, and in the log, unless a version of the MOU names the caller's organization.
  absl::Status MustSee(Call& call, absl::string_view mou);
  // `act` without what the request of every act says.
  template <typename Request>
  absl::Status Act(Call& call, const Request& request, MouAct act, v1::MouStatus& status);
  v1::MouStatus View(const Call& call, absl::string_view mou, bool whole) const;
  // The newest `most` steps.
  absl::Status PutHistory(const TakenVersion& version, int most,
                          v1::MouVersionStatus& status) const;

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_RPC_H_
