#include "server/denials.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/error.h"

namespace sluice::server {

absl::StatusOr<RequestId> Denials::Append(const std::string& principal, DecisionEntry entry,
                                          const v1::Decision& decision, int own_entries) {
  const int code = static_cast<int>(entry.code);
  // Empty for the operator, and for nobody who was authenticated.
  const Key shares(entry.caller.principal.organization, code);
  bool waits = false;
  {
    absl::MutexLock lock(&mutex_);
    // A window's length is a matter of load, not of law: the machine's clock will do.
    const absl::Time now = absl::Now();
    Sweep(now);
    Window& window = windows_[Key(principal, code)];
    if (now - window.begins >= window_ || now < window.begins) window = {.begins = now, .own = 0};
    if (window.own < own_entries) {
      ++window.own;
    } else {
      const auto [shared, first] =
          shared_.try_emplace(shares, Shared{.request = entry.request, .principal = principal});
      ++shared->second.count;
      shared->second.several |= shared->second.principal != principal;
      if (!first) return shared->second.request;
      waits = true;
    }
  }
  if (waits) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopped_), window_);
    const auto shared = shared_.find(shares);
    entry.count = shared->second.count;
    if (shared->second.several) {
      entry.caller.principal.name.clear();
      entry.caller.spki.clear();
    }
    shared_.erase(shared);
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
    return now - window.second.begins >= window_ || now < window.second.begins;
  });
}

}  // namespace sluice::server
