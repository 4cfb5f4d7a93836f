// AuditService over gRPC: adapts RPCs to the log and decides nothing but who may read which entry.
//
// Thread-safe.
#ifndef SLUICE_SERVER_AUDIT_RPC_H_
#define SLUICE_SERVER_AUDIT_RPC_H_

#include <grpcpp/grpcpp.h>

#include "server/audit/audit_log.h"
#include "server/bounded_service.h"
#include "server/call.h"
#include "server/owner_openings.h"
#include "server/store/store.h"
#include "server/subject_disclosures.h"
#include "server/subject_erasure.h"
#include "sluice/v1/audit_service.grpc.pb.h"

namespace sluice::server {

class AuditRpc final : public BoundedService<v1::AuditService> {
 public:
  // So many entries a call looks at; a page that found few goes on with its token.
  static constexpr uint64_t kLookedAt = 20000;
  static constexpr size_t kMaxRequestBytes = 64 << 10;

  struct Parts {
    CallParts calls;
    AuditLog* log;
    const Store* store;
    SubjectDisclosures* subjects;
    OwnerOpenings* openings;
    SubjectErasure* erasure;
  };
  explicit AuditRpc(const Parts& parts)
      : BoundedService(kMaxRequestBytes),
        calls_(parts.calls),
        log_(parts.log),
        store_(parts.store),
        subjects_(parts.subjects),
        openings_(parts.openings),
        erasure_(parts.erasure) {}

  grpc::Status ListEntries(grpc::ServerContext* context, const v1::ListEntriesRequest* request,
                           v1::ListEntriesResponse* response) override;
  grpc::Status GetCheckpoint(grpc::ServerContext* context, const v1::GetCheckpointRequest* request,
                             v1::GetCheckpointResponse* response) override;
  grpc::Status GetInclusionProof(grpc::ServerContext* context,
                                 const v1::GetInclusionProofRequest* request,
                                 v1::GetInclusionProofResponse* response) override;
  grpc::Status GetConsistencyProof(grpc::ServerContext* context,
                                   const v1::GetConsistencyProofRequest* request,
                                   v1::GetConsistencyProofResponse* response) override;
  grpc::Status ListSubjectDisclosures(grpc::ServerContext* context,
                                      const v1::ListSubjectDisclosuresRequest* request,
                                      v1::ListSubjectDisclosuresResponse* response) override;
  grpc::Status ListOpenings(grpc::ServerContext* context, const v1::ListOpeningsRequest* request,
                            v1::ListOpeningsResponse* response) override;
  grpc::Status EraseSubject(grpc::ServerContext* context, const v1::EraseSubjectRequest* request,
                            v1::EraseSubjectResponse* response) override;

 private:
  absl::Status Begin(Call& call, grpc::ServerContext* context);
  absl::Status List(Call& call, const v1::ListEntriesRequest& request,
                    v1::ListEntriesResponse& response);

  const CallParts calls_;
  AuditLog* const log_;
  const Store* const store_;
  SubjectDisclosures* const subjects_;
  OwnerOpenings* const openings_;
  SubjectErasure* const erasure_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_RPC_H_
