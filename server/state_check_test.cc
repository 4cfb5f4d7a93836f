#include "server/state_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "tests/support/whole_store_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class StateCheckTest : public WholeStoreTest {
 protected:
  void SetUp() override { Fill(); }
  absl::Status Now() { return CheckStateNow(*store_, *log_); }

  // At the next look, for good, and at the next start.
  void ExpectFound(const std::string& sql) {
    Run(sql);
    EXPECT_TRUE(absl::IsDataLoss(Now())) << Now() << sql;
    EXPECT_TRUE(absl::IsDataLoss(store_->Health())) << "the log halts by it";
    EXPECT_FALSE(log_->Health().ok());
    const absl::Status started = Open();
    EXPECT_TRUE(absl::IsDataLoss(started)) << started << sql;
  }
  void Keep() {
    for (const char* const table : {"mou_version", "mou_signature", "organization", "state_seal"}) {
      Run(absl::StrCat("CREATE TABLE kept_", table, " AS SELECT * FROM ", table));
    }
  }
  void Grow(int entries) {
    const auto append = [&](Transaction& transaction) {
      absl::Status status;
      for (int i = 0; i < entries && status.ok(); ++i) {
        status = log_->AppendIn(transaction, HeartbeatEntry()).status();
      }
      return status;
    };
    ASSERT_TRUE(store_->Commit({.apply = append}).ok());
  }
  std::string PutBack(std::initializer_list<const char*> tables) {
    std::string sql;
    for (const char* const table : tables) {
      absl::StrAppend(&sql, "DELETE FROM ", table, "; INSERT INTO ", table, " SELECT * FROM kept_",
                      table, ";");
    }
    return sql;
  }
};

TEST_F(StateCheckTest, IsContentWithWhatNobodyTouched) {
  EXPECT_TRUE(Now().ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(Now().ok());
  PutVersion("stem-pipeline", 1, "EXPIRED");
  EXPECT_TRUE(Now().ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(store_->Health().ok());
}

TEST_F(StateCheckTest, FindsAStateThatWasLifted) {
  ExpectFound("UPDATE mou_version SET state = 'ACTIVE' WHERE state = 'EXPIRED'");
}

TEST_F(StateCheckTest, FindsAVersionThatWasTakenOut) {
  ExpectFound(
      "DELETE FROM mou_version WHERE mou = 'retention-study' AND version = 2; DELETE FROM "
      "mou_signature WHERE mou = 'retention-study' AND version = 2");
}

TEST_F(StateCheckTest, FindsASignatureThatWasTakenOut) {
  ExpectFound("DELETE FROM mou_signature WHERE organization = 'river-unified' AND version = 2");
}

TEST_F(StateCheckTest, FindsASignatureThatWasReceivedAtAnotherTime) {
  ExpectFound("UPDATE mou_signature SET received_us = received_us - 1");
}

TEST_F(StateCheckTest, FindsAnOrganizationThatWasTakenOut) {
  ExpectFound("DELETE FROM organization");
}

TEST_F(StateCheckTest, FindsAnotherBundle) {
  ExpectFound("UPDATE organization SET ca_bundle = CAST('bundle 1' AS BLOB)");
}

TEST_F(StateCheckTest, FindsADocumentThatWasChanged) {
  ExpectFound("UPDATE mou_version SET document = CAST('another' AS BLOB) WHERE version = 2");
}

TEST_F(StateCheckTest, FindsAnOlderStateThatWasPutBackWithItsSeal) {
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  ASSERT_TRUE(Now().ok());
  ExpectFound(PutBack({"mou_version", "mou_signature"}));
}

TEST_F(StateCheckTest, FindsThatAllWasPutBackWithAllItsSeals) {
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  ASSERT_TRUE(Now().ok());
  Run(PutBack({"mou_version", "mou_signature", "organization", "state_seal"}));
  EXPECT_TRUE(absl::IsDataLoss(Now()));
  const absl::Status started = Open();
  EXPECT_TRUE(absl::IsDataLoss(started));
  EXPECT_THAT(std::string(started.message()), HasSubstr("the log says more"));
}

TEST_F(StateCheckTest, FindsAStateThatWasPutBackBeforeItWasLookedAt) {
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  ExpectFound(PutBack({"mou_version", "mou_signature", "organization", "state_seal"}));
}

TEST_F(StateCheckTest, MovesNoSealOnThatItDidNotWriteOverEntriesThatItDidNotRead) {
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  Run(PutBack({"mou_version", "mou_signature", "organization", "state_seal"}));
  ASSERT_TRUE(absl::IsDataLoss(Open()));
  // One that ran before knows of the seal no more than this.
  Grow(5'000);
  EXPECT_TRUE(absl::IsDataLoss(Now())) << Now();
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
  EXPECT_TRUE(absl::IsDataLoss(Open())) << "nor did it make the next start content";
}

TEST_F(StateCheckTest, FindsThatAnEntryIsMissing) {
  Grow(3);
  Run(absl::StrCat("DELETE FROM log_entry WHERE idx = ", log_->size() - 2));
  EXPECT_TRUE(absl::IsDataLoss(Now())) << Now();
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
}

TEST_F(StateCheckTest, FindsAnEntryThatWasChangedTogetherWithItsHash) {
  Grow(3);
  const std::string body = "{}";
  const Hash leaf = LeafHash(body);
  Run(absl::StrCat("UPDATE log_entry SET body = CAST('", body, "' AS BLOB), leaf_hash = x'",
                   absl::BytesToHexString(
                       absl::string_view(reinterpret_cast<const char*>(leaf.data()), leaf.size())),
                   "' WHERE idx = ", log_->size() - 2));
  EXPECT_TRUE(absl::IsDataLoss(Now())) << Now();
  EXPECT_TRUE(absl::IsDataLoss(store_->Health()));
}

TEST_F(StateCheckTest, FindsThatAllWasEmptied) {
  Run("DELETE FROM mou_version; DELETE FROM mou_signature; DELETE FROM organization; "
      "UPDATE state_seal SET through = 0, members = 0, seal = x''");
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

TEST_F(StateCheckTest, BuildsNothingOnWhatWasPutBack) {
  const uint64_t was = versions_at_[{"stem-pipeline", 1}];
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  Run(PutBack({"mou_version", "mou_signature", "organization", "state_seal"}));
  StoredMouVersion version{"stem-pipeline", 1, "document of stem-pipeline1"};
  version.state = "SUSPENDED";
  version.log_index = log_->size();
  const absl::Status put =
      store_->Commit({.apply = [&](Transaction& t) { return t.PutMouVersion(version, was); }});
  EXPECT_TRUE(absl::IsDataLoss(put)) << put;
  const absl::Status moved = store_->Commit(
      {.apply = [&](Transaction& transaction) { return transaction.SealState(log_->size()); }});
  EXPECT_TRUE(absl::IsDataLoss(moved)) << moved;
}

TEST_F(StateCheckTest, ReadsAtStartOnlyWhatCameSince) {
  // A start moves the seal on: of what is before it no body is read again.
  EXPECT_LT(**store_->CheckState(), log_->size());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(**store_->CheckState(), log_->size());
  Run("UPDATE log_entry SET body = CAST('{}' AS BLOB) WHERE idx = 0");
  EXPECT_TRUE(CheckStateAtStart(*store_, *log_).ok());
}

TEST_F(StateCheckTest, MovesTheSealOnWhereTheLogHasGrown) {
  const uint64_t before = **store_->CheckState();
  Grow(1'000);
  ASSERT_TRUE(Now().ok());
  EXPECT_EQ(**store_->CheckState(), before) << "not for every entry";
  Grow(4'000);
  ASSERT_TRUE(Now().ok());
  EXPECT_EQ(**store_->CheckState(), log_->size());
  EXPECT_TRUE(Now().ok());
}

TEST_F(StateCheckTest, FindsAnEntryThatIsNotWhatWasHashed) {
  Keep();
  PutVersion("stem-pipeline", 1, "EXPIRED");
  ASSERT_TRUE(Now().ok());
  const std::string last = absl::StrCat(log_->size() - 1);
  Close();
  Run(PutBack({"mou_version", "mou_signature", "organization", "state_seal"}));
  Run(
      absl::StrCat("UPDATE log_entry SET body = CAST(replace(CAST(body AS TEXT), '\"mou\"', "
                   "'\"mow\"') AS BLOB) WHERE idx = ",
                   last));
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

}  // namespace
}  // namespace sluice::server
