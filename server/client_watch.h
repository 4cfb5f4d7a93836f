// Cancels the call of a client that neither sends nor takes anything for as long as `patience`: it
// has the place of others.
//
// One a call; thread-safe.
#ifndef SLUICE_SERVER_CLIENT_WATCH_H_
#define SLUICE_SERVER_CLIENT_WATCH_H_

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::server {

class ClientWatch {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  // `cancel` is called once at most, on a thread of the watch's.
  ClientWatch(std::function<void()> cancel, absl::Duration patience,
              Clock clock = std::chrono::steady_clock::now)
      : cancel_(std::move(cancel)),
        patience_(patience),
        clock_(std::move(clock)),
        heard_(clock_()),
        thread_([this] { Run(); }) {}
  ~ClientWatch();

  // Runs what the client has to do its part for, a read or a write. Its time begins with that, and
  // anew when it has done it.
  bool Hear(absl::FunctionRef<bool()> exchange) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Heard() ABSL_LOCKS_EXCLUDED(mutex_);
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<void()> cancel_;
  const absl::Duration patience_;
  const Clock clock_;
  absl::Mutex mutex_;
  std::chrono::steady_clock::time_point heard_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CLIENT_WATCH_H_
