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

// Under a sanitizer a process takes address space without end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr char kLimit[] = "";
#else
constexpr char kLimit[] = "ulimit -v 1500000;";
#endif

TEST_F(ImportCommandTest, PublishesAFileOfAnotherSystemOnOnePage) {
  service_->Write("candidate.csv", kCandidateCsv);
  const Outcome outcome = Run("record publish --format ed-fi-csv candidate.csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "candidate.csv  Candidate    2     2        2"))
      << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "columns not read: Shoe")) << outcome.out;
  EXPECT_EQ(service_->gateway.written.size(), 1u);
}

TEST_F(ImportCommandTest, ADryRunAsksWhatWouldChangeAndChangesNothing) {
  service_->Write("candidate.csv", kCandidateCsv);
  service_->gateway.judge = [](const v1::PublishRecordsRequest& request,
                               v1::PublishRecordsResponse& response) {
    EXPECT_TRUE(request.validate_only());
    response.set_new_count(0);
    response.set_changed_count(1);
    response.set_unchanged_count(1);
  };
  const std::string command = "record publish --format ed-fi-csv --dry-run candidate.csv";
  const Outcome outcome = Run(command);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(
      absl::StrContains(outcome.out, "candidate.csv  Candidate    2     2        0    1        1 "))
      << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be published")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, R"({"candidate_id":"C-1","first_name":"Ann")"))
      << outcome.out;
  EXPECT_TRUE(service_->gateway.committed.empty());
  const Outcome json = Run(command + " --output json");
  EXPECT_TRUE(absl::StrContains(json.out, R"("committed":0,"new":0,"changed":1,"unchanged":1)"))
      << json.out;
}

TEST_F(ImportCommandTest, ADryRunNamesWhatTheGatewayWouldRefuse) {
  service_->Write("candidate.csv", kCandidateCsv);
  service_->gateway.judge = [](const v1::PublishRecordsRequest&,
                               v1::PublishRecordsResponse& response) {
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    v1::BadRecord& bad = *response.add_bad_records();
    bad.set_index(1);
    bad.set_reason("INVALID_VALUE");
  };
  const Outcome outcome = Run("record publish --format ed-fi-csv --dry-run candidate.csv");
  EXPECT_NE(outcome.code, kDone);
  EXPECT_TRUE(absl::StrContains(outcome.err, "candidate.csv:3: the gateway refused it"))
      << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would fail")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be refused: the records of lines 2 to 3"))
      << outcome.out;
}

TEST_F(ImportCommandTest, ADryRunWithoutAGatewayChecksTheFilesAlone) {
  service_->Write("candidate.csv", kCandidateCsv);
  service_->Stop();
  const std::string command = "record publish --format ed-fi-csv --dry-run candidate.csv";
  const Outcome asked = Run(command + " --attempts 1");
  EXPECT_EQ(asked.code, kUnavailable) << asked.out;
  EXPECT_TRUE(absl::StrContains(asked.err, "--dry-run --offline checks the files")) << asked.err;
  service_->Write("config.yaml", "profiles: {default: {organization: river-unified}}\n");
  ExpectError(command, kFailed, "--dry-run --offline checks the files");
  const Outcome outcome = Run(command + " --offline");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be sent")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, R"({"candidate_id":"C-1","first_name":"Ann")"))
      << outcome.out;
  ExpectError("record publish --format ed-fi-csv --offline candidate.csv", kUsage,
              "--offline goes with --dry-run");
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

TEST_F(ImportCommandTest, ALineOfTwoGibibytesIsRefusedInLittleMemory) {
  const struct {
    const char* arguments;
    const char* begin;
    const char* refusal;
  } kLong[] = {
      {"--format ed-fi-csv --mapping ed-fi-candidate -",
       "CandidateIdentifier,FirstName,LastSurname\\nC-1,",
       "standard input:2: the row is larger than 2 MiB"},
      {"--format ed-fi-csv --mapping ed-fi-candidate -", "",
       "standard input:1: the row is larger than 2 MiB"},
      {"--format ed-fi-json --mapping ed-fi-json-candidate -", "[{\"candidateIdentifier\": \"",
       "standard input:1: the resource is larger than 2 MiB"},
      {"--format ed-fi-xml --mapping ed-fi-xml-post-secondary-institution -",
       "<I xmlns=\"http://ed-fi.org/5.2.0\"><PostSecondaryInstitution><NameOfInstitution>",
       "standard input:1: the resource is larger than 2 MiB"},
      {"Candidate -", "{\"candidate_id\": \"", "standard input:1: the line is longer than 4 MiB"},
      {"Candidate --format csv -", "candidate_id\\n", "the row is larger than 2 MiB"}};
  for (const auto& each : kLong) {
    // What is not read is not made; what were kept of it would not fit.
    service_->Write(
        "long.sh",
        absl::StrCat("(printf '", each.begin, "'; head -c 2147483648 /dev/zero | tr '\\0' x) | (",
                     kLimit, " sluice record publish --dry-run --offline ", each.arguments, ")\n"));
    const Outcome outcome = RunProgram("sh long.sh");
    EXPECT_EQ(outcome.code, kCheckFailed) << each.arguments << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.err, each.refusal)) << each.arguments << outcome.err;
  }
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

TEST_F(ImportCommandTest, DraftsByTheNamesOfOlderStandards) {
  // Of the tpdm extension; no mapping and no field of ours has the second name.
  service_->Write("fieldwork.csv",
                  "FieldworkIdentifier,StudentUniqueId,BeginDate,HoursCompleted\n");
  const Outcome draft = Run("mapping suggest fieldwork.csv");
  EXPECT_EQ(draft.code, kDone) << draft.err;
  EXPECT_TRUE(absl::StrContains(draft.out, "record: Placement\n")) << draft.out;
  EXPECT_TRUE(absl::StrContains(draft.out, "  candidate_id: StudentUniqueId\n")) << draft.out;
}

TEST_F(ImportCommandTest, ListsAndShowsTheMappingsThatItBrings) {
  EXPECT_TRUE(absl::StrContains(Run("mapping list").out, "ed-fi-candidate"));
  EXPECT_TRUE(
      absl::StartsWith(Run("mapping show ed-fi-candidate").out, "mapping: ed-fi-candidate"));
  ExpectError("mapping show ed-fi-candidat", kFailed, "did you mean \"ed-fi-candidate\"?");
}

}  // namespace
}  // namespace sluice::client
