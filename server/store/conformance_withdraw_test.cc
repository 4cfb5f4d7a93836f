// What every engine's store must do: take an owner's changes back, and forget in time what that
// takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_P(StoreConformance, TakesAPublishBackAsOneChange) {
  PublishAt("r1", {RecordOf("a", "old", {"ann"}), RecordOf("b", "same")});
  const int64_t wrong = PublishAt(
      "r2", {RecordOf("a", "wrong", {"eve"}), RecordOf("b", "same"), RecordOf("c", "new")});
  const std::vector<ScannedRecord> between = Scan(*store_, right_).value();
  Reopen();
  const WithdrawOutcome outcome = Withdrawn("w1", wrong, wrong);
  EXPECT_GT(outcome.position, wrong);
  EXPECT_THAT(Counts(outcome), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("old", "same"));
  EXPECT_EQ(Status().collections[0].live, 2);
  EXPECT_EQ(Status().collections[0].tombstones, 1);
  EXPECT_EQ(Status().collections[0].last_publish.position, outcome.position);
  // The dictionary keeps whom it has met, and the same key is the same row.
  EXPECT_EQ(Status().subjects, 2);
  const auto again = Publish(*store_, BatchOf("r3", {RecordOf("c", "new", {"eve"})}));
  EXPECT_THAT(again->new_subjects, IsEmpty());
}

TEST_P(StoreConformance, GivesBackARecordWithItsSubjectsAndItsPlace) {
  PublishAt("r1", {RecordOf("a", "old", {"ann", "bob"})});
  const ScannedRecord before = Only();
  const int64_t wrong = PublishAt("r2", {RecordOf("a", "wrong", {"eve"})});
  ASSERT_NE(Only().place, before.place);
  Withdrawn("w1", wrong, wrong);
  EXPECT_EQ(Only().place, before.place);
  EXPECT_EQ(Only().bytes, "old");
  EXPECT_EQ(Only().subjects, before.subjects);
  EXPECT_EQ(Only().ordinals, before.ordinals);
  EXPECT_EQ(OwnOne("state-university", "Candidate", "a").value(), "old");
}

TEST_P(StoreConformance, GivesBackWhatWasDeleted) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2")});
  const ScannedRecord before = Scan(*store_, right_).value()[1];
  const int64_t wrong = DeleteAt("d1", {"a", "b"});
  EXPECT_THAT(Counts(Withdrawn("w1", wrong, wrong)), ElementsAre(0, 0, 2, 0, 0));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("1", "2"));
  EXPECT_EQ(Scan(*store_, right_).value()[1].place, before.place);
  EXPECT_EQ(Status().collections[0].live, 2);
  EXPECT_EQ(Status().collections[0].tombstones, 0);
}

TEST_P(StoreConformance, GoesBackOverSeveralChangesToWhatStoodBeforeTheFirst) {
  PublishAt("r1", {RecordOf("a", "old")});
  const int64_t first = PublishAt("r2", {RecordOf("a", "1"), RecordOf("b", "1")});
  DeleteAt("d1", {"a"});
  PublishAt("r3", {RecordOf("a", "2"), RecordOf("c", "1")});
  const int64_t last = DeleteAt("d2", {"c"});
  // c was made and was gone again in the range.
  EXPECT_THAT(Counts(Withdrawn("w1", first, last)), ElementsAre(1, 1, 0, 1, 0));
  EXPECT_THAT(Bytes(), ElementsAre("old"));
}

TEST_P(StoreConformance, LeavesWhatCameBackByItselfAsItIs) {
  PublishAt("r1", {RecordOf("a", "old")});
  const int64_t first = PublishAt("r2", {RecordOf("a", "1")});
  const int64_t last = PublishAt("r3", {RecordOf("a", "old")});
  const WithdrawOutcome outcome = Withdrawn("w1", first, last);
  EXPECT_THAT(Counts(outcome), ElementsAre(0, 0, 0, 1, 0));
  EXPECT_EQ(outcome.position, 0);
}

TEST_P(StoreConformance, KeepsAndCountsWhatWasChangedAgain) {
  const int64_t wrong =
      PublishAt("r1", {RecordOf("a", "1"), RecordOf("b", "1"), RecordOf("c", "1")});
  PublishAt("r2", {RecordOf("a", "2")});
  DeleteAt("d1", {"b"});
  EXPECT_THAT(Counts(Withdrawn("w1", wrong, wrong)), ElementsAre(1, 0, 0, 0, 2));
  EXPECT_THAT(Bytes(), ElementsAre("2"));
}

TEST_P(StoreConformance, TakesAWithdrawBackLikeAnyChange) {
  PublishAt("r1", {RecordOf("a", "old"), RecordOf("gone", "g")});
  const int64_t first = PublishAt("r2", {RecordOf("a", "new"), RecordOf("b", "new")});
  const int64_t last = DeleteAt("d1", {"gone"});
  const WithdrawOutcome outcome = Withdrawn("w1", first, last);
  ASSERT_THAT(Bytes(), UnorderedElementsAre("old", "g"));
  EXPECT_THAT(Counts(Withdrawn("w2", outcome.position, outcome.position)),
              ElementsAre(1, 1, 1, 0, 0));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("new", "new"));
  EXPECT_EQ(Status().collections[0].live, 2);
  EXPECT_EQ(Status().collections[0].tombstones, 1);
}

TEST_P(StoreConformance, TakesARangeBackInPartsTheLatestFirst) {
  PublishAt("r1", {RecordOf("a", "old"), RecordOf("gone", "g")});
  const int64_t first = PublishAt("r2", {RecordOf("a", "wrong"), RecordOf("b", "wrong")});
  const int64_t second = DeleteAt("d1", {"gone"});
  const int64_t third = PublishAt("r3", {RecordOf("a", "wronger"), RecordOf("gone", "back")});
  EXPECT_THAT(Counts(Withdrawn("w3", third, third)), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("wrong", "wrong"));
  EXPECT_THAT(Counts(Withdrawn("w2", second, second)), ElementsAre(0, 0, 1, 0, 0));
  EXPECT_THAT(Counts(Withdrawn("w1", first, first)), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("old", "g"));
}

TEST_P(StoreConformance, KeepsWhatWasPublishedAgainAfterAWithdraw) {
  const int64_t wrong = PublishAt("r1", {RecordOf("a", "wrong")});
  const int64_t wronger = PublishAt("r2", {RecordOf("a", "wronger")});
  Withdrawn("w1", wronger, wronger);
  PublishAt("r3", {RecordOf("a", "right")});
  EXPECT_THAT(Counts(Withdrawn("w2", wrong, wrong)), ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(Bytes(), ElementsAre("right"));
}

TEST_P(StoreConformance, BringsNothingBackThatAWithdrawTookAway) {
  PublishAt("r1", {RecordOf("a", "good"), RecordOf("b", "good")});
  const int64_t wrong = PublishAt("r2", {RecordOf("a", "wrong")});
  DeleteAt("d1", {"b"});
  const int64_t last = PublishAt("r3", {RecordOf("a", "wronger"), RecordOf("b", "wronger")});
  Withdrawn("w1", wrong, last);
  EXPECT_THAT(Counts(Withdrawn("w2", last, last)), ElementsAre(0, 0, 0, 0, 2));
  EXPECT_THAT(Bytes(), ElementsAre("good", "good"));
}

TEST_P(StoreConformance, CountsWhatAWithdrawTakesAwayAmongItsBytes) {
  const std::string large(30 << 20, 'x');
  int64_t first = 0, last = 0;
  for (const char* const key : {"a", "b", "c"}) {
    last = PublishAt(key, {RecordOf(key, large)});
    if (first == 0) first = last;
  }
  for (const bool validate_only : {true, false}) {
    WithdrawBatch batch = WithdrawalOf("w1", first, last);
    batch.validate_only = validate_only;
    EXPECT_TRUE(absl::IsOutOfRange(Withdraw(*store_, batch).status()));
  }
  EXPECT_EQ(Bytes().size(), 3u);
  EXPECT_EQ(Withdrawn("w2", last - 1, last).bytes, 2 * static_cast<int64_t>(large.size()));
}

TEST_P(StoreConformance, GivesBackNoMoreRowsThanTheOwnerMayHave) {
  PublishAt("r1", {RecordOf("a", "1"), RecordOf("b", "1")});
  const int64_t deleted = DeleteAt("d1", {"a", "b"});
  PublishAt("r2", {RecordOf("c", "1")});
  for (const bool validate_only : {true, false}) {
    WithdrawBatch batch = WithdrawalOf("w1", deleted, deleted);
    batch.validate_only = validate_only;
    batch.most_rows = 2;
    EXPECT_TRUE(absl::IsResourceExhausted(Withdraw(*store_, batch).status()));
    batch.most_rows = 3;
    EXPECT_EQ(Withdraw(*store_, batch)->undeleted_count, 2);
  }
  EXPECT_EQ(Bytes().size(), 3u);
}

TEST_P(StoreConformance, TakesAllTypesOfARangeBackTogether) {
  PublishBatch employment = BatchOf("r1", {RecordOf("a", "employment")});
  employment.record_type = "Employment";
  const int64_t first = Publish(*store_, employment)->position;
  const int64_t last = PublishAt("r2", {RecordOf("a", "candidate")});
  const WithdrawOutcome outcome = Withdrawn("w1", first, last);
  EXPECT_THAT(Counts(outcome), ElementsAre(2, 0, 0, 0, 0));
  EXPECT_THAT(Bytes(), IsEmpty());
  EXPECT_THAT(Bytes("state-university", "Employment"), IsEmpty());
  for (const CollectionStatus& status : Status().collections) {
    EXPECT_EQ(status.last_publish.position, outcome.position) << status.record_type;
  }
}

TEST_P(StoreConformance, GivesRoomBackForWhatIsTakenBackAndTakesItForWhatIsThereAgain) {
  PublishAt("r1", {RecordOf("a", "1"), RecordOf("b", "1")});
  const int64_t wrong = PublishAt("r2", {RecordOf("c", "1"), RecordOf("d", "1")});
  Withdrawn("w1", wrong, wrong);
  const int64_t deleted = DeleteAt("d1", {"b"});
  Withdrawn("w2", deleted, deleted);
  const auto publish = [&](const std::string& key) {
    PublishBatch batch = BatchOf("of " + key, {RecordOf(key, "1")});
    batch.most_rows = 3;
    return Publish(*store_, batch).status().code();
  };
  EXPECT_EQ(publish("e"), absl::StatusCode::kOk);
  EXPECT_EQ(publish("f"), absl::StatusCode::kResourceExhausted);
}

TEST_P(StoreConformance, TouchesNothingOfAnotherOwner) {
  const int64_t mine = PublishAt("r1", {RecordOf("a", "mine")});
  PublishBatch theirs = BatchOf("r2", {RecordOf("a", "theirs")});
  theirs.owner = "river-unified";
  const int64_t position = Publish(*store_, theirs)->position;
  const int64_t later = PublishAt("r3", {RecordOf("b", "mine")});
  EXPECT_THAT(Counts(Withdrawn("w1", mine, later)), ElementsAre(2, 0, 0, 0, 0));
  EXPECT_THAT(Bytes("river-unified"), ElementsAre("theirs"));
  // A range of another's alone looks like one where nothing is.
  const absl::Status others = Withdraw(*store_, WithdrawalOf("w2", position, position)).status();
  const absl::Status nobodys =
      Withdraw(*store_, WithdrawalOf("w3", later + 100, later + 100)).status();
  EXPECT_TRUE(absl::IsNotFound(others)) << others;
  EXPECT_EQ(others, nobodys);
}

TEST_P(StoreConformance, AnswersAWithdrawAsBeforeAndDoesItOnce) {
  const int64_t wrong = PublishAt("r1", {RecordOf("a", "1")});
  const WithdrawOutcome first = Withdrawn("w1", wrong, wrong);
  PublishAt("r2", {RecordOf("a", "2")});
  Reopen();
  const WithdrawOutcome again = Withdrawn("w1", wrong, wrong);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(Counts(again), Counts(first));
  EXPECT_THAT(Bytes(), ElementsAre("2"));
  EXPECT_TRUE(
      absl::IsAlreadyExists(Withdraw(*store_, WithdrawalOf("w1", wrong, wrong + 1)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Withdraw(*store_, WithdrawalOf("r1", wrong, wrong)).status()));
}

TEST_P(StoreConformance, CountsAndChangesNothingWhenOnlyAsked) {
  PublishAt("r1", {RecordOf("a", "old")});
  const int64_t wrong = PublishAt("r2", {RecordOf("a", "new"), RecordOf("b", "new")});
  WithdrawBatch batch = WithdrawalOf("w1", wrong, wrong);
  batch.validate_only = true;
  for (int i = 0; i < 2; ++i) {
    const auto asked = Withdraw(*store_, batch);
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_THAT(Counts(*asked), ElementsAre(1, 1, 0, 0, 0));
    EXPECT_EQ(asked->position, 0);
    EXPECT_FALSE(asked->replayed);
  }
  EXPECT_THAT(Bytes(), UnorderedElementsAre("new", "new"));
  EXPECT_THAT(Counts(Withdrawn("w1", wrong, wrong)), ElementsAre(1, 1, 0, 0, 0));
}

TEST_P(StoreConformance, UndoesAWithdrawWhoseWorkFails) {
  PublishAt("r1", {RecordOf("a", "old")});
  const int64_t wrong = PublishAt("r2", {RecordOf("a", "new"), RecordOf("b", "new")});
  const OwnerStatus before = Status();
  EXPECT_TRUE(absl::IsAborted(store_->Commit({.apply = [&](Transaction& transaction) {
    EXPECT_TRUE(transaction.Withdraw(WithdrawalOf("w1", wrong, wrong)).ok());
    return absl::AbortedError("the log would not have it");
  }})));
  EXPECT_THAT(Bytes(), UnorderedElementsAre("new", "new"));
  EXPECT_EQ(Status().collections[0].live, before.collections[0].live);
  EXPECT_FALSE(Withdrawn("w1", wrong, wrong).replayed);
}

TEST_P(StoreConformance, RefusesARangeThatIsTooMuchAndChangesNothing) {
  constexpr int kBatch = 10'000;
  int64_t first = 0, last = 0;
  for (int batch = 0; batch * kBatch <= kMaxWithdrawRecords; ++batch) {
    std::vector<policy::ValidRecord> records;
    for (int i = 0; i < kBatch; ++i) {
      records.push_back(RecordOf(absl::StrCat(batch, " ", i), "x"));
      if (batch * kBatch == kMaxWithdrawRecords) break;  // one more than may be
    }
    last = PublishAt(absl::StrCat(batch), std::move(records));
    if (first == 0) first = last;
  }
  EXPECT_TRUE(absl::IsOutOfRange(Withdraw(*store_, WithdrawalOf("w1", first, last)).status()));
  EXPECT_EQ(Status().collections[0].live, kMaxWithdrawRecords + 1);
  EXPECT_EQ(Withdrawn("w2", first, last - 1).deleted_count, kMaxWithdrawRecords);
  EXPECT_EQ(Status().collections[0].live, 1);
}

TEST_P(StoreConformance, ForgetsTheOldestAndTakesBackWhatItStillKeeps) {
  std::vector<int64_t> positions;
  for (int i = 0; i < 5; ++i) {
    PublishBatch batch = BatchOf(absl::StrCat("r", i),
                                 {RecordOf("a", absl::StrCat(i)), RecordOf("b", absl::StrCat(i)),
                                  RecordOf("c", absl::StrCat(i))});
    batch.time = kTestTime + absl::Hours(i);
    positions.push_back(Publish(*store_, batch)->position);
  }
  EXPECT_FALSE(store_->HistoryBefore(kTestTime).value());
  const absl::Time time = kTestTime + absl::Hours(3);
  EXPECT_TRUE(store_->HistoryBefore(time).value());
  ASSERT_TRUE(Forget(time).ok());
  EXPECT_FALSE(store_->HistoryBefore(time).value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsFailedPrecondition(
        Withdraw(*store_, WithdrawalOf(absl::StrCat("w", i), positions[i], positions[4])).status()))
        << i;
  }
  EXPECT_THAT(Counts(Withdrawn("w3", positions[3], positions[4])), ElementsAre(0, 3, 0, 0, 0));
  EXPECT_THAT(Bytes(), ElementsAre("2", "2", "2"));
}

TEST_P(StoreConformance, NeverTakesBackAHalfOfWhatItKeeps) {
  // In bites of two rows a change of five stays begun.
  std::vector<policy::ValidRecord> records, changed;
  for (int i = 0; i < 5; ++i) {
    records.push_back(RecordOf(absl::StrCat(i), "old"));
    changed.push_back(RecordOf(absl::StrCat(i), "new"));
  }
  PublishAt("r1", records);
  const int64_t position = PublishAt("r2", changed);
  const absl::Time time = kTestTime + absl::Seconds(1);
  ASSERT_TRUE(store_
                  ->Commit({.apply =
                                [&](Transaction& transaction) {
                                  return transaction.ForgetHistory(time, 2).status();
                                }})
                  .ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Withdraw(*store_, WithdrawalOf("w1", position, position)).status()));
  EXPECT_THAT(Bytes(), ElementsAre("new", "new", "new", "new", "new"));
  // The rest is found again, whatever the clock says of its change.
  Reopen();
  EXPECT_TRUE(store_->HistoryBefore(kTestTime - absl::Hours(1)).value());
  ASSERT_TRUE(Forget(time).ok());
  EXPECT_FALSE(store_->HistoryBefore(time).value());
}

TEST_P(StoreConformance, StopsForgettingAtTheFirstChangeThatIsKept) {
  PublishBatch late = BatchOf("r1", {RecordOf("a", "1")});
  late.time = kTestTime + absl::Hours(9);
  const int64_t first = Publish(*store_, late)->position;
  const int64_t second = PublishAt("r2", {RecordOf("a", "2")});  // of an earlier time
  ASSERT_TRUE(Forget(kTestTime + absl::Hours(1)).ok());
  EXPECT_THAT(Counts(Withdrawn("w1", first, second)), ElementsAre(1, 0, 0, 0, 0));
}

}  // namespace
}  // namespace sluice::server
