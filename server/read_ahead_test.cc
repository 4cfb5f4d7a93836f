#include "server/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "absl/synchronization/notification.h"
#include "tests/support/releasable_for_test.h"

namespace sluice::server {
namespace {

// Makes so many chunks of one row, the n-th of n considered, and counts what it was asked.
class Chunks {
 public:
  explicit Chunks(int count) : count_(count) {}

  std::function<ReadAhead::Made()> Next() {
    return [this]() -> ReadAhead::Made {
      const int made = ++asked_;
      if (made > count_) return {std::optional<Releasable>(), made, 0};
      return {ReleasableForTest::Of({1}, 1, /*last=*/made == count_), made, 0};
    };
  }
  int asked() const { return asked_; }

 private:
  const int count_;
  std::atomic<int> asked_ = 0;
};

TEST(ReadAheadTest, MakesTheNextChunkWhileTheOneBeforeItIsWithItsReader) {
  SpareCores cores(1);
  absl::Notification second;
  int asked = 0;
  ReadAhead ahead(&cores, [&]() -> ReadAhead::Made {
    if (++asked == 2) second.Notify();
    return {ReleasableForTest::Of({1}, 1, /*last=*/asked == 2), asked, 0};
  });
  EXPECT_EQ(ahead.Next().considered, 1);
  second.WaitForNotification();  // nobody asked for it yet
  EXPECT_EQ(ahead.Next().considered, 2);
}

TEST(ReadAheadTest, GivesAllChunksInTheirOrder) {
  for (const int spare : {0, 1, 2}) {
    SpareCores cores(spare);
    Chunks chunks(5);
    ReadAhead ahead(&cores, chunks.Next());
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(ahead.Next().considered, i);
    EXPECT_EQ(chunks.asked(), 5) << "more were made than there are";
    EXPECT_FALSE(ahead.Next().chunk->has_value());
  }
}

TEST(ReadAheadTest, MakesNothingAheadWithoutACoreToSpare) {
  Chunks chunks(3);
  {
    SpareCores cores(0);
    ReadAhead ahead(&cores, chunks.Next());
    (void)ahead.Next();
  }  // it would have been waited for
  EXPECT_EQ(chunks.asked(), 1);
}

TEST(ReadAheadTest, SharesTheCoresAndGivesThemBack) {
  SpareCores cores(1);
  absl::Notification begun, go_on;
  int asked = 0;
  Chunks others(3);
  {
    ReadAhead first(&cores, [&]() -> ReadAhead::Made {
      if (++asked == 2) {
        begun.Notify();
        go_on.WaitForNotification();
      }
      return {ReleasableForTest::Of({1}, 1), asked, 0};
    });
    (void)first.Next();
    begun.WaitForNotification();
    EXPECT_FALSE(cores.TryTake()) << "one core made two chunks at once";
    {
      ReadAhead second(&cores, others.Next());
      (void)second.Next();
    }
    EXPECT_EQ(others.asked(), 1);
    go_on.Notify();
  }
  EXPECT_TRUE(cores.TryTake());
  EXPECT_FALSE(cores.TryTake());
}

TEST(ReadAheadTest, StopsAtWhatWentWrongAndTellsIt) {
  SpareCores cores(1);
  std::atomic<int> asked = 0;
  {
    ReadAhead ahead(&cores, [&]() -> ReadAhead::Made {
      if (++asked == 2) return {absl::CancelledError("gone"), 0, 0};
      return {ReleasableForTest::Of({1}, 1), 0, 0};
    });
    EXPECT_TRUE(ahead.Next().chunk.ok());
    EXPECT_TRUE(absl::IsCancelled(ahead.Next().chunk.status()));
  }
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace sluice::server
