// One log that two gateways write on one PostgreSQL: appends of both at once, and the server that
// is killed under them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/audit/audit_log.h"
#include "server/audit/checkpoint.h"
#include "server/audit/merkle.h"
#include "server/store/postgres_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/log_fixture.h"
#include "tests/support/postgres_server.h"

namespace sluice::server {
namespace {

// A gateway's store and log.
class Gateway {
 public:
  Gateway(const std::string& name, const std::string& settings, const LogKey* key,
          const TurnedClock* clock, std::shared_ptr<KeyEncryptionKeys> keks) {
    PostgresStoreOptions options;
    options.settings = settings;
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = keks;
    store_ = OpenPostgresStore(std::move(options)).value();
    AuditLogOptions log_options;
    log_options.origin = kTestOrigin;
    log_options.writer = name;
    log_options.tile_directory = FreshDirectory();
    log_options.append_timeout = absl::Seconds(60);
    log_options.min_free_bytes = 0;
    log_options.background_thread = false;
    log_ = AuditLog::Open(log_options, store_.get(), key, [clock] { return clock->Now(); }).value();
  }
  ~Gateway() {
    store_->Stop();
    log_.reset();
  }

  Store& store() { return *store_; }
  AuditLog& log() { return *log_; }

 private:
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
};

class LogOnPostgresTest : public testing::Test {
 protected:
  void Open(PostgresServer& server) {
    const std::string settings = server.SocketSettings(server.CreateDatabase().value());
    for (const char* const name : {"gateway-1", "gateway-2"}) {
      gateways_.push_back(std::make_unique<Gateway>(name, settings, key_.get(), &clock_, keks_));
    }
  }

  // Appends so many entries by each gateway, from several threads each; the indices that were
  // answered. Where an append is allowed to fail it is not tried again.
  std::vector<uint64_t> AppendByAll(int each, bool may_fail) {
    constexpr int kThreads = 4;
    std::vector<std::vector<uint64_t>> answered(gateways_.size() * kThreads);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < answered.size(); ++t) {
      threads.emplace_back([&, t] {
        AuditLog& log = gateways_[t % gateways_.size()]->log();
        for (int i = 0; i < each; ++i) {
          const absl::StatusOr<uint64_t> index = log.Append(HeartbeatEntry());
          EXPECT_TRUE(index.ok() || may_fail) << index.status();
          if (index.ok()) answered[t].push_back(*index);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::vector<uint64_t> all;
    for (const std::vector<uint64_t>& some : answered) {
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end()) << "an index was given twice";
    return all;
  }

  // That the log is one tree of all its entries, and that each gateway has come to its end.
  uint64_t ExpectSound() {
    // An entry of each: so all have followed.
    for (const auto& gateway : gateways_) EXPECT_TRUE(gateway->log().Append(HeartbeatEntry()).ok());
    for (const auto& gateway : gateways_) EXPECT_TRUE(gateway->log().Append(HeartbeatEntry()).ok());
    Store& store = gateways_[0]->store();
    const LogHead head = store.ReadLogHead().value();
    CompactRange range;
    EXPECT_TRUE(store
                    .ReadLogRows(0, head.size,
                                 [&](const LogRow& row) {
                                   EXPECT_EQ(row.index, range.size());
                                   EXPECT_EQ(row.leaf_hash, LeafHash(row.body));
                                   range.Append(LeafHash(row.body));
                                   return true;
                                 })
                    .ok());
    EXPECT_EQ(range.size(), head.size);
    EXPECT_EQ(range.Root(), head.root);
    const Checkpoint checkpoint =
        OpenCheckpoint(head.checkpoint, NoteVerifier::Create(key_->vkey()).value()).value();
    EXPECT_EQ(checkpoint.size, head.size);
    EXPECT_EQ(checkpoint.root, head.root);
    for (const auto& gateway : gateways_) {
      EXPECT_TRUE(gateway->log().Health().ok()) << gateway->log().Health();
      EXPECT_GE(gateway->log().size() + gateways_.size(), head.size);
    }
    return head.size;
  }

  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  TurnedClock clock_;
  const std::shared_ptr<KeyEncryptionKeys> keks_ = std::make_shared<KeksForTest>();
  std::vector<std::unique_ptr<Gateway>> gateways_;
};

TEST_F(LogOnPostgresTest, TwoGatewaysAppendAtOnceToOneTree) {
  Open(PostgresServer::Shared());
  const std::vector<uint64_t> indices = AppendByAll(100, /*may_fail=*/false);
  ASSERT_EQ(indices.size(), 800u);
  EXPECT_EQ(indices.back(), 799u) << "there is a gap";
  EXPECT_EQ(ExpectSound(), 804u);
}

TEST_F(LogOnPostgresTest, AnIdleGatewayFollowsAtItsTurn) {
  Open(PostgresServer::Shared());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(gateways_[0]->log().Append(HeartbeatEntry()).ok());
  gateways_[1]->log().Tick();
  // What is submitted after it runs after it.
  ASSERT_TRUE(
      gateways_[1]->store().Commit({.apply = [](Transaction&) { return absl::OkStatus(); }}).ok());
  EXPECT_EQ(gateways_[1]->log().size(), 10u) << "it beat, though the log was not idle";
  EXPECT_EQ(gateways_[1]->log().Checkpoint(), gateways_[0]->log().Checkpoint());
}

TEST_F(LogOnPostgresTest, LosesNoAnsweredEntryWhenTheServerIsKilled) {
  std::unique_ptr<PostgresServer> server = PostgresServer::Start({}).value();
  Open(*server);
  ASSERT_TRUE(gateways_[0]->log().Append(HeartbeatEntry()).ok());
  std::vector<uint64_t> answered;
  for (int kill = 0; kill < 3; ++kill) {
    absl::Notification done;
    std::vector<uint64_t> indices;
    std::thread appending([&] {
      indices = AppendByAll(100, /*may_fail=*/true);
      done.Notify();
    });
    // In the middle of it, wherever that is.
    const uint64_t before = gateways_[0]->log().size();
    while (!done.HasBeenNotified() && gateways_[0]->log().size() < before + 50) {
      std::this_thread::yield();
    }
    server->Kill();
    ASSERT_TRUE(server->StartAgain().ok());
    appending.join();
    answered.insert(answered.end(), indices.begin(), indices.end());
    // Until each has found the database again.
    for (const auto& gateway : gateways_) {
      while (!gateway->log().Append(HeartbeatEntry()).ok()) std::this_thread::yield();
    }
  }
  std::sort(answered.begin(), answered.end());
  EXPECT_EQ(std::unique(answered.begin(), answered.end()), answered.end());
  ASSERT_FALSE(answered.empty());
  EXPECT_GT(ExpectSound(), answered.back());
  gateways_.clear();
}

}  // namespace
}  // namespace sluice::server
