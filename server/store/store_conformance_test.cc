// What every engine's store must do, written against Store alone. An engine joins by a factory in
// the list at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "server/store/sqlite_store.h"
#include "server/store/store.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Opens the store that lies in a directory, or makes one there.
struct Engine {
  std::string name;
  std::function<std::unique_ptr<Store>(const TestDirectory&)> open;
};

class StoreConformance : public ::testing::TestWithParam<Engine> {
 protected:
  StoreConformance() { Reopen(); }

  void Reopen() {
    store_.reset();
    store_ = GetParam().open(directory_);
  }

  // In scan order.
  std::vector<std::string> Bytes(absl::string_view owner = "state-university",
                                 const std::string& type = "Candidate") {
    const ReadRight right({std::string(owner)}, type);
    std::vector<std::string> bytes;
    const std::vector<ScannedRecord> records = Scan(*store_, right, owner).value();
    for (const ScannedRecord& record : records) bytes.push_back(record.bytes);
    return bytes;
  }

  ScannedRecord Only() {
    std::vector<ScannedRecord> records = Scan(*store_, right_).value();
    EXPECT_THAT(records, SizeIs(1));
    return records.at(0);
  }

  TestDirectory directory_;
  std::unique_ptr<Store> store_;
  const ReadRight right_{{"state-university"}};
};

// --- Publishing ---

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

TEST_P(StoreConformance, ChangesNothingForUnchangedContent) {
  const auto first = Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})}));
  const ScannedRecord before = Only();
  const auto again = Publish(*store_, BatchOf("r2", {RecordOf("a", "1", {"ann"})}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->position, first->position);
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

// --- Deleting, and keys that come back ---

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

// --- Subjects ---

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

// --- Requests that come again ---

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

// --- Reading ---

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

TEST_P(StoreConformance, StopsAScanWhenItsVisitorHasEnough) {
  ASSERT_TRUE(
      Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"x"}), RecordOf("b", "2", {"y"})})).ok());
  int visited = 0;
  ASSERT_TRUE(store_
                  ->Read(right_.permit, right_.receipt, "state-university", std::nullopt,
                         std::nullopt, [&](const StoredRecord&) { return ++visited < 1; })
                  .ok());
  EXPECT_EQ(visited, 1);
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

// --- The log's tables, MOU versions, decisions ---

LogRow RowOf(uint64_t index) {
  return {.index = index,
          .leaf_hash = DigestOf(index),
          .writer = "gateway-1",
          .boot = "b0",
          .wseq = index + 1,
          .body = absl::StrCat("entry ", index),
          .openings = {{.owner = "o", .field = "f", .salt = "s", .value = absl::StrCat(index)}}};
}

TEST_P(StoreConformance, BeginsWithTheHeadOfAnEmptyLog) {
  const LogHead head = store_->ReadLogHead().value();
  EXPECT_EQ(head.size, 0u);
  EXPECT_THAT(head.compact_range, IsEmpty());
  EXPECT_EQ(head.checkpoint, "");
  EXPECT_THAT(store_->ReadLeafHashes(0, 10).value(), IsEmpty());
}

TEST_P(StoreConformance, KeepsLogRowsWithTheirOpeningsAndTheHead) {
  const LogHead head{.size = 3,
                     .root = DigestOf(99),
                     .compact_range = {DigestOf(1), DigestOf(2)},
                     .checkpoint = "note"};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply =
                                [&](Transaction& transaction) {
                                  for (uint64_t i = 0; i < 3; ++i) {
                                    absl::Status status = transaction.InsertLogRow(RowOf(i));
                                    if (!status.ok()) return status;
                                  }
                                  return transaction.UpdateLogHead(0, head);
                                }})
                  .ok());
  Reopen();
  const LogHead stored = store_->ReadLogHead().value();
  EXPECT_EQ(stored.size, 3u);
  EXPECT_EQ(stored.root, head.root);
  EXPECT_EQ(stored.compact_range, head.compact_range);
  EXPECT_EQ(stored.checkpoint, "note");
  std::vector<std::string> rows;
  ASSERT_TRUE(store_
                  ->ReadLogRows(1, 3,
                                [&](const LogRow& row) {
                                  EXPECT_EQ(row.leaf_hash, DigestOf(row.index));
                                  EXPECT_THAT(row.openings, IsEmpty());
                                  rows.push_back(absl::StrCat(row.index, row.writer, row.boot,
                                                              row.wseq, row.body));
                                  return true;
                                })
                  .ok());
  EXPECT_THAT(rows, ElementsAre("1gateway-1b02entry 1", "2gateway-1b03entry 2"));
  EXPECT_THAT(store_->ReadLeafHashes(0, 2).value(), ElementsAre(DigestOf(0), DigestOf(1)));
  const auto openings = store_->ReadOpenings(2).value();
  ASSERT_THAT(openings, SizeIs(1));
  EXPECT_EQ(openings[0].owner + openings[0].field + openings[0].salt + openings[0].value, "ofs2");
  EXPECT_EQ(store_->LastWseq("gateway-1", "b0").value(), 3u);
  EXPECT_TRUE(absl::IsNotFound(store_->LastWseq("gateway-1", "b1").status()));
}

TEST_P(StoreConformance, MovesTheHeadOnlyFromTheSizeItHas) {
  const auto move = [&](uint64_t from, uint64_t to) {
    return store_->Commit({.is_append = true, .apply = [=](Transaction& transaction) {
                             return transaction.UpdateLogHead(from, {.size = to});
                           }});
  };
  EXPECT_TRUE(move(0, 5).ok());
  EXPECT_TRUE(absl::IsAborted(move(0, 6)));
  EXPECT_TRUE(absl::IsAborted(move(4, 6)));
  EXPECT_EQ(store_->ReadLogHead()->size, 5u);
}

TEST_P(StoreConformance, NeverWritesALogIndexTwice) {
  const auto append = [&](LogRow row) {
    return store_->Commit({.is_append = true, .apply = [row](Transaction& transaction) {
                             return transaction.InsertLogRow(row);
                           }});
  };
  EXPECT_TRUE(append(RowOf(0)).ok());
  EXPECT_FALSE(append(RowOf(0)).ok());
  LogRow same_wseq = RowOf(1);
  same_wseq.wseq = 1;
  EXPECT_FALSE(append(same_wseq).ok());
  EXPECT_THAT(store_->ReadLeafHashes(0, 9).value(), SizeIs(1));
}

TEST_P(StoreConformance, KeepsTheDictionarysHeadAndOpenings) {
  std::pair<uint64_t, std::vector<Hash>> before, after;
  ASSERT_TRUE(store_
                  ->Commit({.apply =
                                [&](Transaction& transaction) {
                                  before = transaction.DictionaryHead("o").value();
                                  absl::Status status =
                                      transaction.PutDictionaryHead("o", 2, {DigestOf(7)});
                                  if (!status.ok()) return status;
                                  status = transaction.PutDictionaryHead("o", 3, {DigestOf(8)});
                                  if (!status.ok()) return status;
                                  return transaction.PutDictionaryOpening("o", 0, "salt");
                                }})
                  .ok());
  EXPECT_EQ(before.first, 0u);
  EXPECT_THAT(before.second, IsEmpty());
  Reopen();
  EXPECT_FALSE(store_
                   ->Commit({.apply =
                                 [&](Transaction& transaction) {
                                   after = transaction.DictionaryHead("o").value();
                                   return transaction.PutDictionaryOpening("o", 0, "other");
                                 }})
                   .ok());
  EXPECT_EQ(after.first, 3u);
  EXPECT_THAT(after.second, ElementsAre(DigestOf(8)));
}

TEST_P(StoreConformance, TakesAnMouVersionInOnceAndMovesItOn) {
  StoredMouVersion version{
      .mou = "stem",
      .version = 2,
      .document = std::string("mou: stem\n\0x", 12),
      .signatures = {{"a", std::string("\x30\0", 2), kTestTime}, {"b", "\x31", kTestTime}},
      .state = "SIGNED",
      .log_index = 9};
  const auto put = [&](StoredMouVersion it) {
    return store_->Commit(
        {.apply = [it](Transaction& transaction) { return transaction.PutMouVersion(it); }});
  };
  EXPECT_TRUE(put(version).ok());
  StoredMouVersion forged = version;
  forged.document = "other";
  EXPECT_TRUE(absl::IsAlreadyExists(put(forged)));
  Reopen();
  const auto versions = store_->MouVersions().value();
  ASSERT_THAT(versions, SizeIs(1));
  EXPECT_EQ(versions[0].mou, "stem");
  EXPECT_EQ(versions[0].version, 2);
  EXPECT_EQ(versions[0].document, version.document);
  EXPECT_EQ(versions[0].log_index, 9u);
  ASSERT_THAT(versions[0].signatures, SizeIs(2));
  EXPECT_EQ(versions[0].signatures[0].cms_der, version.signatures[0].cms_der);
  EXPECT_EQ(versions[0].signatures[0].received, kTestTime);
  EXPECT_EQ(versions[0].state, "SIGNED");

  version.state = "NOT_SIGNED";
  version.log_index = 12;
  version.signatures.pop_back();
  EXPECT_TRUE(put(version).ok());
  Reopen();
  const auto moved = store_->MouVersions().value();
  ASSERT_THAT(moved, SizeIs(1));
  EXPECT_EQ(moved[0].document, version.document);
  EXPECT_EQ(moved[0].state, "NOT_SIGNED");
  EXPECT_EQ(moved[0].log_index, 12u);
  ASSERT_THAT(moved[0].signatures, SizeIs(1));
  EXPECT_EQ(moved[0].signatures[0].organization, "a");
}

TEST_P(StoreConformance, FindsADecisionByItsId) {
  const StoredDecision decision{.decision_id = "00112233445566778899aabbccddeeff",
                                .principal = "p",
                                .decision = std::string("\0\1", 2),
                                .time = kTestTime,
                                .log_index = 4};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply = [&](Transaction& t) { return t.PutDecision(decision); }})
                  .ok());
  const StoredDecision found = store_->FindDecision(decision.decision_id).value();
  EXPECT_EQ(found.principal, "p");
  EXPECT_EQ(found.decision, decision.decision);
  EXPECT_EQ(found.time, kTestTime);
  EXPECT_EQ(found.log_index, 4u);
  for (const char* id : {"", "00112233445566778899aabbccddeef0", "00112233445566778899AABBCCDDEEFF",
                         "' OR 1=1 --", "zz112233445566778899aabbccddeeff"}) {
    EXPECT_TRUE(absl::IsNotFound(store_->FindDecision(id).status())) << id;
  }
}

// --- Works ---

TEST_P(StoreConformance, UndoesAFailedWorkWhole) {
  const absl::Status status = store_->Commit({.apply = [](Transaction& transaction) {
    if (auto outcome = transaction.Publish(BatchOf("r1", {RecordOf("a", "1", {"ann"})}));
        !outcome.ok()) {
      return outcome.status();
    }
    return absl::FailedPreconditionError("changed my mind");
  }});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Bytes(), IsEmpty());
  EXPECT_EQ(store_->LastPublishOf("state-university", "Candidate")->position, 0);
  // Neither its request id nor its subject's ordinal was used.
  const auto outcome = Publish(*store_, BatchOf("r1", {RecordOf("b", "2", {"bob"})}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->new_subjects.at(0).ordinal, 1u);
}

TEST_P(StoreConformance, MakesDurableWhatWaitsWhenItStopsAndThenRefuses) {
  std::vector<absl::Status> told;
  for (int i = 0; i < 20; ++i) {
    store_->Submit({.apply =
                        [i](Transaction& transaction) {
                          return transaction
                              .Publish(BatchOf(absl::StrCat(i), {RecordOf(absl::StrCat(i), "x")}))
                              .status();
                        },
                    .done = [&](absl::Status status) { told.push_back(status); }});
  }
  store_->Stop();
  ASSERT_THAT(told, SizeIs(20));
  for (const absl::Status& status : told) EXPECT_TRUE(status.ok()) << status;
  const auto late = Publish(*store_, BatchOf("late", {RecordOf("late", "x")}));
  EXPECT_TRUE(absl::IsUnavailable(late.status())) << late.status();
  Reopen();
  EXPECT_THAT(Bytes(), SizeIs(20));
}

std::unique_ptr<Store> OpenSqlite(const TestDirectory& directory) {
  SqliteStoreOptions options;
  options.path = directory.Path("store.db");
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance, ::testing::Values(Engine{"Sqlite", OpenSqlite}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::server
