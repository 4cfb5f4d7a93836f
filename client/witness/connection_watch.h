// Ends connections that take too long. The HTTP library limits each wait, but not their sum: by a
// byte at a time a stranger could hold a thread for hours.
//
// Thread-safe; a connection belongs to the thread that serves it.
#ifndef SLUICE_CLIENT_WITNESS_CONNECTION_WATCH_H_
#define SLUICE_CLIENT_WITNESS_CONNECTION_WATCH_H_

#include <functional>
#include <list>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::witness {

class ConnectionWatch {
 public:
  // `within`: for a handshake and a request, and again from each answer to the next one.
  // `clock`: that no one sets.
  explicit ConnectionWatch(absl::Duration within, std::function<absl::Duration()> clock = Steady);
  ~ConnectionWatch();

  // This thread serves no connection, as yet: before and after each one.
  void Release();
  // It serves this one, if none since Release.
  void Hold(int socket);
  // What it serves was answered.
  void Renew();
  // From now on nothing more is read from any connection; what was read is answered.
  void StopReading();
  // Ends those whose time is over; the watch's own thread does so, too.
  void EndLate();

 private:
  struct Connection {
    std::thread::id thread;
    int socket = -1;  // a descriptor of our own: the library closes its when it likes
    absl::Duration end;
  };

  static absl::Duration Steady();
  Connection* Find() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns for how long it need not be called again.
  absl::Duration EndLateLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Watch();

  const absl::Duration within_;
  const std::function<absl::Duration()> clock_;
  absl::Mutex mutex_;
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_CONNECTION_WATCH_H_
