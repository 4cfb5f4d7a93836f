// Keys by command: an administrator gives its organization's keys new versions while everybody
// reads and publishes, and destroys old ones; what was destroyed is read nowhere again, in no copy
// of the store.
//
// SLUICE_SEED repeats a run, SLUICE_KILLS says how many moments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/support/postgres_server.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRecords[] = "organizations/state-university/keys/records";

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class KeysByCommand : public ::testing::Test {
 protected:
  void Start() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    program_ = deployment_.As(kProgram, "system", "sis");
    district_ = deployment_.As(kDistrict, "system", "hr");
    admin_ = deployment_.As(kProgram, "admin", "registrar");
    operator_ = deployment_.As("operator", "operator", "root");
  }

  Outcome Run(const Identity& identity, const std::string& arguments) {
    WriteFile(deployment_.Path("config.yaml"),
              absl::StrCat("profiles:\n  default:\n    gateway: ", deployment_.target(),
                           "\n    ca: pki/operator/ca.pem\n    server_name: localhost\n"
                           "    organization: state-university\n    certificate: ",
                           identity.certificate, "\n    key: ", identity.key, "\n"));
    const std::string errors = deployment_.Path("err").string();
    const std::string command = absl::StrCat(
        "env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("config.yaml").string(), " ",
        SLUICE_BINARY, " ", arguments, " --attempts 1 2>", errors, " </dev/null");
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.err = ReadFile(errors);
    return outcome;
  }
  Outcome AsAdmin(const std::string& arguments) { return Run(admin_, arguments); }
  void MustRun(const std::string& arguments) {
    const Outcome outcome = AsAdmin(arguments);
    ASSERT_EQ(outcome.code, client::kDone) << arguments << "\n" << outcome.err;
  }

  void PublishAll(int records, const std::string& request = "first") {
    const auto gateway = deployment_.Connect(program_);
    for (int begin = 0; begin < records; begin += 1000) {
      Must(Publish(*gateway, absl::StrCat(request, "-", begin), begin,
                   std::min(begin + 1000, records))
               .status());
    }
  }
  // The numbers of the candidates that the district is given.
  absl::StatusOr<std::set<int>> Numbers() {
    ReadRows rows;
    const absl::Status status =
        Read(*deployment_.Connect(district_), ReadRequest("pipeline"), rows);
    received_ = rows.candidates.size();
    if (!status.ok()) return status;
    EXPECT_TRUE(rows.complete);
    std::set<int> numbers;
    for (const v1::Candidate& candidate : rows.candidates) {
      EXPECT_TRUE(numbers.insert(static_cast<int>(candidate.source().change_version())).second);
    }
    return numbers;
  }
  size_t Rows() {
    const absl::StatusOr<std::set<int>> numbers = Numbers();
    EXPECT_TRUE(numbers.ok()) << numbers.status();
    return numbers.ok() ? numbers->size() : 0;
  }
  v1::KeyVersionState StateOf(int version) {
    v1::GetKeyRequest request;
    request.set_name(kRecords);
    const auto response = Must(deployment_.Connect(admin_)->GetKey(request));
    for (const v1::KeyVersion& each : response.key().versions()) {
      if (each.name() == absl::StrCat(kRecords, "/versions/", version)) return each.state();
    }
    return v1::KEY_VERSION_STATE_UNSPECIFIED;
  }
  std::vector<std::string> KeyEntries(const Identity& identity) {
    v1::ListEntriesRequest request;
    request.set_type("key");
    request.set_page_size(1000);
    std::vector<std::string> entries;
    const auto page = Must(deployment_.Connect(identity)->ListEntries(request));
    for (const v1::LogEntry& entry : page.entries()) entries.push_back(entry.body());
    return entries;
  }
  // What somebody's backup would have: the database, and the log's directory that belongs to it.
  void CopyStore(const std::string& from, const std::string& to) {
    fs::remove_all(deployment_.Path(to));
    fs::create_directories(deployment_.Path(to));
    for (const auto& entry : fs::directory_iterator(deployment_.Path(from))) {
      const std::string name = entry.path().filename().string();
      if (name == "sluice.db" || name == "sluice.db-wal" || name == "log") {
        fs::copy(entry.path(), deployment_.Path(to) / name, fs::copy_options::recursive);
      }
    }
  }
  void RestoreStore(const std::string& from) {
    for (const char* name : {"sluice.db", "sluice.db-wal", "sluice.db-shm", "log"}) {
      fs::remove_all(deployment_.Path(name));
    }
    for (const auto& entry : fs::directory_iterator(deployment_.Path(from))) {
      fs::copy(entry.path(), deployment_.Path(entry.path().filename().string()),
               fs::copy_options::recursive);
    }
  }

  Deployment deployment_;
  Identity program_, district_, admin_, operator_;
  size_t received_ = 0;  // rows of the last read, whether it went well or not
};

TEST_F(KeysByCommand, AreListedRotatedAndDestroyedWithoutLoss) {
  deployment_.WriteConfiguration(
      absl::StrCat(deployment_.Configuration(), "key_copies: [\"the safe of the registrar\"]\n"));
  Start();
  EXPECT_THAT(AsAdmin("key list").out, HasSubstr("no keys"));
  PublishAll(1500);
  EXPECT_THAT(AsAdmin("key list").out, HasSubstr("IN_USE"));
  const Outcome early = AsAdmin("key destroy records/1 --confirm records/1");
  EXPECT_EQ(early.code, client::kFailed);
  EXPECT_THAT(early.err, HasSubstr("KEY_IN_USE"));
  EXPECT_THAT(early.err, HasSubstr("1,500 records"));

  const Outcome rotated = AsAdmin("key rotate records");
  EXPECT_EQ(rotated.code, client::kDone) << rotated.err;
  EXPECT_THAT(rotated.out, HasSubstr("EMPTY"));
  MustRun("key rotate dictionary");
  EXPECT_EQ(Rows(), 1500u);
  const Outcome dry = AsAdmin("key destroy records/1 --dry-run --output json");
  EXPECT_THAT(dry.out, Not(HasSubstr("\"records\":\"")));
  const Outcome destroyed = AsAdmin("key destroy records/1 --confirm records/1");
  EXPECT_EQ(destroyed.code, client::kDone) << destroyed.err;
  EXPECT_THAT(destroyed.out, HasSubstr("nothing of this store"));
  EXPECT_THAT(destroyed.out, HasSubstr("the safe of the registrar"));
  EXPECT_FALSE(fs::exists(deployment_.Path("keys/owner-state-university.data.1.kek")));
  EXPECT_EQ(AsAdmin("key destroy records/1 --confirm records/1").code, client::kFailed);
  EXPECT_EQ(Rows(), 1500u);

  // Who may not: another organization, a system; the operator rotates and does not destroy.
  const Identity other = deployment_.As(kDistrict, "admin", "clerk");
  for (const char* arguments :
       {"key list", "key rotate records --no-wait", "key destroy records/2 --dry-run"}) {
    EXPECT_EQ(Run(other, arguments).code, client::kDenied) << arguments;
    EXPECT_EQ(Run(program_, arguments).code, client::kDenied) << arguments;
  }
  EXPECT_EQ(Run(operator_, "key rotate records").code, client::kDone);
  EXPECT_EQ(Run(operator_, "key destroy records/2 --confirm records/2").code, client::kDenied);
  EXPECT_THAT(Run(operator_, "key list --all --output csv").out, HasSubstr("operator/keys"));
  EXPECT_EQ(Rows(), 1500u);

  // All of it is in the log, and its owner reads it there.
  const std::vector<std::string> entries = KeyEntries(admin_);
  std::string all;
  for (const std::string& entry : entries) absl::StrAppend(&all, entry, "\n");
  for (const char* said : {"\"action\":\"CREATED\",\"owner\":\"state-university\"",
                           "\"action\":\"ROTATED\",\"owner\":\"state-university\",\"key\":"
                           "\"records\",\"version\":2",
                           "\"action\":\"DESTROYED\",\"owner\":\"state-university\",\"key\":"
                           "\"records\",\"version\":1,\"unreadable\":0"}) {
    EXPECT_THAT(all, HasSubstr(said));
  }
  for (const std::string& entry : KeyEntries(other)) {
    EXPECT_THAT(entry, Not(HasSubstr("state-university\",\"key")));
  }
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

TEST_F(KeysByCommand, WhatADestroyedOneSealedIsReadNowhereAgain) {
  Start();
  PublishAll(300);
  EXPECT_EQ(Rows(), 300u);
  deployment_.End(SIGTERM);
  CopyStore("", "backup");
  deployment_.Start();
  EXPECT_EQ(Rows(), 300u);  // readers have the key at hand
  const Outcome destroyed = AsAdmin("key destroy records/1 --confirm records/1 --allow-unreadable");
  ASSERT_EQ(destroyed.code, client::kDone) << destroyed.err;
  EXPECT_THAT(destroyed.out, HasSubstr("300 records"));

  const auto expect_unreadable = [&] {
    const absl::Status status = Numbers().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(Reason(status), "KEY_DESTROYED");
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(kRecords, "/versions/1")));
    EXPECT_EQ(received_, 0u);
    EXPECT_THAT(AsAdmin("record status").out, HasSubstr("300"));
    EXPECT_EQ(AsAdmin("key list").code, client::kDone);
    EXPECT_EQ(StateOf(1), v1::KEY_VERSION_STATE_DESTROYED);
  };
  expect_unreadable();
  deployment_.End(SIGTERM);
  deployment_.Start();
  expect_unreadable();
  // Its owner publishes again, over what can't be read.
  EXPECT_EQ(Must(Publish(*deployment_.Connect(program_), "again", 0, 300)).changed_count(), 300);
  EXPECT_EQ(Rows(), 300u);
  EXPECT_EQ(StateOf(2), v1::KEY_VERSION_STATE_IN_USE);

  // A copy from before, with all that belongs to it but the key.
  deployment_.End(SIGTERM);
  RestoreStore("backup");
  deployment_.Start();
  expect_unreadable();
}

TEST_F(KeysByCommand, ReadersAndPublishersGoOnThroughARotation) {
  Start();
  constexpr int kRows = 6000;
  PublishAll(kRows);
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0, publishes = 0;
  std::thread reader([&] {
    const auto gateway = deployment_.Connect(district_);
    while (!done) {
      ReadRows rows;
      const absl::Status status = Read(*gateway, ReadRequest("pipeline"), rows);
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(rows.candidates.size(), static_cast<size_t>(kRows));
      ++reads;
    }
  });
  std::thread publisher([&] {
    const auto gateway = deployment_.Connect(program_);
    std::mt19937 random(1);
    while (!done) {
      v1::PublishRecordsRequest batch;
      batch.set_parent(absl::StrCat("organizations/", kProgram));
      batch.set_record_type("Candidate");
      batch.set_request_id(absl::StrCat("change-", publishes.load()));
      for (int i = 0, at = static_cast<int>(random() % (kRows - 50)); i < 50; ++i) {
        v1::Candidate candidate = MakeCandidate(at + i);
        candidate.mutable_birth_date()->set_day(static_cast<int>(random() % 28 + 1));
        batch.add_records(candidate.SerializeAsString());
      }
      const auto stream = gateway->PublishRecords();
      v1::PublishRecordsResponse answer;
      EXPECT_TRUE(stream->Write(batch) && stream->Read(&answer));
      EXPECT_EQ(answer.new_count(), 0);
      stream->WritesDone();
      Must(stream->Finish());
      ++publishes;
    }
  });
  for (int version = 1; version <= 3; ++version) {
    const int reads_before = reads, publishes_before = publishes;
    const Outcome rotated = AsAdmin("key rotate records");
    EXPECT_EQ(rotated.code, client::kDone) << rotated.err;
    WaitFor("a read and a publish beside it",
            [&] { return reads > reads_before && publishes > publishes_before; });
    const Outcome destroyed =
        AsAdmin(absl::StrCat("key destroy records/", version, " --confirm records/", version));
    EXPECT_EQ(destroyed.code, client::kDone) << destroyed.err;
  }
  done = true;
  reader.join();
  publisher.join();
  EXPECT_EQ(Rows(), static_cast<size_t>(kRows));
  deployment_.End(SIGTERM);
  deployment_.Start();
  EXPECT_EQ(Rows(), static_cast<size_t>(kRows));
}

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  uint32_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) ADD_FAILURE() << name << " is no number";
  return number;
}

TEST_F(KeysByCommand, ARotationThatIsKilledGoesOnAfterTheNextStart) {
  const uint32_t seed = FromEnvironment("SLUICE_SEED", 1);
  const uint32_t kills = FromEnvironment("SLUICE_KILLS", 4);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> moment_ms(0, 250);
  Start();
  constexpr int kRows = 10000;
  PublishAll(kRows);
  for (uint32_t kill = 1; kill <= kills; ++kill) {
    SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed, ", kill ", kill));
    MustRun("key rotate records --no-wait");
    absl::SleepFor(absl::Milliseconds(moment_ms(random)));
    EXPECT_EQ(deployment_.End(SIGKILL), -SIGKILL);
    deployment_.Start();
    EXPECT_EQ(Rows(), static_cast<size_t>(kRows));
    const int old = static_cast<int>(kill);
    WaitFor("what was left of it", [&] { return StateOf(old) == v1::KEY_VERSION_STATE_EMPTY; });
    MustRun(absl::StrCat("key destroy records/", old, " --confirm records/", old));
    EXPECT_EQ(Rows(), static_cast<size_t>(kRows));
    if (HasFailure()) return;
  }
}

TEST_F(KeysByCommand, AreTheSameOnPostgres) {
  const auto server = server::PostgresServer::Start({}).value();
  deployment_.WriteConfiguration(absl::StrReplaceAll(
      deployment_.Configuration(),
      {{"store: {sqlite: sluice.db}",
        absl::StrCat("store: {postgres: \"", server->TcpSettings(server->CreateDatabase().value()),
                     "\"}")}}));
  Start();
  PublishAll(2000);
  MustRun("key rotate records");
  EXPECT_EQ(StateOf(1), v1::KEY_VERSION_STATE_EMPTY);
  MustRun("key destroy records/1 --confirm records/1");
  EXPECT_EQ(Rows(), 2000u);
  MustRun("key destroy records/2 --confirm records/2 --allow-unreadable");
  EXPECT_EQ(Reason(Numbers().status()), "KEY_DESTROYED");
  EXPECT_EQ(Must(Publish(*deployment_.Connect(program_), "again", 0, 1000)).changed_count(), 1000);
  EXPECT_EQ(Reason(Numbers().status()), "KEY_DESTROYED");
  EXPECT_EQ(Must(Publish(*deployment_.Connect(program_), "more", 1000, 2000)).changed_count(),
            1000);
  EXPECT_EQ(Rows(), 2000u);
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

}  // namespace
}  // namespace sluice::tests
