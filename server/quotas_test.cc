#include "server/quotas.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(Quotas, RefusesCallsBeyondASecondsWorthAndRefills) {
  QuotaLimits limits;
  limits.calls_per_second = 5;
  Quotas quotas(limits);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(quotas.Call("a", kNow).ok()) << i;
  EXPECT_EQ(quotas.Call("a", kNow).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(quotas.Call("b", kNow).ok()) << "another principal has a quota of its own";
  EXPECT_TRUE(quotas.Call("a", kNow + absl::Milliseconds(200)).ok());
  EXPECT_FALSE(quotas.Call("a", kNow + absl::Milliseconds(200)).ok());
}

TEST(Quotas, NeverSavesUpMoreThanASecondsWorth) {
  QuotaLimits limits;
  limits.calls_per_second = 5;
  Quotas quotas(limits);
  EXPECT_TRUE(quotas.Call("a", kNow).ok());
  int allowed = 0;
  while (quotas.Call("a", kNow + absl::Hours(1)).ok()) ++allowed;
  EXPECT_EQ(allowed, 5);
}

TEST(Quotas, GivesAStreamsPlaceBackWhenItEnds) {
  QuotaLimits limits;
  limits.concurrent_streams = 2;
  Quotas quotas(limits);
  auto one = quotas.BeginStream("a");
  {
    auto two = quotas.BeginStream("a");
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_EQ(quotas.BeginStream("a").status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(quotas.BeginStream("a").ok());
}

TEST(Quotas, BoundsTheStreamsOfAllPrincipalsTogether) {
  QuotaLimits limits;
  limits.total_streams = 3;
  Quotas quotas(limits);
  std::vector<Quotas::Stream> streams;
  for (const char* principal : {"a", "b", "c"}) {
    auto stream = quotas.BeginStream(principal);
    ASSERT_TRUE(stream.ok());
    streams.push_back(*std::move(stream));
  }
  EXPECT_FALSE(quotas.BeginStream("d").ok());
}

TEST(Quotas, LeavesHalfOfTheStreamsToOtherOrganizations) {
  QuotaLimits limits;
  limits.total_streams = 8;
  limits.concurrent_streams = 2;
  Quotas quotas(limits);
  std::vector<Quotas::Stream> streams;
  const auto begin = [&](const std::string& principal) {
    auto stream = quotas.BeginStream("spiffe://sluice.test/org/" + principal);
    if (!stream.ok()) return false;
    streams.push_back(*std::move(stream));
    return true;
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(begin("a/system/" + std::to_string(i)));
  EXPECT_FALSE(begin("a/system/4"));
  EXPECT_FALSE(begin("a/admin/4"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(begin("b/system/" + std::to_string(i)));
  EXPECT_FALSE(begin("c/system/0")) << "there are no more";
  streams.pop_back();
  EXPECT_FALSE(begin("a/system/4"));
  EXPECT_TRUE(begin("c/system/0"));
}

TEST(Quotas, BoundsTheBytesPublishedInADay) {
  QuotaLimits limits;
  limits.bytes_published_per_day = 100;
  Quotas quotas(limits);
  EXPECT_TRUE(quotas.Publish("a", 60, kNow).ok());
  EXPECT_FALSE(quotas.Publish("a", 41, kNow + absl::Hours(1)).ok());
  EXPECT_TRUE(quotas.Publish("a", 40, kNow + absl::Hours(1)).ok()) << "a refusal spends nothing";
  EXPECT_TRUE(quotas.Publish("a", 100, kNow + absl::Hours(24)).ok());
}

TEST(Quotas, BoundsTheBytesAskedAboutInADayBesideThosePublished) {
  QuotaLimits limits;
  limits.bytes_published_per_day = 100;
  Quotas quotas(limits);
  EXPECT_TRUE(quotas.Validate("a", 100, kNow).ok());
  EXPECT_FALSE(quotas.Validate("a", 1, kNow + absl::Hours(1)).ok());
  EXPECT_TRUE(quotas.Publish("a", 100, kNow + absl::Hours(1)).ok()) << "nothing was published";
  EXPECT_TRUE(quotas.Validate("a", 1, kNow + absl::Hours(24)).ok());
}

}  // namespace
}  // namespace sluice::server
