#include "client/witness/connection_watch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::witness {

absl::Duration ConnectionWatch::Steady() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

ConnectionWatch::ConnectionWatch(absl::Duration within, std::function<absl::Duration()> clock)
    : within_(within), clock_(std::move(clock)), thread_([this] { Watch(); }) {}

ConnectionWatch::~ConnectionWatch() {
  {
    absl::MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  for (const Connection& connection : connections_) close(connection.socket);
}

ConnectionWatch::Connection* ConnectionWatch::Find() {
  for (Connection& connection : connections_) {
    if (connection.thread == std::this_thread::get_id()) return &connection;
  }
  return nullptr;
}

void ConnectionWatch::Release() {
  absl::MutexLock lock(&mutex_);
  connections_.remove_if([](const Connection& connection) {
    if (connection.thread != std::this_thread::get_id()) return false;
    close(connection.socket);
    return true;
  });
}

void ConnectionWatch::Hold(int socket) {
  absl::MutexLock lock(&mutex_);
  if (Find() != nullptr) return;
  const int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    // Without a descriptor nobody could end it later.
    shutdown(socket, SHUT_RDWR);
    return;
  }
  if (!is_reading_) shutdown(own, SHUT_RD);
  connections_.push_back({std::this_thread::get_id(), own, clock_() + within_});
}

void ConnectionWatch::Renew() {
  absl::MutexLock lock(&mutex_);
  if (Connection* const connection = Find()) connection->end = clock_() + within_;
}

void ConnectionWatch::StopReading() {
  absl::MutexLock lock(&mutex_);
  is_reading_ = false;
  for (const Connection& connection : connections_) shutdown(connection.socket, SHUT_RD);
}

void ConnectionWatch::EndLate() {
  absl::MutexLock lock(&mutex_);
  EndLateLocked();
}

absl::Duration ConnectionWatch::EndLateLocked() {
  // No connection that begins meanwhile has to end before the wait does.
  absl::Duration wait = within_;
  const absl::Duration now = clock_();
  for (const Connection& connection : connections_) {
    wait = std::min(wait, connection.end - now);
    if (connection.end <= now) shutdown(connection.socket, SHUT_RDWR);
  }
  // One that was shut down is there until its thread has seen that.
  return std::max(wait, within_ / 20);
}

void ConnectionWatch::Watch() {
  absl::MutexLock lock(&mutex_);
  while (!is_ending_) {
    const absl::Duration wait = EndLateLocked();
    mutex_.AwaitWithTimeout(absl::Condition(&is_ending_), wait);
  }
}

}  // namespace sluice::witness
