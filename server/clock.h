// The instant that decisions are made at. It never goes back from one decision to the next, and a
// system clock that stands behind the log halts the gateway until it has caught up.
//
// Thread-safe.
#ifndef SLUICE_SERVER_CLOCK_H_
#define SLUICE_SERVER_CLOCK_H_

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::server {

class Clock {
 public:
  // How far the system's clock may stand behind the newest durable entry.
  static constexpr absl::Duration kTolerance = absl::Seconds(2);

  // `system`: the system's clock. `newest_entry`: the time of the log's newest durable entry.
  Clock(std::function<absl::Time()> system, std::function<absl::Time()> newest_entry)
      : system_(std::move(system)), newest_entry_(std::move(newest_entry)) {}

  // The present instant; UNAVAILABLE (CLOCK_BEHIND) while the system's clock stands behind the log.
  absl::StatusOr<absl::Time> Now() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::function<absl::Time()> system_;
  const std::function<absl::Time()> newest_entry_;

  absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CLOCK_H_
