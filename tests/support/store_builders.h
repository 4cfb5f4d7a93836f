// What tests of the store and of what stands on it arrange: permits with receipts, records,
// batches, works, directories of their own.
#ifndef SLUICE_TESTS_SUPPORT_STORE_BUILDERS_H_
#define SLUICE_TESTS_SUPPORT_STORE_BUILDERS_H_

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "policy/catalog.h"
#include "server/store/store.h"
#include "tests/support/audit_receipt_for_test.h"
#include "tests/support/permit_for_test.h"

namespace sluice::server {

// A directory that goes with its owner.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) abort();
    path_ = name;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() { std::filesystem::remove_all(path_); }

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A permit to read records of one type of these owners, and the receipt of its decision.
struct ReadRight {
  explicit ReadRight(std::vector<std::string> owners, const std::string& record_type = "Candidate")
      : permit(policy::PermitForTest::Make(MakePlan(owners, record_type))),
        receipt(AuditReceiptForTest::Make(permit.shared_plan().get())) {}

  policy::Permit permit;
  AuditReceipt receipt;

 private:
  static std::shared_ptr<const policy::Plan> MakePlan(const std::vector<std::string>& owners,
                                                      const std::string& record_type) {
    auto plan = std::make_shared<policy::Plan>();
    plan->catalog = policy::Catalog::BuiltIn().value();
    plan->type = plan->catalog->Find(record_type);
    if (plan->type == nullptr) abort();
    for (const std::string& owner : owners) {
      plan->grants.push_back(
          {.owner = owner, .rows = policy::Box({}, policy::Box::Unset::kExcluded), .fields = {}});
    }
    return plan;
  }
};

inline policy::ValidRecord RecordOf(std::string key, std::string bytes,
                                    std::vector<std::string> people = {}) {
  policy::ValidRecord record{.bytes = std::move(bytes), .key = std::move(key)};
  for (std::string& person : people) record.subjects.push_back({"person", std::move(person)});
  return record;
}

// Whose an id of the space "person" is.
inline policy::ValidRecord IdentityOf(const std::string& id, const std::string& person) {
  return {.bytes = absl::StrCat(id, " is ", person),
          .key = id,
          .identity = policy::Identity{{"person", id}, person}};
}

inline Hash DigestOf(uint64_t number) {
  Hash hash{};
  for (size_t i = 0; i < sizeof number; ++i) hash[i] = static_cast<uint8_t>(number >> (8 * i));
  return hash;
}

inline const absl::Time kTestTime = absl::FromUnixSeconds(1'790'000'000);

inline PublishBatch BatchOf(std::string request_id, std::vector<policy::ValidRecord> records) {
  return {.owner = "state-university",
          .record_type = "Candidate",
          .principal = "spiffe://example.org/org/state-university/system/sis",
          .request_id = request_id,
          .content_digest = DigestOf(std::hash<std::string>()(request_id)),
          .time = kTestTime,
          .records = std::move(records)};
}

inline PublishBatch IdentitiesOf(std::string request_id, std::vector<policy::ValidRecord> records) {
  PublishBatch batch = BatchOf(std::move(request_id), std::move(records));
  batch.record_type = "PersonIdentity";
  return batch;
}

inline DeleteBatch DeletionOf(std::string request_id, std::vector<std::string> keys) {
  return {.owner = "state-university",
          .record_type = "Candidate",
          .principal = "spiffe://example.org/org/state-university/system/sis",
          .request_id = request_id,
          .content_digest = DigestOf(std::hash<std::string>()(request_id)),
          .time = kTestTime,
          .keys = std::move(keys)};
}

inline absl::StatusOr<PublishOutcome> Publish(Store& store, const PublishBatch& batch) {
  absl::StatusOr<PublishOutcome> outcome = absl::InternalError("was not run");
  const absl::Status status =
      store.Commit({.bytes = batch.records.size() * 256, .apply = [&](Transaction& transaction) {
                      outcome = transaction.Publish(batch);
                      return outcome.status();
                    }});
  if (!status.ok()) return status;
  return outcome;
}

inline absl::StatusOr<DeleteOutcome> Delete(Store& store, const DeleteBatch& batch) {
  absl::StatusOr<DeleteOutcome> outcome = absl::InternalError("was not run");
  const absl::Status status = store.Commit({.apply = [&](Transaction& transaction) {
    outcome = transaction.Delete(batch);
    return outcome.status();
  }});
  if (!status.ok()) return status;
  return outcome;
}

inline WithdrawBatch WithdrawalOf(std::string request_id, int64_t first, int64_t last) {
  return {.owner = "state-university",
          .principal = "spiffe://example.org/org/state-university/system/sis",
          .request_id = request_id,
          .content_digest = DigestOf(static_cast<uint64_t>(first * 1'000'000 + last)),
          .time = kTestTime,
          .first = first,
          .last = last};
}

inline absl::StatusOr<WithdrawOutcome> Withdraw(Store& store, const WithdrawBatch& batch) {
  absl::StatusOr<WithdrawOutcome> outcome = absl::InternalError("was not run");
  const absl::Status status = store.Commit({.apply = [&](Transaction& transaction) {
    outcome = transaction.Withdraw(batch);
    return outcome.status();
  }});
  if (!status.ok()) return status;
  return outcome;
}

// A record as a scan lent it, kept.
struct ScannedRecord {
  ScanPlace place;
  std::string bytes;
  std::vector<policy::SubjectId> subjects;
  std::vector<uint32_t> ordinals;
};

inline ScannedRecord Keep(const StoredRecord& record) {
  return {.place = record.place,
          .bytes = std::string(record.bytes),
          .subjects = {record.subjects.begin(), record.subjects.end()},
          .ordinals = {record.ordinals.begin(), record.ordinals.end()}};
}

inline absl::StatusOr<std::vector<ScannedRecord>> Scan(
    const Store& store, const ReadRight& right, absl::string_view owner = "state-university",
    std::optional<ScanPlace> from = std::nullopt, std::optional<ScanPlace> until = std::nullopt) {
  std::vector<ScannedRecord> records;
  const absl::Status status =
      store.Read(right.permit, right.receipt, owner, from, until, [&](const StoredRecord& record) {
        records.push_back(Keep(record));
        return true;
      });
  if (!status.ok()) return status;
  return records;
}

// A walk from the first record to the last in small reads, as a stream makes it. `between` runs
// after each read.
template <typename Between>
absl::Status Walk(const Store& store, const ReadRight& right, absl::string_view owner,
                  absl::string_view record_type, Between between) {
  absl::StatusOr<std::unique_ptr<CollectionScan>> scan = store.StartScan(owner, record_type);
  if (!scan.ok()) return scan.status();
  std::optional<ScanPlace> next;
  for (bool more = true; more;) {
    int visited = 0;
    more = false;
    const absl::Status status = store.Read(right.permit, right.receipt, owner, next, std::nullopt,
                                           [&](const StoredRecord& record) {
                                             next = PlaceAfter(record.place);
                                             (*scan)->Add(record);
                                             more = ++visited == 7;
                                             return !more;
                                           });
    if (!status.ok()) return status;
    between();
  }
  return (*scan)->Finish();
}

inline absl::Status Walk(const Store& store, const ReadRight& right,
                         absl::string_view owner = "state-university",
                         absl::string_view record_type = "Candidate") {
  return Walk(store, right, owner, record_type, [] {});
}

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_STORE_BUILDERS_H_
