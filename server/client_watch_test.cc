#include "server/client_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "absl/time/clock.h"

namespace sluice::server {
namespace {

// Stands, until it is turned. The watch looks at it each millisecond, its patience.
class ClientWatchTest : public ::testing::Test {
 protected:
  void Turn(int percent_of_patience) { micros_ += percent_of_patience * 10; }
  // A test that waits in vain is ended by its time limit.
  void AwaitLooks(int count) {
    for (const int until = looks_ + count; looks_ < until && !cancelled_;) {
      absl::SleepFor(absl::Microseconds(100));
    }
  }

  std::atomic<int> micros_ = 0;
  std::atomic<int> looks_ = 0;
  std::atomic<bool> cancelled_ = false;
  ClientWatch watch_{[this] { cancelled_ = true; }, absl::Milliseconds(1),
                     [this] {
                       ++looks_;
                       return std::chrono::steady_clock::time_point() +
                              std::chrono::microseconds(micros_);
                     }};
};

TEST_F(ClientWatchTest, LetsAClientLiveThatWasSlowToTakeWhatItTook) {
  EXPECT_TRUE(watch_.Hear([&] {
    Turn(90);
    return true;
  }));
  Turn(90);
  AwaitLooks(3);
  EXPECT_FALSE(cancelled_);
}

TEST_F(ClientWatchTest, CancelsWhileAClientTakesNothing) {
  watch_.Hear([&] {
    Turn(100);
    while (!cancelled_) absl::SleepFor(absl::Microseconds(100));
    return false;
  });
  EXPECT_TRUE(cancelled_);
}

TEST_F(ClientWatchTest, CancelsAfterAClientWasHeardLast) {
  watch_.Hear([] { return true; });
  Turn(99);
  AwaitLooks(3);
  EXPECT_FALSE(cancelled_);
  Turn(1);
  while (!cancelled_) absl::SleepFor(absl::Microseconds(100));
}

}  // namespace
}  // namespace sluice::server
