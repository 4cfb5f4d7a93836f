// What is SQLite's own of the store: its files, its schema, what stands in it.
#include "server/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/store/sqlite.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> Open(char key = 'k', bool accept_moved = false) {
    SqliteStoreOptions options;
    options.path = path_;
    options.hash_key = policy::Secret::Copy(std::string(32, key));
    options.keks = std::make_shared<KeksForTest>();
    options.accept_moved = accept_moved;
    options.readers = 2;
    options.cache_mib = 8;
    return OpenSqliteStore(std::move(options));
  }

  // Runs SQL beside the store, as somebody with the file could.
  void Execute(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TestDirectory directory_;
  const std::string path_ = directory_.Path("store.db");
};

TEST_F(SqliteStoreTest, MakesFilesForItselfAlone) {
  const mode_t mask = umask(0);
  const auto store = Open();
  umask(mask);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(Publish(**store, BatchOf("r1", {RecordOf("a", "1")})).ok());
  for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
    struct stat stat;
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &stat), 0) << suffix;
    EXPECT_EQ(stat.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteStoreTest, RefusesAFileThatOthersCanRead) {
  ASSERT_TRUE(Open().ok());
  chmod(path_.c_str(), 0640);
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("chmod 600"));
}

TEST_F(SqliteStoreTest, RefusesToBeOpenedTwice) {
  const auto store = Open();
  const auto second = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
  EXPECT_TRUE(Publish(**store, BatchOf("r1", {RecordOf("a", "1")})).ok());
}

// What is written behind an old WAL is lost with it, if the disk does not have all of that.
TEST_F(SqliteStoreTest, RefusesToStartOnAnOldWalThatSomebodyReads) {
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(Publish(**store, BatchOf("r1", {RecordOf("a", "1")})).ok());
  auto reader = SqliteConnection::Open({.path = path_, .read_only = true});
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE((*reader)->Execute("BEGIN; SELECT count(*) FROM store").ok());
  store->reset();
  store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("still reads"));
  ASSERT_TRUE((*reader)->Execute("COMMIT").ok());
  store = Open();
  EXPECT_TRUE(store.ok()) << store.status();
}

TEST_F(SqliteStoreTest, RefusesAnotherHashKey) {
  ASSERT_TRUE(Open('k').ok());
  const auto other = Open('x');
  EXPECT_TRUE(absl::IsFailedPrecondition(other.status())) << other.status();
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("another hash key"));
  EXPECT_TRUE(Open('k').ok());
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  ASSERT_TRUE(Open().ok());
  Execute("UPDATE store SET schema_version = 1000");
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("schema version 1000"));
}

TEST_F(SqliteStoreTest, RefusesAnOlderSchemaAndSaysWhatBringsItForward) {
  ASSERT_TRUE(Open().ok());
  Execute("UPDATE store SET schema_version = 6");
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("sluiced migrate"));
}

TEST_F(SqliteStoreTest, RefusesAStoreThatWasMovedUntilItIsSaidNotToBe) {
  ASSERT_TRUE(Open().ok());
  Execute("UPDATE store SET moving = x'01', moved_to = 'the moon'");
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("moved to the moon"));
  EXPECT_TRUE(Open('k', /*accept_moved=*/true).ok());
  EXPECT_TRUE(Open().ok());
}

TEST_F(SqliteStoreTest, RefusesAStoreThatHasNotArrivedWhateverIsSaid) {
  ASSERT_TRUE(Open().ok());
  Execute("UPDATE store SET moving = x'01'");
  for (const bool accept : {false, true}) {
    const auto store = Open('k', accept);
    EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
    EXPECT_THAT(std::string(store.status().message()), HasSubstr("store copy"));
  }
}

TEST_F(SqliteStoreTest, RefusesADatabaseOfSomethingElseAndLeavesItAlone) {
  std::ofstream(path_).close();
  chmod(path_.c_str(), 0600);
  Execute("CREATE TABLE theirs (x)");
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("not made by sluiced"));
  Execute("INSERT INTO theirs VALUES (1)");
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(8192, 'x');
  chmod(path_.c_str(), 0600);
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(SqliteStoreTest, KeepsNoNameInTheClear) {
  const auto store = Open();
  PublishBatch batch = BatchOf("request-4711", {RecordOf("key-4711", "bytes", {"person-4711"})});
  batch.principal = "principal-4711";
  ASSERT_TRUE(Publish(**store, batch).ok());
  const StoredDecision decision{.decision_id = std::string(32, 'd'), .principal = "admin-4711"};
  ASSERT_TRUE((*store)
                  ->Commit({.is_append = true,
                            .apply = [&](Transaction& t) { return t.PutDecision(decision); }})
                  .ok());
  for (const char* suffix : {"", "-wal"}) {
    std::stringstream bytes;
    bytes << std::ifstream(path_ + suffix, std::ios::binary).rdbuf();
    EXPECT_THAT(bytes.str(), Not(HasSubstr("-4711"))) << suffix;
  }
}

TEST_F(SqliteStoreTest, NoticesThatItsFileWasMovedDeletedOrReplaced) {
  for (const char* suffix : {"", "-wal"}) {
    const auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->Health().ok());
    std::filesystem::rename(path_ + suffix, path_ + suffix + ".moved");
    EXPECT_TRUE(absl::IsDataLoss((*store)->Health())) << suffix;
    std::filesystem::copy(path_ + suffix + ".moved", path_ + suffix);
    EXPECT_TRUE(absl::IsDataLoss((*store)->Health())) << suffix;
    std::filesystem::remove(path_ + suffix);
    std::filesystem::rename(path_ + suffix + ".moved", path_ + suffix);
    EXPECT_TRUE((*store)->Health().ok()) << suffix;
  }
}

TEST_F(SqliteStoreTest, SaysSoWhenARecordThatItsKeyNamesIsGone) {
  {
    const auto store = Open();
    ASSERT_TRUE(Publish(**store, BatchOf("r1", {RecordOf("a", "1")})).ok());
  }
  Execute("DELETE FROM record");
  const auto store = Open();
  const auto outcome = Publish(**store, BatchOf("r2", {RecordOf("a", "1")}));
  EXPECT_TRUE(absl::IsDataLoss(outcome.status())) << outcome.status();
}

TEST_F(SqliteStoreTest, SaysSoWhenStoredBytesHaveAWrongLength) {
  {
    const auto store = Open();
    ASSERT_TRUE(Publish(**store, BatchOf("r1", {RecordOf("a", "1", {"ann"})})).ok());
  }
  Execute("UPDATE record SET subjects = x'00'");
  const ReadRight right({"state-university"});
  const auto store = Open();
  EXPECT_TRUE(absl::IsDataLoss(Scan(**store, right).status()));
  Execute("UPDATE log_head SET root = x'00'");
  EXPECT_TRUE(absl::IsDataLoss((*store)->ReadLogHead().status()));
}

TEST_F(SqliteStoreTest, ForgetsOldAnswersInPassing) {
  const auto store = Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Publish(**store, BatchOf(absl::StrCat("old", i), {RecordOf("a", "1")})).ok());
  }
  for (int i = 0; i < 10; ++i) {
    PublishBatch batch = BatchOf(absl::StrCat("new", i), {RecordOf("a", "1")});
    batch.time += absl::Hours(24 * 30);
    ASSERT_TRUE(Publish(**store, batch).ok());
  }
  auto connection = SqliteConnection::Open({.path = path_, .read_only = true});
  ASSERT_TRUE(connection.ok()) << connection.status();
  auto count = (*connection)->Prepare("SELECT count(*) FROM answer");
  SqlRun run = count->Bind();
  ASSERT_TRUE(*run.Next());
  EXPECT_EQ(run.Int(0), 10);
}

// What a report on a person follows: each ordinal that a name of theirs ever had.
TEST_F(SqliteStoreTest, KeepsWhomANameNamedBeforeEachMergeAndSplit) {
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  const auto met =
      Publish(**store, BatchOf("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})}));
  const auto joined =
      Publish(**store, IdentitiesOf("i1", {IdentityOf("ann", "P"), IdentityOf("anna", "P")}));
  DeleteBatch part = DeletionOf("d1", {"ann"});
  part.record_type = "PersonIdentity";
  ASSERT_TRUE(Delete(**store, part).ok());
  auto connection = SqliteConnection::Open({.path = path_, .read_only = true});
  ASSERT_TRUE(connection.ok()) << connection.status();
  auto former =
      (*connection)->Prepare("SELECT name, ordinal, subject_id FROM former_subject ORDER BY 1, 2");
  SqlRun run = former->Bind();
  for (const int name : {1, 2}) {
    for (const NewSubject& subject : {met->new_subjects.at(name - 1), joined->new_subjects.at(0)}) {
      ASSERT_TRUE(*run.Next());
      EXPECT_EQ(run.Int(0), name);
      EXPECT_EQ(run.Int(1), subject.ordinal);
      EXPECT_EQ(*run.Array<16>(2), subject.id.bytes);
    }
  }
  EXPECT_FALSE(*run.Next());
}

// Each moves one id of a person that has as many as it may: all of them are looked at.
TEST_F(SqliteStoreTest, RefusesAChangeOfTooManyIdsAndChangesNothing) {
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  constexpr size_t kPersons = kMaxRejoinedNames / kMaxNamesOfPerson + 1;
  constexpr size_t kPersonsABatch = 150;
  std::vector<policy::ValidRecord> identities, moves;
  for (size_t person = 0; person < kPersons; ++person) {
    for (size_t id = 0; id < kMaxNamesOfPerson; ++id) {
      identities.push_back(IdentityOf(absl::StrCat(person, " ", id), absl::StrCat("P", person)));
    }
    moves.push_back(IdentityOf(absl::StrCat(person, " 0"), absl::StrCat("Q", person)));
    if ((person + 1) % kPersonsABatch != 0 && person + 1 != kPersons) continue;
    const std::string request = absl::StrCat("r", person);
    ASSERT_TRUE(Publish(**store, IdentitiesOf(request, std::move(identities))).ok());
    identities.clear();
  }
  const std::vector<policy::ValidRecord> fewer(moves.begin(), moves.end() - 1);
  const absl::Status refused = Publish(**store, IdentitiesOf("m1", std::move(moves))).status();
  EXPECT_TRUE(absl::IsOutOfRange(refused)) << refused;
  const auto taken = Publish(**store, IdentitiesOf("m2", fewer));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->changed_count, static_cast<int>(kPersons - 1));
}

TEST_F(SqliteStoreTest, MovesTheWalIntoTheDatabaseAsItGrows) {
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  constexpr size_t kMiB = 1 << 20;
  for (int i = 0; i < 24; ++i) {
    const std::string name = absl::StrCat("record ", i);
    ASSERT_TRUE(Publish(**store, BatchOf(name, {RecordOf(name, std::string(4 * kMiB, 'x'))})).ok());
  }
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 32 * kMiB);
  EXPECT_GT(std::filesystem::file_size(path_), 64 * kMiB);
}

// A scan that sorted or looked at other rows would still be right, and useless.
TEST_F(SqliteStoreTest, ScansAlongItsKey) {
  const auto store = Open();
  auto connection = SqliteConnection::Open({.path = path_, .read_only = true});
  ASSERT_TRUE(connection.ok()) << connection.status();
  auto plan = (*connection)
                  ->Prepare(
                      "EXPLAIN QUERY PLAN SELECT ordinal, record_id, subjects, bytes FROM record "
                      "WHERE collection "
                      "= (SELECT id FROM collection WHERE owner = $1 AND record_type = $2) "
                      "AND (ordinal, record_id) >= ($3, $4) AND (ordinal, record_id) < ($5, $6) "
                      "ORDER BY ordinal, record_id");
  ASSERT_TRUE(plan.ok()) << plan.status();
  SqlRun run = plan->Bind(1, "t", 0, "", 0, "");
  ASSERT_TRUE(*run.Next());
  EXPECT_EQ(run.Bytes(3),
            "SEARCH record USING PRIMARY KEY (collection=? AND (ordinal,record_id)>(?,?) AND "
            "(ordinal,record_id)<(?,?))");
}

// Three scans at once, each held at its first row, of which one must wait for its reader: a
// question is answered all the same. The log's sequencer is among those who ask, while all others
// wait for its group.
void ExpectAnAnswerBeside(const Store& store,
                          const std::function<absl::Status(std::function<void()> hold)>& scan) {
  absl::Notification go_on;
  std::atomic<int> scanning = 0;
  std::vector<std::thread> scans;
  for (int i = 0; i < 3; ++i) {
    scans.emplace_back([&] {
      const absl::Status read = scan([&] {
        ++scanning;
        go_on.WaitForNotification();
      });
      EXPECT_TRUE(read.ok()) << read;
    });
  }
  while (scanning < 2) absl::SleepFor(absl::Milliseconds(1));
  absl::SleepFor(absl::Milliseconds(100));  // for the third, that it asks
  absl::Notification answered;
  std::thread question([&] {
    EXPECT_TRUE(store.ReadLogHead().ok());
    answered.Notify();
  });
  EXPECT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(scanning, 2);
  go_on.Notify();
  question.join();
  for (std::thread& thread : scans) thread.join();
}

TEST_F(SqliteStoreTest, AnswersAQuestionWhileScansWaitForTheirReaders) {
  auto store = Open().value();
  ASSERT_TRUE(Publish(*store, BatchOf("r1", {RecordOf("a", "1")})).ok());
  const ReadRight right({"state-university"});
  ExpectAnAnswerBeside(*store, [&](const std::function<void()>& hold) {
    return store->Read(right.permit, right.receipt, "state-university", std::nullopt, std::nullopt,
                       [&](const StoredRecord&) {
                         hold();
                         return true;
                       });
  });
}

TEST_F(SqliteStoreTest, AnswersAQuestionWhileTheLogIsScanned) {
  auto store = Open().value();
  const auto append = [](Transaction& transaction) {
    const absl::Status row =
        transaction.InsertLogRow({.writer = "gateway-1", .boot = "b0", .body = "an entry"});
    return row.ok() ? transaction.UpdateLogHead(0, {.size = 1}) : row;
  };
  ASSERT_TRUE(store->Commit({.is_append = true, .apply = append}).ok());
  ExpectAnAnswerBeside(*store, [&](const std::function<void()>& hold) {
    return store->ReadLogRows(0, 20'000, [&](const LogRow&) {
      hold();
      return true;
    });
  });
}

TEST_F(SqliteStoreTest, ScansByTheOneReaderThatQuestionsLeave) {
  auto store = Open().value();
  ASSERT_TRUE(Publish(*store, BatchOf("r1", {RecordOf("a", "1")})).ok());
  const auto append = [](Transaction& transaction) {
    const absl::Status row =
        transaction.InsertLogRow({.writer = "gateway-1", .boot = "b0", .body = "an entry"});
    return row.ok() ? transaction.UpdateLogHead(0, {.size = 1}) : row;
  };
  ASSERT_TRUE(store->Commit({.is_append = true, .apply = append}).ok());
  absl::Notification go_on;
  std::atomic<int> asking = 0;
  std::vector<std::thread> questions;
  for (int i = 0; i < 2; ++i) {
    questions.emplace_back([&] {
      EXPECT_TRUE(store
                      ->ReadLogRows(0, 1,
                                    [&](const LogRow&) {
                                      ++asking;
                                      go_on.WaitForNotification();
                                      return true;
                                    })
                      .ok());
    });
  }
  while (asking < 2) absl::SleepFor(absl::Milliseconds(1));
  absl::Notification scanned;
  std::thread scan([&] {
    EXPECT_THAT(Scan(*store, ReadRight({"state-university"})).value(), SizeIs(1));
    scanned.Notify();
  });
  EXPECT_TRUE(scanned.WaitForNotificationWithTimeout(absl::Seconds(30)));
  go_on.Notify();
  scan.join();
  for (std::thread& question : questions) question.join();
}

// Each batch writes all its records with one version; a reader that sees two has seen half a batch.
TEST_F(SqliteStoreTest, ShowsReadersWholeBatchesOnly) {
  const auto store = Open();
  const auto publish = [&](int version) {
    std::vector<policy::ValidRecord> records;
    for (int i = 0; i < 50; ++i) {
      records.push_back(RecordOf(absl::StrCat(i), absl::StrCat(version), {absl::StrCat(i % 7)}));
    }
    return Publish(**store, BatchOf(absl::StrCat("v", version), std::move(records))).status();
  };
  ASSERT_TRUE(publish(0).ok());
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {  // more than there are connections: some wait
    readers.emplace_back([&] {
      const ReadRight right({"state-university"});
      do {
        const std::vector<ScannedRecord> records = Scan(**store, right).value();
        ASSERT_THAT(records, SizeIs(50));
        for (const ScannedRecord& record : records) ASSERT_EQ(record.bytes, records[0].bytes);
      } while (!done);
    });
  }
  for (int version = 1; version <= 100; ++version) EXPECT_TRUE(publish(version).ok());
  done = true;
  for (std::thread& reader : readers) reader.join();
}

// Works of one group share its fate but not their failures, and appends come first in it.
TEST_F(SqliteStoreTest, UndoesOneWorkOfAGroupAndKeepsTheOthers) {
  const auto store = Open();
  absl::Notification held, release;
  (*store)->Submit({.apply =
                        [&](Transaction&) {
                          held.Notify();
                          release.WaitForNotification();
                          return absl::OkStatus();
                        },
                    .done = [](absl::Status) {}});
  held.WaitForNotification();
  std::vector<std::string> order;
  std::vector<absl::StatusCode> told;
  for (int i = 0; i < 5; ++i) {
    (*store)->Submit({.is_append = i == 4,
                      .apply =
                          [&, i](Transaction& transaction) {
                            order.push_back(absl::StrCat(i));
                            auto outcome = transaction.Publish(BatchOf(
                                absl::StrCat(i),
                                {RecordOf(absl::StrCat(i), absl::StrCat(i), {absl::StrCat(i)})}));
                            if (!outcome.ok()) return outcome.status();
                            // Ordinals stay dense over what was undone.
                            EXPECT_EQ(outcome->new_subjects.at(0).ordinal,
                                      i == 4 ? 1u : static_cast<uint32_t>(i < 2 ? i + 2 : i + 1));
                            return i == 1 ? absl::CancelledError("no") : absl::OkStatus();
                          },
                      .done = [&](absl::Status status) { told.push_back(status.code()); }});
  }
  release.Notify();
  (*store)->Stop();
  EXPECT_THAT(order, ElementsAre("4", "0", "1", "2", "3"));
  EXPECT_THAT(
      told, ElementsAre(absl::StatusCode::kOk, absl::StatusCode::kOk, absl::StatusCode::kCancelled,
                        absl::StatusCode::kOk, absl::StatusCode::kOk));
  const ReadRight right({"state-university"});
  EXPECT_THAT(Scan(**store, right).value(), SizeIs(4));
}

TEST_F(SqliteStoreTest, FailsAWorkThatOverlookedAFailedStatement) {
  const auto store = Open();
  const absl::Status status = (*store)->Commit({.apply = [](Transaction& transaction) {
    const LogRow row{.index = 0, .writer = "w", .boot = "b"};
    EXPECT_TRUE(transaction.InsertLogRow(row).ok());
    EXPECT_FALSE(transaction.InsertLogRow(row).ok());
    return absl::OkStatus();
  }});
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT((*store)->ReadLeafHashes(0, 9).value(), SizeIs(0));
}

}  // namespace
}  // namespace sluice::server
