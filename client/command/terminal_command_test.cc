// `sluice` on a terminal: a pseudo-terminal of a given size, and what came out of it.
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/command/command_for_test.h"
#include "client/command/terminal.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::client {
namespace {

class TerminalCommandTest : public CommandTest {
 protected:
  // `environment`: "NAME=value NAME=value", besides those of RunProgram.
  Outcome RunOn(int width, const std::string& arguments, const std::string& environment = "",
                int height = 1000) {
    winsize size{};
    size.ws_col = static_cast<uint16_t>(width);
    size.ws_row = static_cast<uint16_t>(height);
    const std::string command = absl::StrCat(
        "cd ", directory_, " && exec env -u SLUICE_PROFILE -u NO_COLOR -u PAGER -u SLUICE_PAGER ",
        "SLUICE_CONFIG=", directory_, "/config.yaml XDG_STATE_HOME=", directory_, "/state ",
        environment, " ", SLUICE_BINARY, " ", arguments);
    int master = -1;
    const pid_t child = forkpty(&master, nullptr, nullptr, &size);
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    Outcome outcome;
    char buffer[4096];
    ssize_t n = 0;
    // At the end of the other side, read fails with EIO.
    while ((n = read(master, buffer, sizeof(buffer))) > 0) {
      outcome.out.append(buffer, static_cast<size_t>(n));
    }
    int status = 0;
    waitpid(child, &status, 0);
    close(master);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.out = absl::StrReplaceAll(outcome.out, {{"\r\n", "\n"}});
    return outcome;
  }
  static bool Holds(const std::string& text, absl::string_view part) {
    return absl::StrContains(text, part);
  }
  void AddGrant(const std::string& description) {
    v1::GrantView& grant = *service_->gateway.grants.add_grants();
    grant.set_mou("stem-pipeline");
    grant.set_grant("completers");
    grant.set_purpose("hiring_pipeline");
    grant.set_purpose_description(description);
    grant.set_record_type("Candidate");
  }
};

TEST_F(TerminalCommandTest, TablesFitTheTerminalAndKeepTheirNames) {
  for (const int width : {40, 80, 200}) {
    const Outcome list = RunOn(width, "catalog list --color never");
    EXPECT_EQ(list.code, kDone);
    if (width > 40) {
      for (const absl::string_view line : absl::StrSplit(list.out, '\n')) {
        EXPECT_LE(DisplayWidth(line), static_cast<size_t>(width)) << line;
      }
    }
    EXPECT_TRUE(Holds(list.out, "CommunityMembership")) << list.out;
    EXPECT_EQ(Holds(list.out, "…"), width == 80) << width << list.out;
    // Where it can't be narrow enough, a line for each cell.
    EXPECT_EQ(Holds(list.out, "RECORD TYPE   Candidate\n"), width == 40) << list.out;
  }
}

TEST_F(TerminalCommandTest, NothingIsShortenedOrColoredOrPagedInAPipe) {
  const Outcome list =
      RunProgram(absl::StrCat("SLUICE_PAGER='false' ", SLUICE_BINARY, " catalog list"));
  EXPECT_EQ(list.code, kDone);
  EXPECT_FALSE(Holds(list.out, "…"));
  EXPECT_FALSE(Holds(list.out, "\x1b"));
  EXPECT_TRUE(Holds(list.out, "sha256:"));
}

TEST_F(TerminalCommandTest, ColorsAreForTerminalsThatWantThem) {
  EXPECT_TRUE(Holds(RunOn(200, "catalog list").out, "\x1b[1mRECORD TYPE"));
  EXPECT_FALSE(Holds(RunOn(200, "catalog list", "NO_COLOR=1").out, "\x1b"));
  EXPECT_TRUE(Holds(RunOn(200, "catalog list", "NO_COLOR=").out, "\x1b[1m"));
  EXPECT_FALSE(Holds(RunOn(200, "catalog list --color never").out, "\x1b"));
  EXPECT_TRUE(Holds(Run("catalog list --color always").out, "\x1b[1mRECORD TYPE"));
  service_->Write("mou.yaml", "mou: x\nversion: \"1\"\n");
  EXPECT_TRUE(Holds(RunOn(200, "mou check mou.yaml").out, "mou.yaml:2:10:\x1b[31m error P"));
  EXPECT_TRUE(Holds(RunOn(200, "mapping show nothing").out, "\x1b[31msluice: \x1b[0mthere is no"));
}

TEST_F(TerminalCommandTest, NothingFromElsewhereIsObeyedByTheTerminal) {
  const std::string evil =
      "\x1b]0;owned\x07\x1b[2J\xC2\x9B"
      "31m\xE2\x80\xAE";
  AddGrant(evil);
  v1::Candidate candidate;
  candidate.set_subject_area(evil);
  std::vector<v1::Row> rows(1);
  rows[0].set_row_id(evil);
  rows[0].set_record(candidate.SerializeAsString());
  service_->gateway.entries = {"{\"n\":\"" + evil + "\"}",
                               "{\"type\":\"" + evil + "\",\"mou\":\"" + evil + "\"}"};
  std::string plain;
  for (const std::string form : {"text", "json", "ndjson", "csv"}) {
    plain += RunOn(80, "grant list --color never --output " + form).out;
    service_->gateway.scripts = {ReleaseForTest(rows, 1)};
    plain += RunOn(80, "record read Candidate --purpose p --color never --output " + form).out;
    plain += RunOn(80, "audit log --color never --output " + form).out;
    plain += RunOn(80, "audit log --summary --color never --output " + form).out;
  }
  service_->gateway.unary_error = absl::InternalError(evil);
  plain += RunOn(80, "grant list --color never").out;
  EXPECT_TRUE(Holds(plain, "owned"));
  EXPECT_EQ(Printable(absl::StrReplaceAll(plain, {{"\n", ""}, {"\r", ""}})),
            absl::StrReplaceAll(plain, {{"\n", ""}, {"\r", ""}}));
}

TEST_F(TerminalCommandTest, PagesWhatIsLongerThanTheTerminal) {
  const std::string pager = "SLUICE_PAGER='sed s/^/paged:/'";
  const Outcome longer = RunOn(200, "catalog list --color never", pager, 10);
  EXPECT_EQ(longer.code, kDone);
  EXPECT_TRUE(absl::StartsWith(longer.out, "paged:RECORD TYPE")) << longer.out;
  EXPECT_EQ(Run("catalog list").out, absl::StrReplaceAll(longer.out, {{"paged:", ""}}));
  EXPECT_FALSE(Holds(RunOn(200, "catalog list", pager, 100).out, "paged:"));
  EXPECT_FALSE(Holds(RunOn(200, "catalog list --no-pager", pager, 10).out, "paged:"));
  EXPECT_TRUE(Holds(RunOn(200, "record publish --help", pager, 10).out, "paged:"));
  EXPECT_TRUE(Holds(RunOn(200, "catalog list", "PAGER='sed s/^/paged:/'", 10).out, "paged:"));
  EXPECT_FALSE(Holds(RunOn(200, "catalog list", "SLUICE_PAGER= PAGER=false", 10).out, "paged:"));
}

TEST_F(TerminalCommandTest, WhatIsNotedStandsAfterWhatWasPaged) {
  for (int i = 0; i < 30; ++i) AddGrant("Plan");
  service_->gateway.grants.set_next_page_token("again");
  const Outcome outcome =
      RunOn(200, "grant list --color never", "SLUICE_PAGER='sed s/^/paged:/'", 10);
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_TRUE(Holds(outcome.out, "\nsluice: the gateway's list of grants leads no further"))
      << outcome.out;
}

TEST_F(TerminalCommandTest, APagerThatIsClosedOrCannotRunIsNoLoss) {
  std::vector<v1::Row> rows(5000);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].set_row_id(absl::StrCat("row-", i));
  service_->gateway.scripts = {ReleaseForTest(rows, 100)};
  const std::string read = "record read Candidate --purpose p";
  const Outcome closed = RunOn(80, read, "SLUICE_PAGER='head -n 3'", 10);
  EXPECT_EQ(closed.code, kDone) << closed.out;
  EXPECT_FALSE(Holds(closed.out, "can't be written")) << closed.out;
  const Outcome none = RunOn(200, "catalog list", "SLUICE_PAGER=no-such-pager", 10);
  EXPECT_EQ(none.code, kFailed);
  EXPECT_TRUE(Holds(none.out, "name another in SLUICE_PAGER, or use --no-pager")) << none.out;
}

// Formula injection: what a spreadsheet would run is disarmed, and published again as it was.
TEST_F(TerminalCommandTest, ACsvWithFormulasIsDisarmedAndPublishesAsItWas) {
  v1::Candidate candidate;
  candidate.set_candidate_id("=1+1");
  candidate.set_subject_area("=cmd|' /C calc'!A0");
  candidate.set_last_surname("'@SUM(A1)");
  candidate.set_first_name("-plain");
  std::vector<v1::ReadOwnRecordsResponse> messages(3);
  messages[0].mutable_header();
  messages[1].mutable_batch()->add_records(candidate.SerializeAsString());
  messages[2].mutable_trailer()->set_record_count(1);
  service_->gateway.own_streams = {messages};
  const Outcome read = Run("record read Candidate --own --output csv > own.csv");
  ASSERT_EQ(read.code, kDone) << read.err;
  const std::string csv = *ReadFile(directory_ + "/own.csv");
  for (const char* cell : {"'=1+1", "'=cmd|' /C calc'!A0", "''@SUM(A1)", "'-plain"}) {
    EXPECT_TRUE(Holds(csv, cell)) << csv;
  }
  std::string sent;
  service_->gateway.judge = [&sent](const v1::PublishRecordsRequest& request,
                                    v1::PublishRecordsResponse&) { sent = request.records(0); };
  const Outcome publish = Run("record publish Candidate --format csv own.csv");
  EXPECT_EQ(publish.code, kDone) << publish.err;
  EXPECT_EQ(sent, candidate.SerializeAsString());
  std::vector<v1::Row> rows(1);
  rows[0].set_row_id("=cmd");
  service_->gateway.scripts = {ReleaseForTest(rows, 1)};
  EXPECT_TRUE(Holds(Run("record read Candidate --purpose p --output csv").out, "\n'=cmd,"));
}

}  // namespace
}  // namespace sluice::client
