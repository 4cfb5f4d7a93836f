// What every engine's store must do: take records out, and know a key that comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreConformance, GivesARepublishedKeyItsOldRecordId) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})})).ok());
  const ScannedRecord before = Only();
  ASSERT_TRUE(Delete(*store_, DeletionOf("d1", {"a"})).ok());
  EXPECT_THAT(Bytes(), IsEmpty());
  Reopen();
  const auto outcome = Publish(*store_, BatchOf("r2", {RecordOf("a", "2", {"ann"})}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->new_count, 1);
  EXPECT_EQ(Only().place, before.place);
  EXPECT_EQ(Only().bytes, "2");
}

TEST_P(StoreConformance, DeletesNothingIfAKeyIsMissingUnlessThatIsAllowed) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  EXPECT_TRUE(absl::IsNotFound(Delete(*store_, DeletionOf("d1", {"a", "nobody"})).status()));
  EXPECT_THAT(Bytes(), ElementsAre("1"));
  DeleteBatch lenient = DeletionOf("d2", {"a", "nobody"});
  lenient.allow_missing = true;
  const auto outcome = Delete(*store_, lenient);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->deleted_count, 1);
  EXPECT_EQ(outcome->missing_count, 1);
  EXPECT_THAT(Bytes(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(Delete(*store_, DeletionOf("d3", {"a"})).status()));
}

TEST_P(StoreConformance, SaysWhenAnOwnerLastPublished) {
  EXPECT_EQ(store_->LastPublishOf("state-university", "Candidate").value().position, 0);
  const auto first = Publish(*store_, BatchOf("r1", {RecordOf("a", "1")}));
  PublishBatch later = BatchOf("r2", {RecordOf("a", "1")});
  later.time += absl::Hours(24);
  ASSERT_TRUE(first.ok() && Publish(*store_, later).ok());
  Reopen();
  const LastPublish last = store_->LastPublishOf("state-university", "Candidate").value();
  EXPECT_EQ(last.position, first->position);
  EXPECT_EQ(last.time, later.time);
  EXPECT_EQ(store_->LastPublishOf("state-university", "Employment").value().position, 0);
}

}  // namespace
}  // namespace sluice::server
