#include "policy/box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/support/small_domain.h"

namespace sluice::policy {
namespace {

constexpr int kTrials = 4000;
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// The value that a witness's text names.
Value Named(const Field& field, absl::string_view text) {
  if (text == "(unset)") return Value::Unset();
  if (field.kind == FieldKind::kBool) return Value::Number(text == "true" ? 1 : 0);
  if (field.kind == FieldKind::kDate) {
    absl::CivilDay day;
    EXPECT_TRUE(absl::ParseCivilTime(text, &day)) << text;
    return Value::Number(DateNumber(day));
  }
  if (field.kind == FieldKind::kCode) {
    for (const std::string& code : field.code_set->codes()) {
      if (CodeSet::ShortName(code) == text) return Value::Code(code);
    }
    ADD_FAILURE() << text;
    return Value::Unset();
  }
  int64_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << text;
  return Value::Number(number);
}

SmallDomain::Row RowOf(const SmallDomain& domain, const std::string& witness) {
  SmallDomain::Row row;
  for (const auto& [field, value] : domain.rows()[0]) row[field] = Value::Unset();
  if (witness == "any") return row;
  for (const absl::string_view part : absl::StrSplit(witness, ", ")) {
    const std::pair<absl::string_view, absl::string_view> named = absl::StrSplit(part, '=');
    const Field& field = domain.field(named.first);
    row[&field] = Named(field, named.second);
  }
  return row;
}

TEST(Box, IsEmptyMeetsAndLiesInAnotherAsItsRowsDo) {
  SmallDomain domain(1);
  int empty = 0, apart = 0, inside = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Box a = domain.RandomBox(), b = domain.RandomBox();
    bool any_a = false, any_both = false, a_without_b = false;
    for (const SmallDomain::Row& row : domain.rows()) {
      const bool in_a = SmallDomain::Holds(a, row), in_b = SmallDomain::Holds(b, row);
      any_a |= in_a;
      any_both |= in_a && in_b;
      a_without_b |= in_a && !in_b;
    }
    ASSERT_EQ(a.empty(), !any_a) << trial;
    ASSERT_EQ(a.Intersects(b), any_both) << trial;
    ASSERT_EQ(b.Intersects(a), any_both) << trial;
    // It may not see that a box lies in another, but never says so wrongly.
    if (a.IsSubsetOf(b)) {
      ASSERT_FALSE(a_without_b) << trial;
    }
    empty += any_a ? 0 : 1;
    apart += any_both ? 0 : 1;
    inside += a.IsSubsetOf(b) && any_a ? 1 : 0;
  }
  for (const int seen : {empty, apart, inside}) EXPECT_GT(seen, kTrials / 100);
}

TEST(Box, LiesInItself) {
  SmallDomain domain(2);
  for (int trial = 0; trial < 500; ++trial) {
    const Box box = domain.RandomBox();
    EXPECT_TRUE(box.IsSubsetOf(box)) << trial;
  }
}

TEST(Box, ItsWitnessIsARowInBoth) {
  SmallDomain domain(3);
  int met = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Box a = domain.RandomBox(), b = domain.RandomBox();
    if (!a.Intersects(b)) continue;
    ++met;
    const std::string witness = a.Witness(b);
    const SmallDomain::Row row = RowOf(domain, witness);
    ASSERT_TRUE(SmallDomain::Holds(a, row)) << trial << " " << witness;
    ASSERT_TRUE(SmallDomain::Holds(b, row)) << trial << " " << witness;
  }
  EXPECT_GT(met, kTrials / 10);
}

TEST(ValueSet, HoldsItsEndsAndNoMore) {
  const auto holds = [](const ValueSet& set, int64_t n) { return set.Contains(Value::Number(n)); };
  const ValueSet interval = ValueSet::Interval(-3, 7);
  EXPECT_TRUE(holds(interval, -3));
  EXPECT_FALSE(holds(interval, -4));
  EXPECT_TRUE(holds(interval, 6));
  EXPECT_FALSE(holds(interval, 7));
  EXPECT_TRUE(holds(ValueSet::Interval(kLeast, std::nullopt), kLeast));
  EXPECT_FALSE(holds(ValueSet::Interval(std::nullopt, kMost), kMost));
  EXPECT_TRUE(ValueSet::Interval(std::nullopt, kLeast).empty());
  EXPECT_FALSE(ValueSet::Interval(kMost, std::nullopt).empty());
  EXPECT_TRUE(ValueSet::Interval(7, 7).empty());
}

TEST(ValueSet, AnIntervalLiesInASetThatCountsItOut) {
  const ValueSet set = ValueSet::Numbers({3, 1, 2, 3});
  EXPECT_TRUE(ValueSet::Interval(1, 4).IsSubsetOf(set));
  EXPECT_TRUE(ValueSet::Interval(2, 2).IsSubsetOf(set));
  EXPECT_FALSE(ValueSet::Interval(1, 5).IsSubsetOf(set));
  EXPECT_FALSE(ValueSet::Interval(0, 3).IsSubsetOf(set));
  EXPECT_FALSE(ValueSet::Interval(std::nullopt, 4).IsSubsetOf(set));
  // From end to end there are more numbers than fit their own type.
  EXPECT_FALSE(ValueSet::Interval(kLeast, kMost).IsSubsetOf(set));
}

TEST(Dates, AreNumbersInTheirOrder) {
  absl::CivilDay day(1999, 12, 25);
  for (int i = 0; i < 1000; ++i, ++day) {
    EXPECT_EQ(DayOfNumber(DateNumber(day)), day);
    EXPECT_LT(DateNumber(day), DateNumber(day + 1));
  }
}

}  // namespace
}  // namespace sluice::policy
