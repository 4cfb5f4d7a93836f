// Explanations of rows, and that they say what the projector does. The count comes from
// SLUICE_FUZZ_RECORDS, the seed from SLUICE_FUZZ_SEED.
#include "policy/explain_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "policy/nearest_grants.h"
#include "policy/projector.h"
#include "policy/projector_cases.h"
#include "sluice/v1/candidate_records.pb.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kMathematics[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Mathematics";
constexpr char kArt[] = "uri://ed-fi.org/AcademicSubjectDescriptor#Fine and Performing Arts";

v1::Candidate Covered() {
  v1::Candidate candidate;
  candidate.set_candidate_id("S1001");
  candidate.set_subject_area(kMathematics);
  candidate.set_expected_completion_year(2027);
  return candidate;
}

Request RequestOn(int year) {
  Request request;
  request.organization = "river-unified";
  request.mou = "stem-pipeline";
  request.purpose = "hiring_pipeline";
  request.record_type = "Candidate";
  request.operation = v1::OPERATION_READ;
  request.time = absl::FromCivil(absl::CivilDay(year, 1, 1), absl::UTCTimeZone());
  return request;
}

v1::RowExplanation Explained(const v1::Candidate& candidate, const std::string& yaml = ExampleMou(),
                             bool show_values = false) {
  const auto mous = MouSet::Create({SignedForTest(yaml)});
  const Decision decision = Decide(*mous, RequestOn(2027));
  const Permit& permit = std::get<Permit>(decision);
  return ExplainRow(permit.plan(), "state-university", candidate.SerializeAsString(), show_values);
}

v1::FailedRowCondition OnlyFailure(const v1::RowExplanation& row) {
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_OUT_OF_SCOPE);
  EXPECT_EQ(row.grants_size(), 1);
  EXPECT_EQ(row.grants(0).failed_size(), 1);
  return row.grants(0).failed(0);
}

std::string WithProhibition(const std::string& rest) {
  return ExampleMouWith("prohibitions: []",
                        "prohibitions: [{name: no, reason: r, record: Candidate, " + rest + "}]");
}

TEST(ExplainRow, SaysUnderWhichGrantARowLeavesAndWhichFieldsAreEmpty) {
  const v1::RowExplanation row = Explained(Covered());
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_RELEASED);
  ASSERT_EQ(row.grants_size(), 1);
  EXPECT_THAT(row.grants(0).failed(), IsEmpty());
  EXPECT_THAT(row.grants(0).fields(), ElementsAre("candidate_id", "birth_date", "home_postal_code",
                                                  "subject_area", "expected_completion_year"));
  EXPECT_THAT(row.grants(0).empty_fields(), ElementsAre("birth_date", "home_postal_code"));
  EXPECT_EQ(row.explanation(), "the row is in the release under expected-completers");
}

TEST(ExplainRow, NamesEachConditionThatFailsAndWhy) {
  v1::Candidate candidate = Covered();
  candidate.clear_expected_completion_year();
  EXPECT_EQ(OnlyFailure(Explained(candidate)).failure(), v1::ROW_CONDITION_FAILURE_ABSENT);
  candidate.set_expected_completion_year(2026);
  const v1::FailedRowCondition below = OnlyFailure(Explained(candidate));
  EXPECT_EQ(below.failure(), v1::ROW_CONDITION_FAILURE_BELOW);
  EXPECT_EQ(below.field(), "expected_completion_year");
  EXPECT_EQ(below.condition(), "at least 2027");
  EXPECT_EQ(OnlyFailure(Explained(candidate, ExampleMouWith("{at_least: 2027}", "{below: 2026}")))
                .failure(),
            v1::ROW_CONDITION_FAILURE_ABOVE);
  candidate = Covered();
  candidate.set_subject_area(kArt);
  const v1::FailedRowCondition other = OnlyFailure(Explained(candidate));
  EXPECT_EQ(other.failure(), v1::ROW_CONDITION_FAILURE_NOT_LISTED);
  EXPECT_THAT(other.condition(), HasSubstr("MATHEMATICS"));
  candidate.set_subject_area("uri://ours#Alchemy");
  EXPECT_EQ(OnlyFailure(Explained(candidate)).failure(), v1::ROW_CONDITION_FAILURE_UNKNOWN_CODE);
}

TEST(ExplainRow, SaysOfAPartialDateThatItIsOne) {
  const std::string yaml = ExampleMouWith("expected_completion_year: {at_least: 2027}\n",
                                          "expected_completion_year: {at_least: 2027}\n"
                                          "      birth_date: {below: 2005-01-01}\n");
  v1::Candidate candidate = Covered();
  candidate.mutable_birth_date()->set_year(1999);
  candidate.mutable_birth_date()->set_month(3);
  const v1::FailedRowCondition failed = OnlyFailure(Explained(candidate, yaml, true));
  EXPECT_EQ(failed.failure(), v1::ROW_CONDITION_FAILURE_PARTIAL_DATE);
  EXPECT_EQ(failed.value(), "1999-03");
}

TEST(ExplainRow, HoldsAValueOnlyWhereItWasAskedFor) {
  v1::Candidate candidate = Covered();
  candidate.set_subject_area(kArt);
  candidate.set_expected_completion_year(2019);
  const v1::RowExplanation without = Explained(candidate);
  EXPECT_THAT(without.ShortDebugString(), Not(HasSubstr("Arts")));
  EXPECT_THAT(without.ShortDebugString(), Not(HasSubstr("2019")));
  const v1::RowExplanation with = Explained(candidate, ExampleMou(), true);
  std::vector<std::string> values;
  for (const auto& failed : with.grants(0).failed()) values.push_back(failed.value());
  EXPECT_THAT(values, ::testing::UnorderedElementsAre(kArt, "2019"));
  EXPECT_THAT(with.explanation(), Not(HasSubstr("2019"))) << "the sentence is for logs, too";
}

TEST(ExplainRow, NamesTheProhibitionThatTakesAllAndWhatMatchedForWantOfAValue) {
  v1::Candidate candidate = Covered();
  candidate.clear_expected_completion_year();
  const v1::RowExplanation row =
      Explained(Covered(), WithProhibition("rows: {birth_date: {below: 1990-01-01}}"));
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_PROHIBITED);
  ASSERT_EQ(row.prohibitions_size(), 1);
  EXPECT_THAT(row.prohibitions(0).matched_unset(), ElementsAre("birth_date"));
  EXPECT_THAT(row.prohibitions(0).fields(), IsEmpty());
  EXPECT_THAT(row.explanation(), HasSubstr("prohibited by \"no\""));
}

TEST(ExplainRow, TakesFromAGrantsFieldsWhatIsProhibited) {
  const v1::RowExplanation row = Explained(Covered(), WithProhibition("fields: [subject_area]"));
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_RELEASED);
  EXPECT_THAT(row.grants(0).fields(), Not(::testing::Contains("subject_area")));
  EXPECT_THAT(row.prohibitions(0).fields(), ElementsAre("subject_area"));
}

TEST(ExplainRow, SaysThatNoFieldHasAValue) {
  v1::Candidate candidate = Covered();
  const v1::RowExplanation row = Explained(
      candidate, WithProhibition("fields: [candidate_id, subject_area, expected_completion_year]"));
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_NO_VALUE);
}

TEST(ExplainRow, NamesTheFieldsWithTwoRules) {
  Plan plan;
  plan.catalog = CatalogForTest();
  plan.type = plan.catalog->Find("Candidate");
  const Field* field = plan.type->Find("candidate_id");
  for (const FieldRule& rule : {FieldRule::Pass(), FieldRule::Pseudonymize()}) {
    plan.grants.push_back({.name = "g",
                           .owner = "o",
                           .rows = Box({}, Box::Unset::kExcluded),
                           .fields = {{field, rule}}});
  }
  const v1::RowExplanation row = ExplainRow(plan, "o", Covered().SerializeAsString(), false);
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_CONFLICT);
  EXPECT_THAT(row.conflicting_fields(), ElementsAre("candidate_id"));
}

TEST(ExplainRow, IsOfTheOwnersGrantsAlone) {
  const auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  const Decision decision = Decide(*mous, RequestOn(2027));
  const v1::RowExplanation row = ExplainRow(std::get<Permit>(decision).plan(), "river-unified",
                                            Covered().SerializeAsString(), false);
  EXPECT_EQ(row.verdict(), v1::ROW_VERDICT_OUT_OF_SCOPE);
  EXPECT_THAT(row.grants(), IsEmpty());
}

TEST(ExplainRow, SaysOfBytesThatAreNoRecordThatTheyAreNone) {
  const auto mous = MouSet::Create({SignedForTest(ExampleMou())});
  const Decision decision = Decide(*mous, RequestOn(2027));
  const Plan& plan = std::get<Permit>(decision).plan();
  const std::string bytes = Covered().SerializeAsString();
  for (const std::string& garbled :
       {bytes + "\xff", bytes.substr(0, bytes.size() - 1), bytes + bytes}) {
    EXPECT_EQ(ExplainRow(plan, "state-university", garbled, true).verdict(),
              v1::ROW_VERDICT_MALFORMED);
  }
}

TEST(ExplainRow, ListsTheOwnersGrantsThatAreNotInForceWithTheirPeriod) {
  MouVersion version = SignedForTest(ExampleMou());
  const absl::CivilDay late(2029, 1, 1);
  const auto grants = GrantsNotInForce(version, RequestOn(2029), late, "state-university");
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_EQ(grants[0].failed(0).code(), v1::DENIAL_CODE_OUTSIDE_PERIOD);
  const absl::CivilDay day(2027, 1, 1);
  EXPECT_THAT(GrantsNotInForce(version, RequestOn(2027), day, "state-university"), IsEmpty());
  version.withdrawn_grants.insert("expected-completers");
  EXPECT_EQ(
      GrantsNotInForce(version, RequestOn(2027), day, "state-university").at(0).failed(0).code(),
      v1::DENIAL_CODE_WITHDRAWN);
  EXPECT_THAT(GrantsNotInForce(version, RequestOn(2027), day, "river-unified"), IsEmpty());
  Request other = RequestOn(2029);
  other.purpose = "research";
  EXPECT_THAT(GrantsNotInForce(version, other, late, "state-university"), IsEmpty());
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t value = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &value)) ADD_FAILURE() << name;
  return value;
}

TEST(ExplainRow, SaysReleasedExactlyWhereTheProjectorReleases) {
  const uint64_t records = FromEnvironment("SLUICE_FUZZ_RECORDS", 200000) / 4;
  const uint64_t seed = FromEnvironment("SLUICE_FUZZ_SEED", 20260701);
  std::cout << "seed " << seed << ", " << records << " records\n";
  ProjectorCases cases(seed);
  std::map<v1::RowVerdict, uint64_t> verdicts;
  constexpr uint64_t kRecordsAPlan = 50;
  for (uint64_t i = 0; i < records;) {
    const std::shared_ptr<const Plan> plan = cases.NextPlan();
    const auto projector =
        Projector::Create(plan, "owner", {}, ProjectorCases::Pseudonyms()).value();
    for (uint64_t j = 0; j < kRecordsAPlan && i < records; ++j, ++i) {
      const testing::Probe probe = cases.NextProbe();
      std::string bytes = probe.SerializeAsString();
      const bool mutated = cases.Chance(20);
      if (mutated) bytes = cases.Mutated(std::move(bytes));
      const std::vector<SubjectId> ids = cases.NextSubjects(ProjectorCases::CountSubjects(probe));
      std::string released;
      const Projector::Outcome outcome = projector->Project(bytes, ids, &released);
      const v1::RowVerdict verdict = ExplainRow(*plan, "owner", bytes, false).verdict();
      // Of bytes that were tampered with nothing is promised but that it is not called released.
      if (mutated && verdict == v1::ROW_VERDICT_MALFORMED) continue;
      ++verdicts[verdict];
      Projector::Outcome expected = Projector::Outcome::kOutOfScope;
      if (verdict == v1::ROW_VERDICT_RELEASED) expected = Projector::Outcome::kReleased;
      if (verdict == v1::ROW_VERDICT_CONFLICT || verdict == v1::ROW_VERDICT_MALFORMED) {
        expected = Projector::Outcome::kWithheld;
      }
      // A name of a subject that came or went with the tampering has no id.
      if (mutated && outcome == Projector::Outcome::kWithheld) continue;
      ASSERT_EQ(static_cast<int>(expected), static_cast<int>(outcome))
          << "record " << i << ", " << v1::RowVerdict_Name(verdict) << ": "
          << absl::BytesToHexString(bytes);
    }
  }
  for (const auto& [verdict, count] : verdicts) {
    std::cout << v1::RowVerdict_Name(verdict) << " " << count << "\n";
  }
  for (const v1::RowVerdict verdict :
       {v1::ROW_VERDICT_RELEASED, v1::ROW_VERDICT_OUT_OF_SCOPE, v1::ROW_VERDICT_PROHIBITED,
        v1::ROW_VERDICT_NO_VALUE, v1::ROW_VERDICT_CONFLICT}) {
    EXPECT_GT(verdicts[verdict], 0u) << v1::RowVerdict_Name(verdict);
  }
}

}  // namespace
}  // namespace sluice::policy
