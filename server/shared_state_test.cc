#include "server/shared_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "server/error.h"
#include "tests/support/memory_store.h"

namespace sluice::server {
namespace {

// A store whose revision can't be read when a test says so.
class LostStore : public MemoryStore {
 public:
  absl::StatusOr<int64_t> Revision() const override {
    if (lost) return absl::UnavailableError("no route");
    if (on_read) on_read();
    return MemoryStore::Revision();
  }
  std::atomic<bool> lost = false;
  std::function<void()> on_read;
};

class SharedStateTest : public ::testing::Test {
 protected:
  SharedState::Parts Parts(absl::Duration hold = absl::ZeroDuration()) {
    SharedState::Parts parts;
    parts.store = &store_;
    parts.catch_up = [this] {
      ++caught_up_;
      return catch_up_;
    };
    parts.elapsed = [this] { return absl::Milliseconds(elapsed_ms_.load()); };
    parts.hold = hold;
    parts.look_every = absl::Milliseconds(1);
    return parts;
  }
  void Change() {
    ASSERT_TRUE(
        store_
            .Commit(
                {.apply = [this](Transaction& t) { return t.PutCatalog(std::string(1, name_++)); }})
            .ok());
  }

  LostStore store_;
  absl::Status catch_up_;
  std::atomic<int> caught_up_ = 0;
  std::atomic<int64_t> elapsed_ms_ = 1000;
  char name_ = 'a';
};

TEST_F(SharedStateTest, LetsThroughByALookOfHalfASecondAgoAndByNoOlderOne) {
  SharedState state(Parts());
  EXPECT_EQ(ReasonOf(state.AwaitFresh()), "STATE_UNAVAILABLE") << "nobody has looked yet";
  EXPECT_TRUE(absl::IsUnavailable(state.AwaitFresh()));
  ASSERT_TRUE(state.Look().ok());
  EXPECT_TRUE(state.AwaitFresh().ok());
  elapsed_ms_ += 500;
  EXPECT_TRUE(state.AwaitFresh().ok());
  elapsed_ms_ += 1;
  EXPECT_FALSE(state.AwaitFresh().ok());
  EXPECT_FALSE(state.Health().ok());
  ASSERT_TRUE(state.Look().ok());
  EXPECT_TRUE(state.AwaitFresh().ok());
  EXPECT_TRUE(state.Health().ok());
}

TEST_F(SharedStateTest, CountsALookFromItsBeginning) {
  SharedState state(Parts());
  // The answer is on its way for so long: what was changed meanwhile is not in it.
  store_.on_read = [this] { elapsed_ms_ += 501; };
  ASSERT_TRUE(state.Look().ok());
  EXPECT_FALSE(state.AwaitFresh().ok());
}

TEST_F(SharedStateTest, CatchesUpOnceWithEachChange) {
  SharedState state(Parts());
  ASSERT_TRUE(state.Look().ok());
  EXPECT_EQ(caught_up_, 1) << "what was changed before the first look";
  ASSERT_TRUE(state.Look().ok());
  EXPECT_EQ(caught_up_, 1);
  Change();
  Change();
  ASSERT_TRUE(state.Look().ok());
  ASSERT_TRUE(state.Look().ok());
  EXPECT_EQ(caught_up_, 2);
}

TEST_F(SharedStateTest, IsNotFreshWhileAChangeCantBeTakenOver) {
  SharedState state(Parts());
  ASSERT_TRUE(state.Look().ok());
  Change();
  catch_up_ = absl::DataLossError("it is not what the log says");
  elapsed_ms_ += 501;
  EXPECT_TRUE(absl::IsDataLoss(state.Look()));
  EXPECT_FALSE(state.AwaitFresh().ok());
  EXPECT_TRUE(absl::IsDataLoss(state.Health()));
  // It is tried again, though the revision has not grown since.
  catch_up_ = absl::OkStatus();
  ASSERT_TRUE(state.Look().ok());
  EXPECT_EQ(caught_up_, 3);
  EXPECT_TRUE(state.AwaitFresh().ok());
}

TEST_F(SharedStateTest, TellsWhyTheStoreCantBeRead) {
  SharedState state(Parts(absl::Milliseconds(10)));
  store_.lost = true;
  EXPECT_TRUE(absl::IsUnavailable(state.Look()));
  EXPECT_FALSE(state.AwaitFresh().ok());
  EXPECT_EQ(state.Health().message(), "no route");
}

TEST_F(SharedStateTest, IsWellForAsLongAsCallersOnlyWait) {
  SharedState state(Parts(absl::Milliseconds(10)));
  ASSERT_TRUE(state.Look().ok());
  elapsed_ms_ += 510;
  EXPECT_TRUE(state.Health().ok());
  elapsed_ms_ += 1;
  EXPECT_FALSE(state.Health().ok());
}

TEST_F(SharedStateTest, HoldsACallerUntilTheNextLook) {
  SharedState state(Parts(absl::InfiniteDuration()));
  store_.lost = true;
  state.Start();
  absl::Notification asked;
  absl::Status answer = absl::UnknownError("none");
  std::thread caller([&] {
    asked.Notify();
    answer = state.AwaitFresh();
  });
  asked.WaitForNotification();
  store_.lost = false;
  caller.join();
  EXPECT_TRUE(answer.ok()) << answer;
  state.Stop();
}

TEST_F(SharedStateTest, DoesNotLetThroughByWhatItKnewBeforeItWasStopped) {
  SharedState state(Parts());
  ASSERT_TRUE(state.Look().ok());
  elapsed_ms_ += 60'000;  // nothing of the process ran meanwhile
  EXPECT_FALSE(state.AwaitFresh().ok());
}

}  // namespace
}  // namespace sluice::server
