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

TEST_F(SamplesTest, AidIsNotTaken) {
  for (const char* name : {"FinancialAid.csv", "student.csv", "person.csv"}) {
    EXPECT_TRUE(StageSample(name).refused) << name;
    EXPECT_NE(importer_->outcomes().back().reason, "") << name;
  }
}

}  // namespace
}  // namespace sluice::client
