#include "server/store/sealing_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_database.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

OfRecord RecordOf(absl::string_view owner) {
  return {.owner = owner, .record_type = "Candidate", .position = 1};
}

class SealingKeysTest : public testing::Test {
 protected:
  SealingKeysTest() {
    std::ofstream(directory_.Path("store.db")).close();
    connection_ = SqliteConnection::Open({.path = directory_.Path("store.db")}).value();
    const auto hasher = NameHasher::Create(policy::Secret::Copy(std::string(32, 'k'))).value();
    EXPECT_TRUE(SqliteDatabase(connection_.get(), "").Prepare(*hasher, false).ok());
    Start();
  }

  // As at each start of a gateway.
  void Start() {
    sealing_.reset();
    opening_ = OpeningKeys::Create(connection_.get(), &keks_).value();
    sealing_ = SealingKeys::Create(connection_.get(), &keks_, opening_.get()).value();
  }
  void Execute(absl::string_view sql) { EXPECT_TRUE(connection_->Execute(sql).ok()) << sql; }
  int64_t Count(absl::string_view sql) {
    SqlStatement statement = connection_->Prepare(sql).value();
    SqlRun run = statement.Bind();
    EXPECT_TRUE(run.Next().value());
    return run.Int(0);
  }
  std::string Sealed(absl::string_view owner, absl::string_view content = "content") {
    return std::string(sealing_->Seal(RecordOf(owner), content).value());
  }
  absl::StatusOr<std::string> Opened(absl::string_view owner, absl::string_view sealed) {
    const absl::StatusOr<absl::string_view> content = opening_->Open(RecordOf(owner), sealed);
    if (!content.ok()) return content.status();
    return std::string(*content);
  }
  // By one who knows nothing yet, as a reader at the next start.
  absl::StatusOr<std::string> OpenedAnew(absl::string_view owner, absl::string_view sealed) {
    const auto opening = OpeningKeys::Create(connection_.get(), &keks_).value();
    const absl::StatusOr<absl::string_view> content = opening->Open(RecordOf(owner), sealed);
    if (!content.ok()) return content.status();
    return std::string(*content);
  }
  std::string SaltOf(absl::string_view sealed) {
    SqlStatement statement =
        connection_->Prepare("SELECT salt FROM data_subkey WHERE id = $1").value();
    SqlRun run = statement.Bind(ParseSealed(sealed)->subkey);
    EXPECT_TRUE(run.Next().value());
    return std::string(run.Bytes(0));
  }

  const TestDirectory directory_;
  KeksForTest keks_;
  std::unique_ptr<SqliteConnection> connection_;
  std::unique_ptr<OpeningKeys> opening_;
  std::unique_ptr<SealingKeys> sealing_;
};

TEST_F(SealingKeysTest, OpensWhatWasSealed) {
  const std::string sealed = Sealed("a");
  EXPECT_EQ(Opened("a", sealed).value(), "content");
  EXPECT_EQ(OpenedAnew("a", sealed).value(), "content");
  const OfLogOpening of{.owner = "a", .field = "filter", .index = 7};
  const std::string opening(sealing_->Seal(of, "salt").value());
  EXPECT_EQ(opening_->Open(of, opening).value(), "salt");
  EXPECT_TRUE(absl::IsDataLoss(Opened("b", sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(Opened("a", "no envelope").status()));
}

TEST_F(SealingKeysTest, EachOwnerAndScopeHasOneDataKeyHoweverOftenAGatewayStarts) {
  for (int i = 0; i < 3; ++i) {
    Sealed("a");
    Sealed("b");
    Sealed("a");
    ASSERT_TRUE(sealing_->Seal(OfDictionaryOpening{.owner = "a"}, "salt").ok());
    ASSERT_TRUE(sealing_->Seal(OfLogOpening{.owner = "a"}, "salt").ok());
    sealing_->Committed();
    Start();
  }
  EXPECT_EQ(Count("SELECT count(*) FROM data_key"), 3);
  EXPECT_EQ(Count("SELECT count(*) FROM data_subkey"), 9);
  EXPECT_EQ(Count("SELECT count(DISTINCT salt) FROM data_subkey"), 9);
}

TEST_F(SealingKeysTest, NoDataKeyStandsInTheClear) {
  Sealed("a");
  EXPECT_EQ(Count("SELECT length(wrapped) FROM data_key"), 40);
  SqlStatement statement = connection_->Prepare("SELECT wrapped FROM data_key").value();
  SqlRun run = statement.Bind();
  ASSERT_TRUE(run.Next().value());
  EXPECT_EQ(keks_.Unwrap({KekScope::kOwnerData, "a"}, run.Bytes(0))->size(), 32u);
}

TEST_F(SealingKeysTest, ASubkeyWhoseRowWasUndoneIsNotUsedOn) {
  Execute("BEGIN");
  Execute("SAVEPOINT work");
  const std::string undone = Sealed("a");
  EXPECT_EQ(Opened("a", undone).value(), "content");
  Execute("ROLLBACK TO work");
  sealing_->Undone();
  const std::string sealed = Sealed("a");
  Execute("COMMIT");
  sealing_->Committed();
  EXPECT_EQ(OpenedAnew("a", sealed).value(), "content");
  // The undone one had the same id, and another key.
  EXPECT_EQ(ParseSealed(undone)->subkey, ParseSealed(sealed)->subkey);
  EXPECT_EQ(Opened("a", sealed).value(), "content");
  EXPECT_TRUE(absl::IsDataLoss(Opened("a", undone).status()));
}

TEST_F(SealingKeysTest, WhatIsDurableIsUsedOnAfterAnUndoneWork) {
  const uint32_t subkey = ParseSealed(Sealed("a"))->subkey;
  sealing_->Committed();
  Execute("BEGIN");
  Sealed("b");
  Execute("ROLLBACK");
  sealing_->Undone();
  const std::string sealed = Sealed("a");
  EXPECT_EQ(ParseSealed(sealed)->subkey, subkey);
  EXPECT_EQ(ParseSealed(sealed)->counter, 1u);
  EXPECT_EQ(OpenedAnew("b", Sealed("b")).value(), "content");
}

TEST_F(SealingKeysTest, NoNonceComesTwiceWhateverIsUndone) {
  std::set<std::pair<std::string, uint64_t>> used;
  const auto use = [&](absl::string_view owner) {
    const std::string sealed = Sealed(owner);
    EXPECT_TRUE(used.emplace(SaltOf(sealed), ParseSealed(sealed)->counter).second);
  };
  for (int i = 0; i < 200; ++i) {
    Execute("BEGIN");
    for (int work = 0; work < 3; ++work) {
      Execute("SAVEPOINT work");
      use("a");
      if (work == i % 2) use("b");
      if ((i + work) % 3 == 0) {
        Execute("ROLLBACK TO work");
        sealing_->Undone();
      }
      Execute("RELEASE work");
    }
    if (i % 5 == 0) {
      Execute("ROLLBACK");
      sealing_->Undone();
    } else {
      Execute("COMMIT");
      sealing_->Committed();
    }
    if (i % 7 == 0) Start();
  }
}

TEST_F(SealingKeysTest, ADestroyedKeyOpensNothingAndANewOneTakesOver) {
  const std::string before = Sealed("a");
  const std::string others = Sealed("b");
  sealing_->Committed();
  ASSERT_TRUE(keks_.Destroy({KekScope::kOwnerData, "a"}).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Opened("a", before).status()));
    EXPECT_EQ(Opened("b", others).value(), "content");
    const std::string after = Sealed("a");
    sealing_->Committed();
    EXPECT_EQ(OpenedAnew("a", after).value(), "content");
    EXPECT_TRUE(CheckDataKeys(connection_.get(), keks_).ok());
    Start();
  }
  EXPECT_EQ(Count("SELECT count(*) FROM data_key WHERE owner = 'a'"), 2);
  EXPECT_EQ(Count("SELECT max(kek_version) FROM data_key WHERE owner = 'a'"), 2);
}

TEST_F(SealingKeysTest, ALostKeyIsDataLoss) {
  const std::string sealed = Sealed("a");
  Start();
  keks_.Lose({KekScope::kOwnerData, "a"});
  EXPECT_TRUE(absl::IsDataLoss(OpenedAnew("a", sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(sealing_->Seal(RecordOf("a"), "content").status()));
  const absl::Status checked = CheckDataKeys(connection_.get(), keks_);
  EXPECT_TRUE(absl::IsDataLoss(checked));
  EXPECT_THAT(std::string(checked.message()), HasSubstr("the data keys of a: "));
}

TEST_F(SealingKeysTest, AnotherKeyringIsRefused) {
  Sealed("a");
  const KeksForTest others("another keyring");
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckDataKeys(connection_.get(), others)));
  const auto empty =
      OpenKeyEncryptionKeys({.directory = directory_.Path("keys")}, absl::Now).value();
  const absl::Status checked = CheckDataKeys(connection_.get(), *empty);
  EXPECT_TRUE(absl::IsFailedPrecondition(checked));
  EXPECT_THAT(std::string(checked.message()), HasSubstr("never made in this keyring"));
}

TEST_F(SealingKeysTest, ADataKeyThatWasChangedOpensNothing) {
  const std::string sealed = Sealed("a");
  const std::string others = Sealed("b");
  Execute(
      "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key o WHERE o.id <> data_key.id)");
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenedAnew("a", sealed).status()));
  Execute("UPDATE data_key SET wrapped = x'00'");
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenedAnew("a", sealed).status()));
  Execute("UPDATE data_subkey SET salt = x'00'");
  EXPECT_FALSE(OpenedAnew("a", sealed).ok());
  Execute("DELETE FROM data_subkey");
  EXPECT_TRUE(absl::IsDataLoss(OpenedAnew("a", sealed).status()));
}

TEST_F(SealingKeysTest, AnotherSaltOpensNothing) {
  const std::string sealed = Sealed("a");
  Execute("UPDATE data_subkey SET salt = zeroblob(32)");
  EXPECT_TRUE(absl::IsDataLoss(OpenedAnew("a", sealed).status()));
}

TEST_F(SealingKeysTest, MoreOwnersAndStartsThanAreHeldAllOpen) {
  Execute("BEGIN");
  std::vector<std::string> sealed;
  for (int i = 0; i < 1100; ++i) sealed.push_back(Sealed(absl::StrCat("o", i)));
  Execute("COMMIT");
  sealing_->Committed();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1100; ++i) {
      ASSERT_EQ(Opened(absl::StrCat("o", i), sealed[i]).value(), "content") << i;
    }
  }
  EXPECT_EQ(Opened("o3", Sealed("o3")).value(), "content");
}

}  // namespace
}  // namespace sluice::server
