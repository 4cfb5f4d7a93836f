#include "server/owner_turns.h"

#include <algorithm>

#include "absl/time/time.h"
#include "server/error.h"

namespace sluice::server {
namespace {

// How often one that waits for others looks whether somebody still waits for it.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<OwnerTurns::Turn> OwnerTurns::Take(const std::string& owner,
                                                  const std::function<bool()>& given_up) {
  const auto first = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return owners_.front() == owner; };
  {
    absl::MutexLock lock(&mutex_);
    if (std::find(owners_.begin(), owners_.end(), owner) != owners_.end()) {
      return KeyCountUnderWay();
    }
    owners_.push_back(owner);
  }
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&first), kLookEvery)) return Turn(this);
    }
    if (given_up == nullptr || !given_up()) continue;
    absl::MutexLock lock(&mutex_);
    owners_.erase(std::find(owners_.begin(), owners_.end(), owner));
    return Cancelled();
  }
}

size_t OwnerTurns::size() const {
  absl::MutexLock lock(&mutex_);
  return owners_.size();
}

void OwnerTurns::End() {
  absl::MutexLock lock(&mutex_);
  owners_.pop_front();
}

}  // namespace sluice::server
