// What becomes of a store on PostgreSQL when the server is killed, hangs, is full, or its answer is
// lost: what was acknowledged is there, what was not is there whole or not at all, and nobody has
// to mend anything.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/postgres_store.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using Cut = CuttingProxy::Cut;

absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& settings,
                                            absl::Duration patience = absl::Seconds(30)) {
  PostgresStoreOptions options;
  options.settings = settings;
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  options.readers = 2;
  options.patience = patience;
  options.on_fatal = [](absl::Status status) { ADD_FAILURE() << status; };
  return OpenPostgresStore(std::move(options));
}

class Participant final : public CommitParticipant {
 public:
  absl::Status Begin() override { return absl::OkStatus(); }
  void BeginWork() override {}
  void UndoWork() override {}
  absl::Status BeforeCommit(Transaction&) override { return absl::OkStatus(); }
  void AfterCommit() override { ++commits; }
  std::atomic<int> commits = 0;
};

absl::StatusOr<PublishOutcome> PublishOne(Store& store, int number) {
  const std::string key = absl::StrCat("key ", number);
  return Publish(store, BatchOf(absl::StrCat("request ", number),
                                {RecordOf(key, absl::StrCat("bytes ", number), {key})}));
}

std::multiset<std::string> Bytes(const Store& store) {
  const ReadRight right({"state-university"});
  std::multiset<std::string> bytes;
  const auto records = Scan(store, right);
  EXPECT_TRUE(records.ok()) << records.status();
  if (!records.ok()) return bytes;
  for (const ScannedRecord& record : *records) bytes.insert(record.bytes);
  return bytes;
}

void AwaitHealth(const Store& store, bool healthy) {
  while (store.Health().ok() != healthy) absl::SleepFor(absl::Milliseconds(5));
}

class PostgresFaultTest : public testing::Test {
 protected:
  // Through the proxy; in a small directory, for a socket's name is short.
  void OpenThroughProxy(absl::Duration patience = absl::Seconds(30)) {
    proxy_.emplace(directory_.Path(""), server_.port(), server_.socket());
    auto store = Open(server_.SocketSettings(database_, directory_.Path("")), patience);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    store_->SetParticipant(&participant_);
  }
  ~PostgresFaultTest() override {
    store_.reset();
    EXPECT_TRUE(server_.DropDatabase(database_).ok());
  }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
  TestDirectory directory_;
  Participant participant_;
  std::optional<CuttingProxy> proxy_;
  std::unique_ptr<Store> store_;
};

TEST_F(PostgresFaultTest, FindsThatACommitWithoutAnAnswerIsDurable) {
  OpenThroughProxy();
  ASSERT_TRUE(PublishOne(*store_, 1).ok());
  proxy_->CutAt(Cut::kAfter, "COMMIT");
  const auto outcome = PublishOne(*store_, 2);
  proxy_->AwaitCut();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->position, 2);
  EXPECT_EQ(participant_.commits, 2);
  EXPECT_EQ(PublishOne(*store_, 3)->position, 3);
  EXPECT_EQ(Bytes(*store_), (std::multiset<std::string>{"bytes 1", "bytes 2", "bytes 3"}));
  EXPECT_TRUE(store_->Health().ok());
}

TEST_F(PostgresFaultTest, FindsThatACommitThatNeverArrivedIsNot) {
  // So long that nobody but the store itself ends the session that nobody sees the end of.
  OpenThroughProxy(absl::Minutes(20));
  for (const Cut cut : {Cut::kBefore, Cut::kHidden}) {
    const int commits = participant_.commits;
    proxy_->CutAt(cut, "COMMIT");
    const auto outcome = PublishOne(*store_, 1);
    proxy_->AwaitCut();
    EXPECT_TRUE(absl::IsUnavailable(outcome.status())) << outcome.status();
    EXPECT_EQ(participant_.commits, commits);
    EXPECT_EQ(Bytes(*store_).count("bytes 1"), 0u);
    // The next may have its place.
    EXPECT_TRUE(PublishOne(*store_, cut == Cut::kBefore ? 2 : 3).ok());
    EXPECT_TRUE(store_->Health().ok());
  }
  EXPECT_EQ(PublishOne(*store_, 1)->position, 3);
  EXPECT_EQ(Bytes(*store_).size(), 3u);
}

TEST_F(PostgresFaultTest, LosesAGroupWithItsConnectionAndNoMore) {
  OpenThroughProxy(absl::Minutes(20));
  ASSERT_TRUE(PublishOne(*store_, 1).ok());
  for (const char* place : {"BEGIN", "SAVEPOINT", "RELEASE"}) {
    for (const Cut cut : {Cut::kBefore, Cut::kAfter, Cut::kHidden}) {
      proxy_->CutAt(cut, place);
      const auto outcome = PublishOne(*store_, 2);
      proxy_->AwaitCut();
      EXPECT_TRUE(absl::IsUnavailable(outcome.status())) << place << outcome.status();
      EXPECT_TRUE(PublishOne(*store_, 1)->replayed);
      EXPECT_TRUE(store_->Health().ok());
    }
  }
  EXPECT_EQ(Bytes(*store_).size(), 1u);
}

TEST_F(PostgresFaultTest, KnowsOnANewConnectionWhichPositionsItGave) {
  OpenThroughProxy();
  ASSERT_TRUE(PublishOne(*store_, 1).ok());
  ASSERT_TRUE(PublishOne(*store_, 2).ok());
  ASSERT_TRUE(server_
                  .Run(database_,
                       "UPDATE store SET position = position - 1; SELECT count("
                       "pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE pid <> "
                       "pg_backend_pid() AND datname = current_database()")
                  .ok());
  absl::Status published;
  do {
    published = PublishOne(*store_, 3).status();
  } while (absl::IsUnavailable(published));
  EXPECT_TRUE(absl::IsDataLoss(published)) << published;
  EXPECT_TRUE(absl::IsDataLoss(store_->Health())) << store_->Health();
}

TEST_F(PostgresFaultTest, WaitsForNobodyWhoHangs) {
  OpenThroughProxy(absl::Seconds(2));
  ASSERT_TRUE(PublishOne(*store_, 1).ok());
  // In its group, where nothing else looks for a server that hangs.
  proxy_->CutAt(Cut::kHang, "SAVEPOINT");
  EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store_, 2).status()));
  const ReadRight right({"state-university"});
  EXPECT_TRUE(absl::IsUnavailable(Scan(*store_, right).status()));
  EXPECT_EQ(PublishOne(*store_, 2)->position, 2);
  EXPECT_EQ(Bytes(*store_).size(), 2u);
  AwaitHealth(*store_, true);
}

TEST_F(PostgresFaultTest, SaysWithinSecondsThatTheServerHangsThoughNothingIsToBeDone) {
  OpenThroughProxy();
  ASSERT_TRUE(PublishOne(*store_, 1).ok());
  const absl::Time began = absl::Now();
  proxy_->Hang();
  AwaitHealth(*store_, false);
  EXPECT_LT(absl::Now() - began, absl::Seconds(12));
  proxy_.reset();
  EXPECT_TRUE(absl::IsUnavailable(store_->Health()));
}

// Whose session is given up though the server still has it, and will for half a minute.
TEST_F(PostgresFaultTest, ComesBackWhereTheServerHasNoConnectionToSpare) {
  const auto store = Open(server_.SocketSettings(database_)).value();
  ASSERT_TRUE(PublishOne(*store, 1).ok());
  const std::string used =
      server_.Ask("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sluice'")
          .value();
  ASSERT_TRUE(
      server_.Run("postgres", absl::StrCat("ALTER ROLE sluice CONNECTION LIMIT ", used)).ok());
  std::thread other([&] {
    EXPECT_TRUE(server_
                    .Run(database_,
                         "BEGIN; SELECT id FROM store WHERE id = 1 FOR UPDATE; SELECT "
                         "pg_sleep(2); COMMIT")
                    .ok());
  });
  // Whoever of ours waits for the other is told to stop.
  std::thread canceler([&] {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    std::string cancelled;
    while (cancelled != "t" && absl::Now() < until) {
      cancelled = server_
                      .Ask("postgres",
                           "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = "
                           "'sluice' AND wait_event_type = 'Lock'")
                      .value();
    }
    EXPECT_EQ(cancelled, "t");
  });
  for (int number = 10; PublishOne(*store, number).ok(); ++number) continue;
  canceler.join();
  other.join();
  const absl::Time began = absl::Now();
  while (!PublishOne(*store, 3).ok()) {
    ASSERT_LT(absl::Now() - began, absl::Seconds(60));
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_LT(absl::Now() - began, absl::Seconds(12));
  EXPECT_TRUE(server_.Run("postgres", "ALTER ROLE sluice CONNECTION LIMIT -1").ok());
}

TEST_F(PostgresFaultTest, NoticesThatTheServerIsGoneThoughNothingIsToBeDone) {
  auto server = PostgresServer::Start({}).value();
  const auto store = Open(server->SocketSettings(server->CreateDatabase().value())).value();
  EXPECT_TRUE(store->Health().ok());
  server->StopNow();
  AwaitHealth(*store, false);
  EXPECT_TRUE(absl::IsUnavailable(store->Health()));
  ASSERT_TRUE(server->StartAgain().ok());
  AwaitHealth(*store, true);
  EXPECT_TRUE(PublishOne(*store, 1).ok());
}

TEST_F(PostgresFaultTest, LosesNothingAcknowledgedWhenThePostmasterIsKilledInMidPublish) {
  auto server = PostgresServer::Start({}).value();
  const auto store = Open(server->SocketSettings(server->CreateDatabase().value())).value();
  constexpr int kOfABatch = 5;
  std::set<int> acknowledged;  // the publisher's
  std::atomic<int> published = 0;
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    for (int number = 0; !stop; ++number) {
      std::vector<policy::ValidRecord> records;
      for (int i = 0; i < kOfABatch; ++i) {
        const std::string key = absl::StrCat(number, ".", i);
        records.push_back(RecordOf(key, key, {absl::StrCat("person ", i)}));
      }
      const auto outcome = Publish(*store, BatchOf(absl::StrCat(number), std::move(records)));
      if (outcome.ok()) {
        acknowledged.insert(number);
        ++published;
      } else {
        EXPECT_TRUE(absl::IsUnavailable(outcome.status())) << outcome.status();
      }
    }
  });
  for (int kills = 0; kills < 3; ++kills) {
    const int before = published;
    while (published < before + 20) absl::SleepFor(absl::Milliseconds(1));
    server->Kill();
    ASSERT_TRUE(server->StartAgain().ok());
  }
  const int before = published;
  while (published < before + 20) absl::SleepFor(absl::Milliseconds(1));
  stop = true;
  publisher.join();

  const std::multiset<std::string> bytes = Bytes(*store);
  std::set<int> found;
  for (const std::string& one : bytes) found.insert(std::stoi(one));
  for (const int number : acknowledged) EXPECT_TRUE(found.contains(number)) << number;
  // Each whole and once.
  EXPECT_EQ(bytes.size(), found.size() * kOfABatch);
  EXPECT_EQ(std::set<std::string>(bytes.begin(), bytes.end()).size(), bytes.size());
  EXPECT_TRUE(store->Health().ok());
}

TEST_F(PostgresFaultTest, EndsAReadWhosePostmasterIsKilledAndReadsAgain) {
  auto server = PostgresServer::Start({}).value();
  const auto store = Open(server->SocketSettings(server->CreateDatabase().value())).value();
  std::vector<policy::ValidRecord> records;
  for (int i = 0; i < 2'000; ++i) {
    records.push_back(RecordOf(absl::StrCat(i), absl::StrCat(i, std::string(4'000, 'x'))));
  }
  ASSERT_TRUE(Publish(*store, BatchOf("all", std::move(records))).ok());
  const ReadRight right({"state-university"});
  int rows = 0;
  const absl::Status status = store->Read(right.permit, right.receipt, "state-university",
                                          std::nullopt, std::nullopt, [&](const StoredRecord&) {
                                            if (++rows == 100) server->Kill();
                                            return true;
                                          });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_GE(rows, 100);
  EXPECT_LT(rows, 2'000);
  // While it is away each read says so.
  for (int reader = 0; reader < 3; ++reader) {
    EXPECT_TRUE(absl::IsUnavailable(Scan(*store, right).status()));
  }
  ASSERT_TRUE(server->StartAgain().ok());
  EXPECT_EQ(Bytes(*store).size(), 2'000u);
}

TEST_F(PostgresFaultTest, SaysThatTheDisksOfTheServerAreFullUntilTheyAreNot) {
  const auto store = Open(server_.SocketSettings(database_)).value();
  ASSERT_TRUE(
      server_
          .Run(database_,
               "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$; "
               "CREATE TRIGGER disk_full BEFORE INSERT ON record EXECUTE FUNCTION disk_full()")
          .ok());
  EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store, 1).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(store->Health())) << store->Health();
  EXPECT_EQ(Bytes(*store).size(), 0u);
  ASSERT_TRUE(server_.Run(database_, "DROP TRIGGER disk_full ON record").ok());
  EXPECT_TRUE(PublishOne(*store, 1).ok());
  EXPECT_TRUE(store->Health().ok());
}

TEST_F(PostgresFaultTest, RefusesASecondGatewayOfAName) {
  const auto open = [this](const std::string& writer, bool alone = false) {
    PostgresStoreOptions options;
    options.settings = server_.SocketSettings(database_);
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    options.writer = writer;
    options.alone = alone;
    options.patience = absl::Seconds(1);
    return OpenPostgresStore(std::move(options));
  };
  absl::StatusOr<std::unique_ptr<Store>> first = open("a");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(open("b").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(open("a").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(open("", /*alone=*/true).status()));
  // Whose connection was lost has it again as soon as it writes again.
  server_.StopNow();
  ASSERT_TRUE(server_.StartAgain().ok());
  for (int number = 0; !PublishOne(**first, number).ok(); ++number) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(open("a").status()));
  first->reset();
  EXPECT_TRUE(open("a").ok());

  const absl::StatusOr<std::unique_ptr<Store>> alone = open("", /*alone=*/true);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(open("a").status()));
}

TEST_F(PostgresFaultTest, IsAloneInItsSchemaAndNotInTheDatabase) {
  const auto open = [this](const std::string& schema) {
    PostgresStoreOptions options;
    options.settings =
        absl::StrCat(server_.SocketSettings(database_), " options='-c search_path=", schema, "'");
    options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
    options.keks = std::make_shared<KeksForTest>();
    options.alone = true;
    options.patience = absl::Seconds(1);
    return OpenPostgresStore(std::move(options));
  };
  ASSERT_TRUE(server_
                  .Run(database_,
                       "CREATE SCHEMA one AUTHORIZATION sluice; CREATE SCHEMA two AUTHORIZATION "
                       "sluice")
                  .ok());
  const auto one = open("one");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(open("one").status()));
  const auto two = open("two");
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_TRUE(PublishOne(**one, 1).ok());
  EXPECT_TRUE(PublishOne(**two, 1).ok());
}

TEST_F(PostgresFaultTest, StopsForGoodWhenTheServerSaysThatDataIsCorrupted) {
  std::atomic<int> fatal = 0;
  PostgresStoreOptions options;
  options.settings = server_.SocketSettings(database_);
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  options.on_fatal = [&](absl::Status) { ++fatal; };
  const auto store = OpenPostgresStore(std::move(options)).value();
  ASSERT_TRUE(server_
                  .Run(database_,
                       "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                       "RAISE EXCEPTION 'bad page' USING ERRCODE = 'XX001'; END $$; "
                       "CREATE TRIGGER broken BEFORE INSERT ON record EXECUTE FUNCTION broken()")
                  .ok());
  EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store, 1).status()));
  ASSERT_TRUE(server_.Run(database_, "DROP TRIGGER broken ON record").ok());
  EXPECT_TRUE(absl::IsUnavailable(PublishOne(*store, 1).status()));
  store->Stop();
  EXPECT_EQ(fatal, 1);
}

}  // namespace
}  // namespace sluice::server
