// A gateway whose store is on PostgreSQL: it publishes and reads, and goes on without hands when
// the server was killed.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/deployment.h"
#include "tests/support/postgres_server.h"

namespace sluice::tests {
namespace {

TEST(GatewayOnPostgres, GoesOnWhenTheServerWasKilledAndWhenItWasItself) {
  const auto server = server::PostgresServer::Start({}).value();
  const std::string database = server->CreateDatabase().value();
  Deployment deployment;
  deployment.WriteConfiguration(absl::StrReplaceAll(
      deployment.Configuration(),
      {{"store: {sqlite: sluice.db}",
        absl::StrCat("store: {postgres: \"", server->TcpSettings(database), "\"}")}}));
  deployment.ProposeSigned("pipeline");
  deployment.Start();
  const Identity program = deployment.As(kProgram, "system", "sis");
  const Identity district = deployment.As(kDistrict, "system", "hr");
  const auto rows = [&] {
    ReadRows read;
    const auto gateway = deployment.Connect(district);
    const absl::Status status = Read(*gateway, ReadRequest("pipeline"), read);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(read.complete);
    return read.row_ids.size();
  };
  auto publisher = deployment.Connect(program);
  ASSERT_TRUE(Publish(*publisher, "one", 0, 100).ok());
  EXPECT_EQ(rows(), 100u);

  server->Kill();
  EXPECT_TRUE(absl::IsUnavailable(Publish(*publisher, "two", 100, 200).status()));
  ASSERT_TRUE(server->StartAgain().ok());
  WaitFor("the gateway to find its database again",
          [&] { return Publish(*deployment.Connect(program), "two", 100, 200).ok(); });
  WaitFor("a whole read", [&] {
    ReadRows read;
    return Read(*deployment.Connect(district), ReadRequest("pipeline"), read).ok() && read.complete;
  });
  EXPECT_EQ(rows(), 200u);

  deployment.End(SIGKILL);
  deployment.Start();
  EXPECT_EQ(rows(), 200u);
  EXPECT_EQ(deployment.Verify(), 0) << ReadFile(deployment.Path("verified"));
  ASSERT_TRUE(server->Run(database, "DELETE FROM record WHERE ordinal = 5").ok());
  EXPECT_EQ(deployment.Verify(), 3);
  EXPECT_EQ(deployment.End(SIGTERM), 0);
}

}  // namespace
}  // namespace sluice::tests
