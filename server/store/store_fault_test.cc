// The store on a disk that fails: nothing is told durable that is not, and what was stays. On one
// that is full, what closes what was begun has the ballast's room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/sqlite_store.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

// Of a store of a few records.
constexpr int64_t kBallast = 1 << 20;

constexpr char kPrincipal[] = "/org/river-unified/system/hiring";
std::string DecisionId(int number) {
  return absl::StrCat(std::string(28, '0'), absl::Dec(number, absl::kZeroPad4));
}

class StoreFaultTest : public ::testing::Test {
 protected:
  StoreFaultTest() { Reopen(); }

  absl::Status TryOpen() {
    store_.reset();
    SqliteStoreOptions options;
    options.path = directory_.Path("store.db");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    options.vfs = vfs_.name();
    options.ballast_bytes = ballast_bytes_;
    options.free_bytes = [this] { return free_bytes_.load(); };
    options.on_fatal = [this](absl::Status) { ++fatal_; };
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }
  void Reopen() { ASSERT_TRUE(TryOpen().ok()); }

  absl::Status PublishOne(const std::string& name, size_t size = 10) {
    return Publish(*store_, BatchOf(name, {RecordOf(name, std::string(size, 'x'), {name})}))
        .status();
  }
  void ReopenWithBallast() {
    ballast_bytes_ = kBallast;
    Reopen();
  }
  std::string BallastPath() const { return directory_.Path("store.db-ballast"); }
  bool BallastHeld() const { return std::filesystem::file_size(BallastPath()) == kBallast; }
  // From its nth write on the disk has room for nothing but what the ballast gives back.
  void FillDisk(int64_t nth = 1) {
    free_bytes_ = 0;
    vfs_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, nth,
              FaultyVfs::Effect::kNone, [this] { return !BallastHeld(); });
  }
  void EmptyDisk() {
    vfs_.Heal();
    free_bytes_ = 1 << 30;
  }
  // A work that closes what was begun; it leaves a decision under this number.
  absl::Status CloseOne(int number) {
    StoredDecision decision;
    decision.decision_id = DecisionId(number);
    decision.principal = kPrincipal;
    decision.decision = "a decision";
    return store_->Commit({.is_append = true, .closes = true, .apply = [&](Transaction& t) {
                             return t.PutDecision(decision);
                           }});
  }
  bool IsClosed(int number) { return store_->FindDecision(DecisionId(number), kPrincipal).ok(); }
  bool ServesWithin(absl::Duration within) {
    for (const absl::Time end = absl::Now() + within; absl::Now() < end;) {
      if (store_->Health().ok()) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }
  size_t Count() {
    const ReadRight right({"state-university"});
    return Scan(*store_, right).value().size();
  }

  TestDirectory directory_;
  FaultyVfs vfs_;
  int64_t ballast_bytes_ = 0;
  std::atomic<int64_t> free_bytes_ = 1 << 30;
  std::atomic<int> fatal_ = 0;  // how often it was said; whole once the store has stopped
  std::unique_ptr<Store> store_;
};

TEST_F(StoreFaultTest, TellsNothingDurableOnAFullDiskAndGoesOnWhenThereIsRoom) {
  ASSERT_TRUE(PublishOne("before").ok());
  vfs_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("a")));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("b", 1 << 20)));
  EXPECT_EQ(Count(), 1u);
  vfs_.Heal();
  EXPECT_TRUE(PublishOne("c").ok());
  EXPECT_TRUE(store_->Health().ok()) << store_->Health();
  EXPECT_EQ(Count(), 2u);
  store_->Stop();
  EXPECT_EQ(fatal_, 0);
  Reopen();
  EXPECT_EQ(Count(), 2u);
}

// Space that runs out at each write of a commit in turn, COMMIT's own included.
TEST_F(StoreFaultTest, SurvivesAFullDiskAtEachWrite) {
  size_t expected = 0;
  bool failed = true;
  for (int nth = 1; failed; ++nth) {
    ASSERT_LT(nth, 100);
    vfs_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, nth);
    const absl::Status status = PublishOne(absl::StrCat("at ", nth), 20'000);
    vfs_.Heal();
    failed = !status.ok();
    if (failed) {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    } else {
      ++expected;
    }
    EXPECT_EQ(absl::IsResourceExhausted(store_->Health()), failed) << store_->Health();
    ASSERT_EQ(Count(), expected) << nth;
    if (!failed) {
      EXPECT_TRUE(store_->Health().ok());
    }
  }
  EXPECT_EQ(expected, 1u);
  Reopen();
  EXPECT_EQ(Count(), 1u);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, WritesOnAFullDiskWhatClosesWhatWasBegunAndNothingElse) {
  ReopenWithBallast();
  ASSERT_TRUE(PublishOne("before").ok());
  EXPECT_TRUE(BallastHeld());
  FillDisk();
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("finds it out")));
  EXPECT_FALSE(BallastHeld());
  const int64_t writes = vfs_.count(FaultyVfs::Operation::kWrite);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("refused")));
  EXPECT_EQ(vfs_.count(FaultyVfs::Operation::kWrite), writes) << "it has taken of the room";
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(CloseOne(i).ok());
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("refused, too")));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  store_->Stop();
  EmptyDisk();
  Reopen();
  EXPECT_EQ(Count(), 1u);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(IsClosed(i)) << i;
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, ServesAgainByItselfOnceTheBallastHasRoom) {
  ReopenWithBallast();
  FillDisk();
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("a")));
  EXPECT_TRUE(CloseOne(1).ok());
  vfs_.Heal();
  free_bytes_ = 2 * kBallast - 1;
  EXPECT_FALSE(ServesWithin(absl::Milliseconds(1500))) << "there is no room for both";
  EXPECT_FALSE(BallastHeld());
  EmptyDisk();
  EXPECT_TRUE(ServesWithin(absl::Seconds(10))) << store_->Health();
  EXPECT_TRUE(BallastHeld());
  EXPECT_TRUE(PublishOne("b").ok());
  // And the next time.
  FillDisk();
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("c")));
  EXPECT_TRUE(CloseOne(2).ok());
  EXPECT_EQ(Count(), 1u);
}

// Others may have taken what was let go.
TEST_F(StoreFaultTest, GoesOnWhenTheBallastsRoomIsGoneToo) {
  ReopenWithBallast();
  ASSERT_TRUE(PublishOne("before").ok());
  free_bytes_ = 0;
  vfs_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("a")));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(absl::IsUnavailable(CloseOne(i)));
  vfs_.Heal();
  EXPECT_TRUE(CloseOne(3).ok()) << "it is tried whenever there is one";
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  EmptyDisk();
  EXPECT_TRUE(ServesWithin(absl::Seconds(10))) << store_->Health();
  EXPECT_FALSE(IsClosed(0));
  EXPECT_TRUE(IsClosed(3));
  EXPECT_EQ(Count(), 1u);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, ClosesWhereverInAGroupTheDiskIsFull) {
  ReopenWithBallast();
  bool failed = true;
  for (int nth = 1; failed; ++nth) {
    ASSERT_LT(nth, 100);
    FillDisk(nth);
    failed = !PublishOne(absl::StrCat("at ", nth), 20'000).ok();
    EXPECT_EQ(BallastHeld(), !failed);
    EmptyDisk();
    EXPECT_TRUE(CloseOne(nth).ok());
    EXPECT_TRUE(IsClosed(nth));
    // It takes the ballast at once.
    Reopen();
    ASSERT_EQ(Count(), failed ? 0u : 1u) << nth;
  }
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, MovesNothingOfTheWalWhileTheBallastIsLetGo) {
  ReopenWithBallast();
  ASSERT_TRUE(PublishOne("before").ok());
  const auto database = [this] { return std::filesystem::file_size(directory_.Path("store.db")); };
  const size_t before = database();
  // There is room for the next commit, and none for the move of so large a WAL that follows.
  free_bytes_ = 0;
  const int64_t syncs = vfs_.count(FaultyVfs::Operation::kSync);
  vfs_.Fail(
      FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, 1, FaultyVfs::Effect::kNone,
      [this, syncs] { return vfs_.count(FaultyVfs::Operation::kSync) == syncs || !BallastHeld(); });
  ASSERT_TRUE(PublishOne("large", 20 << 20).ok());
  while (store_->Health().ok()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(CloseOne(i).ok());
  EXPECT_EQ(database(), before);
  EmptyDisk();
  EXPECT_TRUE(ServesWithin(absl::Seconds(10))) << store_->Health();
  EXPECT_GT(database(), size_t{20} << 20);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, DoesNotOpenOnADiskThatHasNoRoomForTheBallast) {
  ReopenWithBallast();
  // Killed while it was held: it is there yet.
  free_bytes_ = 0;
  Reopen();
  FillDisk();
  EXPECT_FALSE(PublishOne("a").ok());
  // Killed while it was let go.
  const absl::Status opened = TryOpen();
  EXPECT_TRUE(absl::IsResourceExhausted(opened)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("store.db is full, make room"));
  EmptyDisk();
  Reopen();
  EXPECT_TRUE(PublishOne("b").ok());
  EXPECT_EQ(Count(), 1u);
}

// A WAL of more than 4,062 frames needs another page of its index, which stands on the disk, too.
TEST_F(StoreFaultTest, GoesOnAfterTheWalsIndexFoundNoRoom) {
  ReopenWithBallast();
  free_bytes_ = 0;
  vfs_.Fail(FaultyVfs::Operation::kGrowIndex, FaultyVfs::Error::kNoSpace);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("large", 20 << 20)));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Health())) << store_->Health();
  EXPECT_TRUE(CloseOne(1).ok());
  EmptyDisk();
  EXPECT_TRUE(ServesWithin(absl::Seconds(10))) << store_->Health();
  EXPECT_TRUE(PublishOne("large", 20 << 20).ok());
  Reopen();
  EXPECT_TRUE(IsClosed(1));
  EXPECT_EQ(Count(), 1u);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(StoreFaultTest, StopsForGoodWhenAnFsyncFails) {
  ASSERT_TRUE(PublishOne("before").ok());
  vfs_.Fail(FaultyVfs::Operation::kSync, FaultyVfs::Error::kIo);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("a")));
  vfs_.Heal();
  // The disk is well again, but nobody knows what it holds.
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("b")));
  EXPECT_TRUE(absl::IsUnavailable(store_->Health()));
  store_->Stop();
  EXPECT_EQ(fatal_, 1);
  Reopen();
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_TRUE(PublishOne("c").ok());
  // What was not told durable may be there or not; what was is there.
  EXPECT_GE(Count(), 2u);
  EXPECT_LE(Count(), 3u);
}

// What was told durable by then is.
TEST_F(StoreFaultTest, StopsForGoodWhenTheWalCannotBeMoved) {
  size_t told = 0;
  for (int nth = 1; told == 0; ++nth) {
    ASSERT_LT(nth, 10);
    vfs_.Fail(FaultyVfs::Operation::kSync, FaultyVfs::Error::kIo, nth);
    if (PublishOne(absl::StrCat("at ", nth), 20 << 20).ok()) ++told;
    store_->Stop();
    vfs_.Heal();
    EXPECT_EQ(fatal_, nth);
    EXPECT_TRUE(absl::IsUnavailable(store_->Health()));
    Reopen();
  }
  EXPECT_GE(Count(), told);
  EXPECT_TRUE(PublishOne("after").ok());
}

TEST_F(StoreFaultTest, StopsForGoodWhenAWriteFails) {
  ASSERT_TRUE(PublishOne("before").ok());
  vfs_.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kIo);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("a")));
  vfs_.Heal();
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("b")));
  store_->Stop();
  EXPECT_EQ(fatal_, 1);
  Reopen();
  EXPECT_EQ(Count(), 1u);
}

// Each write and each fsync of some publishes, failed with and without effect: what was told
// durable is there after a restart, whole, and what was not is there whole or not at all.
TEST_F(StoreFaultTest, LosesNothingToldDurableWhateverFailsAndPersists) {
  constexpr int kRecords = 20;
  const auto publish = [&](const std::string& name) {
    std::vector<policy::ValidRecord> records;
    for (int i = 0; i < kRecords; ++i) {
      records.push_back(RecordOf(absl::StrCat(name, i), name, {absl::StrCat(name, i)}));
    }
    return Publish(*store_, BatchOf(name, std::move(records))).status();
  };
  std::vector<std::string> durable, unknown;
  int round = 0;
  for (const auto operation : {FaultyVfs::Operation::kWrite, FaultyVfs::Operation::kSync}) {
    for (const auto effect : {FaultyVfs::Effect::kNone, FaultyVfs::Effect::kPersisted}) {
      const bool writes = operation == FaultyVfs::Operation::kWrite;
      for (int nth = 1; nth <= (writes ? 150 : 4); nth += writes ? 3 : 1) {
        vfs_.Fail(operation, FaultyVfs::Error::kIo, nth, effect);
        for (int i = 0; i < 3; ++i) {
          const std::string name = absl::StrCat("batch ", round++, ".");
          (publish(name).ok() ? durable : unknown).push_back(name);
        }
        vfs_.Heal();
        Reopen();
        const ReadRight right({"state-university"});
        std::map<std::string, int> seen;
        const std::vector<ScannedRecord> records = Scan(*store_, right).value();
        for (const ScannedRecord& record : records) ++seen[record.bytes];
        for (const std::string& name : durable) ASSERT_EQ(seen[name], kRecords) << name;
        for (const std::string& name : unknown) {
          ASSERT_TRUE(seen[name] == 0 || seen[name] == kRecords) << name;
        }
      }
    }
  }
  EXPECT_GT(durable.size(), 20u);
  EXPECT_GT(unknown.size(), 20u);
}

// An fsync that failed leaves a WAL that may stand in memory only: opening writes it anew, or
// fails.
TEST_F(StoreFaultTest, DoesNotOpenOnADiskThatStillFails) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(PublishOne(absl::StrCat(i)).ok());
  vfs_.Fail(FaultyVfs::Operation::kSync, FaultyVfs::Error::kIo);
  EXPECT_TRUE(absl::IsUnavailable(PublishOne("unknown")));
  store_.reset();
  for (const auto operation : {FaultyVfs::Operation::kWrite, FaultyVfs::Operation::kSync}) {
    vfs_.Heal();
    vfs_.Fail(operation, FaultyVfs::Error::kIo);
    EXPECT_FALSE(TryOpen().ok());
  }
  vfs_.Heal();
  Reopen();
  EXPECT_GE(Count(), 5u);
}

}  // namespace
}  // namespace sluice::server
