// What is taken out of a collection, or put back into it, is noticed by who reads all of it, and by
// who changes what was changed.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

constexpr char kFirst[] = " WHERE ordinal = 1";
constexpr char kCandidates[] =
    "collection = (SELECT id FROM collection WHERE record_type = "
    "'Candidate')";

TEST_P(StoreSeals, FindsARecordThatWasTakenOutWithItsKey) {
  Tamper(
      "DELETE FROM record_key WHERE record_id IN (SELECT record_id FROM record WHERE ordinal = 7)");
  Tamper(absl::StrCat("DELETE FROM record WHERE ordinal = 7 AND ", kCandidates));
  const absl::Status walked = WalkAll();
  EXPECT_TRUE(absl::IsDataLoss(walked)) << walked;
  EXPECT_TRUE(absl::IsDataLoss(store_->Health())) << "and says so to whoever asks";
  EXPECT_TRUE(WalkAll("Placement").ok()) << "the others are as they were";
}

TEST_P(StoreSeals, FindsARecordThatWasPutBackWithItsKey) {
  PutBack(kFirst);
  EXPECT_EQ(OwnOne("state-university", "Candidate", "key 0").value_or(""), "key 0|1")
      << "who asks for it alone can't see it";
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
}

TEST_P(StoreSeals, FindsThatAllRecordsWerePutBack) {
  PutBack("");
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
}

TEST_P(StoreSeals, FindsADeletedRecordThatIsThereAgain) {
  Tamper("INSERT INTO record SELECT * FROM old_record WHERE ordinal = 4");
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
}

TEST_P(StoreSeals, FindsARecordInThePlaceOfAnother) {
  // The number of records is as it was.
  Tamper(absl::StrCat("DELETE FROM record WHERE ordinal = 7 AND ", kCandidates));
  Tamper("INSERT INTO record SELECT * FROM old_record WHERE ordinal = 4");
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
}

TEST_P(StoreSeals, LendsNoRecordFromAPlaceThatIsNotItsOwn) {
  // Where a record stands in a scan is sealed by its subjects alone.
  for (const std::string table : {"record", "record_key"}) {
    Tamper(absl::StrCat("UPDATE ", table, " SET ordinal = 70", kFirst, " AND ", kCandidates));
  }
  EXPECT_TRUE(absl::IsDataLoss(Scan(*store_, right_).status()));
  EXPECT_TRUE(absl::IsDataLoss(OwnOne("state-university", "Candidate", "key 0").status()));
}

TEST_P(StoreSeals, FindsARecordThatWasMovedIntoAnotherCollection) {
  Tamper(
      "UPDATE record SET collection = (SELECT id FROM collection WHERE record_type = 'Placement') "
      "WHERE ordinal = 7");
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
  EXPECT_TRUE(absl::IsDataLoss(WalkAll("Placement")));
}

TEST_P(StoreSeals, FindsAnOldSealThatWasPutBack) {
  for (const std::string columns :
       {"seal = o.seal", "seal = o.seal, position = o.position",
        "seal = o.seal, position = o.position, live = o.live, tombstones = o.tombstones"}) {
    Reopen();
    Tamper("CREATE TABLE kept AS SELECT * FROM collection");
    Tamper(absl::StrCat("UPDATE collection SET ", columns,
                        " FROM old_collection o WHERE o.id = collection.id"));
    EXPECT_TRUE(absl::IsDataLoss(WalkAll())) << columns;
    Tamper(
        "UPDATE collection SET seal = o.seal, position = o.position, live = o.live, tombstones = "
        "o.tombstones FROM kept o WHERE o.id = collection.id");
    Tamper("DROP TABLE kept");
  }
}

TEST_P(StoreSeals, BuildsNothingOnASealThatWasPutBack) {
  Tamper("CREATE TABLE kept AS SELECT * FROM collection");
  const auto set = [&](const std::string& columns, const std::string& from) {
    Tamper(absl::StrCat("UPDATE collection SET ", columns, " FROM ", from,
                        " o WHERE o.id = collection.id"));
  };
  const std::string all =
      "seal = o.seal, position = o.position, live = o.live, tombstones = o.tombstones";
  // With the numbers that belong to it this process knows that it is older than what it wrote.
  for (const std::string& columns : {std::string("seal = o.seal"), all}) {
    set(columns, "old_collection");
    const absl::Status published =
        Publish(*store_, BatchOf(columns, {RecordOf("key 0", "3")})).status();
    EXPECT_TRUE(absl::IsDataLoss(published)) << published << columns;
    set(all, "kept");
  }
  PublishAt("r3", {RecordOf("key 0", "3")});
  EXPECT_TRUE(WalkAll().ok());
}

TEST_P(StoreSeals, FindsThatAWholeCollectionWasPutBackWhileItRuns) {
  PutBack("");
  Tamper(
      absl::StrCat("DELETE FROM record WHERE ordinal NOT IN (SELECT ordinal FROM old_record) AND ",
                   kCandidates));
  Tamper(
      "UPDATE collection SET seal = o.seal, position = o.position, live = o.live, tombstones = "
      "o.tombstones FROM old_collection o WHERE o.id = collection.id");
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
  Reopen();
  EXPECT_TRUE(WalkAll().ok()) << "the next start does not know of it";
}

TEST_P(StoreSeals, GivesNoPositionTwice) {
  // All keep their seals: there would be another content at the position of the last change.
  Tamper("UPDATE store SET position = position - 1");
  const absl::Status published =
      Publish(*store_, BatchOf("r3", {RecordOf("key 0", "3", {"key 0"})})).status();
  EXPECT_TRUE(absl::IsDataLoss(published)) << published;
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
}

TEST_P(StoreSeals, GivesNoPositionTwiceAfterAStart) {
  PublishAt("r3", {RecordOf("key 0", "3", {"key 0"})});
  Reopen();
  // The collection itself says how far it has come.
  Tamper("DELETE FROM record_change");
  Tamper("UPDATE store SET position = position - 1");
  const absl::StatusOr<DeleteOutcome> deleted = Delete(*store_, DeletionOf("d2", {"key 1"}));
  EXPECT_TRUE(absl::IsDataLoss(deleted.status())) << deleted.status();
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
}

TEST_P(StoreSeals, GivesPositionsOnAfterAWorkThatWasUndone) {
  const int64_t before = PublishAt("r3", {RecordOf("key 0", "3", {"key 0"})});
  const auto undone = [](Transaction& transaction) -> absl::Status {
    const auto outcome = transaction.Publish(BatchOf("r4", {RecordOf("key 0", "4", {"key 0"})}));
    return outcome.ok() ? absl::CancelledError("") : outcome.status();
  };
  EXPECT_TRUE(absl::IsCancelled(store_->Commit({.apply = undone})));
  EXPECT_EQ(PublishAt("r5", {RecordOf("key 0", "5", {"key 0"})}), before + 1);
  PublishAt("r6", {RecordOf("key 0", "5", {"key 0"})});  // changes nothing, and moves nothing
  EXPECT_EQ(PublishAt("r7", {RecordOf("key 0", "7", {"key 0"})}), before + 2);
  EXPECT_TRUE(WalkAll().ok());
  EXPECT_TRUE(store_->Health().ok());
}

TEST_P(StoreSeals, FindsNumbersThatWereNotSealed) {
  for (const std::string change :
       {"live = live + 1", "tombstones = tombstones + 1", "position = position + 1",
        "time_us = time_us + 1", "record_type = 'Employment'"}) {
    const std::string column = change.substr(0, change.find(' '));
    const std::string before = absl::StrCat("old_", column);
    Tamper(absl::StrCat("CREATE TABLE kept AS SELECT id, ", column, " AS ", before,
                        " FROM collection WHERE record_type = 'Candidate'"));
    Tamper(absl::StrCat("UPDATE collection SET ", change, " WHERE record_type = 'Candidate'"));
    const absl::Status walked = column == "record_type" ? WalkAll("Employment") : WalkAll();
    EXPECT_TRUE(absl::IsDataLoss(walked)) << walked << change;
    PublishBatch batch = BatchOf(change, {RecordOf("new", "1")});
    if (column == "record_type") batch.record_type = "Employment";
    const absl::Status published = Publish(*store_, batch).status();
    EXPECT_TRUE(absl::IsDataLoss(published)) << published << change;
    Tamper(absl::StrCat("UPDATE collection SET ", column, " = k.", before,
                        " FROM kept k WHERE k.id = collection.id"));
    Tamper("DROP TABLE kept");
  }
}

TEST_P(StoreSeals, FindsThatACollectionWasEmptied) {
  Tamper(absl::StrCat("DELETE FROM record WHERE ", kCandidates));
  Tamper(absl::StrCat("DELETE FROM record_key WHERE ", kCandidates));
  EXPECT_TRUE(absl::IsDataLoss(WalkAll()));
}

TEST_P(StoreSeals, SaysNothingOfACollectionThatIsChangedDuringTheWalk) {
  int requests = 0;
  const absl::Status walked = Walk(*store_, right_, "state-university", "Candidate", [&] {
    const std::string request = absl::StrCat("between ", ++requests);
    // Before and behind where the walk is.
    PublishAt(request, {RecordOf("key 1", request, {"key 1"}), RecordOf(request, "1")});
  });
  EXPECT_TRUE(walked.ok()) << walked;
  EXPECT_TRUE(WalkAll().ok());
  EXPECT_TRUE(store_->Health().ok());
}

TEST_P(StoreSeals, IsNotTalkedOutOfTheComparisonByAnotherSeal) {
  Tamper("CREATE TABLE kept AS SELECT * FROM collection");
  Tamper(absl::StrCat("DELETE FROM record WHERE ordinal = 7 AND ", kCandidates));
  const auto set = [&](const std::string& columns, const std::string& from) {
    Tamper(absl::StrCat("UPDATE collection SET ", columns, " FROM ", from,
                        " o WHERE o.id = collection.id"));
  };
  const std::string all =
      "seal = o.seal, position = o.position, live = o.live, tombstones = o.tombstones";
  // One that does not open, and one that does and is older.
  for (const std::string& columns : {std::string("seal = o.seal"), all}) {
    Reopen();
    const absl::Status walked = Walk(*store_, right_, "state-university", "Candidate",
                                     [&] { set(columns, "old_collection"); });
    EXPECT_TRUE(absl::IsDataLoss(walked)) << walked << columns;
    EXPECT_TRUE(absl::IsDataLoss(store_->Health())) << columns;
    set(all, "kept");
  }
}

// Works of one group: the last of them fails, and what the first have reached stays reached.
TEST_P(StoreSeals, AWorkThatFailsTakesNothingBackOfThoseBeforeIt) {
  Tamper("CREATE TABLE kept AS SELECT * FROM collection");
  absl::Notification held, queued, done;
  std::vector<absl::Status> outcomes(3);
  const auto publish = [](std::string id, std::string value, absl::Status end) {
    return [=](Transaction& transaction) -> absl::Status {
      const auto outcome = transaction.Publish(BatchOf(id, {RecordOf("key 0", value, {"key 0"})}));
      return outcome.ok() ? end : outcome.status();
    };
  };
  store_->Submit({.apply =
                      [&](Transaction&) {
                        held.Notify();
                        queued.WaitForNotification();
                        return absl::OkStatus();
                      },
                  .done = [&](absl::Status status) { outcomes[0] = std::move(status); }});
  held.WaitForNotification();
  store_->Submit({.apply = publish("g1", "7", absl::OkStatus()),
                  .done = [&](absl::Status status) { outcomes[1] = std::move(status); }});
  store_->Submit(
      {.apply = publish("g2", "8", absl::CancelledError("")), .done = [&](absl::Status status) {
         outcomes[2] = std::move(status);
         done.Notify();
       }});
  queued.Notify();
  done.WaitForNotification();
  ASSERT_TRUE(outcomes[0].ok()) << outcomes[0];
  ASSERT_TRUE(outcomes[1].ok()) << outcomes[1];
  ASSERT_TRUE(absl::IsCancelled(outcomes[2])) << outcomes[2];
  // As it was before the group, with all its numbers.
  Tamper(
      "UPDATE collection SET seal = o.seal, position = o.position, live = o.live, tombstones = "
      "o.tombstones, time_us = o.time_us FROM kept o WHERE o.id = collection.id");
  const absl::Status published =
      Publish(*store_, BatchOf("r9", {RecordOf("key 0", "9", {"key 0"})})).status();
  EXPECT_TRUE(absl::IsDataLoss(published)) << published;
}

TEST_P(StoreSeals, BeginsNoReadUnderASealThatDoesNotOpen) {
  Tamper("UPDATE collection SET seal = o.seal FROM old_collection o WHERE o.id = collection.id");
  EXPECT_TRUE(absl::IsDataLoss(store_->StartScan("state-university", "Candidate").status()));
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
}

TEST_P(StoreSeals, HoldsAfterAWorkThatWasUndone) {
  ASSERT_FALSE(Delete(*store_, DeletionOf("d1", {"key 1", "nobody"})).ok());
  ASSERT_FALSE(store_
                   ->Commit({.apply =
                                 [](Transaction& transaction) {
                                   (void)transaction.Publish(BatchOf("r9", {RecordOf("b", "1")}));
                                   return absl::AbortedError("no");
                                 }})
                   .ok());
  EXPECT_TRUE(WalkAll().ok());
  PublishAt("r10", {RecordOf("b", "1")});
  EXPECT_TRUE(WalkAll().ok());
}

TEST_P(StoreSeals, AWalkOfWhatWasNeverPublishedIsWhole) {
  EXPECT_TRUE(WalkAll("Employment").ok());
  EXPECT_TRUE(Walk(*store_, ReadRight({"river-unified"}), "river-unified").ok());
  EXPECT_TRUE(store_->Progress().ok()) << "nor is it missed";
}

TEST_P(StoreSeals, FindsAnOlderContentInThePlaceOfTheOneThatWasReplaced) {
  const int64_t third = PublishAt("third", {RecordOf("key 0", "key 0|3", {"key 0"})});
  Tamper("CREATE TABLE kept AS SELECT * FROM record_history");
  const auto put = [&](const std::string& columns, const std::string& from) {
    Tamper(absl::StrCat("UPDATE record_history SET ", columns,
                        " FROM kept o WHERE o.record_id = record_history.record_id AND "
                        "record_history.position = ",
                        third, " AND o.position ", from, third));
  };
  put("sealed_position = o.sealed_position, bytes = o.bytes", "<");
  // Of the same record: it opens, and has as many bytes.
  const absl::Status withdrawn = Withdraw(*store_, WithdrawalOf("w", third, third)).status();
  EXPECT_TRUE(absl::IsDataLoss(withdrawn)) << withdrawn;
  put("tie = o.tie", "<");
  const absl::Status again = Withdraw(*store_, WithdrawalOf("w", third, third)).status();
  EXPECT_TRUE(absl::IsDataLoss(again)) << again;
  EXPECT_EQ(OwnOne("state-university", "Candidate", "key 0").value_or(""), "key 0|3");
  put("sealed_position = o.sealed_position, bytes = o.bytes, tie = o.tie", "= ");
  EXPECT_EQ(Withdrawn("w", third, third).restored_count, 1);
  EXPECT_EQ(OwnOne("state-university", "Candidate", "key 0").value_or(""), "key 0|2");
}

TEST_P(StoreSeals, FindsANameThatWasGivenAnothersSubject) {
  ASSERT_TRUE(
      Publish(*store_, IdentitiesOf("i", {IdentityOf("key 0", "P"), IdentityOf("new", "P")})).ok());
  Tamper("CREATE TABLE kept AS SELECT * FROM subject WHERE ordinal IN (1, 2)");
  for (const std::string tie : {"s.tie", "o.tie"}) {
    Tamper("DELETE FROM subject WHERE ordinal IN (1, 2)");
    Tamper(
        absl::StrCat("INSERT INTO subject (name_hash, owner, name, ordinal, subject_id, tie) "
                     "SELECT o.name_hash, s.owner, s.name, s.ordinal, s.subject_id, ",
                     tie, " FROM kept s JOIN kept o ON o.ordinal <> s.ordinal"));
    const absl::Status results[] = {
        Publish(*store_, BatchOf(tie, {RecordOf("key 0", "key 0|3", {"key 0"})})).status(),
        // One of whom somebody is known by another name.
        Publish(*store_, BatchOf(tie, {RecordOf("key 0", "key 0|3", {"new"})})).status(),
        Publish(*store_, IdentitiesOf(tie, {IdentityOf("key 1", "P")})).status(),
        Withdraw(*store_, WithdrawalOf(tie, 2, 2)).status()};
    for (const absl::Status& result : results) EXPECT_TRUE(absl::IsDataLoss(result)) << result;
    Tamper("DELETE FROM subject WHERE ordinal IN (1, 2)");
    Tamper(
        "INSERT INTO subject (name_hash, owner, name, ordinal, subject_id, tie) "
        "SELECT name_hash, owner, name, ordinal, subject_id, tie FROM kept");
  }
  EXPECT_TRUE(Publish(*store_, BatchOf("put back", {RecordOf("key 0", "key 0|3", {"new"})})).ok());
  EXPECT_TRUE(Publish(*store_, IdentitiesOf("j", {IdentityOf("key 1", "P")})).ok());
  // Who was joined is still who was written.
  EXPECT_TRUE(Publish(*store_, BatchOf("q", {RecordOf("key 1", "key 1|3", {"key 1"})})).ok());
}

TEST_P(StoreSeals, NamesNobodyInADecisionAndGivesItToNobodyElse) {
  const std::string ids[] = {std::string(32, 'a'), std::string(32, 'b')};
  for (size_t i = 0; i < 2; ++i) {
    const StoredDecision decision{
        .decision_id = ids[i], .principal = i == 0 ? "pat" : "kim", .time = kTestTime};
    ASSERT_TRUE(store_
                    ->Commit({.is_append = true,
                              .apply = [&](Transaction& t) { return t.PutDecision(decision); }})
                    .ok());
  }
  EXPECT_TRUE(store_->FindDecision(ids[0], "pat").ok());
  // Each is no more than 16 bytes that are of nobody else's, and of no other decision.
  Tamper("CREATE TABLE none (rows INTEGER CHECK (rows = 0))");
  Tamper(
      "INSERT INTO none SELECT count(*) FROM decision WHERE principal IN ('pat', 'kim') OR "
      "length(principal) <> 16");
  Tamper("CREATE TABLE kept AS SELECT * FROM decision");
  Tamper(
      "UPDATE decision SET principal = o.principal FROM kept o WHERE o.decision_id <> "
      "decision.decision_id");
  for (const std::string& id : ids) {
    for (const char* principal : {"pat", "kim"}) {
      EXPECT_TRUE(absl::IsNotFound(store_->FindDecision(id, principal).status())) << principal;
    }
  }
}

}  // namespace
}  // namespace sluice::server
