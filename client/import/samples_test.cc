// The starter kit's files as Ed-Fi published them, where a checkout has them beside it. Counts
// alone are looked at: nothing of a record is printed.
#include <algorithm>
#include <iostream>

#include "client/import/import_for_test.h"

namespace sluice::client {
namespace {

constexpr char kSamples[] = SLUICE_SOURCE_DIR "/../shared/samples";

class SamplesTest : public ImportTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kSamples)) {
      std::cout << "[ samples ] ../shared/samples is not there: generated files of the same traps "
                   "are read by ImportTest\n";
      GTEST_SKIP();
    }
    ImportTest::SetUp();
  }
  static std::string Sample(const std::string& name) {
    return absl::StrCat(kSamples, "/epp-starter-kit/", name);
  }
  const ImportOutcome& StageSample(const std::string& name) {
    auto rows = OpenRows(Sample(name), *Library().Find("ed-fi-candidate"), "", {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    auto mappings = Library().Recognize(MappingFormat::kEdFiCsv, name, (*rows)->columns());
    EXPECT_TRUE(mappings.ok()) << mappings.status();
    return Stage(Sample(name), *(*mappings)[0]);
  }
  int64_t CountSent(absl::string_view text) const {
    return std::count_if(sent_.begin(), sent_.end(), [&](const std::string& record) {
      return absl::StrContains(record, text);
    });
  }
  // How many were refused, and why, without their values.
  void ExpectAllTaken(const ImportOutcome& outcome, int64_t rows) {
    EXPECT_EQ(outcome.rows, rows);
    EXPECT_EQ(outcome.bad_rows, 0) << Problems().substr(0, 500);
    EXPECT_FALSE(outcome.refused) << outcome.reason;
    EXPECT_EQ(outcome.unread, std::vector<std::string>());
  }
};

TEST_F(SamplesTest, EveryCandidateIsASubjectOfItsOwn) {
  ExpectAllTaken(StageSample("candidate.csv"), 2400);
  Publish();
  // 246 person ids are each of two candidates; nothing is merged.
  EXPECT_EQ(sent_.size(), 2400u);
  EXPECT_EQ(CountSent("\"person_id\""), 1860);
  EXPECT_EQ(CountSent("\"hispanic_latino_ethnicity\":true"), 2305);
  // The second namespace stays apart; rows without a race have none.
  EXPECT_EQ(CountSent("uri://tpdm.ed-fi.org/RaceDescriptor#Hispanic/Latino"), 660);
  EXPECT_EQ(2400 - CountSent("\"race\":["), 27);
  EXPECT_EQ(CountSent("AidType"), 0);
}

TEST_F(SamplesTest, EnrollmentsComeWithTheirCohorts) {
  ExpectAllTaken(StageSample("candidateEducatorPreparationProgramAssociation.csv"), 2163);
  Publish();
  EXPECT_EQ(sent_.size(), 2163u);
  EXPECT_EQ(CountSent("ReasonExitedDescriptor#Completed"), 1988);
  EXPECT_EQ(2163 - CountSent("\"cohorts\":["), 210);
}

TEST_F(SamplesTest, EmploymentsOfAnInterchangeComeWithTheirPersons) {
  ExpectAllTaken(Stage(absl::StrCat(kSamples, "/ed-fi-xml/StaffAssociation.xml"),
                       *Library().Find("ed-fi-xml-employment")),
                 68);
  Publish();
  EXPECT_EQ(sent_.size(), 68u);
  EXPECT_EQ(CountSent("\"separation_reason\":"), 67);
  EXPECT_EQ(CountSent("\"end_date\":"), 0);
  EXPECT_EQ(CountSent("\"person_id\":"), 6);
  EXPECT_EQ(CountSent("\"last_surname\":"), 68);
  EXPECT_EQ(CountSent("StaffClassificationDescriptor#Teacher"), 55);
  EXPECT_EQ(CountSent("\"school_id\":"), 56);
  EXPECT_EQ(CountSent("leaves"), 0);
}

TEST_F(SamplesTest, EveryFileOfTheKitIsTakenOrRefusedForAReason) {
  int64_t taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Sample(""))) {
    const ImportOutcome& outcome = StageSample(entry.path().filename().string());
    if (outcome.refused) {
      EXPECT_TRUE(outcome.record_type.empty()) << outcome.path << ": " << outcome.reason;
      EXPECT_NE(outcome.reason, "") << outcome.path;
      continue;
    }
    ++taken;
    EXPECT_EQ(outcome.bad_rows, 0) << outcome.path << Problems().substr(0, 300);
    EXPECT_EQ(outcome.unread, std::vector<std::string>()) << outcome.path;
  }
  EXPECT_EQ(taken, 7);
}

TEST_F(SamplesTest, ProgramsAndCampusesAreTaken) {
  ExpectAllTaken(StageSample("eppProgram.csv"), 67);
  // In UTF-16LE with CRLF.
  ExpectAllTaken(StageSample("school.csv"), 6);
  Publish();
  EXPECT_EQ(sent_.size(), 73u);
  // Ids that begin with a space do so no more.
  EXPECT_EQ(CountSent("\"program_id\":\" "), 0);
}

TEST_F(SamplesTest, CredentialsWithoutAPersonAreRecordsAllTheSame) {
  ExpectAllTaken(StageSample("credential.csv"), 584);
  Publish();
  EXPECT_EQ(CountSent("\"person_id\":"), 561);
  // A malformed namespace is kept as it is.
  EXPECT_EQ(CountSent("\"namespace\":\"uri:/univ.edu/"), 584);
}

TEST_F(SamplesTest, ARatingIsReadByItsTitleInWhateverColumnItStands) {
  ExpectAllTaken(StageSample("EvaluationRatingResults.csv"), 5580);
  Publish();
  EXPECT_EQ(sent_.size(), 5580u);
  EXPECT_EQ(CountSent("\"results\":["), 211);
  EXPECT_EQ(CountSent("\"title\":\"Overall Score\""), 211);
  // Of the two days in a row it is the one that names the rating.
  EXPECT_EQ(CountSent("\"evaluation_date\":\""), 5580);
}

TEST_F(SamplesTest, ResponsesComeWithTheirAnswersAndWhomTheyAreAbout) {
  ExpectAllTaken(StageSample("surveyResponse.csv"), 1268);
  Publish();
  EXPECT_EQ(sent_.size(), 1268u);
  EXPECT_EQ(CountSent("\"answers\":["), 138);
  EXPECT_EQ(CountSent("\"target_id\":"), 466);
  EXPECT_EQ(CountSent("\"full_name\":"), 941);
  EXPECT_EQ(CountSent("\"electronic_mail\":"), 466);
  int64_t answers = 0;
  for (const std::string& record : sent_) {
    for (size_t at = 0; (at = record.find("\"question_code\"", at)) != std::string::npos; ++at) {
      ++answers;
    }
  }
  EXPECT_EQ(answers, 2743);
}

TEST_F(SamplesTest, OrganizationsOfAnInterchangeKnowTheirAgency) {
  const std::string path = absl::StrCat(kSamples, "/ed-fi-xml/EducationOrganization.xml");
  ExpectAllTaken(Stage(path, *Library().Find("ed-fi-xml-school")), 3);
  ExpectAllTaken(Stage(path, *Library().Find("ed-fi-xml-local-education-agency")), 1);
  Publish();
  EXPECT_EQ(CountSent("\"parent_lea_id\":"), 3);
}

TEST_F(SamplesTest, CredentialsAndResponsesOfAnInterchangeAreTaken) {
  ExpectAllTaken(Stage(absl::StrCat(kSamples, "/ed-fi-xml/StaffAssociation.xml"),
                       *Library().Find("ed-fi-xml-credential")),
                 56);
  ExpectAllTaken(Stage(absl::StrCat(kSamples, "/ed-fi-xml/Survey.xml"),
                       *Library().Find("ed-fi-xml-survey-response")),
                 12);
  Publish();
  EXPECT_EQ(sent_.size(), 68u);
  EXPECT_EQ(CountSent("\"answers\":["), 12);
}

TEST_F(SamplesTest, AidIsNotTaken) {
  for (const char* name : {"FinancialAid.csv", "student.csv", "person.csv"}) {
    EXPECT_TRUE(StageSample(name).refused) << name;
    EXPECT_NE(importer_->outcomes().back().reason, "") << name;
  }
}

}  // namespace
}  // namespace sluice::client
