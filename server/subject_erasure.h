// Erases a person from what the log leads to, when its owner says so: the name by which the
// dictionary finds the person's ordinals, and the openings of questions that were asked by it. One
// transaction, with the log's entries of it.
//
// Thread-safe.
#ifndef SLUICE_SERVER_SUBJECT_ERASURE_H_
#define SLUICE_SERVER_SUBJECT_ERASURE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/record_validator.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/store/store.h"
#include "sluice/v1/audit_service.pb.h"

namespace sluice::server {

class SubjectErasure {
 public:
  // Of one entry, which has an upper bound.
  static constexpr size_t kOpeningsAnEntry = 500;

  struct Parts {
    std::shared_ptr<const policy::Catalog> catalog;
    Admission* admission;
    AuditLog* log;
    Store* store;
  };
  explicit SubjectErasure(Parts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<v1::EraseSubjectResponse> Erase(const Caller& caller, RequestId& request_id,
                                                 const v1::EraseSubjectRequest& request);

 private:
  // The entries whose question has one of these ids in it.
  absl::StatusOr<std::vector<uint64_t>> AskedBy(const OwnerAdmitted& owner,
                                                const std::set<std::string>& ids) const;

  const Parts parts_;
};

// Whether an id stands in a text, and not as a part of a longer word or number. Letters of either
// case are the same.
bool Mentions(absl::string_view text, absl::string_view id);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SUBJECT_ERASURE_H_
