// The seals over what decisions rest on, where two gateways share a PostgreSQL: what one holds
// against them follows what the other changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/store/postgres_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

constexpr int kChanges = 150;
constexpr int kVersions = 3;

class SharedSealsTest : public testing::Test {
 protected:
  ~SharedSealsTest() override { EXPECT_TRUE(server_.DropDatabase(database_).ok()); }

  std::unique_ptr<Store> Open() {
    PostgresStoreOptions options;
    options.settings = server_.SocketSettings(database_);
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    return OpenPostgresStore(std::move(options)).value();
  }
  // The change of that number, of one version after the other: each says more, by one signature, or
  // less, than the one before it.
  static absl::Status Change(Store& store, int number) {
    StoredMouVersion version{.mou = "stem-pipeline",
                             .version = 1 + number % kVersions,
                             .document = "document",
                             .signatures = {},
                             .state = absl::StrCat("state ", number)};
    for (int i = 0; i < 1 + number % 2; ++i) {
      version.signatures.push_back(
          {absl::StrCat("party ", i), absl::StrCat("signature ", number), kTestTime});
    }
    version.log_index = number;
    std::optional<uint64_t> replaces;
    if (number >= kVersions) replaces = number - kVersions;
    return store.Commit({.apply = [&](Transaction& transaction) {
      return transaction.PutMouVersion(version, replaces);
    }});
  }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
};

TEST_F(SharedSealsTest, FollowWhatAnotherGatewayChanges) {
  const auto changing = Open(), looking = Open();
  std::atomic<bool> changed = false;
  std::thread thread([&] {
    for (int number = 0; number < kChanges; ++number) {
      EXPECT_TRUE(Change(*changing, number).ok()) << number;
    }
    changed = true;
  });
  uint64_t before = 0;
  while (!changed) {
    const absl::StatusOr<std::optional<uint64_t>> through = looking->CheckState();
    if (absl::IsAborted(through.status())) continue;
    EXPECT_TRUE(through.ok()) << through.status();
    if (!through.ok()) break;
    EXPECT_GE(**through, before);
    before = **through;
  }
  thread.join();
  EXPECT_EQ(looking->CheckState()->value(), kChanges);
  EXPECT_TRUE(looking->Health().ok()) << looking->Health();

  // Each goes on from what the other made.
  EXPECT_TRUE(Change(*looking, kChanges).ok());
  EXPECT_TRUE(Change(*changing, kChanges + 1).ok());
  EXPECT_EQ(looking->CheckState()->value(), kChanges + 2);
  EXPECT_EQ(changing->CheckState()->value(), kChanges + 2);
}

TEST_F(SharedSealsTest, ShowEachGatewayWhatNoneOfThemChanged) {
  const auto a = Open(), b = Open();
  for (int number = 0; number < kVersions; ++number) ASSERT_TRUE(Change(*a, number).ok());
  ASSERT_TRUE(b->CheckState().ok());
  ASSERT_TRUE(
      server_.Run(database_, "UPDATE mou_version SET state = 'ACTIVE' WHERE version = 2").ok());
  for (Store* const store : {a.get(), b.get()}) {
    EXPECT_TRUE(absl::IsDataLoss(store->CheckState().status()));
    EXPECT_TRUE(absl::IsDataLoss(store->Health()));
  }
}

}  // namespace
}  // namespace sluice::server
