#include "server/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DiskWatchTest : public ::testing::Test {
 protected:
  // Sets how many of 1,000 bytes are free where the store is, and looks.
  DiskWatch::State LookWith(int64_t free) {
    rooms_["/store"] = DiskRoom{.free_bytes = free, .all_bytes = 1000};
    return watch_.Look().at(0);
  }

  std::map<std::string, absl::StatusOr<DiskRoom>> rooms_ = {
      {"/log", DiskRoom{.free_bytes = 900, .all_bytes = 1000}}};
  DiskWatch watch_{{{"store", "/store"}, {"log", "/log"}},
                   [this](const std::string& path) { return rooms_.at(path); }};
};

TEST_F(DiskWatchTest, SaysOnceThatADiskIsNearlyFullAndOnceThatItIsNoMore) {
  std::vector<int64_t> turns;
  for (const int64_t free : {500, 200, 199, 10, 0, 199, 201, 219, 220, 201, 200, 199}) {
    const DiskWatch::State state = LookWith(free);
    EXPECT_EQ(state.name, "store");
    EXPECT_EQ(state.room.free_bytes, free);
    if (state.turned) turns.push_back(state.is_low ? -free : free);
  }
  EXPECT_THAT(turns, ElementsAre(-199, 220, -199));
}

TEST_F(DiskWatchTest, LooksAtEachDiskForItself) {
  EXPECT_TRUE(LookWith(1).turned);
  const std::vector<DiskWatch::State> states = watch_.Look();
  ASSERT_THAT(states, SizeIs(2));
  EXPECT_TRUE(states[0].is_low);
  EXPECT_FALSE(states[1].is_low);
  EXPECT_EQ(states[1].name, "log");
}

TEST_F(DiskWatchTest, SaysNothingOfADiskThatCannotBeLookedAt) {
  rooms_ = {{"/store", absl::UnavailableError("gone")}, {"/log", absl::UnavailableError("gone")}};
  EXPECT_THAT(watch_.Look(), IsEmpty());
  // Nor that it was full before.
  EXPECT_FALSE(LookWith(500).turned);
}

TEST_F(DiskWatchTest, SeesTheDiskThatAFileStandsOn) {
  const std::vector<DiskWatch::State> states =
      DiskWatch(std::vector<DiskWatch::Disk>{{"store", "/"}}).Look();
  ASSERT_THAT(states, SizeIs(1));
  EXPECT_GT(states[0].room.all_bytes, 0);
  EXPECT_LE(states[0].room.free_bytes, states[0].room.all_bytes);
  EXPECT_THAT(DiskWatch(std::vector<DiskWatch::Disk>{{"store", "/no such"}}).Look(), IsEmpty());
}

}  // namespace
}  // namespace sluice::server
