// What is the store's on PostgreSQL alone: who may open it, and several gateways at once.
#include "server/store/postgres_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/store/postgres.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

class PostgresStoreTest : public testing::Test {
 protected:
  ~PostgresStoreTest() override { EXPECT_TRUE(server_.DropDatabase(database_).ok()); }

  absl::StatusOr<std::unique_ptr<Store>> Open(char key = 'k', int readers = 1, bool alone = false) {
    PostgresStoreOptions options;
    options.alone = alone;
    options.settings = server_.SocketSettings(database_);
    options.hash_key = policy::Secret::Copy(std::string(32, key));
    options.keks = std::make_shared<KeksForTest>();
    options.readers = readers;
    return OpenPostgresStore(std::move(options));
  }
  absl::Status Run(const std::string& sql) { return server_.Run(database_, sql); }

  static absl::StatusOr<PublishOutcome> PublishOne(Store& store, const std::string& key) {
    return Publish(store, BatchOf("request " + key, {RecordOf(key, "bytes of " + key)}));
  }

  void Stall(bool after);

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
};

TEST_F(PostgresStoreTest, RefusesWhatItCannotReadOrWasMadeUnderAnotherKey) {
  ASSERT_TRUE(Open().ok());
  const absl::Status other_key = Open('x').status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other_key));
  EXPECT_TRUE(absl::StrContains(other_key.message(), "another hash key"));
  ASSERT_TRUE(Run("UPDATE store SET schema_version = schema_version + 1").ok());
  const absl::Status newer = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer));
  EXPECT_TRUE(absl::StrContains(newer.message(), "schema version"));
}

TEST_F(PostgresStoreTest, IsSharedWithOthersOrWithNobody) {
  const auto first = Open().value();
  EXPECT_TRUE(Open().ok());
  const absl::Status alone = Open('k', 1, /*alone=*/true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(alone)) << alone;
  EXPECT_TRUE(absl::StrContains(alone.message(), "a gateway serves from this database")) << alone;
}

TEST_F(PostgresStoreTest, StopsForGoodWhenTheStoreWasMovedOrMigratedBehindItsBack) {
  for (const char* change : {"moving = '\\x01', moved_to = 'the moon'", "schema_version = 1000"}) {
    const auto store = Open().value();
    ASSERT_TRUE(PublishOne(*store, absl::StrCat("before ", change)).ok());
    ASSERT_TRUE(Run(absl::StrCat("UPDATE store SET ", change)).ok());
    EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store, "after").status()));
    EXPECT_TRUE(absl::StrContains(store->Health().message(), "moved or migrated"))
        << store->Health();
    EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
    ASSERT_TRUE(Run("UPDATE store SET moving = '', moved_to = ''").ok());
    // What it has found out once, holds until it is started again.
    EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store, "again").status()));
  }
}

TEST_F(PostgresStoreTest, RefusesADatabaseThatIsAnothers) {
  ASSERT_TRUE(Run("CREATE TABLE store (id bigint)").ok());
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "not made by sluiced"));
}

TEST_F(PostgresStoreTest, SaysThatTheRoleMayMakeNoTables) {
  ASSERT_TRUE(Run(absl::StrCat("ALTER DATABASE ", database_, " OWNER TO admin")).ok());
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "may make none")) << status;
}

TEST_F(PostgresStoreTest, NeedsNoMoreThanReadingAndWritingItsTables) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Run(absl::StrCat("REASSIGN OWNED BY sluice TO admin; "
                               "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "
                               "public TO sluice; ALTER DATABASE ",
                               database_, " OWNER TO admin"))
                  .ok());
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(PublishOne(**store, "1").ok());
}

TEST_F(PostgresStoreTest, IsMadeOnceWhenSeveralGatewaysStartTogether) {
  std::vector<std::thread> gateways;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 4; ++i) {
    gateways.emplace_back([&] {
      const auto store = Open();
      EXPECT_TRUE(store.ok()) << store.status();
      if (store.ok() && PublishOne(**store, absl::StrCat(++opened)).ok()) return;
      ADD_FAILURE() << "did not publish";
    });
  }
  for (std::thread& gateway : gateways) gateway.join();
  EXPECT_EQ(Open().value()->LastPublishOf("state-university", "Candidate")->position, 4);
}

// A group under way in one gateway, stalled before or after it took its position.
void PostgresStoreTest::Stall(bool after) {
  const auto slow = Open().value();
  const auto fast = Open().value();
  ASSERT_TRUE(PublishOne(*slow, "0").ok());
  absl::Notification stalled, go_on, slow_done, fast_done;
  int64_t slow_position = 0, fast_position = 0;
  const auto told = [](absl::Notification& done) {
    return [&done](absl::Status status) {
      EXPECT_TRUE(status.ok()) << status;
      done.Notify();
    };
  };
  const auto publish = [](Transaction& transaction, const std::string& key, int64_t& position) {
    const auto outcome = transaction.Publish(BatchOf(key, {RecordOf(key, key)}));
    if (outcome.ok()) position = outcome->position;
    return outcome.status();
  };
  slow->Submit({.apply = [&](Transaction& transaction) -> absl::Status {
                  absl::Status status;
                  if (after) status = publish(transaction, "slow", slow_position);
                  stalled.Notify();
                  go_on.WaitForNotification();
                  if (!after) status = publish(transaction, "slow", slow_position);
                  return status;
                },
                .done = told(slow_done)});
  stalled.WaitForNotification();
  fast->Submit(
      {.apply =
           [&](Transaction& transaction) { return publish(transaction, "fast", fast_position); },
       .done = told(fast_done)});
  // The other gateway's group waits: nothing with a later position can be seen before.
  while (!fast_done.HasBeenNotified() &&
         server_.Ask(database_,
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                     "AND datname = current_database()")
                 .value() == "0") {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_FALSE(fast_done.HasBeenNotified());
  EXPECT_EQ(fast->LastPublishOf("state-university", "Candidate")->position, 1);
  go_on.Notify();
  slow_done.WaitForNotification();
  fast_done.WaitForNotification();
  EXPECT_EQ(slow_position, 2);
  EXPECT_EQ(fast_position, 3);
}

TEST_F(PostgresStoreTest, HandsOutPositionsInTheOrderInWhichTheyAreSeenThoughOneStalls) {
  Stall(/*after=*/true);
}

TEST_F(PostgresStoreTest, LetsNoGroupBeginBesideAnothersThatStalls) { Stall(/*after=*/false); }

TEST_F(PostgresStoreTest, ShowsWhatEveryGatewayPublishedUpToAPosition) {
  const auto watching = Open('k', 2).value();
  constexpr int kGateways = 3, kEach = 40;
  std::vector<std::thread> gateways;
  std::atomic<int> left = kGateways;
  std::vector<std::vector<int64_t>> positions(kGateways);
  for (int gateway = 0; gateway < kGateways; ++gateway) {
    gateways.emplace_back([&, gateway] {
      const auto store = Open().value();
      for (int i = 0; i < kEach; ++i) {
        const auto outcome = PublishOne(*store, absl::StrCat(gateway, ".", i));
        EXPECT_TRUE(outcome.ok()) << outcome.status();
        if (outcome.ok()) positions[gateway].push_back(outcome->position);
      }
      --left;
    });
  }
  // Each position is one new record: whoever sees a position sees as many records at least.
  const ReadRight right({"state-university"});
  while (left > 0) {
    const int64_t position = watching->LastPublishOf("state-university", "Candidate")->position;
    EXPECT_GE(static_cast<int64_t>(Scan(*watching, right)->size()), position);
  }
  for (std::thread& gateway : gateways) gateway.join();
  std::set<int64_t> all;
  for (const std::vector<int64_t>& some : positions) {
    EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
    all.insert(some.begin(), some.end());
  }
  EXPECT_EQ(all.size(), kGateways * kEach);
  EXPECT_EQ(*all.rbegin(), kGateways * kEach);
}

TEST_F(PostgresStoreTest, GivesWayWhenAGatewayThatHoldsTheStoreIsGone) {
  const auto store = Open().value();
  // Its transaction stands, and nobody ends it.
  auto gone = PostgresConnection::Open(
                  {.settings = server_.SocketSettings(database_), .patience = absl::Seconds(2)})
                  .value();
  ASSERT_TRUE(gone->Execute("BEGIN; SELECT id FROM store WHERE id = 1 FOR UPDATE").ok());
  EXPECT_TRUE(PublishOne(*store, "1").ok());
}

}  // namespace
}  // namespace sluice::server
