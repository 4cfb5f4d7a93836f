// What of one person left, ever: answered for the owner from the index of disclosures, each with
// the entry of the log that says so. The index only finds; what is told stands in the entry, which
// is held against the log's tree, and in the bitmap that the entry commits to.
//
// Thread-safe.
#ifndef SLUICE_SERVER_SUBJECT_DISCLOSURES_H_
#define SLUICE_SERVER_SUBJECT_DISCLOSURES_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/catalog.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/mou_registry.h"
#include "server/store/store.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::server {

class SubjectDisclosures {
 public:
  // A page looks at about so many bitmaps, or at so many bytes of them; one that found few goes on
  // with its token, as does one that reached these bytes of its own.
  static constexpr int64_t kLookedAt = 100'000;
  static constexpr size_t kLookedAtBytes = 64 << 20;
  static constexpr size_t kPageBytes = 2 << 20;

  struct Parts {
    std::shared_ptr<const policy::Catalog> catalog;
    Admission* admission;
    const MouRegistry* mous;
    AuditLog* log;
    const Store* store;
  };
  explicit SubjectDisclosures(Parts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<v1::ListSubjectDisclosuresResponse> List(
      const Caller& caller, RequestId& request_id,
      const v1::ListSubjectDisclosuresRequest& request);

 private:
  // Of one person by several names; NOT_FOUND if none of them is known.
  absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(const OwnerAdmitted& owner,
                                                   const std::vector<policy::SubjectName>& names);
  // The entries from `begin` to `end` that are about any of the ordinals, at most `most` of them.
  struct Found {
    std::set<uint64_t> entries;
    std::set<uint64_t> unreadable;
    uint64_t next = 0;  // all before it were looked at
  };
  absl::StatusOr<Found> Find(const OwnerAdmitted& owner, const std::vector<uint32_t>& ordinals,
                             uint64_t begin, uint64_t end, uint64_t most);
  absl::StatusOr<v1::SubjectDisclosure> Tell(uint64_t index);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SUBJECT_DISCLOSURES_H_
