// How an admitted request ended, for the log: written once, whatever way the request takes. It is
// appended behind the answer and holds nothing up; where a crash forestalls it, recovery writes
// `unknown`.
//
// One a request; not thread-safe. The log and the admitted request must outlive it.
#ifndef SLUICE_SERVER_OUTCOME_H_
#define SLUICE_SERVER_OUTCOME_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/error.h"

namespace sluice::server {

class Outcome {
 public:
  Outcome(AuditLog* log, const Admitted& admitted) : log_(log) {
    entry_.request = admitted.entry.request;
    entry_.caller = admitted.entry.caller;
    entry_.decision_index = admitted.receipt.index();
    entry_.aborted = true;
  }
  // Not closed: the request's way ended where nobody foresaw it.
  ~Outcome() {
    if (!closed_) (void)Close(absl::InternalError("not closed"));
  }
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;

  void Considered(int64_t considered, int64_t withheld) {
    entry_.considered = considered;
    entry_.withheld = withheld;
  }
  void Released(int64_t rows, int64_t bytes) {
    entry_.released = rows;
    entry_.bytes = bytes;
  }
  void Owner(absl::string_view owner) { entry_.owner = std::string(owner); }
  // Writes the entry and gives the status back.
  absl::Status Close(absl::Status status) {
    closed_ = true;
    entry_.aborted = !status.ok();
    entry_.status = absl::StatusCodeToString(status.code());
    log_->AppendLater(entry_);
    return status;
  }

 private:
  AuditLog* const log_;
  OutcomeEntry entry_;
  bool closed_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OUTCOME_H_
