// What decisions rest on, where several gateways share a store: each holds it in memory, and any
// may change it. This looks at the store's revision several times a second and has what grew taken
// over. Whoever is about to let something out asks whether such a look was finished a moment ago,
// and waits or goes away where none was: so what another gateway took back binds here within that
// moment, and a gateway that was stopped, or has lost its store, lets nothing out by what it
// remembers.
//
// Thread-safe.
#ifndef SLUICE_SERVER_SHARED_STATE_H_
#define SLUICE_SERVER_SHARED_STATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace sluice::server {

class SharedState {
 public:
  // How old a look may be that something leaves by.
  static constexpr absl::Duration kFresh = absl::Milliseconds(500);

  struct Parts {
    const Store* store;
    // Takes over what the store holds and this gateway does not.
    std::function<absl::Status()> catch_up;
    // Time since some moment. It goes on while the process, or the machine, does not.
    std::function<absl::Duration()> elapsed = SinceBoot;
    // How long a caller waits for a look, before it is told that there is none.
    absl::Duration hold = absl::Seconds(1);
    absl::Duration look_every = absl::Milliseconds(150);
  };

  static absl::Duration SinceBoot();

  explicit SharedState(Parts parts) : parts_(std::move(parts)) {}
  SharedState(const SharedState&) = delete;
  SharedState& operator=(const SharedState&) = delete;
  ~SharedState() { Stop(); }

  // One look. What is held is then what the store held when the look began, or later.
  absl::Status Look() ABSL_LOCKS_EXCLUDED(looking_, mutex_);
  // Looks by itself from now on.
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // OK if what is held was in the store at most kFresh ago; else waits for a look. UNAVAILABLE, to
  // be told as it is.
  absl::Status AwaitFresh() ABSL_LOCKS_EXCLUDED(mutex_);
  // Why nobody is let through; OK if somebody may be.
  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Whether it is, or was so long ago.
  bool IsFresh(absl::Duration ago = absl::ZeroDuration()) const {
    return absl::ToInt64Nanoseconds(parts_.elapsed() - ago) <= fresh_until_ns_.load();
  }
  void Run();

  const Parts parts_;

  // Held by the one look at a time.
  absl::Mutex looking_ ABSL_ACQUIRED_BEFORE(mutex_);
  // What was taken over; the first look takes all.
  std::optional<int64_t> revision_ ABSL_GUARDED_BY(looking_);

  // By `elapsed`: when the last look that took all over becomes too old.
  std::atomic<int64_t> fresh_until_ns_ = std::numeric_limits<int64_t>::min();
  mutable absl::Mutex mutex_;
  absl::Status last_look_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_SHARED_STATE_H_
