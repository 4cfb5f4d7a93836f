// The gateway's listening socket, and the thread that accepts on it and hands connections to gRPC,
// as long as there is room: gRPC's own listener stops for good at the first connection for which
// the process has no descriptor left. A connection beyond the room is closed at once, and nobody
// who has one already is touched; when others go there is room again.
//
// Thread-safe. Stop, or the destructor, closes the socket.
#ifndef SLUICE_SERVER_LISTENER_H_
#define SLUICE_SERVER_LISTENER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {

class Listener {
 public:
  // Takes a descriptor over.
  using Accept = std::function<void(int connection)>;

  // Listens on `address` ("127.0.0.1:8443", "[::]:8443", "gateway.example.org:8443"; port 0 takes a
  // free one). FAILED_PRECONDITION with a sentence for the operator. Connections wait until Start.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& address);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { Stop(); }

  int port() const { return port_; }
  // `most` connections, and fewer where the process's limit on descriptors, less those that the
  // gateway needs for itself, is lower. From the next connection on.
  void SetMost(int most) { most_ = most; }
  void Start(Accept accept) ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections that were closed because there was no room.
  int64_t turned_away() const { return turned_away_; }

 private:
  Listener() = default;
  absl::Status Bind(const std::string& address);
  void Run(const Accept& accept);
  void TakeFrom(int socket, const Accept& accept);

  std::vector<int> sockets_;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::atomic<int> most_ = 0;
  std::atomic<int64_t> turned_away_ = 0;

  absl::Mutex mutex_;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_LISTENER_H_
