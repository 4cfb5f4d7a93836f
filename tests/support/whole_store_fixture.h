// A store with all that a gateway keeps in it: records of several kinds, dictionaries, a log with
// openings, versions of MOUs, an organization; and somebody who can write its database.
#ifndef SLUICE_TESTS_SUPPORT_WHOLE_STORE_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_WHOLE_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "server/audit/audit_log.h"
#include "server/keys.h"
#include "server/state_check.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_store.h"
#include "server/store_verification.h"
#include "tests/support/log_fixture.h"
#include "tests/support/store_builders.h"

namespace sluice::server {

class WholeStoreTest : public ::testing::Test {
 protected:
  WholeStoreTest() {
    config_.keys.directory = directory_.Path("keys");
    config_.sqlite = directory_.Path("store.db");
    config_.log_origin = kTestOrigin;
    config_.log_tiles = directory_.Path("tiles");
    keys_ = Keys::Open(config_.keys, clock()).value();
    log_key_ = LogKey::Create(keys_->LogSigningSeed().value(), kTestOrigin).value();
    EXPECT_TRUE(Open().ok());
  }
  ~WholeStoreTest() override { Close(); }

  KeyDirectory::Clock clock() {
    return [this] { return clock_.Now(); };
  }

  // As a gateway starts.
  absl::Status Open() {
    Close();
    SqliteStoreOptions options;
    options.path = config_.sqlite;
    options.hash_key = keys_->StoreHashKey().value();
    options.keks = OpenKeyEncryptionKeys(config_.keys, clock()).value();
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    AuditLogOptions log_options;
    log_options.origin = kTestOrigin;
    log_options.writer = "gateway-1";
    log_options.tile_directory = config_.log_tiles;
    log_options.background_thread = false;
    absl::StatusOr<std::unique_ptr<AuditLog>> log =
        AuditLog::Open(log_options, store_.get(), log_key_.get(), clock());
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return CheckStateAtStart(*store_, *log_);
  }
  void Close() {
    if (log_ != nullptr) log_->Stop();
    if (store_ != nullptr) store_->Stop();
    log_.reset();
    store_.reset();
  }

  void PublishAs(const std::string& owner, const std::string& type, const std::string& request,
                 std::vector<policy::ValidRecord> records) {
    PublishBatch batch = BatchOf(request, std::move(records));
    batch.owner = owner;
    batch.record_type = type;
    Must([&](Transaction& transaction) -> absl::Status {
      const absl::StatusOr<PublishOutcome> outcome = transaction.Publish(batch);
      if (!outcome.ok()) return outcome.status();
      return log_->GrowDictionaryIn(transaction, owner, outcome->new_subjects);
    });
  }
  void PutVersion(const std::string& mou, int version, const std::string& state) {
    Must([&](Transaction& transaction) -> absl::Status {
      StoredMouVersion stored{mou, version, absl::StrCat("document of ", mou, version)};
      stored.signatures = {{"state-university", "signature 1", kTestTime},
                           {"river-unified", "signature 2", kTestTime}};
      stored.state = state;
      stored.log_index = log_->NextIndexIn(transaction);
      const auto before = versions_at_.find({mou, version});
      absl::Status status = transaction.PutMouVersion(
          stored,
          before == versions_at_.end() ? std::nullopt : std::optional<uint64_t>(before->second));
      if (!status.ok()) return status;
      versions_at_[{mou, version}] = stored.log_index;
      MouEntry entry;
      entry.mou = mou;
      entry.version = version;
      entry.document_digest = policy::Sha256Digest(stored.document);
      entry.state = state;
      entry.parties = {"state-university", "river-unified"};
      return log_->AppendIn(transaction, entry).status();
    });
  }
  void PutOrganization(const std::string& name, const std::string& bundle, bool known = false) {
    Must([&](Transaction& transaction) -> absl::Status {
      StoredOrganization stored{name, "a display name", bundle};
      stored.log_index = log_->NextIndexIn(transaction);
      absl::Status status = transaction.PutOrganization(
          stored, known ? std::optional<uint64_t>(organization_at_) : std::nullopt);
      if (!status.ok()) return status;
      organization_at_ = stored.log_index;
      OrganizationEntry entry;
      entry.request = RequestNumber(7);
      entry.caller = {{policy::PrincipalKind::kOperator, "", "ops"}, std::string(64, 'b')};
      entry.organization = name;
      entry.after = {policy::Sha256Digest(bundle), "", "", ""};
      return log_->AppendIn(transaction, entry).status();
    });
  }

  void Fill() {
    for (const int content : {1, 2}) {
      std::vector<policy::ValidRecord> records;
      for (int i = 0; i < 30; ++i) {
        const std::string key = absl::StrCat("key ", i);
        records.push_back(
            RecordOf(key, absl::StrCat(key, "|", content), {key, absl::StrCat("mentor ", i % 3)}));
      }
      PublishAs("state-university", "Candidate", absl::StrCat("c", content), std::move(records));
    }
    PublishAs("state-university", "PersonIdentity", "i1",
              {IdentityOf("key 1", "P"), IdentityOf("key 2", "P"), IdentityOf("key 3", "Q")});
    PublishAs("river-unified", "Candidate", "r1", {RecordOf("key 1", "theirs", {"key 1"})});
    Must([&](Transaction& transaction) {
      return transaction.Delete(DeletionOf("d1", {"key 7", "key 8"})).status();
    });
    PutVersion("stem-pipeline", 1, "SIGNED");
    PutVersion("stem-pipeline", 1, "ACTIVE");
    PutVersion("retention-study", 1, "ACTIVE");
    PutVersion("retention-study", 1, "EXPIRED");
    PutVersion("retention-study", 2, "ACTIVE");
    PutOrganization("hill-county", "bundle 1");
    PutOrganization("hill-county", "bundle 2", true);
    ReadEntry read;
    read.request = RequestNumber(8);
    read.caller = {{policy::PrincipalKind::kAdmin, "river-unified", "jo"}, std::string(64, 'c')};
    read.operation = "ListEntries";
    ASSERT_TRUE(log_->Append(read).ok());
    OutcomeEntry outcome;
    outcome.request = RequestNumber(9);
    outcome.caller = RiverUnified();
    outcome.owner = "state-university";
    outcome.status = "OK";
    outcome.considered = 12;
    outcome.withheld = 3;
    ASSERT_TRUE(log_->Append(outcome).ok());
    DisclosureEntry disclosure;
    disclosure.request = RequestNumber(9);
    disclosure.caller = RiverUnified();
    disclosure.terms.owner = "state-university";
    disclosure.subjects = {1, 2, 5, 70'000};
    ASSERT_TRUE(log_->Append(disclosure).ok());
    log_->Tick();
  }

  // A change that is durable afterwards.
  template <typename Apply>
  void Must(Apply apply) {
    const absl::Status status = store_->Commit({.apply = apply});
    ASSERT_TRUE(status.ok()) << status;
  }
  void Run(const std::string& sql) {
    auto connection = SqliteConnection::Open({.path = config_.sqlite}).value();
    const absl::Status status = connection->Execute(sql);
    ASSERT_TRUE(status.ok()) << status << sql;
  }
  std::vector<std::string> Findings() {
    StoreFindings findings;
    const absl::Status status = VerifyStore(config_, clock(), &findings);
    EXPECT_TRUE(status.ok()) << status;
    return findings.Lines();
  }

  const TestDirectory directory_;
  TurnedClock clock_;
  Config config_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<const LogKey> log_key_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
  uint64_t organization_at_ = 0;
  std::map<std::pair<std::string, int>, uint64_t> versions_at_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_WHOLE_STORE_FIXTURE_H_
