// What every engine's store must do is written against Store alone, in server/store/conformance_*.
// An engine joins by a factory, in a file of its own: `INSTANTIATE_TEST_SUITE_P(Engines,
// StoreConformance, ...)`, and the same of StoreIdentity.
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

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_
