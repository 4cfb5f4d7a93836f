// `sluice audit log`: which entries it asks for, how it shows them, and how it follows.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "client/command/command_for_test.h"

extern char** environ;

namespace sluice::client {
namespace {

class AuditLogCommandTest : public CommandTest {
 protected:
  // While a command is under way it is looked at WhileNoCall.
  FakeGateway& gateway() { return service_->gateway; }
  static std::string Decision(int n, const std::string& more = "") {
    return absl::StrCat("{\"v\":1,\"type\":\"decision\",\"time_ms\":", 1798761600000 + n * 1000,
                        ",\"caller\":{\"organization\":\"river-unified\",\"system\":\"hiring\"},"
                        "\"mou\":\"stem-pipeline\",\"version\":1,\"record\":\"Candidate\","
                        "\"operation\":\"READ\",\"result\":\"PERMIT\"",
                        more, "}");
  }
  static bool Holds(const std::string& text, absl::string_view part) {
    return absl::StrContains(text, part);
  }
};

TEST_F(AuditLogCommandTest, ShowsATableOfWhoDidWhat) {
  gateway().entries = {Decision(0),
                       "{\"type\":\"outcome\",\"status\":\"OK\",\"rows\":{"
                       "\"released\":12},\"of\":0}"};
  const Outcome log = Run("audit log");
  EXPECT_EQ(log.code, kDone) << log.err;
  EXPECT_TRUE(Holds(log.out, "INDEX  TIME (UTC)           TYPE      WHO")) << log.out;
  EXPECT_TRUE(Holds(log.out,
                    "0      2027-01-01 00:00:00  decision  river-unified/hiring  READ Candidate, "
                    "stem-pipeline 1  PERMIT\n"))
      << log.out;
  EXPECT_TRUE(Holds(log.out, "outcome")) << log.out;
  EXPECT_TRUE(Holds(log.out, "OK      12\n")) << log.out;
}

TEST_F(AuditLogCommandTest, AsksForWhatTheOptionsSay) {
  const Outcome log =
      Run("audit log --type decision --organization river-unified --principal "
          "/org/river-unified/system/hiring --mou stem-pipeline --purpose hiring_pipeline "
          "--result denial --code no_mou --record-type Candidate --operation READ "
          "--since 2027-01-01 --until 2027-01-31T08:00:00.5Z --start 5");
  EXPECT_EQ(log.code, kDone) << log.err;
  ASSERT_EQ(gateway().listings.size(), 1u);
  const v1::ListEntriesRequest& asked = gateway().listings[0];
  EXPECT_EQ(asked.type(), "decision");
  EXPECT_EQ(asked.start_index(), 5);
  EXPECT_EQ(asked.filter().ShortDebugString(),
            "organization: \"river-unified\" principal: \"/org/river-unified/system/hiring\" "
            "mou: \"stem-pipeline\" purpose: \"hiring_pipeline\" result: ENTRY_RESULT_DENIAL "
            "code: DENIAL_CODE_NO_MOU record_type: \"Candidate\" operation: \"READ\" "
            "start_time { seconds: 1798761600 } end_time { seconds: 1801382400 nanos: 500000000 }");
}

TEST_F(AuditLogCommandTest, AsksForAllWhereNothingIsSaid) {
  Run("audit log");
  ASSERT_EQ(gateway().listings.size(), 1u);
  EXPECT_FALSE(gateway().listings[0].has_filter());
}

TEST_F(AuditLogCommandTest, CountsBackFromNow) {
  const int64_t before = absl::ToUnixSeconds(absl::Now() - absl::Hours(12));
  Run("audit log --since 12h");
  const int64_t after = absl::ToUnixSeconds(absl::Now() - absl::Hours(12));
  ASSERT_EQ(gateway().listings.size(), 1u);
  EXPECT_GE(gateway().listings[0].filter().start_time().seconds(), before);
  EXPECT_LE(gateway().listings[0].filter().start_time().seconds(), after);
}

TEST_F(AuditLogCommandTest, RefusesWhatItCannotAskFor) {
  ExpectError("audit log --since yesterday", kUsage, "--since: \"yesterday\" is no time");
  ExpectError("audit log --until 7", kUsage, "--until:");
  ExpectError("audit log --code NO_MUO", kUsage, "did you mean \"NO_MOU\"?");
  ExpectError("audit log --code unspecified", kUsage, "no denial code");
  ExpectError("audit log --result maybe", kUsage, "--result");
  ExpectError("audit log --follow --summary", kUsage, "--follow");
  ExpectError("audit log --follow --output json", kUsage, "--output ndjson");
  ExpectError("audit log --follow --interval 1ms", kUsage, "--interval");
  EXPECT_TRUE(gateway().listings.empty());
}

TEST_F(AuditLogCommandTest, EachFormHasTheEntries) {
  gateway().entries = {Decision(0, ",\"purpose\":\"=1+1\""), "no entry"};
  EXPECT_EQ(Run("audit log --output ndjson").out,
            absl::StrCat("{\"index\":0,\"entry\":", gateway().entries[0],
                         "}\n{\"index\":1,\"entry\":\"no entry\"}\n"));
  EXPECT_EQ(Run("audit log --output json").out,
            absl::StrCat("[\n{\"index\":0,\"entry\":", gateway().entries[0],
                         "},\n{\"index\":1,\"entry\":\"no entry\"}\n]\n"));
  const std::string csv = Run("audit log --output csv").out;
  EXPECT_TRUE(Holds(csv, "index,time,type,organization,kind,system,")) << csv;
  EXPECT_TRUE(Holds(csv, "0,2027-01-01T00:00:00.000Z,decision,river-unified,system,hiring,"))
      << csv;
  EXPECT_TRUE(Holds(csv, ",'=1+1,")) << csv;  // no spreadsheet runs it
  EXPECT_TRUE(Holds(csv, "\r\n1,,,") || Holds(csv, "\n1,,,")) << csv;
  gateway().entries.clear();
  EXPECT_EQ(Run("audit log").out, "");
  EXPECT_EQ(Run("audit log --output json").out, "[]\n");
}

TEST_F(AuditLogCommandTest, ShowsAHundredUnlessMoreAreAskedFor) {
  for (int i = 0; i < 250; ++i) gateway().entries.push_back(Decision(i));
  const auto lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines(Run("audit log --output ndjson").out), 100);
  EXPECT_EQ(lines(Run("audit log --output ndjson --limit 170").out), 170);
  EXPECT_EQ(lines(Run("audit log --output ndjson --limit 1000").out), 250);
}

TEST_F(AuditLogCommandTest, SaysThatSomeCouldNotBeReadAndEndsAsPartlyDone) {
  gateway().entries = {Decision(0)};
  gateway().lie = [](v1::ListEntriesResponse& page) {
    page.add_unread_indexes(17);
    page.add_unread_indexes(18);
  };
  for (const char* form : {"", " --summary"}) {
    const Outcome log = Run(absl::StrCat("audit log", form));
    EXPECT_EQ(log.code, kPartlyDone);
    EXPECT_TRUE(Holds(log.err, "can't read 2 of these entries, the first at 17")) << log.err;
    EXPECT_TRUE(Holds(log.out, "decision")) << log.out;
  }
}

TEST_F(AuditLogCommandTest, SumsUpAllOfThem) {
  for (int i = 0; i < 150; ++i) gateway().entries.push_back(Decision(i));
  gateway().entries.push_back(
      Decision(150, ",\"x\":0,\"owner\":\"state-university\",\"code\":\"NO_MOU\""));
  const Outcome ascii = RunProgram("LC_ALL=C sluice audit log --summary");
  EXPECT_EQ(ascii.code, kDone) << ascii.err;
  EXPECT_TRUE(Holds(ascii.out, "151 entries\n")) << ascii.out;
  EXPECT_TRUE(Holds(ascii.out, "state-university  1\n")) << ascii.out;
  EXPECT_TRUE(Holds(ascii.out, "2027-01-01 00:00:00       15  ####")) << ascii.out;
  EXPECT_TRUE(Holds(RunProgram("LC_ALL=C.UTF-8 sluice audit log --summary").out, "  ████"));
  const std::string json = Run("audit log --summary --output json").out;
  EXPECT_TRUE(Holds(json, "\"entries\": 151")) << json;
  EXPECT_TRUE(Holds(json, "\"NO_MOU\": 1")) << json;
  EXPECT_TRUE(Holds(Run("audit log --summary --output csv").out, "mou,stem-pipeline,151"));
}

// `sluice audit log --follow` under way.
class Followed {
 public:
  Followed(const std::string& directory, const std::string& arguments)
      : out_(directory + "/followed") {
    const std::string command =
        absl::StrCat("cd ", directory, " && exec env -u SLUICE_PROFILE SLUICE_CONFIG=", directory,
                     "/config.yaml ", SLUICE_BINARY, " audit log --follow --interval 100ms ",
                     arguments, " >followed 2>err");
    const char* const words[] = {"sh", "-c", command.c_str(), nullptr};
    EXPECT_EQ(
        posix_spawn(&process_, "/bin/sh", nullptr, nullptr, const_cast<char**>(words), environ), 0);
  }
  ~Followed() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }
  std::string out() const { return ReadFile(out_).value_or(""); }
  bool Prints(absl::string_view text) const {
    for (const absl::Time end = absl::Now() + absl::Seconds(60); absl::Now() < end;) {
      if (absl::StrContains(out(), text)) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  // Its exit code, or -1.
  int Interrupt() {
    kill(process_, SIGINT);
    return Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(std::exchange(process_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  const std::string out_;
  pid_t process_ = 0;
};

TEST_F(AuditLogCommandTest, FollowsWhatComesUntilItIsInterrupted) {
  gateway().entries = {Decision(0)};
  Followed followed(directory_, "--start 0 --output ndjson");
  ASSERT_TRUE(followed.Prints("\"index\":0,"));
  service_->WhileNoCall([&] {
    gateway().entries.push_back("{\"type\":\"read\"}");  // its own
    gateway().entries.push_back(Decision(2));
  });
  ASSERT_TRUE(followed.Prints("\"index\":2,"));
  EXPECT_EQ(followed.Interrupt(), kDone);
  EXPECT_EQ(followed.out(),
            absl::StrCat("{\"index\":0,\"entry\":", Decision(0),
                         "}\n{\"index\":1,\"entry\":{\"type\":\"read\"}}\n{\"index\":2,\"entry\":",
                         Decision(2), "}\n"));
}

TEST_F(AuditLogCommandTest, FollowsFromNowOnIfNothingElseIsSaid) {
  gateway().entries = {Decision(0), Decision(1)};
  Followed followed(directory_, "--limit 1");
  int asked = 0;
  while (asked < 2) {
    service_->WhileNoCall([&] { asked = gateway().checkpoints; });
    absl::SleepFor(absl::Milliseconds(5));
  }
  service_->WhileNoCall([&] { gateway().entries.push_back(Decision(2)); });
  // As many as were asked for are the end, too.
  EXPECT_EQ(followed.Wait(), kDone);
  EXPECT_EQ(followed.out(),
            "2  2027-01-01 00:00:02  decision  river-unified/hiring  READ Candidate, stem-pipeline "
            "1  PERMIT\n");
}

TEST_F(AuditLogCommandTest, FollowingAnIdleLogAddsNothingToIt) {
  gateway().entries = {Decision(0)};
  Followed followed(directory_, "--start 0");
  ASSERT_TRUE(followed.Prints("decision"));
  // Its own reading is an entry, after which it must not read again.
  int asked = 0;
  service_->WhileNoCall([&] {
    gateway().entries.push_back("{\"type\":\"read\"}");
    asked = gateway().checkpoints;
  });
  int now = asked;
  while (now < asked + 5) {
    service_->WhileNoCall([&] { now = gateway().checkpoints; });
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_EQ(followed.Interrupt(), kDone);
  EXPECT_EQ(gateway().listings.size(), 1u);
}

}  // namespace
}  // namespace sluice::client
