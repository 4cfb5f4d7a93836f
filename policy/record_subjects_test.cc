// Whom a record names: ids with what they mean nothing without, and records that say whose an id
// is.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/record_validator.h"
#include "sluice/v1/evaluation_records.pb.h"
#include "sluice/v1/organization_records.pb.h"
#include "sluice/v1/person_records.pb.h"
#include "sluice/v1/staff_records.pb.h"

namespace sluice::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const RecordType& Type(const std::string& name) {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return *(*catalog)->Find(name);
}

std::vector<std::string> Problems(const Validation& validation) {
  std::vector<std::string> problems;
  for (const RecordProblem& p : validation.problems) {
    problems.push_back(absl::StrCat(p.reason, " ", p.field));
  }
  return problems;
}

constexpr char kState[] = "uri://ed-fi.org/SourceSystemDescriptor#State";
constexpr char kDistrict[] = "uri://ed-fi.org/SourceSystemDescriptor#District";

v1::Recognition Award(const std::string& person, const std::string& system) {
  v1::Recognition award;
  award.set_person_id(person);
  if (!system.empty()) award.set_source_system(system);
  award.set_recognition_type("uri://ed-fi.org/RecognitionTypeDescriptor#Honor award");
  award.mutable_award_date()->set_year(2026);
  return award;
}

TEST(ValidateRecord, TheSourceSystemIsPartOfAPersonsId) {
  const auto subject = [](const std::string& person, const std::string& system) {
    const Validation validation =
        ValidateRecord(Type("Recognition"), Award(person, system).SerializeAsString());
    EXPECT_THAT(Problems(validation), IsEmpty());
    return validation.record.subjects.at(0).id;
  };
  EXPECT_EQ(subject("7", kState), subject(" 7", kState));
  EXPECT_NE(subject("7", kState), subject("7", kDistrict));
  // Where one ends and the other begins is part of it.
  EXPECT_NE(subject("7", "uri://a#b"), subject("b7", "uri://a#"));
}

TEST(ValidateRecord, RefusesAPersonWithoutItsSourceSystem) {
  EXPECT_THAT(Problems(ValidateRecord(Type("Recognition"), Award("7", "").SerializeAsString())),
              ElementsAre("INVALID_VALUE person_id", "KEY_MISSING source_system"));
}

// What follows the sixteenth problem was never looked at: a message that ends in the middle, and a
// source system that is no text.
TEST(ValidateRecord, LooksForNoSourceSystemBehindTheLastProblem) {
  std::string unknown;
  for (size_t i = 0; i < kMaxRecordProblems; ++i) unknown += "\xf8\x7f\x05";
  for (const absl::string_view behind : {"\xff", "\x10\x05"}) {
    const std::string record = absl::StrCat("\x0a\x01x", unknown, behind);
    EXPECT_EQ(ValidateRecord(Type("Recognition"), record).problems.size(), kMaxRecordProblems);
  }
}

TEST(ValidateRecord, RefusesMorePersonsThanOneRecordMayName) {
  v1::EvaluationRating rating;
  const auto count = [&] {
    return Problems(ValidateRecord(Type("EvaluationRating"), rating.SerializeAsString()));
  };
  for (size_t i = 0; i < kMaxRecordSubjects; ++i) {
    v1::Rater& reviewer = *rating.add_reviewers();
    reviewer.set_person_id(absl::StrCat(i));
    reviewer.set_source_system(kState);
  }
  EXPECT_THAT(count(), Not(Contains("INVALID_VALUE reviewers.person_id")));
  *rating.add_reviewers() = rating.reviewers(0);
  EXPECT_THAT(count(), Contains("INVALID_VALUE reviewers.person_id"));
}

TEST(ValidateRecord, EachRaterHasItsOwnSourceSystem) {
  v1::EvaluationRating rating;
  rating.set_person_id("1");
  rating.set_source_system(kState);
  rating.mutable_evaluator()->set_person_id("1");
  rating.mutable_evaluator()->set_source_system(kDistrict);
  rating.add_reviewers()->set_person_id("1");
  rating.mutable_reviewers(0)->set_source_system(kState);
  rating.add_reviewers()->set_person_id("1");
  v1::EvaluationReference& evaluation = *rating.mutable_evaluation();
  evaluation.set_education_organization_id(5);
  evaluation.set_title("Formal Observation");
  evaluation.set_type("uri://ed-fi.org/PerformanceEvaluationTypeDescriptor#Formal Obs");
  evaluation.set_period("uri://ed-fi.org/EvaluationPeriodDescriptor#Fall");
  evaluation.set_school_year(2026);
  evaluation.set_term("uri://ed-fi.org/TermDescriptor#Fall Semester");
  rating.mutable_evaluation_date()->set_year(2026);
  EXPECT_THAT(Problems(ValidateRecord(Type("EvaluationRating"), rating.SerializeAsString())),
              ElementsAre("INVALID_VALUE reviewers.person_id"));
  rating.mutable_reviewers(1)->set_source_system(kDistrict);
  const Validation validation =
      ValidateRecord(Type("EvaluationRating"), rating.SerializeAsString());
  ASSERT_THAT(Problems(validation), IsEmpty());
  const std::vector<SubjectName>& all = validation.record.subjects;
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].id, all[2].id);
  EXPECT_EQ(all[1].id, all[3].id);
  EXPECT_NE(all[0].id, all[1].id);
}

TEST(ValidateRecord, AnAbsentOptionalPartIsAKeyOfItsOwn) {
  v1::WorkforceProjection projection;
  projection.set_education_organization_id(1);
  projection.set_side("uri://sluice/ProjectionSideDescriptor#Supply");
  projection.set_school_year(2027);
  projection.set_subject_area("uri://ed-fi.org/AcademicSubjectDescriptor#Physics");
  projection.set_grade_band("uri://sluice/GradeBandDescriptor#High");
  projection.mutable_as_of()->set_year(2026);
  projection.set_count(12);
  const Validation without =
      ValidateRecord(Type("WorkforceProjection"), projection.SerializeAsString());
  ASSERT_THAT(Problems(without), IsEmpty());
  projection.set_locale("uri://ed-fi.org/LocaleDescriptor#City-Large");
  const Validation with =
      ValidateRecord(Type("WorkforceProjection"), projection.SerializeAsString());
  ASSERT_THAT(Problems(with), IsEmpty());
  EXPECT_NE(without.record.key, with.record.key);
  projection.set_locale("");
  EXPECT_THAT(Problems(ValidateRecord(Type("WorkforceProjection"), projection.SerializeAsString())),
              ElementsAre("KEY_MISSING locale"));
}

TEST(ValidateRecord, RefusesAnUnknownValueOfAClosedSet) {
  v1::PersonIdentity identity;
  identity.set_id_space("uri://sluice/IdSpaceDescriptor#candidate");
  identity.set_id("C1");
  identity.set_person_id("P1");
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString())),
              IsEmpty());
  identity.set_id_space("uri://sluice/IdSpaceDescriptor#Candidate");
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString())),
              ElementsAre("INVALID_VALUE id_space"));
}

v1::PersonIdentity IdentityOf(absl::string_view id_space) {
  v1::PersonIdentity identity;
  identity.set_id_space(absl::StrCat("uri://sluice/IdSpaceDescriptor#", id_space));
  identity.set_id("I1");
  identity.set_person_id("P1");
  return identity;
}

TEST(ValidateRecord, SaysWhoseAnIdIsByTheNameThatOtherRecordsHaveOfIt) {
  v1::PersonIdentity identity = IdentityOf("candidate");
  identity.set_id("I1 ");
  identity.set_person_id(" P1");
  const Validation plain = ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString());
  ASSERT_TRUE(plain.record.identity.has_value());
  EXPECT_EQ(plain.record.identity->name.id_space, "candidate");
  EXPECT_EQ(plain.record.identity->name.id, "I1");
  EXPECT_EQ(plain.record.identity->person, "P1");

  identity = IdentityOf("person");
  identity.set_source_system("uri://ed-fi.org/SourceSystemDescriptor#State");
  const Validation scoped = ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString());
  ASSERT_TRUE(scoped.record.identity.has_value());
  v1::Credential credential;
  credential.set_credential_id("L1");
  credential.set_state("uri://ed-fi.org/StateAbbreviationDescriptor#TX");
  credential.set_namespace_("uri://tea.texas.gov");
  credential.set_person_id("I1");
  credential.set_source_system("uri://ed-fi.org/SourceSystemDescriptor#State");
  const Validation other = ValidateRecord(Type("Credential"), credential.SerializeAsString());
  ASSERT_EQ(other.record.subjects.size(), 1u);
  EXPECT_EQ(scoped.record.identity->name.id_space, other.record.subjects[0].id_space);
  EXPECT_EQ(scoped.record.identity->name.id, other.record.subjects[0].id);
  EXPECT_FALSE(other.record.identity.has_value());
}

TEST(ValidateRecord, RefusesAnIdentityOfAPersonsIdWithoutItsSourceSystem) {
  const std::string bytes = IdentityOf("person").SerializeAsString();
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), bytes)),
              ElementsAre("KEY_MISSING source_system"));
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), bytes, /*key_only=*/true)),
              ElementsAre("KEY_MISSING source_system"));
}

TEST(ValidateRecord, RefusesAnIdentityWithASourceSystemThatItsIdHasNot) {
  v1::PersonIdentity identity = IdentityOf("staff");
  identity.set_source_system("uri://ed-fi.org/SourceSystemDescriptor#State");
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString())),
              ElementsAre("INVALID_VALUE source_system"));
}

TEST(ValidateRecord, RefusesAnIdentityOfNobody) {
  v1::PersonIdentity identity = IdentityOf("staff");
  identity.set_person_id(" ");
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString())),
              ElementsAre("INVALID_VALUE person_id"));
  identity.clear_person_id();
  EXPECT_THAT(Problems(ValidateRecord(Type("PersonIdentity"), identity.SerializeAsString())),
              ElementsAre("INVALID_VALUE person_id"));
}

}  // namespace
}  // namespace sluice::policy
