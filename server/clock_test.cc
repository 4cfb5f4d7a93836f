#include "server/clock.h"

#include <gtest/gtest.h>

#include "server/error.h"

namespace sluice::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

struct ClockTest : testing::Test {
  absl::Time system = kNow;
  absl::Time newest = kNow - absl::Hours(1);
  Clock clock{[this] { return system; }, [this] { return newest; }};
};

TEST_F(ClockTest, NeverGoesBack) {
  EXPECT_EQ(*clock.Now(), kNow);
  system = kNow - absl::Seconds(1);
  EXPECT_EQ(*clock.Now(), kNow);
  system = kNow + absl::Seconds(1);
  EXPECT_EQ(*clock.Now(), kNow + absl::Seconds(1));
}

TEST_F(ClockTest, HaltsWhileTheSystemsClockStandsBehindTheLog) {
  newest = kNow + absl::Milliseconds(2001);
  EXPECT_EQ(ReasonOf(clock.Now().status()), "CLOCK_BEHIND");
  system = kNow + absl::Seconds(1);
  EXPECT_TRUE(clock.Now().ok()) << "it has caught up";
}

TEST_F(ClockTest, BearsAClockThatStandsBehindByTwoSeconds) {
  newest = kNow + absl::Seconds(2);
  EXPECT_TRUE(clock.Now().ok());
}

}  // namespace
}  // namespace sluice::server
