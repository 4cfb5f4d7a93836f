// What every engine's store must do: answer a request that comes again as before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreConformance, AnswersARequestAsBeforeEvenAfterARestart) {
  const PublishBatch batch = BatchOf("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "1")});
  const auto first = Publish(*store_, batch);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Publish(*store_, BatchOf("r2", {RecordOf("a", "2", {"ann"})})).ok());
  Reopen();
  PublishBatch again = batch;
  again.time += absl::Hours(7 * 24);
  const auto replayed = Publish(*store_, again);
  ASSERT_TRUE(replayed.ok()) << replayed.status();
  EXPECT_TRUE(replayed->replayed);
  EXPECT_EQ(replayed->position, first->position);
  EXPECT_EQ(replayed->new_count, 2);
  EXPECT_THAT(replayed->new_subjects, IsEmpty());
  EXPECT_THAT(Bytes(), ::testing::UnorderedElementsAre("2", "1"));
}

TEST_P(StoreConformance, ForgetsARequestAfterSevenDays) {
  PublishBatch batch = BatchOf("r1", {RecordOf("a", "1")});
  ASSERT_TRUE(Publish(*store_, batch).ok());
  batch.time += absl::Hours(7 * 24) + absl::Microseconds(1);
  batch.content_digest = DigestOf(1);
  const auto outcome = Publish(*store_, batch);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->unchanged_count, 1);
}

TEST_P(StoreConformance, RefusesARequestIdForAnotherContent) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  PublishBatch other = BatchOf("r1", {RecordOf("a", "2")});
  other.content_digest = DigestOf(2);
  EXPECT_TRUE(absl::IsAlreadyExists(Publish(*store_, other).status()));
  PublishBatch other_type = BatchOf("r1", {RecordOf("a", "1")});
  other_type.record_type = "Employment";
  EXPECT_TRUE(absl::IsAlreadyExists(Publish(*store_, other_type).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Delete(*store_, DeletionOf("r1", {"a"})).status()));
  EXPECT_THAT(Bytes(), ElementsAre("1"));
}

TEST_P(StoreConformance, LetsEachPrincipalChooseItsOwnRequestIds) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  PublishBatch other = BatchOf("r1", {RecordOf("a", "2")});
  other.principal = "spiffe://example.org/org/state-university/system/other";
  other.content_digest = DigestOf(2);
  const auto outcome = Publish(*store_, other);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->changed_count, 1);
}

TEST_P(StoreConformance, AnswersADeletionAsBefore) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  const auto first = Delete(*store_, DeletionOf("d1", {"a"}));
  ASSERT_TRUE(Publish(*store_, BatchOf("r2", {RecordOf("a", "2")})).ok());
  const auto again = Delete(*store_, DeletionOf("d1", {"a"}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(again->deleted_count, 1);
  EXPECT_THAT(Bytes(), ElementsAre("2"));
}

}  // namespace
}  // namespace sluice::server
