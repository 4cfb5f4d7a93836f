#include "policy/box_cover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/small_domain.h"

namespace sluice::policy {
namespace {

constexpr int kTrials = 3000;
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

TEST(BoxCover, IsWhetherEachRowIsInOneOfTheBoxes) {
  SmallDomain domain(1);
  int covered = 0, together = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Box box = domain.RandomBox();
    std::vector<Box> others;
    for (uint32_t n = domain.Below(6); n > 0; --n) others.push_back(domain.RandomBox());
    std::vector<const Box*> by;
    for (const Box& other : others) by.push_back(&other);
    const bool expected =
        std::all_of(domain.rows().begin(), domain.rows().end(), [&](const SmallDomain::Row& row) {
          return !SmallDomain::Holds(box, row) ||
                 std::any_of(others.begin(), others.end(),
                             [&](const Box& other) { return SmallDomain::Holds(other, row); });
        });
    ASSERT_EQ(IsCovered(box, by), expected) << trial;
    if (!expected || box.empty()) continue;
    ++covered;
    if (std::none_of(others.begin(), others.end(),
                     [&](const Box& other) { return box.IsSubsetOf(other); })) {
      ++together;
    }
  }
  // Enough of each to have met what is hard: several boxes that cover only together.
  EXPECT_GT(covered, kTrials / 20);
  EXPECT_GT(kTrials - covered, kTrials / 20);
  EXPECT_GT(together, kTrials / 100);
}

class BoxCoverEnds : public testing::Test {
 protected:
  Box Numbers(std::optional<int64_t> at_least, std::optional<int64_t> below,
              Box::Unset unset = Box::Unset::kIncluded) const {
    return Box({{&domain_.field("number"), ValueSet::Interval(at_least, below)}}, unset);
  }
  static bool Covers(const Box& box, const std::vector<Box>& others) {
    std::vector<const Box*> by;
    for (const Box& other : others) by.push_back(&other);
    return IsCovered(box, by);
  }
  const SmallDomain domain_{2};
};

TEST_F(BoxCoverEnds, TwoHalvesCoverAllNumbersToTheLast) {
  const Box all({}, Box::Unset::kExcluded);
  EXPECT_TRUE(Covers(all, {Numbers({}, 0), Numbers(0, {})}));
  EXPECT_FALSE(Covers(all, {Numbers({}, 0), Numbers(1, {})}));
  EXPECT_FALSE(Covers(all, {Numbers({}, 0), Numbers(0, kMost)}));
  EXPECT_TRUE(Covers(all, {Numbers({}, kMost), Numbers(kMost, {})}));
  EXPECT_FALSE(Covers(all, {Numbers(kLeast + 1, {})}));
  EXPECT_TRUE(Covers(all, {Numbers(kLeast + 1, {}), Numbers({}, kLeast + 1)}));
}

TEST_F(BoxCoverEnds, UnsetIsCoveredByWhatIncludesItOnly) {
  const Box all({}, Box::Unset::kExcluded);
  constexpr Box::Unset kExcluded = Box::Unset::kExcluded;
  EXPECT_FALSE(Covers(all, {Numbers({}, 0, kExcluded), Numbers(0, {}, kExcluded)}));
  EXPECT_TRUE(Covers(all, {Numbers({}, 0, kExcluded), Numbers(0, {})}));
  EXPECT_TRUE(
      Covers(Numbers({}, {}, kExcluded), {Numbers({}, 0, kExcluded), Numbers(0, {}, kExcluded)}));
}

TEST_F(BoxCoverEnds, NothingCoversNothingButTheEmptyBox) {
  EXPECT_FALSE(Covers(Numbers(0, 1), {}));
  EXPECT_TRUE(Covers(Numbers(1, 1, Box::Unset::kExcluded), {}));
}

TEST_F(BoxCoverEnds, DaysAreCoveredOverTheEndOfAMonth) {
  const Field& day = domain_.field("day");
  const auto days = [&](int64_t at_least, int64_t below) {
    return Box({{&day, ValueSet::Interval(at_least, below)}}, Box::Unset::kExcluded);
  };
  // Between the 31st and the 1st stands no day, whatever the numbers say.
  const Box turn = days(20261231, 20270102);
  EXPECT_TRUE(Covers(
      turn, {Box({{&day, ValueSet::Numbers({20261231, 20270101})}}, Box::Unset::kExcluded)}));
  EXPECT_TRUE(Covers(turn, {days(20261201, 20270101), days(20270101, 20270201)}));
  EXPECT_FALSE(Covers(turn, {days(20261201, 20261231), days(20270101, 20270201)}));
}

TEST_F(BoxCoverEnds, GivesUpAndSaysNoWhereThePiecesAreTooMany) {
  const Box all({}, Box::Unset::kExcluded);
  std::vector<Box> points;
  for (int64_t i = 0; i < 200; ++i) {
    points.push_back(Box(
        {{&domain_.field("number"), ValueSet::Numbers({i})},
         {&domain_.field("day"), ValueSet::Numbers({DateNumber(absl::CivilDay(2027, 1, 1) + i)})}},
        Box::Unset::kExcluded));
  }
  std::vector<Box> halves_last = points;
  halves_last.push_back(Numbers({}, 0));
  halves_last.push_back(Numbers(0, {}));
  EXPECT_FALSE(Covers(all, halves_last));
  std::rotate(halves_last.begin(), halves_last.end() - 2, halves_last.end());
  EXPECT_TRUE(Covers(all, halves_last));
}

}  // namespace
}  // namespace sluice::policy
