// The store on a disk that fails: nothing is told durable that is not, and what was stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>

#include "server/store/sqlite_store.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

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
  size_t Count() {
    const ReadRight right({"state-university"});
    return Scan(*store_, right).value().size();
  }

  TestDirectory directory_;
  FaultyVfs vfs_;
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

// Space that runs out at each write of a commit in turn.
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
    // The very last write is COMMIT's own.
    if (absl::IsUnavailable(store_->Health())) {
      EXPECT_TRUE(absl::IsUnavailable(PublishOne("never")));
      Reopen();
    }
    ASSERT_EQ(Count(), expected) << nth;
    if (!failed) {
      EXPECT_TRUE(store_->Health().ok());
    }
  }
  EXPECT_EQ(expected, 1u);
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
