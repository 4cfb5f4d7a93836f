// The gateway among witnesses: what is published and proved by them, what becomes of it when they
// are away, and that a gateway that is rolled back is found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/witness_program.h"
#include "tests/support/fake_witness.h"
#include "tests/support/https_witness.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

// A witness as a process of its own would be: over HTTPS, under a CA of its own.
class ServedWitness {
 public:
  explicit ServedWitness(std::string name, char seed)
      : witness_(std::move(name), seed, [] { return absl::Now(); }) {}

  server::FakeWitness& witness() { return witness_; }
  std::string vkey() const { return witness_.key().vkey(); }
  // As a member of `witnesses:`.
  std::string Configuration() const {
    return absl::StrCat("{vkey: \"", vkey(), "\", url: \"", server_.url(),
                        "/log\", ca_file: ", server_.ca_file(), "}");
  }

 private:
  server::FakeWitness witness_;
  HttpsWitness server_{[this](const httplib::Request& request, httplib::Response& response) {
    const absl::StatusOr<server::WitnessAnswer> answer = witness_.Answer(request.body);
    response.status = answer.ok() ? answer->status : 503;
    if (answer.ok()) response.set_content(answer->body, answer->content_type.c_str());
  }};
};

class WitnessedLog : public ::testing::Test {
 protected:
  WitnessedLog() {
    deployment_.WriteConfiguration(Configuration(""));
    deployment_.ProposeSigned("pipeline");
  }

  // `log`: more members of `log:`.
  std::string Configuration(absl::string_view log) const {
    return absl::StrReplaceAll(
        absl::StrCat("metrics: {listen: 127.0.0.1:0, port_file: metrics-port}\n",
                     deployment_.Configuration()),
        {{"tiles: log}", absl::StrCat("tiles: log", log, "}")}});
  }
  absl::Status ReadOne() {
    const auto district = deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
    ReadRows rows;
    return Read(*district, ReadRequest("pipeline"), rows);
  }
  // Of how many entries the published checkpoint is; 0 without one that they all have cosigned.
  int Published(const std::vector<std::string>& witnesses) const {
    const fs::path path = deployment_.Path("log/checkpoint");
    const std::string note = fs::exists(path) ? ReadFile(path) : "";
    for (const std::string& name : witnesses) {
      if (!absl::StrContains(note, absl::StrCat("— ", name, " "))) return 0;
    }
    return std::stoi(note.substr(note.find('\n') + 1));
  }
  std::string Metrics() const {
    httplib::Client client("127.0.0.1", std::stoi(ReadFile(deployment_.Path("metrics-port"))));
    const httplib::Result result = client.Get("/metrics");
    return result ? result->body : "";
  }
  // Both into `copy`, as they are, of a gateway that is down; and both as they were there.
  void CopyStoreAndDirectory(const fs::path& copy) const {
    fs::create_directory(copy);
    fs::copy(deployment_.Path("log"), copy / "log", fs::copy_options::recursive);
    fs::copy(deployment_.Path("sluice.db"), copy / "sluice.db");
  }
  void RollBackStoreAndDirectory(const fs::path& copy) const {
    for (const char* file : {"sluice.db", "sluice.db-wal", "sluice.db-shm", "log"}) {
      fs::remove_all(deployment_.Path(file));
    }
    fs::copy(copy / "log", deployment_.Path("log"), fs::copy_options::recursive);
    fs::copy(copy / "sluice.db", deployment_.Path("sluice.db"));
  }

  int Run(const std::string& arguments, std::string& said) {
    const std::string command =
        absl::StrCat("env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("none.yaml").string(),
                     " XDG_STATE_HOME=", deployment_.Path("state").string(), " ", SLUICE_BINARY,
                     " ", arguments, " 2>&1");
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) said.append(buffer, n);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string ByNetwork() {
    const Identity as = deployment_.As("operator", "operator", "root");
    return absl::StrCat("audit verify --gateway ", deployment_.target(), " --ca ",
                        deployment_.Path("pki/operator/ca.pem").string(), " --certificate ",
                        as.certificate, " --key ", as.key, " --server-name localhost");
  }
  // By somebody else, who holds what he has seen himself.
  std::string ByDirectory() const {
    return absl::StrCat("audit verify --directory ", deployment_.Path("log").string(), " --state ",
                        deployment_.Path("other-state").string());
  }

  Deployment deployment_;
};

class Witnessed : public WitnessedLog {
 protected:
  Witnessed() { Configure(""); }

  void Configure(absl::string_view more) {
    deployment_.WriteConfiguration(WitnessedLog::Configuration(absl::StrCat(
        ", witnesses: [", one_.Configuration(), ", ", other_.Configuration(), "]", more)));
  }
  int Published() const { return WitnessedLog::Published({"one.example", "other.example"}); }
  void AwaitPublished(int more_than) {
    WaitFor("a checkpoint that both have cosigned", [&] { return Published() > more_than; });
  }

  ServedWitness one_{"one.example", '1'};
  ServedWitness other_{"other.example", '2'};
};

TEST_F(Witnessed, PublishesWhatTheyCosignedAndAnAuditorIsToldWhoAndWhen) {
  deployment_.Start();
  ASSERT_TRUE(ReadOne().ok());
  AwaitPublished(0);
  const std::string both =
      absl::StrCat(" --witness '", one_.vkey(), "' --witness '", other_.vkey(), "'");
  for (const std::string& way : {ByNetwork(), ByDirectory()}) {
    std::string said;
    ASSERT_EQ(Run(way + both, said), client::kDone) << said;
    EXPECT_THAT(said, HasSubstr("one.example cosigned the first "));
    EXPECT_THAT(said, HasSubstr("other.example cosigned the first "));
    EXPECT_THAT(said, HasSubstr(absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone())));
  }
  const server::WitnessKeyForTest stranger("third.example", '3');
  for (const std::string& way : {ByNetwork(), ByDirectory()}) {
    std::string said;
    EXPECT_EQ(Run(absl::StrCat(way, both, " --witness '", stranger.vkey(), "'"), said),
              client::kDone)
        << said;
    said.clear();
    EXPECT_EQ(Run(absl::StrCat(way, " --witness '", stranger.vkey(), "'"), said),
              client::kCheckFailed);
    EXPECT_THAT(said, HasSubstr("is cosigned by 0 of 1 witnesses"));
  }
}

TEST_F(Witnessed, HaltsWithoutThemAndServesAgainByItself) {
  Configure(", witness_lag_warn: 500ms, witness_lag_halt: 2s");
  deployment_.Start();
  AwaitPublished(0);
  ASSERT_TRUE(ReadOne().ok());
  other_.witness().Vanish();
  ASSERT_TRUE(
      Publish(*deployment_.Connect(deployment_.As(kProgram, "system", "sis")), "batch", 0, 3).ok());
  deployment_.WaitForLine("\"witness\":\"other.example\",\"state\":\"BAD_ANSWER\"");
  WaitFor("the metric of it", [&] {
    return absl::StrContains(
        Metrics(), "sluice_witness_trouble{trouble=\"BAD_ANSWER\",witness=\"other.example\"} 1");
  });
  deployment_.WaitForLine("WITNESS_LATE");
  deployment_.WaitForLine("\"halted\",\"cause\":\"WITNESS_LAG");
  EXPECT_EQ(Reason(ReadOne()), "AUDIT_UNAVAILABLE");
  const int before = Published();
  other_.witness().Return();
  deployment_.WaitForLine("serving again");
  WaitFor("a read", [&] { return ReadOne().ok(); });
  AwaitPublished(before);
}

TEST_F(Witnessed, FindThatStoreAndDirectoryWereRolledBackTogether) {
  deployment_.Start();
  AwaitPublished(0);
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  CopyStoreAndDirectory(deployment_.Path("yesterday"));

  deployment_.Start();
  const int before = Published();
  ASSERT_TRUE(ReadOne().ok());
  AwaitPublished(before);
  ASSERT_EQ(deployment_.End(SIGKILL), -SIGKILL);

  RollBackStoreAndDirectory(deployment_.Path("yesterday"));
  const absl::Status refused = deployment_.TryStart();
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("WITNESS_AHEAD: witness one.example"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("rolled back"));
}

// As a party runs it: it is told the key of a log that is there, and then the log of it.
class WitnessedByTheProgram : public WitnessedLog {
 protected:
  WitnessedByTheProgram() {
    deployment_.Start();
    deployment_.End(SIGTERM);
    witness_.Start(deployment_.Path("log/vkey"));
    deployment_.WriteConfiguration(
        Configuration(absl::StrCat(", witnesses: [", witness_.Configuration(), "]")));
    deployment_.Start();
    AwaitPublished(0);
  }
  int Published() const { return WitnessedLog::Published({"program.example"}); }
  void AwaitPublished(int more_than) {
    WaitFor("a checkpoint that it has cosigned", [&] { return Published() > more_than; });
  }

  WitnessProgram witness_{deployment_.Path("witness"), "program.example"};
};

TEST_F(WitnessedByTheProgram, IsVerifiedByWhoeverTrustsItsKey) {
  for (const std::string& way : {ByNetwork(), ByDirectory()}) {
    std::string said;
    ASSERT_EQ(Run(absl::StrCat(way, " --witness '", witness_.vkey(), "'"), said), client::kDone)
        << said;
    EXPECT_THAT(said, HasSubstr("program.example cosigned the first "));
  }
}

TEST_F(WitnessedByTheProgram, KilledAtAnyMomentItGoesOnFromWhatItCosigned) {
  const auto program = deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
  std::minstd_rand dice(testing::UnitTest::GetInstance()->random_seed());
  for (int kill = 0; kill < 5; ++kill) {
    const std::string request = absl::StrCat("batch-", kill);
    ASSERT_TRUE(Publish(*program, request, kill, kill + 1).ok());
    absl::SleepFor(absl::Microseconds(dice() % 50'000));
    ASSERT_EQ(witness_.End(SIGKILL), -SIGKILL);
    const int before = Published();
    ASSERT_TRUE(Publish(*program, absl::StrCat(request, "-again"), kill, kill + 1).ok());
    witness_.Start(deployment_.Path("log/vkey"));
    AwaitPublished(before);
    EXPECT_THAT(witness_.Lines(), Not(HasSubstr("\"fork\"")));
    EXPECT_THAT(witness_.Lines(), Not(HasSubstr("\"not_proved\"")));
  }
  EXPECT_EQ(witness_.End(SIGTERM), 0);
  std::string said;
  EXPECT_EQ(Run(absl::StrCat(ByDirectory(), " --witness '", witness_.vkey(), "'"), said),
            client::kDone)
      << said;
}

TEST_F(WitnessedByTheProgram, RefusesTheLogThatWasRolledBackAndGrewAnew) {
  deployment_.End(SIGTERM);
  CopyStoreAndDirectory(deployment_.Path("yesterday"));
  deployment_.Start();
  const int before = Published();
  ASSERT_TRUE(ReadOne().ok());
  AwaitPublished(before);
  ASSERT_EQ(deployment_.End(SIGKILL), -SIGKILL);

  RollBackStoreAndDirectory(deployment_.Path("yesterday"));
  const absl::Status refused = deployment_.TryStart();
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("WITNESS_AHEAD: witness program.example"));

  // Whoever lets it grow unwitnessed past what was cosigned has another history.
  deployment_.WriteConfiguration(Configuration(""));
  deployment_.Start();
  while (WitnessedLog::Published({}) <= before + 10) ASSERT_TRUE(ReadOne().ok());
  deployment_.End(SIGTERM);
  deployment_.WriteConfiguration(
      Configuration(absl::StrCat(", witnesses: [", witness_.Configuration(), "]")));
  const absl::Status forked = deployment_.TryStart();
  EXPECT_FALSE(forked.ok());
  EXPECT_THAT(std::string(forked.message()),
              HasSubstr("WITNESS_CONFLICT: witness program.example"));
  EXPECT_THAT(witness_.Lines(), HasSubstr("\"not_proved\""));
}

}  // namespace
}  // namespace sluice::tests
