// What an operator does with a gateway's store while the gateway is stopped: makes its schema under
// one role and serves under another, and moves it to another engine and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/deployment.h"
#include "tests/support/postgres_server.h"

namespace sluice::tests {
namespace {

using server::PostgresServer;
using ::testing::HasSubstr;

struct Outcome {
  int code = 0;
  std::string said;  // on both streams
};

class Stores : public ::testing::Test {
 protected:
  Stores() { deployment_.ProposeSigned("pipeline"); }
  ~Stores() override { EXPECT_TRUE(server_.DropDatabase(database_).ok()); }

  std::string OnPostgres(const std::string& settings) {
    return absl::StrReplaceAll(
        deployment_.Configuration(),
        {{"store: {sqlite: sluice.db}", absl::StrCat("store: {postgres: \"", settings, "\"}")}});
  }
  // Writes another configuration beside the gateway's.
  std::string Beside(const std::string& name, const std::string& text) {
    WriteFile(deployment_.Path(name), text);
    return deployment_.Path(name).string();
  }
  static Outcome Run(const std::string& command) {
    Outcome outcome;
    std::FILE* pipe = popen(absl::StrCat("exec ", command, " 2>&1").c_str(), "r");
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      outcome.said.append(buffer, n);
    }
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }
  Outcome Sluiced(const std::string& arguments) {
    return Run(absl::StrCat("timeout 60 ", SLUICED_BINARY, " ", arguments));
  }
  std::string Own() const { return deployment_.Path("sluiced.yaml").string(); }
  void Publish(absl::string_view request, int begin, int end) {
    const auto gateway = deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
    EXPECT_EQ(Must(tests::Publish(*gateway, request, begin, end)).state(),
              v1::PUBLISH_STATE_COMMITTED);
  }
  // Row ids and bytes, as the district has them.
  std::vector<std::pair<std::string, std::string>> Released() {
    ReadRows rows;
    Must(Read(*deployment_.Connect(deployment_.As(kDistrict, "system", "hr")),
              ReadRequest("pipeline"), rows));
    std::vector<std::pair<std::string, std::string>> released;
    for (size_t i = 0; i < rows.row_ids.size(); ++i) {
      released.emplace_back(rows.row_ids[i], rows.candidates[i].SerializeAsString());
    }
    std::sort(released.begin(), released.end());
    return released;
  }
  // Against the checkpoint that was kept the last time.
  void VerifyLog() {
    const Identity operator_identity = deployment_.As("operator", "operator", "ops");
    const Outcome verified = Run(absl::StrCat(
        "env -u SLUICE_PROFILE SLUICE_CONFIG=", deployment_.Path("none.yaml").string(), " ",
        SLUICE_BINARY, " audit verify --state ", deployment_.Path("kept").string(), " --vkey ",
        deployment_.Path("log/vkey").string(), " --gateway ", deployment_.target(), " --ca ",
        deployment_.Path("pki/operator/ca.pem").string(), " --certificate ",
        operator_identity.certificate, " --key ", operator_identity.key,
        " --server-name localhost --attempts 1"));
    EXPECT_EQ(verified.code, 0) << verified.said;
  }
  void ExpectNoStart(absl::string_view why) {
    const Outcome start = Sluiced(absl::StrCat("--config ", Own()));
    EXPECT_EQ(start.code, 1) << start.said;
    EXPECT_THAT(start.said, HasSubstr(std::string(why)));
  }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
  Deployment deployment_;
};

TEST_F(Stores, MoveToAnotherEngineAndBackWithTheirLog) {
  const std::string on_sqlite = deployment_.Configuration();
  const std::string on_postgres = OnPostgres(server_.TcpSettings(database_));
  const std::string there = Beside("there.yaml", on_postgres);
  const std::string copy = absl::StrCat("store copy --config ", Own(), " --to ", there);
  deployment_.Start();
  Publish("one", 0, 100);
  const auto released = Released();
  VerifyLog();
  const Outcome running = Sluiced(copy);
  EXPECT_EQ(running.code, 1);
  EXPECT_THAT(running.said, HasSubstr("stop that one first"));
  EXPECT_EQ(deployment_.End(SIGTERM), 0);

  const Outcome moved = Sluiced(copy);
  ASSERT_EQ(moved.code, 0) << moved.said;
  EXPECT_THAT(moved.said, HasSubstr("copied record: 100 rows\n"));
  EXPECT_THAT(moved.said, HasSubstr("compared record: 100 rows\n"));
  EXPECT_THAT(moved.said, HasSubstr("serves no more"));
  ExpectNoStart("was moved to PostgreSQL");

  deployment_.WriteConfiguration(on_postgres);
  deployment_.Start();
  EXPECT_EQ(Released(), released);
  Publish("two", 100, 150);
  EXPECT_EQ(Released().size(), 150u);
  VerifyLog();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  const Outcome whole = Sluiced(absl::StrCat("store verify --config ", Own()));
  EXPECT_EQ(whole.code, 0) << whole.said;

  // Where it was, it can't go: something stands there. A copy serves from another file.
  const std::string back = Beside("back.yaml", on_sqlite);
  EXPECT_THAT(Sluiced(absl::StrCat("store copy --config ", Own(), " --to ", back)).said,
              HasSubstr("was moved to PostgreSQL"));
  const std::string again = absl::StrReplaceAll(on_sqlite, {{"sluice.db", "again.db"}});
  Beside("back.yaml", again);
  const Outcome returned = Sluiced(absl::StrCat("store copy --config ", Own(), " --to ", back));
  ASSERT_EQ(returned.code, 0) << returned.said;
  ExpectNoStart("again.db");
  deployment_.WriteConfiguration(again);
  deployment_.Start();
  EXPECT_EQ(Released().size(), 150u);
  VerifyLog();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);

  // Whoever says that nobody serves there may serve here; the log's own checkpoint still knows.
  deployment_.WriteConfiguration(on_sqlite);
  const Outcome accepted = Sluiced(absl::StrCat("--config ", Own(), " --accept-moved"));
  EXPECT_EQ(accepted.code, 1) << accepted.said;
}

TEST_F(Stores, AreWholeWhereTheyWereWhenACopyIsKilled) {
  const std::string there = Beside("there.yaml", OnPostgres(server_.TcpSettings(database_)));
  deployment_.Start();
  for (int batch = 0; batch < 4; ++batch) {
    Publish(absl::StrCat("batch-", batch), batch * 5000, (batch + 1) * 5000);
  }
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  int out[2];
  ASSERT_EQ(pipe(out), 0);
  const pid_t copying = fork();
  if (copying == 0) {
    dup2(out[1], STDOUT_FILENO);
    execl(SLUICED_BINARY, "sluiced", "store", "copy", "--config", Own().c_str(), "--to",
          there.c_str(), nullptr);
    _exit(127);
  }
  close(out[1]);
  // It has begun.
  char byte = 0;
  EXPECT_EQ(read(out[0], &byte, 1), 1);
  kill(copying, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(copying, &status, 0), copying);
  close(out[0]);
  EXPECT_TRUE(WIFSIGNALED(status));

  deployment_.Start();
  EXPECT_EQ(Released().size(), 20'000u);
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  const Outcome moved = Sluiced(absl::StrCat("store copy --config ", Own(), " --to ", there));
  ASSERT_EQ(moved.code, 0) << moved.said;
  deployment_.WriteConfiguration(ReadFile(there));
  deployment_.Start();
  EXPECT_EQ(Released().size(), 20'000u);
}

TEST_F(Stores, AreMovedWithTheirGatewayAlone) {
  const std::string own = deployment_.Configuration();
  const auto copied = [&](const std::string& other) {
    return Sluiced(absl::StrCat("store copy --config ", Own(), " --to ", Beside("to.yaml", other)));
  };
  EXPECT_THAT(copied(own).said, HasSubstr("name the same store"));
  for (const auto& [key, word, another] : {std::tuple("keys", "keys: keys", "keys: others"),
                                           {"gateway", "gateway: test", "gateway: b"},
                                           {"log", "test/1", "test/2"}}) {
    const Outcome refused =
        copied(absl::StrReplaceAll(own, {{word, another}, {"sluice.db", "other.db"}}));
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.said, HasSubstr(absl::StrCat("differ in ", key)));
  }
  const std::string other = absl::StrReplaceAll(own, {{"sluice.db", "other.db"}});
  EXPECT_THAT(copied(other).said, HasSubstr("the keys are not at"));
  deployment_.Start();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_EQ(copied("nonsense").code, 3);
  std::filesystem::remove(deployment_.Path("sluice.db"));
  EXPECT_THAT(copied(other).said, HasSubstr("there is no"));
  EXPECT_FALSE(std::filesystem::exists(deployment_.Path("other.db")));
}

TEST_F(Stores, AreMadeByOneRoleAndServedByAnother) {
  deployment_.WriteConfiguration(OnPostgres(server_.GatewaySettings(database_)));
  ExpectNoStart("run `sluiced migrate`");
  const std::string migrate =
      absl::StrCat("migrate --config ", Own(), " --owner user=", PostgresServer::kOwnerRole);
  const Outcome looked = Sluiced(migrate + " --dry-run");
  EXPECT_EQ(looked.code, 0) << looked.said;
  EXPECT_THAT(looked.said, HasSubstr("would be done: makes the tables"));
  ExpectNoStart("run `sluiced migrate`");
  const Outcome made = Sluiced(migrate);
  ASSERT_EQ(made.code, 0) << made.said;
  EXPECT_THAT(made.said, HasSubstr("makes the tables"));
  EXPECT_THAT(made.said, HasSubstr("has what a gateway needs, and no more"));

  deployment_.Start();
  Publish("one", 0, 10);
  EXPECT_EQ(Released().size(), 10u);
  VerifyLog();
  const Outcome beside = Sluiced(migrate);
  EXPECT_EQ(beside.code, 1) << beside.said;
  EXPECT_THAT(beside.said, HasSubstr("a gateway serves from this database"));
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_EQ(Sluiced(migrate).code, 0);
  deployment_.Start();
  EXPECT_EQ(Released().size(), 10u);
}

TEST_F(Stores, MovedByTheOwnerOfTheTablesAreServedByTheGatewaysRole) {
  const std::string there = Beside("there.yaml", OnPostgres(server_.GatewaySettings(database_)));
  deployment_.Start();
  Publish("one", 0, 10);
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  const std::string copy = absl::StrCat("store copy --config ", Own(), " --to ", there);
  EXPECT_EQ(Sluiced(copy).code, 1);
  const Outcome moved = Sluiced(absl::StrCat(copy, " --owner user=", PostgresServer::kOwnerRole));
  ASSERT_EQ(moved.code, 0) << moved.said;
  deployment_.WriteConfiguration(ReadFile(there));
  deployment_.Start();
  Publish("two", 10, 20);
  EXPECT_EQ(Released().size(), 20u);
}

TEST_F(Stores, OfANewerSchemaAreRefusedWhateverIsAsked) {
  deployment_.WriteConfiguration(OnPostgres(server_.TcpSettings(database_)));
  const std::string to = Beside(
      "to.yaml", absl::StrReplaceAll(deployment_.Configuration(), {{"sluice.db", "other.db"}}));
  deployment_.Start();
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  ASSERT_TRUE(server_.Run(database_, "UPDATE store SET schema_version = 1000").ok());
  for (const std::string& arguments :
       {std::string(), std::string("migrate"), std::string("migrate --dry-run"),
        std::string("store verify"), absl::StrCat("store copy --to ", to)}) {
    const Outcome refused = Sluiced(absl::StrCat(arguments, " --config ", Own()));
    EXPECT_EQ(refused.code, 1) << arguments;
    EXPECT_THAT(refused.said, HasSubstr("schema version 1000")) << arguments;
    EXPECT_THAT(refused.said, HasSubstr("a newer one")) << arguments;
  }
}

}  // namespace
}  // namespace sluice::tests
