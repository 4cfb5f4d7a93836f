// What opens an owner's commitments in the log, for the owner alone: with the entries and their
// proofs it shows who was in which disclosure, whatever the gateway says.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OWNER_OPENINGS_H_
#define SLUICE_SERVER_OWNER_OPENINGS_H_

#include "absl/status/statusor.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/store/store.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::server {

class OwnerOpenings {
 public:
  static constexpr size_t kPageBytes = 2 << 20;
  // So many entries a page looks at, or so many bytes of openings; one that found few goes on with
  // its token.
  static constexpr uint64_t kLookedAt = 20'000;
  static constexpr size_t kLookedAtBytes = 64 << 20;

  struct Parts {
    Admission* admission;
    AuditLog* log;
    const Store* store;
  };
  explicit OwnerOpenings(const Parts& parts) : parts_(parts) {}

  absl::StatusOr<v1::ListOpeningsResponse> List(const Caller& caller, RequestId& request_id,
                                                const v1::ListOpeningsRequest& request);

 private:
  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_OPENINGS_H_
