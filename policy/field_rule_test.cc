#include "policy/field_rule.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/catalog.h"

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<FieldRule> Parse(const std::string& text) {
  v1::FieldRule proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto)) << text;
  return FieldRule::FromProto(proto);
}

FieldRule Rule(const std::string& text) { return Parse(text).value(); }

const Field& CandidateField(const std::string& path) {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return *(*catalog)->Find("Candidate")->Find(path);
}

TEST(FieldRule, ReadsAndWritesEveryKind) {
  for (const std::string text :
       {"pass {}", "pseudonymize {}", "generalize { to: DATE_PRECISION_MONTH }",
        "generalize { to: DATE_PRECISION_YEAR band: 5 cap: 2005 floor: 1950 }",
        "generalize { band: 5 }", "generalize { cap: 90 floor: -3 }",
        "generalize { keep_prefix: 3 }", "generalize { zip3: 'CENSUS_2000' }",
        "generalize { code_set: 'RACE_GROUP' }",
        "generalize { hierarchy: 'SUBJECT_FAMILY' level: 2 }"}) {
    const FieldRule rule = Rule(text);
    EXPECT_EQ(FieldRule::FromProto(rule.ToProto()).value(), rule) << text;
    EXPECT_FALSE(rule.ToString().empty());
  }
}

TEST(FieldRule, SpeaksAsAPersonReads) {
  EXPECT_EQ(Rule("pass {}").ToString(), "pass");
  EXPECT_EQ(Rule("generalize { to: DATE_PRECISION_YEAR band: 5 }").ToString(),
            "generalize YEAR band 5");
  EXPECT_EQ(Rule("generalize { zip3: 'CENSUS_2000' }").ToString(), "generalize zip3 CENSUS_2000");
  EXPECT_EQ(Rule("generalize { hierarchy: 'SUBJECT_FAMILY' level: 1 }").ToString(),
            "generalize SUBJECT_FAMILY level 1");
}

TEST(FieldRule, RefusesWhatIsNoRule) {
  for (const std::string text :
       {"", "generalize {}", "generalize { to: DATE_PRECISION_MONTH band: 5 }",
        "generalize { to: 9 }", "generalize { to: DATE_PRECISION_YEAR keep_prefix: 1 }",
        "generalize { to: DATE_PRECISION_YEAR cap: 10000 }", "generalize { band: 0 }",
        "generalize { band: -5 }", "generalize { cap: 1 floor: 2 }",
        "generalize { keep_prefix: 0 }", "generalize { zip3: 'CENSUS_1066' }",
        "generalize { zip3: '' }", "generalize { code_set: '' }", "generalize { level: 1 }",
        "generalize { hierarchy: 'H' }", "generalize { hierarchy: 'H' level: 0 }",
        "generalize { hierarchy: 'a b' level: 1 }",
        "generalize { code_set: 'C' hierarchy: 'H' level: 1 }"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
}

TEST(FieldRule, RefusesParametersOfALaterVersion) {
  v1::FieldRule proto;
  proto.mutable_generalize()->set_band(5);
  proto.mutable_generalize()
      ->GetReflection()
      ->MutableUnknownFields(proto.mutable_generalize())
      ->AddVarint(99, 1);
  EXPECT_FALSE(FieldRule::FromProto(proto).ok());
}

TEST(FieldRule, FitsTheFieldsOfItsKind) {
  EXPECT_TRUE(Fits(Rule("pass {}"), CandidateField("tuition_cost")).ok());
  EXPECT_TRUE(Fits(Rule("pseudonymize {}"), CandidateField("candidate_id")).ok());
  EXPECT_TRUE(
      Fits(Rule("generalize { to: DATE_PRECISION_YEAR }"), CandidateField("birth_date")).ok());
  EXPECT_TRUE(
      Fits(Rule("generalize { cap: 2030 }"), CandidateField("expected_completion_year")).ok());
  EXPECT_TRUE(Fits(Rule("generalize { keep_prefix: 1 }"), CandidateField("first_name")).ok());
  EXPECT_TRUE(
      Fits(Rule("generalize { zip3: 'CENSUS_2000' }"), CandidateField("home_postal_code")).ok());
  EXPECT_TRUE(Fits(Rule("generalize { code_set: 'RACE_GROUP' }"), CandidateField("race")).ok());
  EXPECT_TRUE(Fits(Rule("generalize { hierarchy: 'SUBJECT_FAMILY' level: 2 }"),
                   CandidateField("subject_area"))
                  .ok());
}

TEST(FieldRule, DoesNotFitOtherFields) {
  const auto refuses = [](const std::string& rule, const std::string& path) {
    const absl::Status fits = Fits(Rule(rule), CandidateField(path));
    EXPECT_EQ(fits.code(), absl::StatusCode::kInvalidArgument) << rule << " " << path;
    EXPECT_THAT(std::string(fits.message()), HasSubstr("\"" + path + "\""));
  };
  refuses("pass {}", "source");
  refuses("pseudonymize {}", "person_id");
  refuses("generalize { to: DATE_PRECISION_YEAR }", "expected_completion_year");
  refuses("generalize { band: 5 }", "birth_date");
  refuses("generalize { cap: 3000000000 }", "expected_completion_year");
  refuses("generalize { keep_prefix: 1 }", "home_postal_code");
  refuses("generalize { keep_prefix: 1 }", "sex");
  refuses("generalize { zip3: 'CENSUS_2000' }", "first_name");
  refuses("generalize { code_set: 'RACE_GROUP' }", "sex");
  refuses("generalize { code_set: 'SUBJECT_FAMILY' }", "subject_area");
  refuses("generalize { hierarchy: 'SUBJECT_FAMILY' level: 3 }", "subject_area");
  refuses("generalize { hierarchy: 'SUBJECT_FAMILY' level: 1 }", "visa");
}

}  // namespace
}  // namespace sluice::policy
