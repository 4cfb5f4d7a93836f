#include "policy/filter.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/filter_parser.h"
#include "policy/projector_cases.h"

namespace sluice::policy {
namespace {

using sluice::testing::Probe;
using ::testing::HasSubstr;

std::vector<PlanField> Released() {
  std::vector<PlanField> released;
  const RecordType& type = ProjectorCases::ProbeType();
  for (const Field* const leaf : type.leaves()) {
    if (leaf->path == "far") continue;  // not granted
    FieldRule rule = FieldRule::Pass();
    if (leaf->path == "subject_area") {
      v1::FieldRule proto;
      proto.mutable_generalize()->set_hierarchy("SUBJECT_FAMILY");
      proto.mutable_generalize()->set_level(1);
      rule = FieldRule::FromProto(proto).value();
    }
    released.push_back({leaf, rule});
  }
  return released;
}

absl::StatusOr<std::unique_ptr<const Filter>> Parse(const std::string& text) {
  return Filter::Parse(text, ProjectorCases::ProbeType(), Released());
}

bool Matches(const std::string& filter, const std::string& record) {
  Probe probe;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(record, &probe)) << record;
  const auto parsed = Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter << ": " << parsed.status();
  return parsed.ok() && (*parsed)->Matches(probe.SerializeAsString());
}

void ExpectRefused(const std::string& filter, const std::string& message) {
  const auto parsed = Parse(filter);
  ASSERT_FALSE(parsed.ok()) << filter;
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(message)) << filter;
}

TEST(Filter, EmptyMatchesEverything) {
  EXPECT_TRUE(Matches("", ""));
  EXPECT_TRUE(Matches("  ", "int32: 1"));
}

TEST(Filter, ComparesNumbers) {
  EXPECT_TRUE(Matches("int32 = 5", "int32: 5"));
  EXPECT_FALSE(Matches("int32 = 5", "int32: 6"));
  EXPECT_TRUE(Matches("int32 != 5", "int32: 6"));
  EXPECT_TRUE(Matches("int32 < -5", "int32: -6"));
  EXPECT_FALSE(Matches("int32 < -5", "int32: -5"));
  EXPECT_TRUE(Matches("int32<=-5", "int32: -5"));
  EXPECT_TRUE(Matches("sint64 > 5", "sint64: 6"));
  EXPECT_TRUE(Matches("sfixed32 >= -6", "sfixed32: -6"));
  EXPECT_TRUE(Matches("uint64 > 9223372036854775807", "uint64: 9223372036854775808"));
}

TEST(Filter, ComparesText) {
  EXPECT_TRUE(Matches("text = Zoë", "text: 'Zoë'"));
  EXPECT_TRUE(Matches("text = \"two words\"", "text: 'two words'"));
  EXPECT_TRUE(Matches("text = 'it\\'s'", "text: \"it's\""));
  EXPECT_TRUE(Matches("text < 'b'", "text: 'a'"));
  EXPECT_TRUE(Matches("text = ''", "text: ''"));
}

TEST(Filter, ComparesTrueAndFalse) {
  EXPECT_TRUE(Matches("bool = true", "bool: true"));
  EXPECT_TRUE(Matches("bool = false", "bool: false"));
  EXPECT_FALSE(Matches("bool = false", "bool: true"));
}

TEST(Filter, ComparesDatesAsFarAsBothGo) {
  const std::string day = "date { year: 2027 month: 3 day: 15 }";
  EXPECT_TRUE(Matches("date = 2027-03-15", day));
  EXPECT_TRUE(Matches("date >= 2027-01-01", day));
  EXPECT_FALSE(Matches("date < 2027-03-15", day));
  EXPECT_TRUE(Matches("date = 2027", day));
  EXPECT_TRUE(Matches("date = 2027-03", day));
  EXPECT_TRUE(Matches("date = 2027", "date { year: 2027 }"));
  EXPECT_TRUE(Matches("date > 2026-12-31", "date { year: 2027 }"));
  EXPECT_FALSE(Matches("date > 2027", "date { year: 2027 }"));
}

TEST(Filter, ComparesCodesInFullAndByShortName) {
  const std::string white = "race: 'uri://ed-fi.org/RaceDescriptor#White'";
  EXPECT_TRUE(Matches("race = WHITE", white));
  EXPECT_TRUE(Matches("race:WHITE", white));
  EXPECT_TRUE(Matches("race = 'uri://ed-fi.org/RaceDescriptor#White'", white));
  EXPECT_TRUE(Matches("race = uri://ed-fi.org/RaceDescriptor#White", white));
  EXPECT_FALSE(Matches("race = ASIAN", white));
  EXPECT_TRUE(Matches("race = 'uri://elsewhere/X#Y'", "race: 'uri://elsewhere/X#Y'"));
}

TEST(Filter, ShortNamesAreThoseOfTheReleasedValues) {
  EXPECT_TRUE(
      Matches("subject_area = STEM", "subject_area: 'uri://sluice/SubjectFamilyDescriptor#STEM'"));
  ExpectRefused("subject_area = PHYSICS", "no code has this short name");
}

TEST(Filter, SomeElementOfARepeatedFieldMatches) {
  EXPECT_TRUE(Matches("texts = b", "texts: 'a' texts: 'b'"));
  EXPECT_TRUE(Matches("packed = 2", "packed: [1, 2, 3]"));
  EXPECT_TRUE(Matches("packed_fixed32 = 2", "packed_fixed32: [1, 2, 3]"));
  EXPECT_FALSE(Matches("packed = 4", "packed: [1, 2, 3]"));
  EXPECT_TRUE(Matches("inners.number = 2", "inners { number: 1 } inners { number: 2 }"));
}

TEST(Filter, ReachesInsideMessages) {
  EXPECT_TRUE(Matches("inner.deep.name = x", "inner { deep { name: 'x' } }"));
  EXPECT_FALSE(Matches("inner.deep.name = x", "inner { deep { flag: true } }"));
}

TEST(Filter, AbsentFieldMatchesNoComparison) {
  for (const char* const op : {"=", "!=", "<", "<=", ">", ">=", ":"}) {
    EXPECT_FALSE(Matches(absl::StrCat("int32 ", op, " 0"), "")) << op;
  }
}

TEST(Filter, AsksForPresence) {
  EXPECT_TRUE(Matches("int32:*", "int32: 0"));
  EXPECT_FALSE(Matches("int32:*", ""));
  EXPECT_TRUE(Matches("-int32:*", ""));
  EXPECT_TRUE(Matches("decimal:*", "decimal { value: '1' }"));
}

TEST(Filter, AnotherWireTypeIsNoneOfTheField) {
  const std::string text_as_number("\xb8\x01\x05", 3);  // 23: 5
  const std::string number_as_text("\x1a\x01\x05", 3);  // 3: "\x05"
  for (const char* const filter : {"text != a", "text:*", "text < zz"}) {
    EXPECT_FALSE(Parse(filter).value()->Matches(text_as_number)) << filter;
  }
  for (const char* const filter : {"int32 = 1", "int32:*", "int32 != 0"}) {
    EXPECT_FALSE(Parse(filter).value()->Matches(number_as_text)) << filter;
  }
}

TEST(Filter, CombinesWithAndOrNot) {
  EXPECT_TRUE(Matches("int32 = 1 AND int64 = 2", "int32: 1 int64: 2"));
  EXPECT_FALSE(Matches("int32 = 1 AND int64 = 2", "int32: 1"));
  EXPECT_TRUE(Matches("int32 = 1 OR int64 = 2", "int64: 2"));
  EXPECT_FALSE(Matches("NOT int32 = 1", "int32: 1"));
  EXPECT_TRUE(Matches("-(int32 = 1 int64 = 2)", "int32: 1"));
}

TEST(Filter, AdjacentTermsAreAnd) {
  EXPECT_FALSE(Matches("int32 = 1 int64 = 2", "int32: 1"));
  EXPECT_TRUE(Matches("int32 = 1 int64 = 2", "int32: 1 int64: 2"));
}

TEST(Filter, OrBindsCloserThanAnd) {
  EXPECT_FALSE(Matches("int32 = 1 AND int64 = 2 OR text = x", "text: 'x'"));
  EXPECT_TRUE(Matches("int32 = 1 AND int64 = 2 OR text = x", "int32: 1 text: 'x'"));
  EXPECT_TRUE(Matches("(int32 = 1 AND int64 = 2) OR text = x", "text: 'x'"));
}

TEST(Filter, RefusesAnUngrantedFieldLikeOneThatIsNotThere) {
  ExpectRefused("int32 = 1 far = x", "filter:11: no released field \"far\"");
  ExpectRefused("int32 = 1 nay = x", "filter:11: no released field \"nay\"");
  ExpectRefused("inner = x", "filter:1: no released field \"inner\"");
}

TEST(Filter, RefusesAValueThatDoesNotFitItsField) {
  ExpectRefused("int32 = many", "filter:9: not a whole number");
  ExpectRefused("int32 = 99999999999999999999", "filter:9: not a whole number");
  ExpectRefused("bool = 1", "filter:8: neither true nor false");
  ExpectRefused("bool < true", "filter:8: true and false have no order");
  ExpectRefused("date = 2027-02-30", "filter:8: no date");
  ExpectRefused("date = 2027-2-3", "filter:8: no date");
  ExpectRefused("date = yesterday", "filter:8: no date");
  ExpectRefused("race = MARTIAN", "filter:8: no code has this short name");
  ExpectRefused("race < WHITE", "filter:8: a code has no order");
  ExpectRefused("decimal = 1", "filter:11: a decimal can be asked for its presence only");
}

TEST(Filter, RefusesTextThatDoesNotParse) {
  for (const char* const text :
       {"int32", "int32 =", "= 1", "int32 1", "int32 == 1", "int32 = 1 AND", "OR int32 = 1",
        "(int32 = 1", "int32 = 1)", "()", "NOT", "--int32 = 1", "NOT NOT int32 = 1", "int32 ! 1",
        "text = 'open", "text = 'open\\", "int32 = 1, int64 = 2", "f(int32)", "\xff"}) {
    ExpectRefused(text, "filter:");
  }
}

TEST(Filter, RefusesWhatIsTooLongOrTooDeep) {
  ExpectRefused(std::string(kMaxFilterBytes + 1, ' '), "longer than 4096 bytes");
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "int32 = 1" + std::string(depth, ')');
  };
  EXPECT_TRUE(Matches(nested(kMaxFilterDepth), "int32: 1"));
  ExpectRefused(nested(kMaxFilterDepth + 1), "more than 20 levels deep");
  ExpectRefused(std::string(4000, '('), "more than 20 levels deep");
}

TEST(Filter, ParsesOrRefusesEveryCorruptByte) {
  const std::string text =
      "int32 >= -5 AND (race = WHITE OR text = \"a b\") -bool:* date < 2027-03-15";
  ASSERT_TRUE(Parse(text).ok());
  for (size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string corrupt = text;
      corrupt[i] = static_cast<char>(c);
      const auto parsed = Parse(corrupt);
      if (parsed.ok()) (*parsed)->Matches("\x18\x05");
    }
  }
}

}  // namespace
}  // namespace sluice::policy
