#include "server/publish_budget.h"

namespace sluice::server {

void PublishBudget::Share::WaitForRoom() {
  const auto room = [this]() ABSL_SHARED_LOCKS_REQUIRED(budget_.mutex_) {
    return outstanding_ == 0 || budget_.outstanding_ < budget_.most_;
  };
  absl::MutexLock lock(&budget_.mutex_);
  ++budget_.waiting_;
  budget_.mutex_.Await(absl::Condition(&room));
  --budget_.waiting_;
}

void PublishBudget::Share::Take(int64_t bytes) {
  absl::MutexLock lock(&budget_.mutex_);
  outstanding_ += bytes;
  budget_.outstanding_ += bytes;
}

void PublishBudget::Share::Give(int64_t bytes) {
  absl::MutexLock lock(&budget_.mutex_);
  outstanding_ -= bytes;
  budget_.outstanding_ -= bytes;
}

void PublishBudget::SetMost(int64_t most) {
  absl::MutexLock lock(&mutex_);
  most_ = most;
}

int64_t PublishBudget::outstanding() const {
  absl::MutexLock lock(&mutex_);
  return outstanding_;
}

int PublishBudget::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiting_;
}

}  // namespace sluice::server
