// A disk that is full for real: what can't be written is refused, nothing that was acknowledged is
// lost, and the gateway goes on by itself when there is room.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/small_disk.h"
#include "tests/e2e/stored_deployment.h"

namespace sluice::tests {
namespace {

constexpr int kBatch = 500;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<SmallDisk> disk = SmallDisk::Mount(int64_t{512} << 20);
    if (!disk.ok()) {
      GTEST_SKIP() << "this process may mount no disk of its own (" << disk.status()
                   << "); a full disk is tested by StoreFaultTest and PostgresFaultTest alone";
    }
    disk_ = std::make_unique<SmallDisk>(*std::move(disk));
  }
  // What is made meanwhile stands on the disk.
  void MakeOnDisk(absl::FunctionRef<void()> make) {
    const std::string before = std::filesystem::temp_directory_path().string();
    setenv("TMPDIR", disk_->path().c_str(), 1);
    make();
    setenv("TMPDIR", before.c_str(), 1);
  }
  // Publishes until it is told that it can't be: UNAVAILABLE, and soon.
  void PublishUntilRefused() {
    for (int tries = 0; tries < 200; ++tries) {
      const absl::Time began = absl::Now();
      const auto answer = PublishNext();
      EXPECT_LT(absl::Now() - began, absl::Seconds(40));
      if (Committed(answer)) continue;
      const auto code = answer.ok() ? static_cast<absl::StatusCode>(answer->error().code())
                                    : answer.status().code();
      EXPECT_EQ(code, absl::StatusCode::kUnavailable) << answer.status();
      return;
    }
    FAIL() << "the disk is never full";
  }
  absl::StatusOr<v1::PublishRecordsResponse> PublishNext(int records = kBatch) {
    const int begin = acknowledged_;
    const auto answer =
        Publish(*deployment_->Program(), absl::StrCat("from-", begin), begin, begin + records);
    if (Committed(answer)) acknowledged_ += records;
    return answer;
  }
  static bool Committed(const absl::StatusOr<v1::PublishRecordsResponse>& answer) {
    return answer.ok() && answer->state() == v1::PUBLISH_STATE_COMMITTED;
  }

  // A release whose reader has taken the first rows, and no more.
  struct Begun {
    std::unique_ptr<client::Gateway> gateway;
    std::unique_ptr<client::ReadStream> stream;
  };
  Begun BeginReading() {
    Begun begun{deployment_->District(), nullptr};
    begun.stream = begun.gateway->ReadRecords(ReadRequest("pipeline"));
    v1::ReadRecordsResponse response;
    while (begun.stream->Read(&response) && response.batch().records().empty()) {
    }
    EXPECT_FALSE(response.batch().records().empty());
    return begun;
  }
  // Reads on, and says how it ends.
  static absl::Status ReadOn(Begun begun) {
    v1::ReadRecordsResponse response;
    while (begun.stream->Read(&response)) EXPECT_FALSE(response.has_trailer());
    return begun.stream->Finish();
  }
  // Of the log's entries that have this text in them.
  int CountEntries(absl::string_view text) {
    return std::stoi(deployment_->Ask(absl::StrCat(
        "SELECT count(*) FROM log_entry WHERE CAST(body AS TEXT) LIKE '%", text, "%'")));
  }
  int64_t BallastBytes() const {
    return static_cast<int64_t>(std::filesystem::file_size(deployment_->Path("sluice.db-ballast")));
  }

  std::unique_ptr<SmallDisk> disk_;
  std::unique_ptr<server::PostgresServer> server_;
  std::unique_ptr<StoredDeployment> deployment_;
  int acknowledged_ = 0;  // records
};

TEST_F(FullDisk, OfAGatewayHaltsItUntilThereIsRoom) {
  MakeOnDisk([&] { deployment_ = std::make_unique<StoredDeployment>(Engine::kSqlite); });
  deployment_->Start();
  ASSERT_TRUE(Committed(PublishNext()));
  EXPECT_EQ(deployment_->CountReleased(), size_t{kBatch});

  disk_->Fill();
  PublishUntilRefused();
  deployment_->WaitForLine("\"halted\"");
  ReadRows rows;
  EXPECT_TRUE(absl::IsUnavailable(Read(*deployment_->District(), ReadRequest("pipeline"), rows)));
  EXPECT_TRUE(rows.row_ids.empty());
  disk_->Empty();
  const absl::Time emptied = absl::Now();
  deployment_->WaitForLine("\"serving again\"");
  EXPECT_LT(absl::Now() - emptied, absl::Seconds(15));
  ASSERT_TRUE(Committed(PublishNext()));
  EXPECT_EQ(deployment_->CountReleased(), static_cast<size_t>(acknowledged_));

  // Killed on a full disk, it starts when there is room, and says before why it does not.
  disk_->Fill();
  PublishUntilRefused();
  deployment_->End(SIGKILL);
  EXPECT_NE(deployment_->RunAnother(), 0);
  disk_->Empty();
  deployment_->Start();
  EXPECT_EQ(deployment_->CountReleased(), static_cast<size_t>(acknowledged_));
  ASSERT_TRUE(Committed(PublishNext()));
  EXPECT_EQ(deployment_->End(SIGTERM), 0);
}

TEST_F(FullDisk, InMidStreamIsClosedOnTheBallastAndLeavesNothingToBeRecovered) {
  constexpr char kOutcome[] = "\"type\":\"outcome\"";
  MakeOnDisk([&] { deployment_ = std::make_unique<StoredDeployment>(Engine::kSqlite); });
  deployment_->Start();
  while (acknowledged_ < 100'000) {  // several chunks, and more than the transport holds
    ASSERT_TRUE(Committed(PublishNext(5000)));
  }
  // A start empties the WAL: from here on each group needs room.
  ASSERT_EQ(deployment_->End(SIGTERM), 0);
  deployment_->Start();
  const int64_t ballast = BallastBytes();
  EXPECT_GT(ballast, 0);

  const int outcomes = CountEntries(kOutcome);
  Begun begun = BeginReading();
  disk_->Fill();
  const absl::Status ended = ReadOn(std::move(begun));
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  WaitFor("the outcome", [&] { return CountEntries(kOutcome) == outcomes + 1; });
  EXPECT_EQ(BallastBytes(), 0) << "there was room without it";
  deployment_->WaitForLine("\"halted\"");
  // Nobody else has of that room.
  const int entries = CountEntries("");
  for (int i = 0; i < 10; ++i) {
    const absl::Time asked = absl::Now();
    ReadRows rows;
    const absl::Status refused = Read(*deployment_->District(), ReadRequest("pipeline"), rows);
    EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
    EXPECT_EQ(Reason(refused), "AUDIT_UNAVAILABLE");
    EXPECT_FALSE(Committed(PublishNext()));
    EXPECT_LT(absl::Now() - asked, absl::Seconds(10));
  }
  EXPECT_EQ(CountEntries(""), entries);

  // A start says why it does not serve; none finds a release that was left open.
  deployment_->End(SIGKILL);
  EXPECT_NE(deployment_->RunAnother(), 0);
  EXPECT_NE(deployment_->AnothersLines().find("is full, make room"), std::string::npos)
      << deployment_->AnothersLines();
  disk_->Empty();
  deployment_->Start();
  EXPECT_EQ(BallastBytes(), ballast);
  EXPECT_EQ(CountEntries("\"status\":\"unknown\""), 0);
  EXPECT_EQ(deployment_->CountReleased(), static_cast<size_t>(acknowledged_));

  // And without a restart: what is closed meanwhile is, and then all goes on.
  begun = BeginReading();
  disk_->Fill();
  EXPECT_TRUE(absl::IsUnavailable(ReadOn(std::move(begun))));
  deployment_->WaitForLine("\"halted\"");
  disk_->Empty();
  deployment_->WaitForLine("\"serving again\"");
  EXPECT_EQ(BallastBytes(), ballast);
  EXPECT_EQ(deployment_->CountReleased(), static_cast<size_t>(acknowledged_));
  EXPECT_EQ(deployment_->End(SIGTERM), 0);
  EXPECT_EQ(CountEntries("\"operation\":\"READ\"%\"result\":\"PERMIT\""), CountEntries(kOutcome));
  EXPECT_EQ(CountEntries("\"status\":\"unknown\""), 0);
}

TEST_F(FullDisk, IsSaidToBeSoBeforeItIs) {
  MakeOnDisk([&] { deployment_ = std::make_unique<StoredDeployment>(Engine::kSqlite); });
  deployment_->Start();
  disk_->Fill(int64_t{50} << 20);
  deployment_->WaitForLine("\"disk nearly full\"");
  disk_->Empty();
  deployment_->WaitForLine("\"disk has room again\"");
  EXPECT_EQ(deployment_->End(SIGTERM), 0);
}

TEST_F(FullDisk, OfPostgresLosesNothingAndGoesOnWhenThereIsRoom) {
  MakeOnDisk([&] {
    server_ =
        server::PostgresServer::Start({.settings = {"max_wal_size = 64MB", "min_wal_size = 32MB"}})
            .value();
  });
  deployment_ = std::make_unique<StoredDeployment>(Engine::kPostgres, server_.get());
  deployment_->Start();
  ASSERT_TRUE(Committed(PublishNext()));
  disk_->Fill();
  // A page of a table that has room yet is not refused: whether all halts is the server's to say.
  PublishUntilRefused();
  disk_->Empty();
  // Where its log has no room it ends; what watches over it starts it again.
  if (!server_->Run("postgres", "SELECT 1").ok()) {
    server_->Kill();
    ASSERT_TRUE(server_->StartAgain().ok());
  }
  WaitFor("a publish", [&] { return Committed(PublishNext()); });
  EXPECT_EQ(deployment_->CountReleased(), static_cast<size_t>(acknowledged_));
  EXPECT_EQ(deployment_->End(SIGTERM), 0);
}

}  // namespace
}  // namespace sluice::tests
