#include "server/denials.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/error.h"

namespace sluice::server {

absl::StatusOr<RequestId> Denials::Append(const std::string& principal, DecisionEntry entry,
                                          const v1::Decision& decision, int own_entries) {
  const std::pair<std::string, int> key(principal, static_cast<int>(entry.code));
  bool waits = false;
  {
    absl::MutexLock lock(&mutex_);
    // A window's length is a matter of load, not of law: the machine's clock will do.
    const absl::Time now = absl::Now();
    Sweep(now);
    Window& window = windows_[key];
    if (now - window.begins >= window_ || now < window.begins) {
      window.begins = now;
      window.own = 0;
    }
    if (window.own < own_entries) {
      ++window.own;
    } else if (window.shared) {
      ++window.shared->count;
      return window.shared->request;
    } else {
      window.shared = Shared{1, entry.request};
      waits = true;
    }
  }
  if (waits) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopped_), window_);
    Window& window = windows_[key];
    entry.count = window.shared->count;
    window.shared.reset();
  }
  const RequestId request = entry.request;
  const absl::Status status = log_->AppendDenial(std::move(entry), decision);
  if (!status.ok()) return AuditUnavailable();
  return request;
}

void Denials::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void Denials::Sweep(absl::Time now) {
  if (windows_.size() < kWindows) return;
  absl::erase_if(windows_, [&](const auto& window) {
    return !window.second.shared &&
           (now - window.second.begins >= window_ || now < window.second.begins);
  });
}

}  // namespace sluice::server
