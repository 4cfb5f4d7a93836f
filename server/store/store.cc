#include "server/store/store.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace sluice::server {

absl::Status Store::Commit(Work work) {
  absl::Notification told;
  absl::Status outcome;
  work.done = [&, done = std::move(work.done)](absl::Status status) mutable {
    if (done) done(status);
    outcome = std::move(status);
    told.Notify();
  };
  Submit(std::move(work));
  told.WaitForNotification();
  return outcome;
}

}  // namespace sluice::server
