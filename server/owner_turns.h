// Turns of owners of keys at work that is done for one of them at a time: first come, first served,
// and each owner has one turn, under way or waited for. So who asks in a loop stands behind all
// others each time.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OWNER_TURNS_H_
#define SLUICE_SERVER_OWNER_TURNS_H_

#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {

class OwnerTurns {
 public:
  // An owner's turn, for as long as it lives.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->End();
    }

   private:
    friend class OwnerTurns;
    explicit Turn(OwnerTurns* turns) : turns_(turns) {}
    OwnerTurns* turns_;
  };

  // Waits for the owner's turn. KeyCountUnderWay if it has one already; CANCELLED when `given_up`
  // (null: never), which is asked now and then, says that nobody waits any more.
  absl::StatusOr<Turn> Take(const std::string& owner, const std::function<bool()>& given_up)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // How many are under way or waited for.
  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void End() ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  // The first one's turn it is.
  std::deque<std::string> owners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_TURNS_H_
