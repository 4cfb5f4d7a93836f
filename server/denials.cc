#include "server/denials.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/error.h"

namespace sluice::server {

absl::StatusOr<RequestId> Denials::Append(const std::string& principal, DecisionEntry entry,
                                          const v1::Decision& decision, int own_entries) {
  std::shared_ptr<Shared> shared;
  bool first = false;
  absl::Time window_ends;
  {
    absl::MutexLock lock(&mutex_);
    Window& window = windows_[{principal, static_cast<int>(entry.code)}];
    // A window's length is a matter of load, not of law: the machine's clock will do.
    const absl::Time now = absl::Now();
    if (now - window.begins >= window_ || now < window.begins) {
      window.begins = now;
      window.own = 0;
      window.shared = nullptr;
    }
    window_ends = window.begins + window_;
    if (window.own < own_entries) {
      ++window.own;
    } else {
      if (window.shared == nullptr || window.shared->closed) {
        window.shared = std::make_shared<Shared>();
        window.shared->request = entry.request;
        first = true;
      }
      shared = window.shared;
      ++shared->count;
    }
  }
  if (shared == nullptr) {
    RequestId request = entry.request;
    const absl::Status status = log_->AppendDenial(std::move(entry), decision);
    if (!status.ok()) return AuditUnavailable();
    return request;
  }

  absl::MutexLock lock(&mutex_);
  if (first) {
    // Nothing signals the window's end: the others of it come in meanwhile.
    const auto never = [](bool* closed) { return *closed; };
    mutex_.AwaitWithDeadline(absl::Condition(+never, &shared->closed), window_ends);
    shared->closed = true;
    entry.count = shared->count;
    mutex_.Unlock();
    const absl::Status status = log_->AppendDenial(std::move(entry), decision);
    mutex_.Lock();
    shared->status = status;
    shared->done = true;
  } else {
    mutex_.Await(absl::Condition(&shared->done));
  }
  if (!shared->status.ok()) return AuditUnavailable();
  return shared->request;
}

}  // namespace sluice::server
