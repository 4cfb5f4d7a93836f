// A gateway whose PostgreSQL is killed while it publishes and reads, or hangs: callers are told so
// in bounded time, what was acknowledged is there, and nobody has to mend anything.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/e2e/stored_deployment.h"
#include "tests/support/cutting_proxy.h"

namespace sluice::tests {
namespace {

constexpr int kBatch = 100;
// Longer no caller waits, whatever the database does.
constexpr absl::Duration kLongest = absl::Seconds(40);

TEST(GatewayOnPostgres, LosesNothingAcknowledgedWhenItsServerIsKilledInMidPublishAndMidRead) {
  const auto server = server::PostgresServer::Start({}).value();
  StoredDeployment deployment(Engine::kPostgres, server.get());
  deployment.Start();
  const Identity program = deployment.As(kProgram, "system", "sis");
  const Identity district = deployment.As(kDistrict, "system", "hr");
  std::atomic<int> acknowledged = 0;  // batches
  std::atomic<int> reads_ended = 0, reads_whole = 0;
  std::atomic<bool> stop = false;

  std::thread publisher([&] {
    const auto gateway = deployment.Connect(program);
    for (int batch = 0; !stop;) {
      const absl::Time began = absl::Now();
      const auto answer =
          Publish(*gateway, absl::StrCat("batch-", batch), batch * kBatch, (batch + 1) * kBatch);
      EXPECT_LT(absl::Now() - began, kLongest);
      if (answer.ok() && answer->state() == v1::PUBLISH_STATE_COMMITTED) {
        acknowledged = ++batch;
        continue;
      }
      // Of the call, or of the batch.
      const auto code = answer.ok() ? static_cast<absl::StatusCode>(answer->error().code())
                                    : answer.status().code();
      EXPECT_EQ(code, absl::StatusCode::kUnavailable) << answer.status();
      absl::SleepFor(absl::Milliseconds(10));
    }
  });
  std::thread reader([&] {
    const auto gateway = deployment.Connect(district);
    while (!stop) {
      const size_t before = static_cast<size_t>(acknowledged) * kBatch;
      const absl::Time began = absl::Now();
      ReadRows rows;
      const absl::Status status = Read(*gateway, ReadRequest("pipeline"), rows);
      EXPECT_LT(absl::Now() - began, kLongest);
      EXPECT_EQ(status.ok(), rows.complete) << status;
      if (status.ok()) {
        EXPECT_GE(rows.row_ids.size(), before);
        ++reads_whole;
      } else {
        EXPECT_TRUE(absl::IsUnavailable(status)) << status;
        ++reads_ended;
        absl::SleepFor(absl::Milliseconds(10));
      }
    }
  });
  for (int kill = 0; kill < 3; ++kill) {
    const int batches = acknowledged, whole = reads_whole, ended = reads_ended;
    WaitFor("publishing and reading",
            [&] { return acknowledged >= batches + 5 && reads_whole > whole; });
    server->Kill();
    WaitFor("a read that ended early", [&] { return reads_ended > ended; });
    ASSERT_TRUE(server->StartAgain().ok());
  }
  const int batches = acknowledged, whole = reads_whole;
  WaitFor("publishing and reading", [&] { return acknowledged > batches && reads_whole > whole; });
  stop = true;
  publisher.join();
  reader.join();

  ReadRows rows;
  Must(Read(*deployment.Connect(district), ReadRequest("pipeline"), rows));
  std::map<int, int> records;  // of each batch
  for (const v1::Candidate& candidate : rows.candidates) {
    ++records[static_cast<int>(candidate.source().change_version()) / kBatch];
  }
  for (const auto& [batch, count] : records) EXPECT_EQ(count, kBatch) << "batch " << batch;
  EXPECT_GE(static_cast<int>(records.size()), acknowledged);
  EXPECT_LE(static_cast<int>(records.size()), acknowledged + 1);
  EXPECT_EQ(deployment.End(SIGTERM), 0);
}

TEST(GatewayOnPostgres, SaysWithinSecondsThatItsServerHangsAndGoesOnWhenItDoesNot) {
  server::PostgresServer& server = server::PostgresServer::Shared();
  StoredDeployment deployment(Engine::kPostgres);
  // Short, for a socket's name is.
  const std::string directory = deployment.Path("pg").string();
  ASSERT_TRUE(std::filesystem::create_directory(directory));
  std::optional<server::CuttingProxy> proxy;
  proxy.emplace(directory, server.port(), server.socket());
  deployment.WriteConfiguration(absl::StrReplaceAll(
      deployment.Configuration(),
      {{"store: {sqlite: sluice.db}",
        absl::StrCat("store: {postgres: \"",
                     server.SocketSettings(deployment.database(), directory), "\"}")}}));
  deployment.Start();
  const auto program = deployment.Program();
  const auto district = deployment.District();
  ASSERT_TRUE(Publish(*program, "one", 0, 100).ok());
  EXPECT_EQ(deployment.CountReleased(), 100u);

  // Nobody asks for anything: it notices all the same.
  const absl::Time began = absl::Now();
  proxy->Hang();
  deployment.WaitForLine("\"halted\"");
  EXPECT_LT(absl::Now() - began, absl::Seconds(12));
  const absl::Time asked = absl::Now();
  EXPECT_TRUE(absl::IsUnavailable(Publish(*program, "two", 100, 200).status()));
  ReadRows rows;
  EXPECT_TRUE(absl::IsUnavailable(Read(*district, ReadRequest("pipeline"), rows)));
  EXPECT_TRUE(rows.row_ids.empty());
  EXPECT_LT(absl::Now() - asked, absl::Seconds(5)) << "whoever asks then waits for nothing";

  proxy.reset();  // the connections that hung are closed
  std::filesystem::remove(absl::StrCat(directory, "/.s.PGSQL.", server.port()));
  proxy.emplace(directory, server.port(), server.socket());
  deployment.WaitForLine("\"serving again\"");
  WaitFor("a publish", [&] { return Publish(*program, "two", 100, 200).ok(); });
  EXPECT_EQ(deployment.CountReleased(), 200u);
  EXPECT_EQ(deployment.End(SIGTERM), 0);
}

}  // namespace
}  // namespace sluice::tests
