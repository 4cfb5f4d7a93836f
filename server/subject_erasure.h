// Erases a person from what the log leads to, when its owner says so: the name by which the
// dictionary finds the person's ordinals, and the openings of questions that were asked by it. One
// transaction, with the log's entries of it.
//
// Thread-safe.
#ifndef SLUICE_SERVER_SUBJECT_ERASURE_H_
#define SLUICE_SERVER_SUBJECT_ERASURE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/catalog.h"
#include "policy/record_validator.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/store/store.h"
#include "server/subject_question.h"
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

  // RESOURCE_EXHAUSTED while another is made: each reads its owner's history where all that is
  // written waits.
  absl::StatusOr<v1::EraseSubjectResponse> Erase(const Caller& caller, RequestId& request_id,
                                                 const v1::EraseSubjectRequest& request);

 private:
  // The entries in [begin, end) whose question asks for the person.
  absl::StatusOr<std::vector<uint64_t>> AskedBy(const OwnerAdmitted& owner,
                                                const SubjectQuestion& question, uint64_t begin,
                                                uint64_t end) const;
  // Destroys these openings, and appends the entries that say so.
  absl::Status EraseIn(Transaction& transaction, const std::vector<uint64_t>& openings,
                       ErasureEntry entry, v1::EraseSubjectResponse& response) const;

  const Parts parts_;
  std::atomic<bool> busy_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SUBJECT_ERASURE_H_
