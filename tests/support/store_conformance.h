// What every engine's store must do is written against Store alone, in server/store/conformance_*.
// An engine joins by a factory, in a file of its own: `INSTANTIATE_TEST_SUITE_P(Engines,
// StoreConformance, ...)`, and the same of StoreIdentity, StoreErasing, StoreOptOuts
// and StoreState.
#ifndef SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_
#define SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/store/store.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace sluice::server {

// Opens the store that lies in a directory, or makes one there.
struct StoreEngine {
  std::string name;
  std::function<std::unique_ptr<Store>(const TestDirectory&)> open;
  // Runs SQL beside the store, as somebody who can write its database could.
  std::function<absl::Status(const TestDirectory&, const std::string& sql)> run = nullptr;
};

class StoreConformance : public testing::TestWithParam<StoreEngine> {
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
    EXPECT_EQ(records.size(), 1u);
    return records.at(0);
  }

  int64_t PublishAt(const std::string& request_id, std::vector<policy::ValidRecord> records) {
    const auto outcome = Publish(*store_, BatchOf(request_id, std::move(records)));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->position : 0;
  }
  int64_t DeleteAt(const std::string& request_id, std::vector<std::string> keys) {
    const auto outcome = Delete(*store_, DeletionOf(request_id, std::move(keys)));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->position : 0;
  }
  WithdrawOutcome Withdrawn(const std::string& request_id, int64_t first, int64_t last) {
    const auto outcome = Withdraw(*store_, WithdrawalOf(request_id, first, last));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *outcome : WithdrawOutcome();
  }
  // deleted, restored, undeleted, unchanged, kept
  static std::vector<int> Counts(const WithdrawOutcome& outcome) {
    return {outcome.deleted_count, outcome.restored_count, outcome.undeleted_count,
            outcome.unchanged_count, outcome.kept_count};
  }
  OwnerStatus Status(const std::string& owner = "state-university") {
    const OwnerRight right(owner);
    return store_->StatusOf(right.permit, right.receipt).value();
  }
  absl::StatusOr<std::string> OwnOne(const std::string& owner, const std::string& type,
                                     const std::string& key) {
    const OwnerRight right(owner, type);
    std::string bytes;
    const absl::Status status =
        store_->ReadOwnOne(right.permit, right.receipt, key,
                           [&](const StoredRecord& record) { bytes = std::string(record.bytes); });
    if (!status.ok()) return status;
    return bytes;
  }
  absl::Status Forget(absl::Time time) {
    return store_->Commit({.apply = [time](Transaction& transaction) -> absl::Status {
      for (;;) {
        const absl::StatusOr<bool> more = transaction.ForgetHistory(time, 2);
        if (!more.ok() || !*more) return more.status();
      }
    }});
  }

  TestDirectory directory_;
  std::unique_ptr<Store> store_;
  const ReadRight right_{{"state-university"}};
};

// Of what somebody changes who can write the database and has no keys: twenty candidates of two
// contents each, one of them deleted, and a placement. What stood there between the two contents
// was copied into tables old_*.
class StoreSeals : public StoreConformance {
 protected:
  void SetUp() override {
    for (const int content : {1, 2}) {
      std::vector<policy::ValidRecord> records;
      for (int i = 0; i < 20; ++i) {
        const std::string key = absl::StrCat("key ", i);
        records.push_back(RecordOf(key, absl::StrCat(key, "|", content), {key}));
      }
      PublishAt(absl::StrCat("r", content), std::move(records));
      if (content == 2) continue;
      for (const char* const table : {"record", "record_key", "collection"}) {
        Tamper(absl::StrCat("CREATE TABLE old_", table, " AS SELECT * FROM ", table));
      }
    }
    DeleteAt("d", {"key 3"});
    PublishBatch placement = BatchOf("p", {RecordOf("placement", "placement|1", {"key 5"})});
    placement.record_type = "Placement";
    ASSERT_TRUE(Publish(*store_, placement).ok());
    ASSERT_TRUE(WalkAll().ok());
    ASSERT_TRUE(WalkAll("Placement").ok());
  }

  void Tamper(const std::string& sql) {
    const absl::Status status = GetParam().run(directory_, sql);
    ASSERT_TRUE(status.ok()) << status << "\n" << sql;
  }
  absl::Status WalkAll(const std::string& type = "Candidate") {
    return Walk(*store_, ReadRight({"state-university"}, type), "state-university", type);
  }
  // Those records, and all that the database says of them, as they were.
  void PutBack(const std::string& which) {
    const std::string those = " WHERE record_id IN (SELECT record_id FROM old_record" + which + ")";
    for (const std::string table : {"record", "record_key"}) {
      Tamper(absl::StrCat("DELETE FROM ", table, those));
      Tamper(absl::StrCat("INSERT INTO ", table, " SELECT * FROM old_", table, those));
    }
  }
};

// Of what decisions rest on. Runs on the store in memory, too.
class StoreState : public StoreConformance {
 protected:
  // Where what was stored outlives its store.
  void Reopen() {
    if (GetParam().name != "Memory") StoreConformance::Reopen();
  }
  absl::Status Put(const StoredMouVersion& version, std::optional<uint64_t> replaces) {
    return store_->Commit({.apply = [&](Transaction& transaction) {
      return transaction.PutMouVersion(version, replaces);
    }});
  }
  absl::Status Put(const StoredOrganization& organization, std::optional<uint64_t> replaces) {
    return store_->Commit({.apply = [&](Transaction& transaction) {
      return transaction.PutOrganization(organization, replaces);
    }});
  }
  absl::Status PutCatalog(const std::string& kept) {
    return store_->Commit(
        {.apply = [&](Transaction& transaction) { return transaction.PutCatalog(kept); }});
  }
};

// Of the ids that identity records join. Runs on the store in memory, too, which others test
// against.
class StoreIdentity : public StoreConformance {
 protected:
  // By the record's bytes.
  std::map<std::string, ScannedRecord> Records(const std::string& type = "Candidate") {
    const ReadRight right({"state-university"}, type);
    const std::vector<ScannedRecord> scanned = Scan(*store_, right).value();
    std::map<std::string, ScannedRecord> records;
    for (const ScannedRecord& record : scanned) records.emplace(record.bytes, record);
    return records;
  }
  policy::SubjectId SubjectOf(const std::string& bytes) {
    return Records().at(bytes).subjects.at(0);
  }

  PublishOutcome Join(const std::string& request_id, std::vector<policy::ValidRecord> records) {
    const auto outcome = Publish(*store_, IdentitiesOf(request_id, std::move(records)));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *outcome : PublishOutcome();
  }
  DeleteOutcome Part(const std::string& request_id, std::vector<std::string> keys) {
    DeleteBatch batch = DeletionOf(request_id, std::move(keys));
    batch.record_type = "PersonIdentity";
    const auto outcome = Delete(*store_, batch);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *outcome : DeleteOutcome();
  }
  LastPublish Last(const std::string& type) {
    return store_->LastPublishOf("state-university", type).value();
  }
};

// Of what an erasure takes out. Runs on the store in memory, too.
class StoreErasing : public StoreIdentity {
 protected:
  absl::StatusOr<std::vector<uint32_t>> Ordinals(const std::string& id,
                                                 const std::string& owner = "state-university") {
    const OwnerRight right(owner);
    return store_->OrdinalsOf(right.permit, right.receipt, {"person", id});
  }
  absl::StatusOr<std::vector<uint32_t>> Erase(const std::vector<std::string>& ids,
                                              const std::string& owner = "state-university") {
    std::vector<policy::SubjectName> names;
    for (const std::string& id : ids) names.push_back({"person", id});
    absl::StatusOr<std::vector<uint32_t>> erased;
    const absl::Status status =
        store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
          erased = transaction.EraseSubject(owner, names);
          return erased.status();
        }});
    return status.ok() ? erased : status;
  }
  std::vector<std::string> EraseOpenings(const std::string& owner, const std::string& field,
                                         uint64_t begin, uint64_t end) {
    std::vector<std::string> owners;
    const absl::Status status =
        store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
          const auto erased = transaction.EraseOpenings(owner, field, begin, end);
          if (erased.ok()) owners = *erased;
          return erased.status();
        }});
    EXPECT_TRUE(status.ok()) << status;
    return owners;
  }
  void LogEntriesOf(const std::vector<std::string>& owners) {
    const absl::Status status = store_->Commit({.apply = [&](Transaction& transaction) {
      for (size_t i = 0; i < owners.size(); ++i) {
        LogRow row{.index = i,
                   .leaf_hash = DigestOf(i),
                   .writer = "gateway-1",
                   .boot = "b0",
                   .wseq = i,
                   .body = "an entry",
                   .openings = {{owners[i], "filter", "salt", absl::StrCat("asked ", i)},
                                {owners[i], "caller", "salt", "pat"}}};
        if (absl::Status s = transaction.InsertLogRow(row); !s.ok()) return s;
      }
      return transaction.UpdateLogHead(0, {.size = owners.size()});
    }});
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> Left(const std::string& owner) {
    const OwnerRight right(owner);
    std::vector<std::string> left;
    const absl::Status status =
        store_->ReadOwnOpenings(right.permit, right.receipt, "", 0, 100,
                                [&](uint64_t index, const LogRow::Opening& opening) {
                                  left.push_back(absl::StrCat(index, " ", opening.field));
                                  return true;
                                });
    EXPECT_TRUE(status.ok()) << status;
    return left;
  }
};

class StoreOptOuts : public StoreErasing {
 protected:
  // How many of them that is new for.
  int32_t PutOptOuts(const std::vector<std::string>& ids, const std::string& purpose,
                     bool opted_out = true, const std::string& owner = "state-university") {
    std::vector<policy::SubjectName> names;
    for (const std::string& id : ids) names.push_back({"person", id});
    absl::StatusOr<int32_t> changed;
    const absl::Status status =
        store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
          changed = transaction.PutOptOuts(owner, names, purpose, opted_out);
          return changed.status();
        }});
    EXPECT_TRUE(status.ok()) << status;
    return changed.value_or(-1);
  }
  // Sorted.
  std::vector<uint32_t> WhoOptedOut(const std::string& purpose,
                                    const std::string& owner = "state-university") {
    const auto found = store_->WhoOptedOut(owner, purpose);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<uint32_t> ordinals((*found)->ordinals.begin(), (*found)->ordinals.end());
    std::sort(ordinals.begin(), ordinals.end());
    return ordinals;
  }
  int64_t Retractions(const std::string& owner = "state-university") {
    const int64_t count = (*store_->WhoOptedOut(owner, "p"))->retractions;
    EXPECT_EQ(store_->RetractionsSeen(owner), count);
    return count;
  }
  std::vector<std::string> OptOutsOf(const std::string& id) {
    const OwnerRight right("state-university");
    return store_->OptOutsOf(right.permit, right.receipt, {{"person", id}}).value();
  }
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_
