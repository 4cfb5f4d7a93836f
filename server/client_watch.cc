#include "server/client_watch.h"

namespace sluice::server {

ClientWatch::~ClientWatch() {
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  thread_.join();
}

bool ClientWatch::Hear(absl::FunctionRef<bool()> exchange) {
  Heard();
  const bool done = exchange();
  Heard();
  return done;
}

void ClientWatch::Heard() {
  absl::MutexLock lock(&mutex_);
  heard_ = clock_();
}

void ClientWatch::Run() {
  absl::MutexLock lock(&mutex_);
  while (!over_) {
    const absl::Duration left = patience_ - absl::FromChrono(clock_() - heard_);
    if (left <= absl::ZeroDuration()) {
      cancel_();
      return;
    }
    mutex_.AwaitWithTimeout(absl::Condition(&over_), left);
  }
}

}  // namespace sluice::server
