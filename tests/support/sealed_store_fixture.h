// A SQLite store with key-encryption keys of its own, and what somebody with its files could do to
// them: change rows, take copies, put them back.
#ifndef SLUICE_TESTS_SUPPORT_SEALED_STORE_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_SEALED_STORE_FIXTURE_H_

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/owner_right.h"
#include "tests/support/store_builders.h"

namespace sluice::server {

inline constexpr char kOwner[] = "state-university";
inline constexpr char kOther[] = "river-unified";

class SealedStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(std::shared_ptr<KeyEncryptionKeys> keks) {
    SqliteStoreOptions options;
    options.path = path_;
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::move(keks);
    return OpenSqliteStore(std::move(options));
  }
  void Open() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen(keks_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void SetUp() override { Open(); }

  // Runs SQL on the files of the stopped store, as somebody with them could, and starts it again.
  void Tamper(const std::string& sql) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    EXPECT_GT(sqlite3_total_changes(db), 0) << sql;
    sqlite3_close(db);
    Open();
  }

  void MustPublish(const std::string& request, std::vector<policy::ValidRecord> records,
                   const std::string& owner = kOwner, const std::string& type = "Candidate") {
    PublishBatch batch = BatchOf(request, std::move(records));
    batch.owner = owner;
    batch.record_type = type;
    const auto outcome = Publish(*store_, batch);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }

  absl::Status ScanOf(const std::string& owner, const std::string& type = "Candidate") {
    return Scan(*store_, ReadRight({owner}, type), owner).status();
  }
  absl::StatusOr<std::string> OwnOne(const std::string& key) {
    const OwnerRight right(kOwner, "Candidate");
    std::string bytes;
    const absl::Status status =
        store_->ReadOwnOne(right.permit, right.receipt, key,
                           [&](const StoredRecord& record) { bytes = std::string(record.bytes); });
    if (!status.ok()) return status;
    return bytes;
  }

  // Stops the store and copies its files, as a backup would have them.
  void Backup(const std::string& name) {
    store_.reset();
    std::filesystem::copy_file(path_, directory_.Path(name));
    Open();
  }
  void Restore(const std::string& name) {
    store_.reset();
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    std::filesystem::copy_file(directory_.Path(name), path_,
                               std::filesystem::copy_options::overwrite_existing);
    Open();
  }

  const TestDirectory directory_;
  const std::string path_ = directory_.Path("store.db");
  const std::shared_ptr<KeksForTest> keks_ = std::make_shared<KeksForTest>();
  std::unique_ptr<Store> store_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_SEALED_STORE_FIXTURE_H_
