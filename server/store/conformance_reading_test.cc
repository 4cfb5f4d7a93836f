// What every engine's store must do: lend records to whoever has a permit and its receipt, in
// order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST_P(StoreConformance, ReadsNothingWithoutThePermitsOwnReceipt) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1")})).ok());
  const policy::RecordId id = Only().place.record_id;
  const ReadRight other({"state-university"});
  AuditReceipt spent = AuditReceiptForTest::Make(right_.permit.shared_plan().get());
  [[maybe_unused]] const AuditReceipt moved = std::move(spent);
  for (const AuditReceipt* receipt : {&other.receipt, &std::as_const(spent)}) {
    int visited = 0;
    EXPECT_TRUE(absl::IsInternal(store_->Read(right_.permit, *receipt, "state-university",
                                              std::nullopt, std::nullopt,
                                              [&](const StoredRecord&) { return ++visited > 0; })));
    EXPECT_TRUE(absl::IsInternal(store_->ReadOne(
        right_.permit, *receipt, id, [&](absl::string_view, const StoredRecord&) { ++visited; })));
    EXPECT_EQ(visited, 0);
  }
  EXPECT_TRUE(absl::IsInternal(Scan(*store_, right_, "river-unified").status()));
}

TEST_P(StoreConformance, ScansInOrderOfOrdinalThenRecordId) {
  std::vector<policy::ValidRecord> records;
  for (int i = 0; i < 200; ++i) {
    records.push_back(
        RecordOf(absl::StrCat("k", i), absl::StrCat(i), {absl::StrCat("person ", (i * 7) % 40)}));
  }
  for (int i = 0; i < 50; ++i) records.push_back(RecordOf(absl::StrCat("n", i), "nobody"));
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", records)).ok());
  const std::vector<ScannedRecord> scanned = Scan(*store_, right_).value();
  ASSERT_THAT(scanned, SizeIs(250));
  for (size_t i = 1; i < scanned.size(); ++i) EXPECT_LT(scanned[i - 1].place, scanned[i].place);
  for (const ScannedRecord& record : scanned) {
    EXPECT_EQ(record.place.ordinal, record.ordinals.empty() ? 0 : record.ordinals[0]);
  }
}

TEST_P(StoreConformance, ScansFromAPlaceUpToAnother) {
  std::vector<policy::ValidRecord> records;
  for (int i = 0; i < 60; ++i) {
    records.push_back(RecordOf(absl::StrCat("k", i), "x", {absl::StrCat("person ", i % 20)}));
  }
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", records)).ok());
  const std::vector<ScannedRecord> all = Scan(*store_, right_).value();
  for (size_t from : {0, 1, 30, 59}) {
    for (size_t until : {0, 1, 31, 59}) {
      const auto part =
          Scan(*store_, right_, "state-university", all[from].place, all[until].place).value();
      ASSERT_EQ(part.size(), until > from ? until - from : 0);
      for (size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i].place, all[from + i].place);
    }
    EXPECT_THAT(Scan(*store_, right_, "state-university", all[from].place).value(),
                SizeIs(60 - from));
  }
}

TEST_P(StoreConformance, LendsPagesThatAreTheScanInParts) {
  // Many of nobody, so that a scan begins among those of one ordinal; and now and then a large one.
  std::vector<policy::ValidRecord> records;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes(i % 40 == 7 ? 50'000 : i % 9, static_cast<char>('a' + i % 26));
    std::vector<std::string> subjects;
    for (int s = 0; i >= 150 && s < i % 4; ++s)
      subjects.push_back(absl::StrCat("person ", i % (s + 10)));
    records.push_back(RecordOf(absl::StrCat("k", i), absl::StrCat(i, bytes), subjects));
  }
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", records)).ok());
  const std::vector<ScannedRecord> all = Scan(*store_, right_).value();
  ASSERT_THAT(all, SizeIs(300));
  std::map<std::string, int> bytes;
  for (const ScannedRecord& record : all) ++bytes[record.bytes];
  for (const policy::ValidRecord& record : records) EXPECT_EQ(bytes[record.bytes], 1);

  for (const size_t first : {0, 1, 63, 64, 100, 149, 150, 299}) {
    size_t next = first, pages = 0;
    const auto compare = [&](absl::Span<const StoredRecord> page) {
      EXPECT_FALSE(page.empty());
      ++pages;
      for (const StoredRecord& record : page) {
        const ScannedRecord& expected = all[next++];
        EXPECT_EQ(record.place, expected.place);
        EXPECT_EQ(record.bytes, expected.bytes);
        EXPECT_EQ(record.subjects, absl::MakeConstSpan(expected.subjects));
        EXPECT_EQ(record.ordinals, absl::MakeConstSpan(expected.ordinals));
      }
      return true;
    };
    ASSERT_TRUE(store_
                    ->ReadPages(right_.permit, right_.receipt, "state-university", all[first].place,
                                std::nullopt, compare)
                    .ok());
    EXPECT_EQ(next, all.size());
    EXPECT_LE(pages, (all.size() - first + 1) / 2);  // pages, and not records one by one
  }
}

TEST_P(StoreConformance, StopsAScanWhenItsVisitorHasEnough) {
  // More than a page of nobody, and more than one of somebody.
  std::vector<policy::ValidRecord> records;
  for (int i = 0; i < 300; ++i) {
    records.push_back(
        RecordOf(absl::StrCat("k", i), "1",
                 i < 150 ? std::vector<std::string>() : std::vector<std::string>{"x"}));
  }
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", records)).ok());
  const std::vector<ScannedRecord> all = Scan(*store_, right_).value();
  ASSERT_THAT(all, SizeIs(300));
  for (const size_t first : {0, 1, 151}) {
    for (const int enough : {1, 64, 100}) {
      int visited = 0;
      const auto count = [&](const StoredRecord&) { return ++visited < enough; };
      ASSERT_TRUE(store_
                      ->Read(right_.permit, right_.receipt, "state-university", all[first].place,
                             std::nullopt, count)
                      .ok());
      EXPECT_EQ(visited, enough);
    }
  }
}

TEST_P(StoreConformance, FindsOneRecordByItsIdForItsOwnersReaderOnly) {
  ASSERT_TRUE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})})).ok());
  const ScannedRecord record = Only();
  const auto read = [&](const ReadRight& right, const policy::RecordId& id) {
    return store_->ReadOne(right.permit, right.receipt, id,
                           [&](absl::string_view owner, const StoredRecord& found) {
                             EXPECT_EQ(owner, "state-university");
                             EXPECT_EQ(found.place, record.place);
                             EXPECT_EQ(found.bytes, "1");
                             EXPECT_THAT(found.ordinals, ElementsAre(1));
                           });
  };
  EXPECT_TRUE(read(ReadRight({"x", "state-university"}), record.place.record_id).ok());
  EXPECT_TRUE(absl::IsNotFound(read(ReadRight({"river-unified"}), record.place.record_id)));
  EXPECT_TRUE(absl::IsNotFound(
      read(ReadRight({"state-university"}, "Employment"), record.place.record_id)));
  EXPECT_TRUE(absl::IsNotFound(read(right_, policy::RecordId{})));
  ASSERT_TRUE(Delete(*store_, DeletionOf("d1", {"a"})).ok());
  EXPECT_TRUE(absl::IsNotFound(read(right_, record.place.record_id)));
}

}  // namespace
}  // namespace sluice::server
