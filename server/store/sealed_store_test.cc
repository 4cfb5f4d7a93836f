// Whoever has the database's files learns nothing of the records, and a destroyed key, or a
// database that came back from a copy, keeps what it promises.
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/store/key_renewal.h"
#include "server/store/sealed_bytes.h"
#include "server/store/sqlite.h"
#include "tests/support/record_generator.h"
#include "tests/support/sealed_store_fixture.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Contents(const std::string& path) {
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

// Which of a text's pieces of 8 bytes stand in a file.
class PiecesOf {
 public:
  explicit PiecesOf(const std::string& file) {
    for (size_t i = 0; i + 8 <= file.size(); ++i) pieces_.insert(PieceAt(file, i));
  }
  std::vector<std::string> Of(const std::string& text) const {
    std::vector<std::string> found;
    for (size_t i = 0; i + 8 <= text.size(); ++i) {
      if (pieces_.contains(PieceAt(text, i))) found.push_back(text.substr(i, 8));
    }
    return found;
  }

 private:
  static uint64_t PieceAt(const std::string& text, size_t i) {
    uint64_t piece;
    std::memcpy(&piece, text.data() + i, sizeof piece);
    return piece;
  }
  absl::flat_hash_set<uint64_t> pieces_;
};

TEST(PiecesOf, FindsWhatIsThere) {
  const PiecesOf pieces("before Lovelace after");
  EXPECT_THAT(pieces.Of("Lovelace"), ElementsAre("Lovelace"));
  EXPECT_THAT(pieces.Of("aLovelaceb"), SizeIs(1));
  EXPECT_THAT(pieces.Of("Lovelacy"), SizeIs(0));
}

// A name, an identifier, a date: whatever of a record is 8 bytes long stands in no file.
TEST_F(SealedStoreTest, NoPieceOfAnyRecordStandsInAnyFile) {
  // The schema's own words, and the names of record types, are no secret.
  const PiecesOf known(absl::StrCat(Contents(path_), Contents(path_ + "-wal"),
                                    " Candidate Employment Credential Placement PersonIdentity "));
  const testing::RecordGenerator generator(11);
  std::vector<std::string> secrets;
  constexpr const char* kTypes[] = {"Candidate", "Employment", "Credential", "Placement",
                                    "PersonIdentity"};
  for (const char* type : kTypes) {
    for (const int version :
         {0, 1}) {  // the second replaces the first, which goes into the history
      std::vector<policy::ValidRecord> records;
      for (int i = 0; i < 40; ++i) {
        std::string bytes = generator.Make(type, version * 40 + i)->SerializeAsString();
        secrets.push_back(bytes);
        records.push_back(RecordOf(absl::StrCat("the key of ", type, " ", i), std::move(bytes),
                                   {absl::StrCat("the person ", type, " ", i)}));
      }
      MustPublish(absl::StrCat("request ", type, version), std::move(records), kOwner, type);
    }
  }
  ASSERT_TRUE(Withdraw(*store_, WithdrawalOf("the withdrawal", 2, 2)).ok());
  const LogRow row{.writer = "w",
                   .boot = "b",
                   .openings = {{kOwner, "filter", std::string(32, 's'), "last_name = Lovelace"}}};
  ASSERT_TRUE(store_
                  ->Commit({.is_append = true,
                            .apply =
                                [&](Transaction& transaction) {
                                  absl::Status status = transaction.InsertLogRow(row);
                                  if (!status.ok()) return status;
                                  return transaction.PutDictionaryOpenings(kOwner, 1,
                                                                           {"salt of one here"});
                                }})
                  .ok());
  secrets.insert(secrets.end(), {"last_name = Lovelace", std::string(32, 's'), "salt of one here",
                                 "the key of ", "the person ", "the withdrawal"});

  std::string files = Contents(path_) + Contents(path_ + "-wal");
  store_.reset();
  files += Contents(path_);  // what the WAL held, moved
  const PiecesOf pieces(files);
  for (const std::string& secret : secrets) {
    for (const std::string& found : pieces.Of(secret)) {
      EXPECT_FALSE(known.Of(found).empty()) << found;
    }
  }
  // And all of it is there.
  Open();
  EXPECT_THAT(Scan(*store_, ReadRight({kOwner})).value(), SizeIs(40));
  EXPECT_EQ(store_->ReadOpenings(0).value().at(0).value, "last_name = Lovelace");
  EXPECT_EQ(store_->ReadOpenings(0).value().at(0).salt, std::string(32, 's'));
}

// What was sealed, by salt and counter. Each pair has one ciphertext, whichever file it stood in.
class NoncesOf {
 public:
  void Read(const std::string& path) {
    const auto connection = SqliteConnection::Open({.path = path, .read_only = true}).value();
    for (const char* sql :
         {"SELECT bytes FROM record", "SELECT bytes FROM record_history",
          "SELECT opening FROM log_opening", "SELECT salt FROM dictionary_opening"}) {
      SqlStatement all = connection->Prepare(sql).value();
      SqlStatement salt = connection->Prepare("SELECT salt FROM data_subkey WHERE id = $1").value();
      SqlRun run = all.Bind();
      while (run.Next().value()) {
        const std::string sealed(run.Bytes(0));
        SqlRun found = salt.Bind(ParseSealed(sealed)->subkey);
        ASSERT_TRUE(found.Next().value());
        const auto [it, is_new] = sealed_.emplace(
            std::pair(std::string(found.Bytes(0)), ParseSealed(sealed)->counter), sealed);
        EXPECT_EQ(it->second, sealed) << "a nonce was used twice";
      }
    }
  }
  size_t size() const { return sealed_.size(); }

 private:
  std::map<std::pair<std::string, uint64_t>, std::string> sealed_;
};

TEST_F(SealedStoreTest, ADatabaseThatCameBackFromABackupRepeatsNoNonce) {
  NoncesOf nonces;
  const auto publish = [&](const std::string& life, int first) {
    for (int i = 0; i < 20; ++i) {
      MustPublish(absl::StrCat(life, i),
                  {RecordOf(absl::StrCat("key ", first + i), absl::StrCat(life, " ", i),
                            {absl::StrCat(life, i)}),
                   RecordOf("one", absl::StrCat(life, " changes ", i), {"ann"})});
    }
    store_.reset();
    nonces.Read(path_);
    Open();
  };
  publish("first", 0);
  Backup("backup");
  publish("second", 20);
  const size_t before = nonces.size();
  Restore("backup");
  // The very changes again, from the very state.
  publish("third", 20);
  EXPECT_EQ(nonces.size(), before + 40);
}

TEST_F(SealedStoreTest, ADestroyedKeyLeavesItsOwnersDataUnreadableInEveryCopy) {
  MustPublish("r1", {RecordOf("a", "ann 1", {"ann"})});
  MustPublish("r2", {RecordOf("d", "di 1", {"di"})}, kOther);
  Backup("backup");
  ASSERT_TRUE(ScanOf(kOwner).ok());  // the readers have the key at hand
  ASSERT_TRUE(keks_->Destroy({KekScope::kOwnerData, kOwner}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanOf(kOwner))) << ScanOf(kOwner);
  EXPECT_TRUE(absl::IsFailedPrecondition(OwnOne("a").status()));
  EXPECT_TRUE(ScanOf(kOther).ok());
  Restore("backup");
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanOf(kOwner)));
  EXPECT_TRUE(ScanOf(kOther).ok());
  // Who was not destroyed publishes on, and so does who was, under a new key.
  MustPublish("r3", {RecordOf("d", "di 2", {"di"})}, kOther);
  DeleteBatch deletion = DeletionOf("r4", {"a"});
  ASSERT_TRUE(Delete(*store_, deletion).ok());
  MustPublish("r5", {RecordOf("a", "ann 2", {"ann"})});
  EXPECT_THAT(OwnOne("a").value(), "ann 2");
}

TEST_F(SealedStoreTest, AVersionThatSealsWhatIsDamagedIsNotEmpty) {
  MustPublish("r1", {RecordOf("a", "ann 1", {"ann"}), RecordOf("b", "bob 1", {"bob"})});
  ASSERT_TRUE(store_
                  ->Commit({.apply =
                                [](Transaction& transaction) {
                                  return transaction.keys()
                                      ->Rotate(KekScope::kOwnerData, kOwner, std::nullopt, 1)
                                      .status();
                                }})
                  .ok());
  Tamper(
      "UPDATE record SET bytes = CAST(substr(bytes, 1, 13) || CASE substr(bytes, 14, 1) WHEN x'00' "
      "THEN x'01' ELSE x'00' END || substr(bytes, 15) AS BLOB) WHERE ordinal = 1");
  KeyRenewal renewal(store_.get(), KeyRenewal::Limits(), [](const absl::Status&) {});
  ASSERT_TRUE(renewal.Turn().ok());
  const StoredKeyVersion first = store_->KeyVersions().value().at(0);
  EXPECT_FALSE(first.empty);
  EXPECT_EQ(renewal.Count(first)->records, 1);
  EXPECT_EQ(renewal.RemainingUnder(first.name)->rows, 1);
  EXPECT_EQ(OwnOne("b").value(), "bob 1");
  EXPECT_TRUE(absl::IsDataLoss(OwnOne("a").status()));
  MustPublish("r2", {RecordOf("c", "cy 1", {"cy"})});
}

TEST_F(SealedStoreTest, StartsWithItsOwnKeyringOnly) {
  MustPublish("r1", {RecordOf("a", "ann 1", {"ann"})});
  store_.reset();
  EXPECT_TRUE(absl::IsInvalidArgument(TryOpen(nullptr).status()));
  const absl::Status refused = TryOpen(std::make_shared<KeksForTest>("another")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(kOwner));
  EXPECT_TRUE(TryOpen(keks_).ok());
}

TEST_F(SealedStoreTest, ALostKeyFileStopsTheStartUntilItIsBack) {
  store_.reset();
  std::filesystem::remove(path_);
  const std::string keys = directory_.Path("keys");
  const auto open = [&] {
    return TryOpen(OpenKeyEncryptionKeys({.directory = keys}, [] { return kTestTime; }).value());
  };
  store_ = open().value();
  MustPublish("r1", {RecordOf("a", "ann 1", {"ann"})});
  store_.reset();
  const std::string file = absl::StrCat(keys, "/owner-", kOwner, ".data.1.kek");
  std::filesystem::rename(file, directory_.Path("aside"));
  const absl::Status lost = open().status();
  EXPECT_TRUE(absl::IsDataLoss(lost)) << lost;
  EXPECT_THAT(std::string(lost.message()), HasSubstr("put it back"));
  std::filesystem::rename(directory_.Path("aside"), file);
  store_ = open().value();
  EXPECT_EQ(OwnOne("a").value(), "ann 1");
}

// Bounds, and what an owner is told, are of what it published.
TEST_F(SealedStoreTest, CountsBytesAsTheyWerePublished) {
  MustPublish("r1", {RecordOf("a", std::string(100, 'x'))});
  MustPublish("r2", {RecordOf("a", std::string(70, 'y'))});
  const auto outcome = Withdraw(*store_, WithdrawalOf("w1", 2, 2));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->bytes, 100 + 70);  // what comes back, and what goes
}

// The first to need the keys is undone: the next makes them anew, with their rows.
TEST_F(SealedStoreTest, WhatFollowsAnUndoneFirstWorkOpensAfterARestart) {
  absl::Notification held, release;
  store_->Submit({.apply =
                      [&](Transaction&) {
                        held.Notify();
                        release.WaitForNotification();
                        return absl::OkStatus();
                      },
                  .done = [](absl::Status) {}});
  held.WaitForNotification();
  for (int i = 0; i < 3; ++i) {
    store_->Submit(
        {.apply =
             [i](Transaction& transaction) {
               const std::string key = absl::StrCat(i);
               const absl::Status status =
                   transaction.Publish(BatchOf(key, {RecordOf(key, key, {key})})).status();
               if (!status.ok()) return status;
               return i == 0 ? absl::CancelledError("undone") : absl::OkStatus();
             },
         .done = [](absl::Status) {}});
  }
  release.Notify();
  store_->Stop();
  Open();
  EXPECT_THAT(Scan(*store_, ReadRight({kOwner})).value(), SizeIs(2));
}

class FailsOnce : public CommitParticipant {
 public:
  absl::Status Begin() override { return absl::OkStatus(); }
  void BeginWork() override {}
  void UndoWork() override {}
  absl::Status BeforeCommit(Transaction&) override {
    return failed_++ == 0 ? absl::UnavailableError("once") : absl::OkStatus();
  }
  void AfterCommit() override {}

 private:
  int failed_ = 0;
};

TEST_F(SealedStoreTest, WhatFollowsAGroupThatWasRolledBackOpensAfterARestart) {
  FailsOnce participant;
  store_->SetParticipant(&participant);
  EXPECT_FALSE(Publish(*store_, BatchOf("r1", {RecordOf("a", "1", {"ann"})})).ok());
  MustPublish("r2", {RecordOf("a", "2", {"ann"})});
  MustPublish("r3", {RecordOf("a", "3", {"ann"})});
  store_->Stop();
  Open();
  EXPECT_EQ(OwnOne("a").value(), "3");
}

}  // namespace
}  // namespace sluice::server
