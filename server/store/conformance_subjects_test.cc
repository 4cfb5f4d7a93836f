// What every engine's store must do: number the people whom records are about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, NumbersSubjectsDenselyInTheOrderTheyCome) {
  const auto first = Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"zoe", "bob"}),
                                                     RecordOf("b", "1", {"ann", "zoe"})}));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_THAT(first->new_subjects, SizeIs(3));
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(first->new_subjects[i].ordinal, i + 1);
  Reopen();
  const auto second = Publish(*store_, BatchOf("r2", {RecordOf("c", "1", {"ann", "eve"})}));
  ASSERT_THAT(second->new_subjects, SizeIs(1));
  EXPECT_EQ(second->new_subjects[0].ordinal, 4u);
  const std::vector<ScannedRecord> records = Scan(*store_, right_).value();
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_THAT(records[0].ordinals, ElementsAre(1, 2));
  EXPECT_EQ(records[0].subjects[0], first->new_subjects[0].id);
  EXPECT_EQ(records[0].subjects[1], first->new_subjects[1].id);
}

TEST_P(StoreConformance, NeverReusesAnOrdinal) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})})).ok());
  ASSERT_TRUE(Delete(*store_, DeletionOf("d1", {"a"})).ok());
  const auto bob = Publish(*store_, BatchOf("r2", {RecordOf("b", "1", {"bob"})}));
  ASSERT_THAT(bob->new_subjects, SizeIs(1));
  EXPECT_EQ(bob->new_subjects[0].ordinal, 2u);
  const auto ann = Publish(*store_, BatchOf("r3", {RecordOf("c", "1", {"ann"})}));
  EXPECT_THAT(ann->new_subjects, IsEmpty());
}

TEST_P(StoreConformance, KeepsIdSpacesApart) {
  policy::ValidRecord record = RecordOf("a", "1", {"7"});
  record.subjects.push_back({"staff", "7"});
  EXPECT_THAT(Publish(*store_, BatchOf("r1", {record}))->new_subjects, SizeIs(2));
}

TEST_P(StoreConformance, MovesARecordWhoseSubjectChanges) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "about ann", {"ann"}),
                                              RecordOf("b", "about bob", {"bob"})}))
                  .ok());
  const ScannedRecord before = Scan(*store_, right_).value()[0];
  const auto moved = Publish(*store_, BatchOf("r2", {RecordOf("a", "about eve", {"eve"})}));
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->changed_count, 1);
  EXPECT_THAT(Bytes(), ElementsAre("about bob", "about eve"));
  const ScannedRecord after = Scan(*store_, right_).value()[1];
  EXPECT_EQ(after.place.record_id, before.place.record_id);
  EXPECT_EQ(after.place.ordinal, 3u);
}

}  // namespace
}  // namespace sluice::server
