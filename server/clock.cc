#include "server/clock.h"

#include <algorithm>

#include "server/error.h"

namespace sluice::server {

absl::StatusOr<absl::Time> Clock::Now() {
  const absl::Time system = system_();
  if (system < newest_entry_() - kTolerance) return ClockBehind();
  absl::MutexLock lock(&mutex_);
  last_ = std::max(last_, system);
  return last_;
}

}  // namespace sluice::server
