// Whoever may write the database's files changes nothing of what is sealed unnoticed.
#include "absl/strings/str_cat.h"
#include "tests/support/sealed_store_fixture.h"

namespace sluice::server {
namespace {

struct Change {
  const char* what;
  const char* sql;
};

// Ann's record and Ben's, each with a former content in the history, and one of another type and
// one of another owner.
class ReplacedRecordsTest : public SealedStoreTest {
 protected:
  void SetUp() override {
    SealedStoreTest::SetUp();
    MustPublish("r1", {RecordOf("a", "ann 1", {"ann"}), RecordOf("b", "ben 1", {"ben"})});
    MustPublish("r2", {RecordOf("a", "ann 2", {"ann"}), RecordOf("b", "ben 2", {"ben"})});
    MustPublish("r3", {RecordOf("c", "cy 1", {"cy"})}, kOwner, "Placement");
    MustPublish("r4", {RecordOf("d", "di 1", {"di"})}, kOther);
    ASSERT_TRUE(ScanOf(kOwner).ok());
  }
};

class TamperedStoreTest : public ReplacedRecordsTest,
                          public ::testing::WithParamInterface<Change> {};

TEST_P(TamperedStoreTest, IsNoticedByScanReadAndPublish) {
  Tamper(GetParam().sql);
  EXPECT_TRUE(absl::IsDataLoss(ScanOf(kOwner))) << ScanOf(kOwner);
  EXPECT_TRUE(absl::IsDataLoss(OwnOne("a").status())) << OwnOne("a").status();
  const absl::Status published =
      Publish(*store_, BatchOf("r5", {RecordOf("a", "ann 2", {"ann"})})).status();
  EXPECT_TRUE(absl::IsDataLoss(published)) << published;
  // The others' are as good as before.
  EXPECT_TRUE(ScanOf(kOther).ok());
}

constexpr Change kChanges[] = {
    {"Bytes",
     "UPDATE record SET bytes = (SELECT bytes FROM record o WHERE o.collection = record.collection "
     "AND o.record_id <> record.record_id) WHERE collection = 1"},
    {"BytesAndPosition",
     "UPDATE record SET (bytes, position) = (SELECT bytes, position FROM record o WHERE "
     "o.collection = record.collection AND o.record_id <> record.record_id) WHERE collection = 1"},
    {"Subjects",
     "UPDATE record SET subjects = (SELECT subjects FROM record o WHERE "
     "o.collection = record.collection AND o.record_id <> record.record_id) WHERE collection = 1"},
    {"Position", "UPDATE record SET position = position - 1 WHERE collection = 1"},
    {"Identity", "UPDATE record SET identity = zeroblob(32) WHERE collection = 1"},
    {"FormerBytes",
     "UPDATE record SET bytes = (SELECT h.bytes FROM record_history h WHERE h.record_id = "
     "record.record_id) WHERE collection = 1"},
    {"BytesOfAnotherType",
     "UPDATE record SET (bytes, position, subjects, identity) = (SELECT bytes, position, subjects, "
     "identity FROM record WHERE collection = 2) WHERE collection = 1"},
    {"BytesOfAnotherOwner",
     "UPDATE record SET (bytes, position, subjects, identity) = (SELECT bytes, position, subjects, "
     "identity FROM record WHERE collection = 3) WHERE collection = 1"},
    {"OneByte",
     "UPDATE record SET bytes = CAST(substr(bytes, 1, 13) || CASE substr(bytes, 14, 1) WHEN x'00' "
     "THEN x'01' ELSE x'00' END || substr(bytes, 15) AS BLOB) WHERE collection = 1"},
    {"Shorter", "UPDATE record SET bytes = substr(bytes, 1, 28) WHERE collection = 1"},
    {"Empty", "UPDATE record SET bytes = x'' WHERE collection = 1"},
    {"NoSubkey", "DELETE FROM data_subkey WHERE id = 1"},
};
INSTANTIATE_TEST_SUITE_P(Changes, TamperedStoreTest, ::testing::ValuesIn(kChanges),
                         [](const auto& info) { return info.param.what; });

TEST_F(ReplacedRecordsTest, ARecordMovedToAnotherOwnerIsNotReadAsTheirs) {
  Tamper(
      "UPDATE record SET collection = 3 WHERE collection = 1;"
      "UPDATE record_key SET collection = 3 WHERE collection = 1");
  EXPECT_TRUE(absl::IsDataLoss(ScanOf(kOther)));
}

TEST_F(ReplacedRecordsTest, ARecordMovedToAnotherTypeIsNotReadAsOne) {
  Tamper("UPDATE record SET collection = 2 WHERE collection = 1");
  EXPECT_TRUE(absl::IsDataLoss(ScanOf(kOwner, "Placement")));
}

TEST_F(ReplacedRecordsTest, ARecordAtAnotherPlaceOfTheScanIsNoticed) {
  Tamper("UPDATE record SET ordinal = ordinal + 100 WHERE collection = 1");
  EXPECT_TRUE(absl::IsDataLoss(ScanOf(kOwner)));
}

TEST_F(ReplacedRecordsTest, ARecordUnderAnotherIdIsNoticed) {
  Tamper("UPDATE record SET record_id = zeroblob(16) WHERE collection = 1 AND ordinal = 1");
  EXPECT_TRUE(absl::IsDataLoss(ScanOf(kOwner)));
}

TEST_F(ReplacedRecordsTest, AKeyThatWasGivenAnothersRecordIsNoticed) {
  Tamper(
      "CREATE TEMP TABLE swap AS SELECT key_hash, record_id, ordinal FROM record_key "
      "WHERE collection = 1;"
      "UPDATE record_key SET record_id = randomblob(16) WHERE collection = 1;"
      "UPDATE record_key SET (record_id, ordinal) = (SELECT s.record_id, s.ordinal FROM swap s "
      "WHERE s.key_hash <> record_key.key_hash) WHERE collection = 1;"
      "DROP TABLE swap");
  EXPECT_TRUE(ScanOf(kOwner).ok()) << "no record has changed";
  const OwnerRight right(kOwner, "Candidate");
  EXPECT_TRUE(absl::IsDataLoss(
      store_->ReadOwnOne(right.permit, right.receipt, "a", [](const StoredRecord&) {})));
  const absl::Status deleted = Delete(*store_, DeletionOf("d1", {"a"})).status();
  EXPECT_TRUE(absl::IsDataLoss(deleted)) << deleted;
  const absl::Status published =
      Publish(*store_, BatchOf("p1", {RecordOf("a", "ann 3", {"ann"})})).status();
  EXPECT_TRUE(absl::IsDataLoss(published)) << published;
  const absl::Status withdrawn = Withdraw(*store_, WithdrawalOf("w1", 2, 2)).status();
  EXPECT_TRUE(absl::IsDataLoss(withdrawn)) << withdrawn;
}

TEST_F(ReplacedRecordsTest, AWithdrawPutsNothingBackThatWasChanged) {
  for (const char* sql :
       {"UPDATE record_history SET bytes = (SELECT bytes FROM record_history o WHERE o.record_id "
        "<> record_history.record_id)",
        "UPDATE record_history SET sealed_position = 7",
        "UPDATE record_history SET subjects = x''"}) {
    Tamper(sql);
    const absl::Status withdrawn =
        Withdraw(*store_, WithdrawalOf(absl::StrCat("w", sql), 2, 2)).status();
    EXPECT_TRUE(absl::IsDataLoss(withdrawn)) << withdrawn << sql;
    EXPECT_TRUE(ScanOf(kOwner).ok());
  }
}

TEST_F(ReplacedRecordsTest, AMergeRewritesNothingThatWasChanged) {
  Tamper("UPDATE record SET position = position - 1 WHERE collection = 1");
  const absl::Status merged =
      Publish(*store_, IdentitiesOf("i1", {IdentityOf("ann", "P"), IdentityOf("ben", "P")}))
          .status();
  EXPECT_TRUE(absl::IsDataLoss(merged)) << merged;
}

TEST_F(SealedStoreTest, AnOpeningOfAnotherEntryIsNoticed) {
  for (uint64_t i = 0; i < 2; ++i) {
    const LogRow row{.index = i,
                     .writer = "w",
                     .boot = "b",
                     .wseq = i,
                     .openings = {{kOwner, "filter", "salt", absl::StrCat("value ", i)}}};
    ASSERT_TRUE(store_
                    ->Commit({.is_append = true,
                              .apply = [&](Transaction& t) { return t.InsertLogRow(row); }})
                    .ok());
  }
  Tamper(
      "UPDATE log_opening SET opening = (SELECT opening FROM log_opening o WHERE o.idx <> "
      "log_opening.idx)");
  EXPECT_TRUE(absl::IsDataLoss(store_->ReadOpenings(0).status()));
}

}  // namespace
}  // namespace sluice::server
