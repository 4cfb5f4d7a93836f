#include "policy/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kProhibited[] =
    "prohibitions: [{name: no-birth, reason: r, record: Candidate, fields: [birth_date]}]";

absl::Time Noon(int year, int month, int day) {
  return absl::FromCivil(absl::CivilHour(year, month, day, 12), absl::UTCTimeZone());
}

Decision DecideOn(const std::string& yaml, absl::Time time,
                  absl::string_view organization = "river-unified") {
  Request request;
  request.organization = organization;
  request.mou = "stem-pipeline";
  request.purpose = "hiring_pipeline";
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = time;
  return Decide(*MouSet::Create({SignedForTest(yaml)}), request);
}

MouDocument Document(const std::string& yaml) {
  return MouDocument::Parse("mou.yaml", yaml).document;
}

TEST(Explain, NamesGrantPlacePeriodAndTheRuleOfEachField) {
  const std::string yaml = ExampleMouWith("prohibitions: []", kProhibited);
  const MouDocument document = Document(yaml);
  EXPECT_EQ(Explain(DecideOn(yaml, Noon(2027, 1, 1)), &document),
            absl::StrCat("permit under stem-pipeline version 1 (", document.digest(),
                         ") for hiring_pipeline\n"
                         "  expected-completers from state-university (mou.yaml:14), "
                         "2026-07-01..2028-07-01:\n"
                         "    candidate_id pseudonymize\n"
                         "    birth_date generalize YEAR band 5\n"
                         "    home_postal_code generalize zip3 CENSUS_2000\n"
                         "    subject_area pass\n"
                         "    expected_completion_year pass\n"
                         "  but for what \"no-birth\" prohibits"));
}

TEST(Explain, SaysAPermitInOneLineWithoutTheDocument) {
  const std::string text = Explain(DecideOn(ExampleMou(), Noon(2027, 1, 1)));
  EXPECT_THAT(text, StartsWith("permit under stem-pipeline version 1 (sha256:"));
  EXPECT_THAT(text, HasSubstr("; expected-completers from state-university (line 14), "
                              "2026-07-01..2028-07-01: candidate_id pseudonymize, birth_date"));
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Explain, PointsToTheTermThatEnded) {
  const MouDocument document = Document(ExampleMou());
  EXPECT_EQ(Explain(DecideOn(ExampleMou(), Noon(2028, 7, 1)), &document),
            "OUTSIDE_PERIOD; expected-completers fails only: period, expired on 2028-07-01 "
            "(mou.yaml:9)");
  EXPECT_EQ(Explain(DecideOn(ExampleMou(), Noon(2026, 6, 30))),
            "OUTSIDE_PERIOD; expected-completers fails only: period, not before 2026-07-01");
}

TEST(Explain, PointsToTheGrantsOwnPeriod) {
  const std::string yaml =
      ExampleMouWith("prohibitions: []",
                     "    period: {effective: 2027-01-01, expires: 2027-02-01}\nprohibitions: "
                     "[]");
  const MouDocument document = Document(yaml);
  EXPECT_EQ(Explain(DecideOn(yaml, Noon(2027, 2, 1)), &document),
            "OUTSIDE_PERIOD; expected-completers fails only: period, expired on 2027-02-01 "
            "(mou.yaml:29)");
}

TEST(Explain, SaysNothingOfAnMouToOthers) {
  EXPECT_EQ(Explain(DecideOn(ExampleMou(), Noon(2027, 1, 1), "lake-unified")),
            "NO_MOU: there is no such MOU that this organization is a party of");
}

TEST(GrantsTo, ListsWhatARecipientMaySeeAndHow) {
  const auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  const std::vector<v1::GrantView> grants = GrantsTo(*mous, "river-unified", Noon(2027, 1, 1));
  ASSERT_EQ(grants.size(), 1u);
  const v1::GrantView& grant = grants[0];
  EXPECT_EQ(grant.mou(), "stem-pipeline");
  EXPECT_EQ(grant.owner(), "state-university");
  EXPECT_THAT(grant.purpose_description(), StartsWith("Plan the hiring"));
  EXPECT_EQ(grant.fields_size(), 5);
  EXPECT_EQ(grant.fields(1).path(), "birth_date");
  EXPECT_EQ(grant.fields(1).rule().generalize().band(), 5);
  EXPECT_THAT(grant.rows().at("subject_area").in(),
              ElementsAre("MATHEMATICS", "PHYSICS", "CHEMISTRY"));
  EXPECT_EQ(grant.expires().year(), 2028);
  EXPECT_EQ(grant.line(), 14);
  EXPECT_TRUE(grant.live());
}

TEST(GrantsTo, SaysWhichAreNotLive) {
  EXPECT_FALSE(
      GrantsTo(*MouSet::Create({SignedForTest(ExampleMou())}), "river-unified", Noon(2028, 7, 1))[0]
          .live());
  MouVersion withdrawn = SignedForTest(ExampleMou());
  withdrawn.withdrawn_grants.insert("expected-completers");
  EXPECT_FALSE(GrantsTo(*MouSet::Create({withdrawn}), "river-unified", Noon(2027, 1, 1))[0].live());
}

TEST(GrantsTo, ListsNothingToOthersNorOfAnUnsignedMou) {
  const auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  EXPECT_TRUE(GrantsTo(*mous, "state-university", Noon(2027, 1, 1)).empty());
  EXPECT_TRUE(GrantsTo(*mous, "lake-unified", Noon(2027, 1, 1)).empty());
  MouVersion proposed = SignedForTest(ExampleMou());
  proposed.ever_signed = false;
  proposed.unsigned_parties = {"river-unified"};
  EXPECT_TRUE(GrantsTo(*MouSet::Create({proposed}), "river-unified", Noon(2027, 1, 1)).empty());
}

}  // namespace
}  // namespace sluice::policy
