// What every engine's store must do: take records in, tell what changed, keep owners and types
// apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, LendsWhatWasPublished) {
  const absl::StatusOr<PublishOutcome> outcome =
      Publish(*store_, BatchOf("r1", {RecordOf("k1", "one", {"ann"}), RecordOf("k2", "two")}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->new_count, 2);
  EXPECT_EQ(outcome->changed_count, 0);
  EXPECT_EQ(outcome->unchanged_count, 0);
  EXPECT_GT(outcome->position, 0);
  EXPECT_FALSE(outcome->replayed);
  EXPECT_THAT(Bytes(), ::testing::UnorderedElementsAre("one", "two"));
}

TEST_P(StoreConformance, KeepsWhatWasPublishedOverARestart) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("k1", "one", {"ann"})})).ok());
  const ScannedRecord before = Only();
  Reopen();
  const ScannedRecord after = Only();
  EXPECT_EQ(after.place, before.place);
  EXPECT_EQ(after.bytes, "one");
  EXPECT_EQ(after.subjects, before.subjects);
}

TEST_P(StoreConformance, TellsNewChangedAndUnchangedApart) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1"), RecordOf("b", "1")})).ok());
  const auto outcome =
      Publish(*store_, BatchOf("r2", {RecordOf("a", "1"), RecordOf("b", "2"), RecordOf("c", "1")}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->unchanged_count, 1);
  EXPECT_EQ(outcome->changed_count, 1);
  EXPECT_EQ(outcome->new_count, 1);
  EXPECT_THAT(Bytes(), ::testing::UnorderedElementsAre("1", "2", "1"));
}

TEST_P(StoreConformance, TellsWhatAPublishWouldChangeAndChangesNothing) {
  const auto compare = [this](std::vector<policy::ValidRecord> records) {
    PublishBatch batch = BatchOf("", std::move(records));
    batch.validate_only = true;
    const auto outcome = Publish(*store_, batch);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->position, 0);
    EXPECT_THAT(outcome->new_subjects, IsEmpty());
    return std::vector<int32_t>{outcome->new_count, outcome->changed_count,
                                outcome->unchanged_count};
  };
  EXPECT_THAT(compare({RecordOf("a", "1", {"ann"})}), ElementsAre(1, 0, 0)) << "an unknown owner";
  EXPECT_THAT(Bytes(), IsEmpty());
  EXPECT_THAT(Status().collections, IsEmpty()) << "nor is one that nothing was published of";
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1"), RecordOf("b", "1")})).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(compare({RecordOf("a", "1"), RecordOf("b", "2"), RecordOf("c", "1", {"bo"})}),
                ElementsAre(1, 1, 1))
        << "nothing is remembered";
  }
  EXPECT_THAT(Bytes(), ::testing::UnorderedElementsAre("1", "1"));
  ASSERT_TRUE(Delete(*store_, DeletionOf("d1", {"a"})).ok());
  EXPECT_THAT(compare({RecordOf("a", "1")}), ElementsAre(1, 0, 0)) << "a deleted one is new again";
  const auto published = Publish(*store_, BatchOf("r2", {RecordOf("c", "1", {"bo"})}));
  ASSERT_TRUE(published.ok());
  EXPECT_THAT(published->new_subjects, SizeIs(1)) << "nobody was taken into the dictionary";
}

TEST_P(StoreConformance, TellsThatAPublishWouldBeTooManyRows) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1"), RecordOf("b", "1")})).ok());
  PublishBatch batch = BatchOf("", {RecordOf("a", "2"), RecordOf("b", "2")});
  batch.validate_only = true;
  batch.most_rows = 2;
  EXPECT_TRUE(Publish(*store_, batch).ok());
  batch.records.push_back(RecordOf("c", "1"));
  EXPECT_TRUE(absl::IsResourceExhausted(Publish(*store_, batch).status()));
  batch.record_type = "Employment";  // the first of its type: rows of all types count
  batch.records = {RecordOf("c", "1")};
  EXPECT_TRUE(absl::IsResourceExhausted(Publish(*store_, batch).status()));
}

TEST_P(StoreConformance, ChangesNothingForUnchangedContent) {
  const auto first = Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})}));
  const ScannedRecord before = Only();
  const auto again = Publish(*store_, BatchOf("r2", {RecordOf("a", "1", {"ann"})}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->position, 0) << "a withdraw of what was answered would take the first back";
  EXPECT_EQ(store_->LastPublishOf("state-university", "Candidate")->position, first->position);
  EXPECT_EQ(again->unchanged_count, 1);
  EXPECT_THAT(again->new_subjects, IsEmpty());
  EXPECT_EQ(Only().place, before.place);
}

TEST_P(StoreConformance, GivesEachChangeALaterPosition) {
  int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto outcome = Publish(
        *store_, BatchOf(absl::StrCat("r", i), {RecordOf("a", absl::StrCat("version ", i))}));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_GT(outcome->position, last);
    last = outcome->position;
    if (i == 2) Reopen();
  }
  const auto deleted = Delete(*store_, DeletionOf("d", {"a"}));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_GT(deleted->position, last);
}

TEST_P(StoreConformance, RefusesABatchWithAKeyTwiceAndChangesNothing) {
  const auto outcome =
      Publish(*store_, BatchOf("r1", {RecordOf("a", "1"), RecordOf("b", "1"), RecordOf("a", "2")}));
  EXPECT_TRUE(absl::IsInvalidArgument(outcome.status())) << outcome.status();
  EXPECT_THAT(Bytes(), IsEmpty());
  ASSERT_TRUE(Publish(*store_, BatchOf("r2", {RecordOf("a", "1")})).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Delete(*store_, DeletionOf("d1", {"a", "a"})).status()));
  EXPECT_THAT(Bytes(), ElementsAre("1"));
}

TEST_P(StoreConformance, KeepsOwnersAndTypesApart) {
  PublishBatch other_owner = BatchOf("r1", {RecordOf("a", "theirs", {"ann"})});
  other_owner.owner = "river-unified";
  PublishBatch other_type = BatchOf("r2", {RecordOf("a", "employment", {"ann"})});
  other_type.record_type = "Employment";
  const auto own = Publish(*store_, BatchOf("r0", {RecordOf("a", "ours", {"ann"})}));
  const auto theirs = Publish(*store_, other_owner);
  const auto employment = Publish(*store_, other_type);
  ASSERT_TRUE(own.ok() && theirs.ok() && employment.ok());
  EXPECT_EQ(theirs->new_count, 1);
  EXPECT_EQ(employment->new_count, 1);
  EXPECT_THAT(Bytes(), ElementsAre("ours"));
  EXPECT_THAT(Bytes("river-unified"), ElementsAre("theirs"));
  EXPECT_THAT(Bytes("state-university", "Employment"), ElementsAre("employment"));
  // One owner's subject is the same in each of its types, another owner's is its own.
  EXPECT_THAT(own->new_subjects, SizeIs(1));
  EXPECT_THAT(employment->new_subjects, IsEmpty());
  ASSERT_THAT(theirs->new_subjects, SizeIs(1));
  EXPECT_NE(theirs->new_subjects[0].id, own->new_subjects[0].id);
}

TEST_P(StoreConformance, TakesKeysAndNamesAsBytesAndNeverAsStatements) {
  const std::string evil =
      "x'); DROP TABLE record; -- \"`\0%_"
      "\xff";
  PublishBatch batch = BatchOf(evil, {RecordOf(evil, evil, {evil}), RecordOf("", "", {""})});
  batch.owner = evil;
  batch.principal = evil;
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  const auto outcome = Publish(*store_, batch);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->new_count, 2);
  EXPECT_THAT(Bytes(), ElementsAre("1"));
  EXPECT_THAT(Bytes(evil), ::testing::UnorderedElementsAre(evil, ""));
  DeleteBatch deletion = DeletionOf(evil + "2", {evil});
  deletion.owner = evil;
  deletion.record_type = evil;
  deletion.allow_missing = true;
  const auto deleted = Delete(*store_, deletion);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->missing_count, 1);
  EXPECT_THAT(Bytes(evil), SizeIs(2));
}

TEST_P(StoreConformance, KeepsALargeRecordWhole) {
  std::string large(policy::kMaxRecordBytes, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", large, {"ann"})})).ok());
  Reopen();
  EXPECT_EQ(Only().bytes, large);
}

}  // namespace
}  // namespace sluice::server
