#include "client/command/time_option.h"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1798761600);  // 2027-01-01T00:00:00Z

TEST(ParseMoment, TakesATimeWithItsOffset) {
  EXPECT_EQ(ParseMoment("2026-12-31T17:00:00-07:00", kNow).value(), kNow);
  EXPECT_EQ(ParseMoment("2027-01-01T00:00:00.25Z", kNow).value(), kNow + absl::Milliseconds(250));
}

TEST(ParseMoment, TakesADateAsItsBeginInUtc) {
  EXPECT_EQ(ParseMoment("2027-01-01", kNow).value(), kNow);
}

TEST(ParseMoment, TakesHowLongAgo) {
  EXPECT_EQ(ParseMoment("90s", kNow).value(), kNow - absl::Seconds(90));
  EXPECT_EQ(ParseMoment("30m", kNow).value(), kNow - absl::Minutes(30));
  EXPECT_EQ(ParseMoment("12h", kNow).value(), kNow - absl::Hours(12));
  EXPECT_EQ(ParseMoment("7d", kNow).value(), kNow - absl::Hours(7 * 24));
  EXPECT_EQ(ParseMoment("2w", kNow).value(), kNow - absl::Hours(14 * 24));
  EXPECT_EQ(ParseMoment("0s", kNow).value(), kNow);
}

TEST(ParseMoment, RefusesEverythingElse) {
  for (const char* text : {"", "d", "7", "7x", "-7d", "+7d", "7 d", "1.5h", "99999999999d",
                           "4000w w", "999999w", "2027-13-01", "2027-02-30", "2027-01-01T00:00:00",
                           "yesterday", "infinite-future", "infinite-past", "12027-01-01"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMoment(text, kNow).status())) << text;
  }
}

}  // namespace
}  // namespace sluice::client
