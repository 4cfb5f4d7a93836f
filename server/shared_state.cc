#include "server/shared_state.h"

#include <time.h>

#include "server/error.h"

namespace sluice::server {

absl::Duration SharedState::SinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

absl::Status SharedState::Look() {
  absl::MutexLock looking(&looking_);
  // As of before the question: what was changed while it was under way may be missed.
  const absl::Duration began = parts_.elapsed();
  const absl::StatusOr<int64_t> now = parts_.store->Revision();
  absl::Status status = now.status();
  if (status.ok() && revision_ != *now) {
    status = parts_.catch_up();
    if (status.ok()) revision_ = *now;
  }
  absl::MutexLock lock(&mutex_);
  if (status.ok()) fresh_until_ns_ = absl::ToInt64Nanoseconds(began + kFresh);
  last_look_ = status;
  return status;
}

void SharedState::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SharedState::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void SharedState::Run() {
  while (true) {
    Look().IgnoreError();  // `Health` has it
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), parts_.look_every)) return;
  }
}

absl::Status SharedState::AwaitFresh() {
  if (IsFresh()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  const auto fresh = [this] { return IsFresh(); };
  return mutex_.AwaitWithTimeout(absl::Condition(&fresh), parts_.hold) ? absl::OkStatus()
                                                                       : StateUnavailable();
}

absl::Status SharedState::Health() const {
  // As long as callers wait nobody is turned away.
  if (IsFresh(/*ago=*/parts_.hold)) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return last_look_.ok() ? absl::UnavailableError("what decisions rest on was not read in time")
                         : last_look_;
}

}  // namespace sluice::server
