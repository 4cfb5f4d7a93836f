// The log with witnesses: what is published, what halts, and what a restart knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/audit/audit_log.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/permit_for_test.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class WitnessedLogTest : public testing::Test {
 protected:
  WitnessedLogTest() {
    options_.origin = kTestOrigin;
    options_.writer = "gateway-1";
    options_.tile_directory = FreshDirectory();
    options_.background_thread = false;
    options_.witnesses.witnesses = {witness_.Config()};
    options_.witnesses.quorum = 1;
    options_.witnesses.retry_least = absl::Milliseconds(1);
    options_.witnesses.retry_most = absl::Milliseconds(2);
    options_.connect_witness = [this](const WitnessConfig&) {
      return absl::StatusOr<std::unique_ptr<WitnessTransport>>(
          std::make_unique<FakeWitnessTransport>(&witness_));
    };
  }

  absl::Status TryOpen() {
    log_.reset();
    store_.Restart();
    absl::StatusOr<std::unique_ptr<AuditLog>> log =
        AuditLog::Open(options_, &store_, key_.get(), [this] { return clock_.Now(); });
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return absl::OkStatus();
  }
  void Open() { ASSERT_TRUE(TryOpen().ok()); }
  void Append() { ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok()); }
  absl::Status Permit() {
    const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
    return log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).status();
  }

  std::string File(const std::string& name) const {
    std::ifstream in(options_.tile_directory + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  // Turns until the published checkpoint is of this size.
  void AwaitPublished(uint64_t size) {
    Await([&] {
      log_->Tick();
      return absl::StartsWith(File("checkpoint"), absl::StrCat(kTestOrigin, "\n", size, "\n"));
    });
  }
  bool IsCosigned(const std::string& note) const {
    return absl::StrContains(note, "\xE2\x80\x94 w ");
  }

  TurnedClock clock_;
  FakeWitness witness_{"w", 'w', [this] { return clock_.Now(); }};
  AuditLogOptions options_;
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  MemoryStore store_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(WitnessedLogTest, PublishesACheckpointWithItsCosignatureAndTheTilesOfIt) {
  Open();
  for (int i = 0; i < 300; ++i) Append();
  AwaitPublished(300);
  EXPECT_TRUE(IsCosigned(File("checkpoint")));
  EXPECT_EQ(File("checkpoint"), log_->CosignedCheckpoint());
  EXPECT_EQ(File("checkpoint"), log_->Checkpoint());
  EXPECT_EQ(File("tile/0/000").size(), 256u * 32);
  EXPECT_EQ(File("tile/0/001.p/44").size(), 44u * 32);
  EXPECT_TRUE(
      NoteVerifier::Create(key_->vkey())->Open(File("checkpoint")).ok());  // the log's own, too
}

TEST_F(WitnessedLogTest, PublishesNothingThatNoWitnessHasCosigned) {
  Open();
  Append();
  AwaitPublished(1);
  witness_.Vanish();
  Append();
  log_->Tick();
  Append();
  log_->Tick();
  EXPECT_THAT(File("checkpoint"), HasSubstr("\n1\n"));
  EXPECT_THAT(File("pending"), HasSubstr("\n2\n"));
  EXPECT_EQ(log_->CosignedCheckpoint(), File("checkpoint"));
  // Readers by RPC are shown the newest, with the log's signature alone.
  EXPECT_THAT(log_->Checkpoint(), HasSubstr("\n3\n"));
  EXPECT_FALSE(IsCosigned(log_->Checkpoint()));
  witness_.Return();
  AwaitPublished(3);
}

// A reader who took the published checkpoint finds its partial tiles while the next one waits.
TEST_F(WitnessedLogTest, KeepsTheTilesOfThePublishedCheckpointWhileTheNextWaits) {
  Open();
  for (int i = 0; i < 200; ++i) Append();
  AwaitPublished(200);
  witness_.Vanish();
  for (int i = 0; i < 100; ++i) Append();
  log_->Tick();
  EXPECT_THAT(File("pending"), HasSubstr("\n300\n"));
  EXPECT_EQ(File("tile/0/000.p/200").size(), 200u * 32);
  EXPECT_FALSE(File("tile/entries/000.p/200").empty());
  witness_.Return();
  AwaitPublished(300);
  EXPECT_EQ(File("tile/0/000.p/200"), "");
}

TEST_F(WitnessedLogTest, HaltsWithoutAQuorumAndGivesReceiptsAgainOnceThereIsOne) {
  Open();
  Append();
  AwaitPublished(1);
  witness_.Vanish();
  EXPECT_TRUE(Permit().ok());
  log_->Tick();
  clock_.Turn(absl::Minutes(15) + absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(Permit()));
  EXPECT_THAT(std::string(log_->Health().message()), HasSubstr("WITNESS_LAG"));
  EXPECT_TRUE(log_->Witnessed().is_late);
  // The log itself goes on: denials and heartbeats are entries.
  Append();
  witness_.Return();
  Await([&] { return log_->Health().ok(); });
  EXPECT_TRUE(Permit().ok());
}

TEST_F(WitnessedLogTest, WaitsOnAfterARestart) {
  Open();
  Append();
  AwaitPublished(1);
  witness_.Vanish();
  Append();
  log_->Stop();
  EXPECT_THAT(File("checkpoint"), HasSubstr("\n1\n"));
  clock_.Turn(absl::Minutes(14));
  Open();
  EXPECT_TRUE(log_->Health().ok());
  clock_.Turn(absl::Minutes(2));
  EXPECT_TRUE(absl::IsUnavailable(log_->Health()));
  EXPECT_EQ(log_->CosignedCheckpoint(), File("checkpoint"));
  witness_.Return();
  AwaitPublished(2);
  EXPECT_TRUE(log_->Health().ok());
}

TEST_F(WitnessedLogTest, LeavesAllOfItCosignedWhereItStops) {
  Open();
  Append();
  log_->Tick();
  Append();
  log_->Stop();
  EXPECT_THAT(File("checkpoint"), HasSubstr("\n2\n"));
  EXPECT_TRUE(IsCosigned(File("checkpoint")));
}

TEST_F(WitnessedLogTest, StartsWhileItsWitnessIsAway) {
  witness_.Vanish();
  Open();
  Append();
  log_->Tick();
  EXPECT_TRUE(log_->Health().ok());
  EXPECT_EQ(File("checkpoint"), "");
}

TEST_F(WitnessedLogTest, RefusesAtStartAStoreThatWasRolledBackWithItsDirectory) {
  Open();
  Append();
  AwaitPublished(1);
  const LogHead backup = store_.ReadLogHead().value();
  Append();
  AwaitPublished(2);
  log_.reset();
  // Yesterday's copy of both: they agree with one another.
  store_.RollBackLog(1, backup);
  options_.tile_directory = FreshDirectory();
  const absl::Status refused = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("WITNESS_AHEAD: witness w"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("rolled back"));
}

TEST_F(WitnessedLogTest, HaltsWhereItsHistoryIsNotTheOneThatTheWitnessHasSeen) {
  Open();
  for (int i = 0; i < 3; ++i) Append();
  AwaitPublished(3);
  log_.reset();
  // As one who has the log's key would: other entries, a directory that agrees with them.
  store_.RollBackLog(0, LogHead());
  options_.tile_directory = FreshDirectory();
  Open();
  for (int i = 0; i < 5; ++i) Append();
  log_->Tick();
  Await([&] { return !log_->Health().ok(); });
  EXPECT_THAT(std::string(log_->Health().message()), HasSubstr("WITNESS_CONFLICT"));
  EXPECT_TRUE(absl::IsUnavailable(Permit()));
}

TEST_F(WitnessedLogTest, RefusesAStoreThatDoesNotAgreeWithWhatWasPutToTheWitnesses) {
  Open();
  Append();
  AwaitPublished(1);
  const LogHead backup = store_.ReadLogHead().value();
  witness_.Vanish();
  Append();
  log_->Tick();
  log_.reset();
  store_.RollBackLog(1, backup);
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(WitnessedLogTest, PublishesAtOnceWhereNoWitnessIsConfigured) {
  options_.witnesses = WitnessPolicy();
  Open();
  Append();
  log_->Tick();
  EXPECT_EQ(File("checkpoint"), log_->Checkpoint());
  EXPECT_EQ(File("pending"), "");
  EXPECT_EQ(log_->CosignedCheckpoint(), "");
  EXPECT_EQ(witness_.asked(), 0);
}

}  // namespace
}  // namespace sluice::server
