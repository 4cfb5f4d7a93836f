// How many bytes of batches the gateway holds at once, of all publish streams together: batches
// that were read and that the store has not answered yet. A stream that finds no room is not read
// further, so that its publisher's own pace slows; nobody is refused. Each stream may always have
// one batch, however full it is, so that none waits for another's sake alone: the bound is the
// budget and one batch a stream.
//
// Thread-safe.
#ifndef SLUICE_SERVER_PUBLISH_BUDGET_H_
#define SLUICE_SERVER_PUBLISH_BUDGET_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {

class PublishBudget {
 public:
  explicit PublishBudget(int64_t most) : most_(most) {}
  PublishBudget(const PublishBudget&) = delete;
  PublishBudget& operator=(const PublishBudget&) = delete;

  // One stream's part of it. Gives back all it took before it goes.
  class Share {
   public:
    explicit Share(PublishBudget* budget) : budget_(*budget) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Until there is room, or this stream has nothing outstanding.
    void WaitForRoom() ABSL_LOCKS_EXCLUDED(budget_.mutex_);
    // A batch was read, or answered. Never blocks.
    void Take(int64_t bytes) ABSL_LOCKS_EXCLUDED(budget_.mutex_);
    void Give(int64_t bytes) ABSL_LOCKS_EXCLUDED(budget_.mutex_);

   private:
    PublishBudget& budget_;
    int64_t outstanding_ ABSL_GUARDED_BY(budget_.mutex_) = 0;
  };

  // From the next batch on.
  void SetMost(int64_t most) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t outstanding() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Streams that wait for room.
  int waiting() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  int64_t most_ ABSL_GUARDED_BY(mutex_);
  int64_t outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PUBLISH_BUDGET_H_
