// `sluice` as it is run: what it prints, and what it ends with.
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "client/command/command_for_test.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::client {
namespace {

std::vector<v1::Row> Rows() {
  std::vector<v1::Row> rows(2);
  v1::Candidate candidate;
  candidate.set_subject_area("=Physics");
  candidate.set_expected_completion_year(2028);
  rows[0].set_row_id("aaaa");
  rows[0].set_record(candidate.SerializeAsString());
  candidate.clear_subject_area();
  rows[1].set_row_id("bbbb");
  rows[1].set_record(candidate.SerializeAsString());
  return rows;
}

TEST_F(CommandTest, WrongUsageEndsWithTwoAndASuggestion) {
  ExpectError("", kUsage, "subcommand is required");
  ExpectError("recrod read", kUsage, "there is no `recrod`; did you mean \"record\"?");
  ExpectError("record raed", kUsage, "there is no `raed`; did you mean \"read\"?");
  ExpectError("record read Candidate", kUsage, "--purpose is required");
  ExpectError("record read Candidate --purpose p --output xml", kUsage, "--output");
  ExpectError("record publish Candidate f --request-prefix a/b", kUsage, "1 to 40 letters");
  ExpectError("mou explain m.yaml --to r --purpose p --record C --today soon", 1, "m.yaml");
  ExpectError("mou check --today soon config.yaml", kUsage, "--today must be a date");
}

TEST_F(CommandTest, EveryVerbHasHelpWithAnExample) {
  for (const char* verb : {"catalog list",
                           "catalog show",
                           "mou check",
                           "mou fmt",
                           "mou explain",
                           "mou show",
                           "mou sign",
                           "mapping list",
                           "mapping show",
                           "mapping check",
                           "mapping suggest",
                           "record publish",
                           "record delete",
                           "record read",
                           "record get",
                           "grant list",
                           "decision explain",
                           "audit export",
                           "audit log",
                           "audit verify",
                           "pki init",
                           "pki issue",
                           "record status",
                           "record withdraw",
                           "grant preview",
                           "explain row",
                           "pki crl",
                           "pki revoke",
                           "organization list",
                           "organization add",
                           "organization rotate-ca",
                           "organization renew-crl",
                           "mou diff",
                           "mou who-can",
                           "mou what-can"}) {
    const Outcome outcome = Run(absl::StrCat(verb, " --help"));
    EXPECT_EQ(outcome.code, kDone) << verb;
    EXPECT_TRUE(absl::StrContains(outcome.out, absl::StrCat("Example:\n  sluice ", verb)))
        << outcome.out;
  }
}

TEST_F(CommandTest, TheCatalogGivesTheDigestToPin) {
  const Outcome outcome = Run("catalog show Candidate");
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_TRUE(absl::StrContains(outcome.out, "catalog: {Candidate: sha256:"));
  ExpectError("catalog show Candidat", kFailed, "did you mean \"Candidate\"?");
}

TEST_F(CommandTest, TheCatalogShowsWhatNeverLeavesAndWhatIsPartOfAnId) {
  const Outcome identity = Run("catalog show PersonIdentity");
  EXPECT_EQ(identity.code, kDone);
  EXPECT_TRUE(absl::StrContains(identity.out, "drop")) << identity.out;
  EXPECT_TRUE(absl::StrContains(identity.out, "IdSpace (closed)")) << identity.out;
  EXPECT_TRUE(absl::StrContains(identity.out, "key, optional")) << identity.out;
  EXPECT_TRUE(absl::StrContains(Run("catalog show Recognition").out, "person with source_system"));
  EXPECT_TRUE(absl::StrContains(Run("catalog show Candidate").out, "not brokered by default"));
}

TEST_F(CommandTest, AnOperatorsTypesAreRefusedWithFileAndReason) {
  std::filesystem::create_directory(directory_ + "/types");
  service_->Write("types/bad.binpb", "no descriptor set");
  ExpectError("catalog list --types types", kFailed, "bad.binpb: is no descriptor set");
  ExpectError("mou check --types nowhere mou.yaml", kFailed, "can't read the directory nowhere");
  std::filesystem::remove(directory_ + "/types/bad.binpb");
  EXPECT_EQ(Run("catalog list --types types").code, kDone);
}

TEST_F(CommandTest, AGatewayThatIsNotThereIsUnavailable) {
  service_->Stop();
  ExpectError("grant list --attempts 1", kUnavailable, "nothing listens there");
  WriteRecords("records", 3);
  ExpectError("record publish Candidate records --attempts 1", kUnavailable, "nothing listens");
}

TEST_F(CommandTest, ADenialSaysWhyAndWhatNext) {
  service_->gateway.scripts = {{{}, DenialForTest()}};
  const Outcome outcome = Run("record read Candidate --purpose other");
  EXPECT_EQ(outcome.code, kDenied);
  EXPECT_EQ(outcome.out, "");
  for (const char* text :
       {"denied: PURPOSE_NOT_GRANTED: no grant is for this purpose",
        "nearest: expected-completers fails only: purpose, hiring_pipeline is granted; period",
        "decision: 00112233445566778899aabbccddeeff", "next: `sluice grant list`"}) {
    EXPECT_TRUE(absl::StrContains(outcome.err, text)) << outcome.err;
  }
  service_->gateway.unary_error = DenialForTest();
  ExpectError("grant list", kDenied, "PURPOSE_NOT_GRANTED");
}

TEST_F(CommandTest, PrintsAReleaseInEachForm) {
  service_->gateway.scripts = {ReleaseForTest(Rows(), 1), ReleaseForTest(Rows(), 1),
                               ReleaseForTest(Rows(), 1)};
  const std::string read = "record read Candidate --purpose hiring_pipeline --quiet --output ";
  EXPECT_EQ(Run(read + "ndjson").out,
            "{\"row_id\":\"aaaa\",\"subject_area\":\"=Physics\",\"expected_completion_year\":2028}"
            "\n{\"row_id\":\"bbbb\",\"expected_completion_year\":2028}\n");
  EXPECT_EQ(Run(read + "csv").out,
            "row_id,subject_area,expected_completion_year\naaaa,'=Physics,2028\nbbbb,,2028\n");
  EXPECT_EQ(Run(read + "text").out,
            "row_id  subject_area  expected_completion_year\n"
            "aaaa    =Physics      2028\n"
            "bbbb                  2028\n");
}

TEST_F(CommandTest, PrintsOneRowInEachForm) {
  const std::string get = "record get Candidate aaaa --purpose hiring_pipeline ";
  v1::GetRecordResponse& answer = service_->gateway.row;
  *answer.mutable_header() = ReleaseForTest(Rows(), 1).messages[0].header();
  *answer.mutable_row() = Rows()[0];
  answer.set_log_index(42);
  Outcome outcome = Run(get + "--mou stem-pipeline --fields subject_area,birth_date");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "{\"row_id\":\"aaaa\",\"subject_area\":\"=Physics\",\"expected_completion_year\":2028}"
            "\n");
  EXPECT_TRUE(absl::StrContains(outcome.err, "MOU stem-pipeline version 1, purpose "))
      << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "log entry 42\n")) << outcome.err;
  ASSERT_EQ(service_->gateway.gets.size(), 1u);
  const v1::GetRecordRequest& asked = service_->gateway.gets[0];
  EXPECT_EQ(asked.row_id(), "aaaa");
  EXPECT_EQ(asked.record_type(), "Candidate");
  EXPECT_EQ(asked.purpose(), "hiring_pipeline");
  EXPECT_EQ(asked.mou(), "stem-pipeline");
  ASSERT_EQ(asked.read_mask_size(), 2);
  EXPECT_EQ(asked.read_mask(1), "birth_date");

  outcome = Run(get + "--quiet --output csv --header-file kept.json");
  EXPECT_EQ(outcome.out, "row_id,subject_area,expected_completion_year\naaaa,'=Physics,2028\n");
  EXPECT_TRUE(absl::StrContains(*ReadFile(directory_ + "/kept.json"), "\"mou\":\"stem-pipeline\""));
  EXPECT_EQ(Run(get + "--quiet --output text").out,
            "row_id  subject_area  expected_completion_year\n"
            "aaaa    =Physics      2028\n");
}

TEST_F(CommandTest, ARowThatCannotBePrintedIsAFailure) {
  *service_->gateway.row.mutable_header() = ReleaseForTest(Rows(), 1).messages[0].header();
  *service_->gateway.row.mutable_row() = Rows()[0];
  const std::string get = "record get Candidate aaaa --purpose hiring_pipeline ";
  ExpectError(get + ">/dev/full", kFailed, "standard output can't be written");
  service_->gateway.row.mutable_row()->set_record("\xff");
  ExpectError(get, kFailed, "a row is not a message of its record type");
  service_->gateway.row.mutable_header()->mutable_fields(0)->set_path("shoe_size");
  ExpectError(get, kFailed, "releases shoe_size, which this client's version");
  service_->gateway.unary_error = DenialForTest();
  ExpectError(get, kDenied, "PURPOSE_NOT_GRANTED");
}

TEST_F(CommandTest, KeepsHeaderAndTrailerBesideTheData) {
  service_->gateway.scripts = {ReleaseForTest(Rows(), 1)};
  ASSERT_EQ(Run("record read Candidate --purpose p --header-file kept.json").code, kDone);
  const std::string kept = *ReadFile(directory_ + "/kept.json");
  EXPECT_TRUE(absl::StrContains(kept, "\"mou\":\"stem-pipeline\"")) << kept;
  EXPECT_TRUE(absl::StrContains(kept, "\"trailer\":{\"row_count\":\"2\"")) << kept;
}

TEST_F(CommandTest, AReleaseThatIsNotWholeIsAFailure) {
  ScriptForTest script = ReleaseForTest(Rows(), 1);
  script.messages.pop_back();
  service_->gateway.scripts = {script};
  ExpectError("record read Candidate --purpose p --header-file kept.json", kFailed,
              "do not use the 2 rows printed");
  EXPECT_FALSE(absl::StrContains(*ReadFile(directory_ + "/kept.json"), "trailer"));
}

TEST_F(CommandTest, PublishesFilesOfBothFormats) {
  WriteRecords("records", 25);
  const Outcome outcome = Run("record publish Candidate records --batch-size 10");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "records  Candidate    25    25       25   0"))
      << outcome.out;
  EXPECT_EQ(service_->gateway.committed.size(), 3u);
  service_->Write("records.csv", "candidate_id,race[0]\nC-1,x\n");
  const Outcome csv = Run("record publish Candidate --format csv - < records.csv");
  EXPECT_EQ(csv.code, kDone) << csv.err;
  EXPECT_EQ(service_->gateway.committed.size(), 4u);
  EXPECT_EQ(Run("record publish Candidate records --quiet").out, "");
}

TEST_F(CommandTest, OurOwnFormTakesTheGoodRowsWhereItIsAsked) {
  service_->Write("in.ndjson",
                  "{\"candidate_id\":\"C-1\"}\nnot json\n{\"candidate_id\":\"C-2\",\"shoe\":7}\n");
  const std::string publish = "record publish Candidate --skip-invalid --rejects bad ";
  Outcome outcome = Run(publish + "in.ndjson");
  EXPECT_EQ(outcome.code, kPartlyDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "in.ndjson:2: ")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "in.ndjson:3: ")) << outcome.err;
  std::string rejects = *ReadFile(directory_ + "/bad");
  EXPECT_TRUE(absl::StrContains(rejects, "\nnot json\n{\"sluice_reason\":")) << rejects;
  // What was mended goes in; the reasons are passed over.
  service_->Write("mended.ndjson", absl::StrReplaceAll(rejects, {{"not json",
                                                                  "{\"candidate_id\":"
                                                                  "\"C-3\"}"},
                                                                 {",\"shoe\":7", ""}}));
  outcome = Run(publish + "mended.ndjson");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "mended.ndjson  Candidate    2     2 "))
      << outcome.out;

  service_->Write("in.csv",
                  "candidate_id,first_name,expected_completion_year\n"
                  "C-1,'=1+1,2028\nC-2,'=2+2,soon\n");
  outcome = Run(publish + "--format csv in.csv");
  EXPECT_EQ(outcome.code, kPartlyDone) << outcome.err;
  service_->Write("mended.csv",
                  absl::StrReplaceAll(*ReadFile(directory_ + "/bad"), {{"soon", "2029"}}));
  outcome = Run("record publish Candidate --format csv --dry-run --offline mended.csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, R"("first_name":"=2+2")")) << outcome.out;
}

TEST_F(CommandTest, OurOwnFormSaysWhatAPublishWouldChange) {
  WriteRecords("records", 25);
  const Outcome outcome = Run("record publish Candidate records --dry-run");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be published")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, R"({"candidate_id":"C-0"})")) << outcome.out;
  EXPECT_TRUE(service_->gateway.committed.empty());
  ExpectError("record publish records", kUsage, "record publish TYPE FILE");
  ExpectError("record publish Candidate nowhere", kFailed, "there is no file nowhere");
  ExpectError("record delete Candidate nowhere", kFailed, "nowhere");
}

TEST_F(CommandTest, OurOwnFormIsReadInEveryEncodingAndAFileIsAllOrNothing) {
  service_->Write("records", std::string("\xFF\xFE", 2) + std::string("{\0\"\0c\0\"\0", 8));
  ExpectError("record publish Candidate records", kCheckFailed, "records:1: ");
  service_->Write("records", "{\"candidate_id\":\"C-1\"}\n{\"candidate_id\":\"C\xff\"}\n");
  ExpectError("record publish Candidate records", kCheckFailed, "records:2: ");
  service_->Write("records", std::string("PK\x03\x04", 4) + "rest");
  ExpectError("record publish Candidate records", kCheckFailed, "is a zip archive");
  service_->Write("records",
                  "{\"candidate_id\":\"C-1\",\"first_name\":\"Ann\"}\n"
                  "{\"candidate_id\":\"C-1\",\"first_name\":\"Bo\"}\n");
  ExpectError("record publish Candidate records", kCheckFailed,
              "records:2: has the key of records:1 and other values");
  EXPECT_TRUE(service_->gateway.written.empty());
}

TEST_F(CommandTest, ABadLineIsNamedBeforeAnythingIsSent) {
  service_->Write(
      "records", "{\"candidate_id\":\"C-1\"}\n\n{\"candidate_id\":\"C-2\",\"birth_date\":\"x\"}\n");
  ExpectError("record publish Candidate records", kCheckFailed, "records:3: birth_date: must be");
  service_->Write("records.csv", "candidate_id,expected_completion_year\nC-1,2028\nC-2,x\n");
  ExpectError("record publish Candidate --format csv records.csv", kCheckFailed,
              "records.csv:3: column expected_completion_year: must be");
  service_->Write("records", "{\"first_name\":\"Ann\"}\n");
  ExpectError("record publish Candidate records", kCheckFailed, "records:1: candidate_id");
  EXPECT_TRUE(service_->gateway.written.empty());
}

TEST_F(CommandTest, ABatchRefusedBesideOthersIsPartlyDone) {
  service_->gateway.judge = [](const v1::PublishRecordsRequest&,
                               v1::PublishRecordsResponse& response) {
    if (response.position() != 2) return;
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    v1::BadRecord& bad = *response.add_bad_records();
    bad.set_index(4);
    bad.set_field("birth_date");
    bad.set_reason("INVALID_VALUE");
  };
  WriteRecords("records", 25);
  ExpectError("record publish Candidate records --batch-size 10", kPartlyDone,
              "records:15: birth_date: the gateway refused it: INVALID_VALUE");
}

TEST_F(CommandTest, DeletesByKey) {
  WriteRecords("keys", 3);
  ExpectError("record delete Candidate keys", kDone, "3 records deleted");
}

TEST_F(CommandTest, PrintsATableOfOnesOwnRecords) {
  auto& type = *service_->gateway.record_status.add_record_types();
  type.set_record_type("Candidate");
  type.set_live_count(12345);
  type.set_tombstone_count(6);
  type.set_last_publish_position(41);
  type.mutable_last_publish_time()->set_seconds(1'790'000'000);
  service_->gateway.record_status.set_subject_count(12000);
  const Outcome outcome = Run("record status");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "record     live    deleted  position  last publish\n"
            "Candidate  12,345  6        41        2026-09-21 14:13:20Z\n"
            "12,000 subjects\n");
  const Outcome json = Run("record status --output json");
  EXPECT_TRUE(absl::StrContains(json.out, "\"live_count\":\"12345\"")) << json.out;
}

TEST_F(CommandTest, ReadsOnesOwnRecordsWholeAndWithoutRowIds) {
  v1::Candidate candidate;
  candidate.set_candidate_id("C-1");
  std::vector<v1::ReadOwnRecordsResponse> messages(3);
  messages[0].mutable_header()->set_log_index(7);
  messages[1].mutable_batch()->add_records(candidate.SerializeAsString());
  messages[2].mutable_trailer()->set_record_count(1);
  service_->gateway.own_streams = {messages};
  const Outcome outcome = Run("record get Candidate --own --record-key candidate_id=C-1");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "{\"candidate_id\":\"C-1\"}\n");
  ASSERT_EQ(service_->gateway.own_reads.size(), 1u);
  EXPECT_EQ(service_->gateway.own_reads[0].key(), candidate.SerializeAsString());
  EXPECT_EQ(service_->gateway.own_reads[0].parent(), "organizations/river-unified");
}

TEST_F(CommandTest, SaysWhichOptionsBelongToOnesOwnRecordsAndWhichToARelease) {
  ExpectError("record read Candidate --own --purpose p", kUsage, "--own reads one's records whole");
  ExpectError("record get Candidate x --record-key a=b --purpose p", kUsage,
              "--record-key needs --own");
  ExpectError("record get Candidate --own", kUsage, "--own needs --record-key");
  ExpectError("record get Candidate --purpose p", kUsage, "ROW_ID is required");
  ExpectError("record get Candidate --own --record-key candidate_id", kUsage,
              "must be FIELD=VALUE");
  ExpectError("record get Candidate --own --record-key candidate=1", kUsage, "candidate_id");
  ExpectError("record get Candidate --own --record-key first_name=Ann", kUsage, "candidate_id");
}

TEST_F(CommandTest, WithdrawsARangeAndSaysWhatBecameOfIt) {
  service_->gateway.withdrawn.set_position(99);
  service_->gateway.withdrawn.set_deleted_count(1200);
  service_->gateway.withdrawn.set_kept_count(3);
  const Outcome outcome = Run("record withdraw --position 41..57 --request-id w-1");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "taken back at position 99:\n"
            "  1,200 created there: deleted\n"
            "  3 changed again after it: left as they are\n");
  EXPECT_EQ(service_->gateway.withdraws[0].first_position(), 41);
  EXPECT_EQ(service_->gateway.withdraws[0].last_position(), 57);
  EXPECT_EQ(service_->gateway.withdraws[0].request_id(), "w-1");
  for (const char* wrong : {"0", "5..4", "x", "1..", "..3", "1..2..3", "-1..2"}) {
    ExpectError(absl::StrCat("record withdraw --position=", wrong), kUsage, "--position must be");
  }
}

TEST_F(CommandTest, APreviewThatWouldBeDeniedSaysWhyAndEndsAsADenial) {
  v1::Decision& decision = *service_->gateway.preview.mutable_decision();
  decision.set_explanation("OUTSIDE_PERIOD: no such grant holds on this day");
  v1::NearestGrant& nearest = *decision.add_nearest_grants();
  nearest.set_grant("expected-completers");
  nearest.add_failed()->set_description("period, expired on 2028-07-01");
  const std::string preview = "grant preview Candidate --as hill-county --purpose p";
  ExpectError(preview, kDenied, "hill-county would be denied: OUTSIDE_PERIOD");
  ExpectError(preview, kDenied,
              "nearest: expected-completers fails only: period, expired on 2028-07-01");
}

TEST_F(CommandTest, ExplainsARowConditionByCondition) {
  service_->gateway.explanation.mutable_decision()->set_permit(true);
  v1::RowExplanation& row = *service_->gateway.explanation.mutable_row();
  row.set_verdict(v1::ROW_VERDICT_OUT_OF_SCOPE);
  row.set_explanation("no grant has the row in its scope");
  v1::GrantOnRow& grant = *row.add_grants();
  grant.set_grant("expected-completers");
  grant.set_line(14);
  v1::FailedRowCondition& failed = *grant.add_failed();
  failed.set_field("expected_completion_year");
  failed.set_failure(v1::ROW_CONDITION_FAILURE_BELOW);
  failed.set_condition("at least 2027");
  const Outcome outcome = Run(
      "explain row Candidate --as hill-county --purpose p --record-key candidate_id=C-1 --quiet");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "OUT_OF_SCOPE: no grant has the row in its scope\n"
            "  expected-completers (line 14): has not the row in its scope\n"
            "    expected_completion_year: BELOW; asked: at least 2027\n");
}

TEST_F(CommandTest, VerifiesTheLogAndHoldsItsCheckpoint) {
  for (int i = 0; i < 20; ++i) service_->gateway.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  Outcome outcome = Run("audit verify");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "all 20 entries are in it")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.err, "was not seen before")) << outcome.err;
  service_->gateway.entries.push_back("{}");
  outcome = Run("audit verify");
  EXPECT_TRUE(absl::StrContains(outcome.out, "continues the checkpoint held (20 entries)"))
      << outcome.out;
  EXPECT_EQ(outcome.err, "");
  service_->gateway.entries[3] = "{\"n\":\"changed\"}";
  ExpectError("audit verify", kCheckFailed, "does not continue the checkpoint of 21 entries");
  service_->Write("vkey", LogForTest("gateway.example/log/1", 'o').vkey());
  ExpectError("audit verify --vkey vkey", kCheckFailed, "signed by another key than before");
}

TEST_F(CommandTest, VerifiesADirectoryOffline) {
  std::vector<std::string> entries;
  for (int i = 0; i < 300; ++i) entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  service_->gateway.log.Write(directory_ + "/log", entries);
  service_->Stop();
  const Outcome outcome = Run("audit verify --directory log --vkey log/vkey");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "all 300 entries are in it")) << outcome.out;
  entries[7] = "{\"n\":0}";
  service_->gateway.log.Write(directory_ + "/log", entries);
  ExpectError("audit verify --directory log", kCheckFailed, "history was changed");
}

TEST_F(CommandTest, ShowsGrantsWithoutWhatATerminalWouldObey) {
  v1::GrantView& grant = *service_->gateway.grants.add_grants();
  grant.set_mou("stem-pipeline");
  grant.set_version(1);
  grant.set_grant("completers");
  grant.set_owner("state-university");
  grant.set_purpose("hiring_pipeline");
  grant.set_purpose_description("Plan\x1b[2J\nhiring");
  grant.set_record_type("Candidate");
  grant.add_operations(v1::OPERATION_READ);
  grant.add_operations(static_cast<v1::Operation>(77));
  (*grant.mutable_rows())["subject_area"].add_in("PHYSICS");
  v1::ReleasedField& field = *grant.add_fields();
  field.set_path("birth_date");
  field.mutable_rule()->mutable_generalize()->set_to(v1::DATE_PRECISION_YEAR);
  grant.mutable_effective()->set_year(2026);
  const Outcome outcome = Run("grant list");
  EXPECT_EQ(outcome.code, kDone);
  for (const char* text :
       {"stem-pipeline 1  completers  (not live)", "Plan\\x1b[2J\\nhiring", "READ, UNKNOWN",
        "subject_area  one of PHYSICS", "birth_date  generalize YEAR"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, text)) << outcome.out;
  }
}

TEST_F(CommandTest, AListThatLeadsNoFurtherIsNoList) {
  service_->gateway.entries = std::vector<std::string>(20, "{}");
  service_->gateway.lie = [](v1::ListEntriesResponse& page) {
    page.clear_entries();
    page.set_next_page_token("0");
  };
  ExpectError("audit log", kFailed, "from entry 7 on names a next one that begins no further");
  service_->gateway.pages = 0;
  ExpectError("audit verify", kCheckFailed, "names a next one that begins no further");
  service_->gateway.grants.add_grants()->set_mou("stem-pipeline");
  service_->gateway.grants.set_next_page_token("again");
  ExpectError("grant list", kFailed, "leads no further");
  service_->gateway.grants.clear_grants();
  ExpectError("grant list", kFailed, "leads no further");
}

TEST_F(CommandTest, ListsTheLogsEntries) {
  service_->gateway.entries = {"{\"n\":0}", "{\"n\":1}", "{\"n\":2}"};
  EXPECT_EQ(Run("audit log --start 1 --limit 1 --output ndjson").out,
            "{\"index\":1,\"entry\":{\"n\":1}}\n");
}

TEST_F(CommandTest, AConfigurationWithMistakesNamesThemAll) {
  service_->Write("config.yaml",
                  "profiles:\n  default:\n    gatway: x\n    gateway: y\n    key:\n");
  const Outcome outcome = Run("grant list");
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_TRUE(absl::StrContains(outcome.err, "config.yaml:3:5: ")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "config.yaml:5:")) << outcome.err;
  WriteProfile(service_->target());
  ExpectError("grant list --profile defualt", kFailed, "did you mean \"default\"?");
}

TEST_F(CommandTest, AFullDiskIsAFailure) {
  service_->gateway.scripts = {ReleaseForTest(Rows(), 1)};
  ExpectError("record read Candidate --purpose p >/dev/full", kFailed,
              "standard output can't be written");
}

TEST_F(CommandTest, MakesAPkiAndSignsWithIt) {
  EXPECT_EQ(Run("pki init --directory pki --trust-domain sluice.example --for river-unified").code,
            kDone);
  const Outcome issued = Run("pki issue --directory pki --for river-unified signatory head");
  EXPECT_TRUE(absl::StrContains(issued.out, "/signatory/head")) << issued.out << issued.err;
  service_->Write("mou.yaml", "mou: x\n");
  EXPECT_EQ(Run("mou sign mou.yaml --for river-unified --signer "
                "pki/river-unified/signatory-head.pem --signer-key "
                "pki/river-unified/signatory-head.key")
                .out,
            "mou.yaml.river-unified.p7s\n");
  ExpectError("pki issue --directory pki system hr", kUsage, "--for");
}

}  // namespace
}  // namespace sluice::client
