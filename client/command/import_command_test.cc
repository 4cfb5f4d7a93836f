// Publishing files of others' making, and their mappings, as they are run.
#include <algorithm>
#include <filesystem>
#include <string>

#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

using ImportCommandTest = CommandTest;

constexpr char kCandidateCsv[] =
    "CandidateIdentifier,FirstName,LastSurname,BirthDate,Shoe\n"
    "C-1,Ann,Lee,2001-05-03,7\nC-2,Bo,Ray,2001,8\n";

TEST_F(ImportCommandTest, PublishesAFileOfAnotherSystemOnOnePage) {
  service_->Write("candidate.csv", kCandidateCsv);
  const Outcome outcome = Run("record publish --format ed-fi-csv candidate.csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "candidate.csv  Candidate    2     2        2"))
      << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "columns not read: Shoe")) << outcome.out;
  EXPECT_EQ(service_->gateway.written.size(), 1u);
}

TEST_F(ImportCommandTest, ADryRunShowsWhatItWouldSendAndSendsNothing) {
  service_->Write("candidate.csv", kCandidateCsv);
  service_->Stop();
  const Outcome outcome = Run("record publish --format ed-fi-csv --dry-run candidate.csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be taken")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, R"({"candidate_id":"C-1","first_name":"Ann")"))
      << outcome.out;
  EXPECT_TRUE(service_->gateway.written.empty());
}

TEST_F(ImportCommandTest, ABadRowSendsNothingAndIsNamed) {
  service_->Write("candidate.csv", absl::StrCat(kCandidateCsv, "C-3,Cy,Day,10/06/2017,9\n"));
  Outcome outcome = Run("record publish --format ed-fi-csv candidate.csv");
  EXPECT_EQ(outcome.code, kCheckFailed);
  EXPECT_TRUE(absl::StrContains(outcome.err, "candidate.csv:4: column BirthDate: must be a date"))
      << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "1 of 3 rows are wrong")) << outcome.out;
  outcome = Run("record publish --format ed-fi-csv --output json candidate.csv");
  EXPECT_TRUE(
      absl::StartsWith(outcome.out, R"({"file":"candidate.csv","line":4,"column":"BirthDate")"))
      << outcome.out;
  EXPECT_TRUE(service_->gateway.written.empty());
  outcome = Run("record publish --format ed-fi-csv --skip-invalid --rejects bad.csv candidate.csv");
  EXPECT_EQ(outcome.code, kPartlyDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(*ReadFile(directory_ + "/bad.csv"), "C-3,Cy,Day,10/06/2017,9"));
}

TEST_F(ImportCommandTest, OnlyTheFirstProblemsAreShownAndTheRestIsCounted) {
  std::string text = "CandidateIdentifier,FirstName,LastSurname\n";
  for (int i = 0; i < 1060; ++i) text += ",A,B\n";
  service_->Write("candidate.csv", text);
  const Outcome outcome = Run("record publish --format ed-fi-csv candidate.csv");
  EXPECT_TRUE(absl::StrContains(outcome.err, "and 1,010 more (--output json names all)"))
      << outcome.err.substr(outcome.err.size() - 200);
  const Outcome json = Run("record publish --format ed-fi-csv --output json candidate.csv");
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1061);
}

TEST_F(ImportCommandTest, PublishesADirectoryOfFilesEachUnderItsMapping) {
  std::filesystem::create_directory(directory_ + "/kit");
  service_->Write("kit/candidate.csv", kCandidateCsv);
  service_->Write("kit/FinancialAid.csv", "AidTypeDescriptor\nx\n");
  service_->Write("kit/candidateEducatorPreparationProgramAssociation.csv",
                  "CandidateIdentifier,EducationOrganizationId,ProgramName,ProgramTypeDescriptor,"
                  "BeginDate\nC-1,1,Mathematics,uri://x/ProgramTypeDescriptor#UTeach,2020-09-01\n");
  Outcome outcome = Run("record publish --format ed-fi-csv kit");
  EXPECT_EQ(outcome.code, kDone) << outcome.err << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "financial aid is not brokered")) << outcome.out;
  EXPECT_EQ(service_->gateway.written.size(), 2u);
  service_->Write("kit/unknown.csv", "a,b\n1,2\n");
  outcome = Run("record publish --format ed-fi-csv kit");
  EXPECT_EQ(outcome.code, kPartlyDone);
  EXPECT_TRUE(absl::StrContains(outcome.out, "no ed-fi-csv mapping is for unknown.csv"))
      << outcome.out;
}

TEST_F(ImportCommandTest, AMappingOfOnesOwnIsCheckedAtItsPlaces) {
  service_->Write("m.yaml",
                  "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n  candidate_id: Id\n"
                  "  last_surnam: Name\n");
  service_->Write("f.csv", "Id,Name\n1,Ann\n");
  ExpectError("record publish f.csv --format csv --mapping m.yaml", kCheckFailed,
              "m.yaml:6:3: error M011");
  const Outcome outcome = Run("mapping check m.yaml");
  EXPECT_EQ(outcome.code, kCheckFailed);
  EXPECT_TRUE(absl::StrContains(outcome.out, "did you mean \"last_surname\"?")) << outcome.out;
  service_->Write("m.yaml",
                  "mapping: m\nrecord: Candidate\nformat: csv\nfields: {candidate_id: Id}\n");
  EXPECT_EQ(Run("record publish f.csv --format csv --mapping m.yaml").code, kDone);
}

TEST_F(ImportCommandTest, AZipInPlaceOfACsvIsNamedAsOne) {
  service_->Write("candidate.csv", std::string("PK\x03\x04", 4) + "rest");
  ExpectError("record publish --format ed-fi-csv candidate.csv", kFailed, "is a zip archive");
}

TEST_F(ImportCommandTest, DraftsAMappingThatPassesItsOwnCheck) {
  service_->Write("export.csv",
                  "Candidate ID,Given First Name,last_surname,Race1,Race2,Shoe size\n");
  const Outcome draft = Run("mapping suggest --record Candidate export.csv");
  EXPECT_EQ(draft.code, kDone) << draft.err;
  EXPECT_TRUE(absl::StrContains(draft.out, "candidate_id: \"Candidate ID\"")) << draft.out;
  EXPECT_TRUE(absl::StrContains(draft.out, "race: {columns: 1..2, value: \"Race{n}\"}"))
      << draft.out;
  EXPECT_TRUE(absl::StrContains(draft.out, "#   Shoe size")) << draft.out;
  service_->Write("draft.yaml", draft.out);
  EXPECT_EQ(Run("mapping check draft.yaml").code, kDone);
}

TEST_F(ImportCommandTest, ListsAndShowsTheMappingsThatItBrings) {
  EXPECT_TRUE(absl::StrContains(Run("mapping list").out, "ed-fi-candidate"));
  EXPECT_TRUE(
      absl::StartsWith(Run("mapping show ed-fi-candidate").out, "mapping: ed-fi-candidate"));
  ExpectError("mapping show ed-fi-candidat", kFailed, "did you mean \"ed-fi-candidate\"?");
}

}  // namespace
}  // namespace sluice::client
