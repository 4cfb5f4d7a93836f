#include "server/publish_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace sluice::server {
namespace {

// Waits for the event alone; a test that waits in vain is ended by its time limit.
void WaitUntilWaiting(const PublishBudget& budget, int streams) {
  while (budget.waiting() != streams) std::this_thread::yield();
}

TEST(PublishBudget, NeverHoldsAStreamThatHasNothingOutstanding) {
  PublishBudget budget(10);
  PublishBudget::Share one(&budget), other(&budget);
  one.WaitForRoom();
  one.Take(1000);
  other.WaitForRoom();
  other.Take(1000);
  EXPECT_EQ(budget.outstanding(), 2000) << "the budget, and a batch each";
  EXPECT_EQ(budget.waiting(), 0);
  one.Give(1000);
  other.Give(1000);
}

TEST(PublishBudget, HoldsAStreamUntilAnothersBatchIsAnswered) {
  PublishBudget budget(11);
  PublishBudget::Share small(&budget), large(&budget);
  small.Take(1);
  large.Take(10);
  absl::Notification went_on;
  std::thread stream([&] {
    small.WaitForRoom();
    went_on.Notify();
  });
  WaitUntilWaiting(budget, 1);
  EXPECT_FALSE(went_on.HasBeenNotified());
  large.Give(1);
  went_on.WaitForNotification();
  stream.join();
  large.Give(9);
  small.Give(1);
  EXPECT_EQ(budget.outstanding(), 0);
}

TEST(PublishBudget, LetsGoOnWhoWaitsWhenItGrows) {
  PublishBudget budget(1);
  PublishBudget::Share share(&budget);
  share.Take(5);
  std::thread stream([&] { share.WaitForRoom(); });
  WaitUntilWaiting(budget, 1);
  budget.SetMost(6);
  stream.join();
  share.Give(5);
}

TEST(PublishBudget, BoundsWhatManyStreamsHoldAndLetsAllComeToTheirEnd) {
  constexpr int kStreams = 8, kBatches = 500, kBytes = 7, kMost = 20;
  PublishBudget budget(kMost);
  std::atomic<int64_t> highest = 0;
  // Answers, as a store gives them: on a thread of its own, in the order of the batches.
  absl::Mutex mutex;
  std::deque<PublishBudget::Share*> batches;
  int answered = 0;
  std::thread store([&] {
    const auto some = [&] { return !batches.empty(); };
    for (; answered < kStreams * kBatches; ++answered) {
      absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(&some));
      batches.front()->Give(kBytes);
      batches.pop_front();
    }
  });
  std::vector<std::unique_ptr<PublishBudget::Share>> shares;
  for (int i = 0; i < kStreams; ++i) {
    shares.push_back(std::make_unique<PublishBudget::Share>(&budget));
  }
  std::vector<std::thread> streams;
  for (int i = 0; i < kStreams; ++i) {
    streams.emplace_back([&, share = shares[i].get()] {
      for (int batch = 0; batch < kBatches; ++batch) {
        share->WaitForRoom();
        share->Take(kBytes);
        int64_t seen = highest;
        const int64_t now = budget.outstanding();
        while (now > seen && !highest.compare_exchange_weak(seen, now)) {
        }
        absl::MutexLock lock(&mutex);
        batches.push_back(share);
      }
    });
  }
  for (std::thread& stream : streams) stream.join();
  store.join();
  EXPECT_EQ(budget.outstanding(), 0);
  EXPECT_LE(highest, kMost + kStreams * kBytes);
}

}  // namespace
}  // namespace sluice::server
