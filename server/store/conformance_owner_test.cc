// What every engine's store must do: count an owner's records, and lend an owner its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, CountsWhatIsThereAndWhatWasDeleted) {
  EXPECT_THAT(Status().collections, IsEmpty());
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "1", {"bob", "ann"})});
  const int64_t last = DeleteAt("d1", {"a"});
  PublishBatch other = BatchOf("r2", {RecordOf("a", "1", {"cy"})});
  other.record_type = "Employment";
  ASSERT_TRUE(Publish(*store_, other).ok());
  Reopen();
  const OwnerStatus status = Status();
  ASSERT_THAT(status.collections, SizeIs(2));
  EXPECT_EQ(status.collections[0].record_type, "Candidate");
  EXPECT_EQ(status.collections[0].live, 1);
  EXPECT_EQ(status.collections[0].tombstones, 1);
  EXPECT_EQ(status.collections[0].last_publish.position, last);
  EXPECT_EQ(status.collections[0].last_publish.time, kTestTime);
  EXPECT_EQ(status.collections[1].record_type, "Employment");
  EXPECT_EQ(status.collections[1].live, 1);
  EXPECT_EQ(status.collections[1].tombstones, 0);
  EXPECT_EQ(status.subjects, 3);
}

TEST_P(StoreConformance, CountsARepublishedKeyAsLiveAgain) {
  PublishAt("r1", {RecordOf("a", "1"), RecordOf("b", "1")});
  DeleteAt("d1", {"a", "b"});
  PublishAt("r2", {RecordOf("a", "2")});
  PublishAt("r3", {RecordOf("a", "2")});  // unchanged
  PublishAt("r4", {RecordOf("a", "3")});  // changed
  EXPECT_EQ(Status().collections[0].live, 1);
  EXPECT_EQ(Status().collections[0].tombstones, 1);
}

TEST_P(StoreConformance, CountsNothingForAWorkThatWasUndone) {
  PublishAt("r1", {RecordOf("a", "1")});
  ASSERT_FALSE(Delete(*store_, DeletionOf("d1", {"a", "nobody"})).ok());
  ASSERT_FALSE(store_
                   ->Commit({.apply =
                                 [](Transaction& transaction) {
                                   (void)transaction.Publish(BatchOf("r2", {RecordOf("b", "1")}));
                                   return absl::AbortedError("no");
                                 }})
                   .ok());
  EXPECT_EQ(Status().collections[0].live, 1);
  EXPECT_EQ(Status().collections[0].tombstones, 0);
}

TEST_P(StoreConformance, TellsAnOwnerNothingOfAnother) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  EXPECT_THAT(Status("river-unified").collections, IsEmpty());
  EXPECT_EQ(Status("river-unified").subjects, 0);
}

TEST_P(StoreConformance, LendsAnOwnerItsRecordByItsKeyAndNoOther) {
  PublishAt("r1", {RecordOf("a", "mine"), RecordOf("gone", "1")});
  DeleteAt("d1", {"gone"});
  EXPECT_EQ(OwnOne("state-university", "Candidate", "a").value(), "mine");
  for (const auto& [owner, type, key] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"river-unified", "Candidate", "a"},
           {"state-university", "Employment", "a"},
           {"state-university", "Candidate", "b"},
           {"state-university", "Candidate", "gone"}}) {
    EXPECT_TRUE(absl::IsNotFound(OwnOne(owner, type, key).status())) << owner << type << key;
  }
}

TEST_P(StoreConformance, LendsAnOwnerItsRecordsInOrderFromAPlaceOn) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"}), RecordOf("c", "3")});
  const OwnerRight right("state-university", "Candidate");
  std::vector<ScannedRecord> records;
  const auto read = [&](std::optional<ScanPlace> from) {
    records.clear();
    return store_->ReadOwn(right.permit, right.receipt, from, [&](const StoredRecord& record) {
      records.push_back(Keep(record));
      return true;
    });
  };
  ASSERT_TRUE(read(std::nullopt).ok());
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[0].bytes, "3");
  EXPECT_EQ(records[1].bytes, "1");
  ASSERT_TRUE(read(records[1].place).ok());
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].bytes, "1");
  const OwnerRight other("river-unified", "Candidate");
  int seen = 0;
  EXPECT_TRUE(store_
                  ->ReadOwn(other.permit, other.receipt, std::nullopt,
                            [&](const StoredRecord&) { return ++seen > 0; })
                  .ok());
  EXPECT_EQ(seen, 0);
}

TEST_P(StoreConformance, LendsNothingWithoutThePermitsOwnReceipt) {
  PublishAt("r1", {RecordOf("a", "1")});
  const OwnerRight right("state-university", "Candidate");
  const OwnerRight other("state-university", "Candidate");
  const OwnerRight all("state-university");
  int seen = 0;
  const auto visit = [&](const StoredRecord&) { return ++seen > 0; };
  const auto visit_one = [&](const StoredRecord&) { ++seen; };
  EXPECT_TRUE(absl::IsInternal(store_->ReadOwn(right.permit, other.receipt, std::nullopt, visit)));
  EXPECT_TRUE(absl::IsInternal(store_->ReadOwnOne(right.permit, other.receipt, "a", visit_one)));
  EXPECT_TRUE(absl::IsInternal(store_->StatusOf(all.permit, other.receipt).status()));
  // A permit of all types reads no records, one of a type tells of no others.
  EXPECT_TRUE(absl::IsInternal(store_->ReadOwn(all.permit, all.receipt, std::nullopt, visit)));
  EXPECT_TRUE(absl::IsInternal(store_->StatusOf(right.permit, right.receipt).status()));
  EXPECT_EQ(seen, 0);
}

}  // namespace
}  // namespace sluice::server
