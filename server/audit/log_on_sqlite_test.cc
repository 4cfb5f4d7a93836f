// The log on the store that it is made for: groups of concurrent callers, restarts, kills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/audit/audit_log.h"
#include "server/audit/checkpoint.h"
#include "server/store/ballast.h"
#include "server/store/sqlite_store.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/log_fixture.h"
#include "tests/support/permit_for_test.h"
#include "tests/support/tlog_verify.h"

namespace sluice::server {
namespace {

class LogOnSqliteTest : public testing::Test {
 protected:
  ~LogOnSqliteTest() override { Close(); }

  absl::Status Open() {
    Close();
    SqliteStoreOptions store_options;
    store_options.path = directory_ + "/store.db";
    store_options.hash_key = policy::Secret::Copy(std::string(32, 'h'));
    store_options.keks = std::make_shared<KeksForTest>();
    store_options.vfs = disk_.name();
    store_options.ballast_bytes = ballast_bytes_;
    store_options.free_bytes = [this] { return free_bytes_.load(); };
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(store_options));
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = directory_ + "/tiles";
    options.append_timeout = absl::Seconds(60);
    options.background_thread = false;
    absl::StatusOr<std::unique_ptr<AuditLog>> log =
        AuditLog::Open(options, store_.get(), key_.get(), [this] { return clock_.Now(); });
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return absl::OkStatus();
  }

  void Close() {
    if (store_ != nullptr) store_->Stop();
    log_.reset();
    store_.reset();
  }

  // That checkpoint, leaf hashes and entries are of one tree.
  void ExpectSound() const {
    CompactRange range;
    EXPECT_TRUE(store_
                    ->ReadLogRows(0, log_->size(),
                                  [&](const LogRow& row) {
                                    EXPECT_EQ(row.index, range.size());
                                    EXPECT_EQ(row.leaf_hash, LeafHash(row.body));
                                    range.Append(LeafHash(row.body));
                                    return true;
                                  })
                    .ok());
    const NoteVerifier verifier = NoteVerifier::Create(key_->vkey()).value();
    const Checkpoint checkpoint = OpenCheckpoint(log_->Checkpoint(), verifier).value();
    EXPECT_EQ(checkpoint.size, range.size());
    EXPECT_EQ(checkpoint.root, range.Root());
  }

  // It has room for nothing but what the ballast gives back.
  void FillDisk() {
    free_bytes_ = 0;
    disk_.Fail(
        FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, 1, FaultyVfs::Effect::kNone,
        [this] { return std::filesystem::file_size(directory_ + "/store.db-ballast") == 0; });
  }
  void EmptyDisk() {
    disk_.Heal();
    free_bytes_ = 1 << 30;
  }
  // Of the entries that have this text in them.
  int CountEntries(absl::string_view text) const {
    int count = 0;
    EXPECT_TRUE(store_
                    ->ReadLogRows(0, log_->size(),
                                  [&](const LogRow& row) {
                                    count += absl::StrContains(row.body, text) ? 1 : 0;
                                    return true;
                                  })
                    .ok());
    return count;
  }

  FaultyVfs disk_;
  int64_t ballast_bytes_ = 0;
  std::atomic<int64_t> free_bytes_ = 1 << 30;
  std::string directory_ = FreshDirectory();
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  TurnedClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(LogOnSqliteTest, GivesConcurrentCallersDistinctIndicesWithoutAGap) {
  ASSERT_TRUE(Open().ok());
  constexpr int kThreads = 16;
  constexpr int kEach = 100;
  std::vector<std::vector<uint64_t>> indices(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const DecisionEntry entry = DenialEntry(t * kEach + i);
        indices[t].push_back(log_->Append(OutcomeOf(t * kEach + i, 0)).value());
        EXPECT_TRUE(log_->AppendDenial(entry, DecisionOf(entry)).ok());
        // What was acknowledged can be proven at once.
        EXPECT_TRUE(log_->InclusionProof(indices[t].back(), log_->size()).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const std::vector<uint64_t>& some : indices) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
  // One more says that the key was made that their openings are sealed under.
  EXPECT_EQ(log_->size(), 2u * kThreads * kEach + 1);
  ExpectSound();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->size(), 2u * kThreads * kEach + 1);
  ExpectSound();
}

TEST_F(LogOnSqliteTest, KeepsOpeningsAndDecisionsAcrossARestart) {
  ASSERT_TRUE(Open().ok());
  const DecisionEntry denial = DenialEntry(5);
  ASSERT_TRUE(log_->AppendDenial(denial, DecisionOf(denial)).ok());
  ASSERT_TRUE(log_->Append(OutcomeOf(6, 0)).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(store_->FindDecision(RequestNumber(5), "/org/river-unified/system/hiring")->log_index,
            0u);
  const std::vector<LogRow::Opening> openings = store_->ReadOpenings(1).value();
  ASSERT_EQ(openings.size(), 2u);
  EXPECT_EQ(openings[0].field, "rows.considered");
  EXPECT_EQ(openings[0].value, "120");
  EXPECT_EQ(log_->NewestEntryTime(), clock_.Now());
}

TEST_F(LogOnSqliteTest, RefusesADatabaseThatWasRestoredFromABackup) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  Close();
  std::filesystem::copy(directory_ + "/store.db", directory_ + "/backup.db");
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  Close();
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(directory_ + "/store.db" + suffix);
  }
  std::filesystem::rename(directory_ + "/backup.db", directory_ + "/store.db");
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

// An fsync that failed is never tried again: the log is halted until a restart, nobody has a
// receipt for what it was to make durable, and the restart goes on from what the disk has.
TEST_F(LogOnSqliteTest, AFailedFsyncHaltsItUntilARestart) {
  for (FaultyVfs::Effect effect : {FaultyVfs::Effect::kNone, FaultyVfs::Effect::kPersisted}) {
    ASSERT_TRUE(Open().ok());
    const uint64_t acknowledged = log_->Append(HeartbeatEntry()).value();
    const std::string checkpoint = log_->Checkpoint();
    disk_.Fail(FaultyVfs::Operation::kSync, FaultyVfs::Error::kIo, 1, effect);
    const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
    const DecisionEntry entry = PermitEntry(acknowledged + 1);
    EXPECT_TRUE(absl::IsUnavailable(log_->AppendPermit(permit, entry, DecisionOf(entry)).status()));
    EXPECT_FALSE(log_->Health().ok());
    EXPECT_EQ(log_->Checkpoint(), checkpoint);
    disk_.Heal();
    EXPECT_TRUE(absl::IsUnavailable(log_->Append(HeartbeatEntry()).status()))
        << "healed or not, only a restart mends it";
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_GT(log_->size(), acknowledged);
    EXPECT_TRUE(log_->Health().ok());
    EXPECT_TRUE(log_->Append(HeartbeatEntry()).ok());
    ExpectSound();
  }
}

TEST_F(LogOnSqliteTest, AFullDiskDeniesAndChangesNothing) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  const std::string checkpoint = log_->Checkpoint();
  disk_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace);
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  EXPECT_TRUE(absl::IsUnavailable(
      log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).status()));
  EXPECT_FALSE(log_->Health().ok());
  EXPECT_EQ(log_->Checkpoint(), checkpoint);
  EXPECT_EQ(log_->size(), 1u);
  disk_.Heal();
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(log_->Append(HeartbeatEntry()).ok());
  ExpectSound();
}

// The outcome is itself what finds the disk full.
TEST_F(LogOnSqliteTest, ClosesOnAFullDiskWhatItBeganAndWritesNothingElse) {
  ballast_bytes_ = 1 << 20;
  ASSERT_TRUE(Open().ok());
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  std::vector<uint64_t> begun;
  for (int i = 0; i < 3; ++i) {
    const DecisionEntry entry = PermitEntry(i);
    begun.push_back(log_->AppendPermit(permit, entry, DecisionOf(entry))->index());
  }
  FillDisk();
  log_->AppendLater(OutcomeOf(0, begun[0]));
  while (store_->Health().ok()) absl::SleepFor(absl::Milliseconds(1));
  for (int i : {1, 2}) log_->AppendLater(OutcomeOf(i, begun[i]));
  const DecisionEntry late = PermitEntry(9);
  EXPECT_TRUE(absl::IsUnavailable(log_->AppendPermit(permit, late, DecisionOf(late)).status()));
  EXPECT_FALSE(log_->Append(HeartbeatEntry()).ok());
  for (int turn = 0; turn < 5000 && CountEntries("\"type\":\"outcome\"") < 3; ++turn) {
    log_->Tick();
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_TRUE(log_->Append(AdminEntry{"STOP", "", ""}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  EXPECT_EQ(CountEntries("\"type\":\"heartbeat\""), 0);
  EXPECT_EQ(CountEntries("\"type\":\"outcome\""), 3) << "one of each";
  ExpectSound();

  const uint64_t size = log_->size();
  Close();
  EmptyDisk();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->size(), size) << "nothing was left to be closed";
  EXPECT_TRUE(log_->Append(HeartbeatEntry()).ok());
  ExpectSound();
}

TEST_F(LogOnSqliteTest, KeepsWhatItOwesUntilThereIsRoomForThatEvenWithoutBallast) {
  ASSERT_TRUE(Open().ok());
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  const DecisionEntry entry = PermitEntry(1);
  ASSERT_TRUE(log_->AppendPermit(permit, entry, DecisionOf(entry)).ok());
  disk_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace);
  log_->AppendLater(OutcomeOf(1, 0));
  while (store_->Health().ok()) absl::SleepFor(absl::Milliseconds(1));
  for (int turn = 0; turn < 3; ++turn) log_->Tick();
  disk_.Heal();
  log_->Stop();
  EXPECT_EQ(CountEntries("\"type\":\"outcome\""), 1);
}

// What Ballast::kBytes is reckoned by.
TEST_F(LogOnSqliteTest, HasRoomInTheBallastForTheOutcomesOf256StreamsThatEndOneByOne) {
  ASSERT_TRUE(Open().ok());
  const auto wal = [this] { return std::filesystem::file_size(directory_ + "/store.db-wal"); };
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(log_->Append(OutcomeOf(i, 0)).ok());
  const auto before = wal();
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(log_->Append(OutcomeOf(i, 0)).ok());
  // Twice: the trees of a log of many years are higher than this one's.
  EXPECT_LT(2 * (wal() - before), static_cast<uintmax_t>(Ballast::kBytes));
  EXPECT_GT(wal(), before);
}

// Whoever asks is refused meanwhile, so nobody else finds out.
TEST_F(LogOnSqliteTest, FindsAtItsNextTurnThatThereIsRoomAgain) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(log_->Append(AdminEntry{"START", "", ""}).ok());
  disk_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(log_->Append(AdminEntry{"RELOAD", "", ""}).ok());
    log_->Tick();
    EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  }
  disk_.Heal();
  // A turn leaves out its beat where the one before is not done.
  do {
    log_->Tick();
    absl::SleepFor(absl::Milliseconds(1));
  } while (!store_->Health().ok());
  log_->Tick();
  EXPECT_TRUE(log_->Health().ok()) << log_->Health();
  EXPECT_GE(log_->size(), 2u) << "a heartbeat found it out";
}

// A process appends from several threads and says each index once it has it; it is killed as soon
// as enough were said, whatever it then does. All that it said is there, and the chain goes on.
TEST_F(LogOnSqliteTest, EveryAcknowledgedEntrySurvivesAKill) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipe_ends[0]);
      if (!Open().ok()) _exit(1);
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          for (uint64_t i = 0;; ++i) {
            const uint64_t index = log_->Append(OutcomeOf((t << 20) + i, 0)).value();
            if (i % 64 == 0) log_->Tick();
            if (write(pipe_ends[1], &index, sizeof(index)) != sizeof(index)) _exit(1);
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      _exit(1);
    }
    ASSERT_GT(child, 0);
    close(pipe_ends[1]);
    std::vector<uint64_t> said;
    uint64_t index;
    while (read(pipe_ends[0], &index, sizeof(index)) == sizeof(index)) {
      said.push_back(index);
      if (said.size() == 100u + 37u * round) kill(child, SIGKILL);
    }
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    ASSERT_GE(said.size(), 100u + 37u * round);

    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_GT(log_->size(), *std::max_element(said.begin(), said.end()));
    ExpectSound();
    EXPECT_TRUE(AcceptedByOthers(directory_ + "/tiles"));
    ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
    Close();
  }
}

}  // namespace
}  // namespace sluice::server
