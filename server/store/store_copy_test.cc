// A store goes from one database to another whole or not at all, and is served from one of them.
#include "server/store/store_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/held_database.h"
#include "server/store/postgres_store.h"
#include "server/store/schema_tables.h"
#include "server/store/sqlite_store.h"
#include "server/store/store_row.h"
#include "server/store/table_copy.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/log_fixture.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

using Dump = std::map<std::string, std::set<std::string>>;

// All rows of all tables, in words of the test's own.
Dump DumpOf(SqlConnection* connection, absl::string_view schema) {
  Dump dump;
  const std::vector<SchemaTable> read = ReadSchemaTables(schema).value();
  for (const SchemaTable& table : read) {
    std::string columns;
    for (const SchemaColumn& column : table.columns) {
      absl::StrAppend(&columns, columns.empty() ? "" : ", ", column.name);
    }
    SqlStatement select =
        connection->Prepare(absl::StrCat("SELECT ", columns, " FROM ", table.name)).value();
    SqlRun run = select.Bind();
    while (run.Next().value()) {
      std::string row;
      for (size_t i = 0; i < table.columns.size(); ++i) {
        const int column = static_cast<int>(i);
        absl::StrAppend(&row, table.columns[i].name, "=",
                        table.columns[i].type == SchemaColumn::Type::kInteger
                            ? absl::StrCat(run.Int(column))
                            : absl::CHexEscape(std::string(run.Bytes(column))),
                        "; ");
      }
      dump[table.name].insert(row);
    }
  }
  return dump;
}

// What a table may hold at most: every value another, bytes of each kind.
void Fill(SqlConnection* connection, const SchemaTable& table, int rows) {
  std::string columns, values;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    absl::StrAppend(&columns, i > 0 ? ", " : "", table.columns[i].name);
    absl::StrAppend(&values, i > 0 ? ", $" : "$", i + 1);
  }
  const auto insert =
      std::move(*connection->PrepareMany(absl::StrCat("INSERT INTO ", table.name, " (", columns,
                                                      ") VALUES (", values, ")")))
          .Release();
  for (int row = 0; row < rows; ++row) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      const std::string text = absl::StrCat("\u00e9 '", row, "' ", i, row == 0 ? "\n" : "");
      const std::string blob = row == 1   ? std::string(1 << 20, '\0')
                               : row == 2 ? std::string()
                                          : std::string(1, '\xff') + text;
      switch (table.columns[i].type) {
        case SchemaColumn::Type::kInteger:
          insert->Bind(at, row == 3 ? std::numeric_limits<int64_t>::max() - 2
                                    : (table.numbered ? row + 1 : int64_t{row} - 2));
          break;
        case SchemaColumn::Type::kText:
          insert->Bind(at, absl::string_view(text));
          break;
        case SchemaColumn::Type::kBlob:
          insert->Bind(at, SqlBlob(blob));
          break;
      }
    }
    ASSERT_TRUE(insert->Add(nullptr).ok()) << table.name;
  }
  ASSERT_TRUE(insert->Finish(nullptr).ok()) << table.name;
}

class StoreCopyTest : public testing::TestWithParam<std::pair<bool, bool>> {
 protected:
  StoreCopyTest() : from_(Make(GetParam().first)), to_(Make(GetParam().second)) {
    const auto hasher = NameHasher::Create(HashKey('k')).value();
    options_.key_check = hasher->KeyCheck().value();
    options_.keks = keks_.get();
    options_.log = &verifier_;
  }
  ~StoreCopyTest() override {
    for (const std::string& name : databases_) EXPECT_TRUE(server_.DropDatabase(name).ok());
  }

  static policy::Secret HashKey(char key) { return policy::Secret::Copy(std::string(32, key)); }

  DatabaseAddress Make(bool postgres) {
    if (!postgres) return {.sqlite = directory_.Path(absl::StrCat("store", ++files_, ".db"))};
    databases_.push_back(server_.CreateDatabase().value());
    return {.postgres = server_.SocketSettings(databases_.back())};
  }
  HeldDatabase Hold(const DatabaseAddress& address) {
    return HoldDatabase(address, /*make=*/true).value();
  }

  absl::StatusOr<std::unique_ptr<Store>> Open(const DatabaseAddress& address, char key = 'k') {
    if (address.postgres.empty()) {
      return OpenSqliteStore({.path = address.sqlite, .hash_key = HashKey(key), .keks = keks_});
    }
    return OpenPostgresStore(
        {.settings = address.postgres, .hash_key = HashKey(key), .keks = keks_});
  }
  // Serves for a while: some records, and entries of the log, as many as the store then has.
  void Serve(const DatabaseAddress& address, const std::string& name, int rows = 20) {
    const auto store = Open(address).value();
    const TurnedClock clock;
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = directory_.Path("tiles");
    options.background_thread = false;
    {
      const auto log =
          AuditLog::Open(options, store.get(), key_.get(), [&] { return clock.Now(); }).value();
      for (int i = 0; i < rows; ++i) {
        const std::string key = absl::StrCat(name, i);
        EXPECT_TRUE(Publish(*store, BatchOf(key, {RecordOf(key, "bytes of " + key, {key})})).ok());
        AdminEntry entry;
        entry.action = "START";
        EXPECT_TRUE(log->Append(entry).ok());
      }
      checkpoint_ = log->Checkpoint();
      log->Stop();
      store->Stop();
    }
  }
  size_t Records(const DatabaseAddress& address) {
    const ReadRight right({"state-university"});
    return Scan(*Open(address).value(), right).value().size();
  }

  absl::StatusOr<StoreCopyReport> Copy() {
    const HeldDatabase from = Hold(from_), to = Hold(to_);
    return MoveStore(*from.database, *to.database, options_);
  }
  // In a process of its own, that is killed when it tells something for the nth time. Whether it
  // was.
  bool CopyUntilKilled(int nth) {
    const pid_t child = fork();
    if (child == 0) {
      options_.progress = [nth](absl::string_view, absl::string_view, int64_t, bool) mutable {
        if (--nth == 0) raise(SIGKILL);
      };
      _exit(Copy().ok() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }
  void Change(const DatabaseAddress& address, absl::string_view sql) {
    const HeldDatabase held = Hold(address);
    const absl::Status status = held.connection->Execute(sql);
    EXPECT_TRUE(status.ok()) << status;
  }
  void ExpectRefused(absl::string_view why) {
    const absl::Status status = Copy().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(why)));
  }
  // Nothing was moved, and nothing is in the way of the next time.
  void ExpectMovedAtLast(size_t records) {
    EXPECT_EQ(Records(from_), records);
    const absl::StatusOr<StoreCopyReport> report = Copy();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(Records(to_), records);
    EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
  }

  PostgresServer& server_ = PostgresServer::Shared();
  TestDirectory directory_;
  int files_ = 0;
  std::vector<std::string> databases_;
  const std::shared_ptr<KeksForTest> keks_ = std::make_shared<KeksForTest>();
  const std::unique_ptr<const LogKey> key_ = MakeLogKey();
  const NoteVerifier verifier_ = NoteVerifier::Create(key_->vkey()).value();
  std::string checkpoint_;
  DatabaseAddress from_, to_;
  StoreCopyOptions options_;
};

TEST_P(StoreCopyTest, BringsEveryRowOfEveryTableOneThatIsAddedToTheSchemaToo) {
  const std::string tables =
      absl::StrCat(SchemaTables(),
                   "CREATE TABLE added (a TEXT NOT NULL, b BLOB NOT NULL, c INTEGER NOT NULL, "
                   "PRIMARY KEY (c, a)) STRICT, WITHOUT ROWID;\n");
  const Schema schema{kSchemaVersion, tables, {}};
  options_.schema = &schema;
  Dump before;
  {
    const HeldDatabase from = Hold(from_);
    ASSERT_TRUE(from->Make(schema).ok());
    const std::vector<SchemaTable> read = ReadSchemaTables(tables).value();
    for (const SchemaTable& table : read) {
      // What must make sense: one row, entries of a log, keys that are wrapped.
      if (table.single || table.name == "log_entry" || table.name == "data_key") continue;
      Fill(from.connection.get(), table, 7);
    }
    before = DumpOf(from.connection.get(), tables);
  }
  std::map<std::string, int64_t> told;
  options_.progress = [&](absl::string_view what, absl::string_view table, int64_t rows,
                          bool whole) {
    if (whole && what == "copied") told[std::string(table)] = rows;
  };
  const absl::StatusOr<StoreCopyReport> report = Copy();
  ASSERT_TRUE(report.ok()) << report.status();
  const HeldDatabase to = Hold(to_);
  EXPECT_EQ(DumpOf(to.connection.get(), tables), before);
  EXPECT_EQ(told.at("added"), 7);
  EXPECT_EQ(report->tables, static_cast<int64_t>(ReadSchemaTables(tables)->size()));
}

TEST_P(StoreCopyTest, IsServedOnWhereItWentAndNoMoreWhereItWas) {
  Serve(from_, "before");
  const absl::StatusOr<StoreCopyReport> report = Copy();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->log.root, OpenCheckpoint(checkpoint_, verifier_)->root);
  const absl::Status old = Open(from_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(old)) << old;
  EXPECT_THAT(std::string(old.message()), HasSubstr("was moved to"));
  // The log goes on over the same tiles, and new numbers are nobody's.
  const uint64_t size = report->log.size;
  Serve(to_, "after");
  EXPECT_EQ(Records(to_), 40u);
  EXPECT_GT(OpenCheckpoint(checkpoint_, verifier_)->size, size);
  ExpectRefused("was moved to");
}

TEST_P(StoreCopyTest, GoesBackWhereItCameFrom) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  Serve(to_, "there");
  from_ = std::exchange(to_, Make(GetParam().first));
  ASSERT_TRUE(Copy().ok());
  Serve(to_, "back");
  EXPECT_EQ(Records(to_), 60u);
}

TEST_P(StoreCopyTest, IsBegunAgainWhenItWasKilledWhereverItWas) {
  Serve(from_, "before");
  for (const int nth : {1, 5, 23, 40, 1000}) {
    if (!CopyUntilKilled(nth)) {
      EXPECT_EQ(nth, 1000);
      EXPECT_EQ(Records(to_), 20u);
      return;
    }
    // Whoever serves from the target meanwhile would find nothing, and the source serves.
    EXPECT_EQ(Records(from_), 20u);
  }
}

TEST_P(StoreCopyTest, GoesOnWithACopyOfWhichTheSourceWasNotTold) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  // As if it had been killed between the marks, twice.
  std::string moving;
  {
    const HeldDatabase from = Hold(from_);
    moving = ReadStoreRow(from.connection.get(), kSchemaVersion, options_.key_check)->moving;
    ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), moving, "").ok());
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(to_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
  ASSERT_TRUE(Copy()->went_on);
  EXPECT_EQ(Records(to_), 20u);

  ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), moving, "").ok());
  ASSERT_TRUE(WriteMoving(Hold(from_).connection.get(), "", "").ok());
  EXPECT_THAT(std::string(Open(to_).status().message()), HasSubstr("not come to its end"));
  const absl::StatusOr<StoreCopyReport> report = Copy();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->went_on);
  EXPECT_GT(report->rows, 0);
  EXPECT_EQ(Records(to_), 20u);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
}

TEST_P(StoreCopyTest, DoesNotGoOnWithACopyThatTheSourceHasLeftBehind) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  ASSERT_TRUE(WriteMoving(Hold(to_).connection.get(), std::string(16, 'm'), "").ok());
  ASSERT_TRUE(WriteMoving(Hold(from_).connection.get(), "", "").ok());
  Serve(from_, "meanwhile", 1);
  EXPECT_TRUE(absl::IsDataLoss(Copy().status()));
  EXPECT_EQ(Records(from_), 21u);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(to_).status()));
}

TEST_P(StoreCopyTest, RefusesATargetThatIsNotEmpty) {
  Serve(from_, "before");
  const DatabaseAddress empty = to_;
  Serve(to_, "theirs", 1);
  ExpectRefused("give an empty database");
  // A log alone is a log.
  to_ = Make(GetParam().second);
  Serve(to_, "nothing", 0);
  Change(to_, "UPDATE log_head SET size = 1");
  ExpectRefused("give an empty database");
  EXPECT_EQ(Records(from_), 20u);
  EXPECT_EQ(Records(empty), 1u);
}

TEST_P(StoreCopyTest, RefusesAnothersTargetAndAnothersSource) {
  Serve(from_, "before");
  ASSERT_TRUE(Open(to_, 'x').ok());
  ExpectRefused("another hash key");
  to_ = Make(GetParam().second);
  Change(to_, "CREATE TABLE theirs (a bigint)");
  ExpectRefused("not made by sluiced");
  to_ = Make(GetParam().second);
  Change(from_, "CREATE TABLE theirs (a bigint)");
  ExpectRefused("table theirs is none of sluiced's");
  Change(from_, "DROP TABLE theirs; UPDATE store SET schema_version = 1000");
  ExpectRefused("schema version 1000");
  Change(from_, absl::StrCat("UPDATE store SET schema_version = ", kSchemaVersion));
  const KeksForTest other("another keyring");
  options_.keks = &other;
  EXPECT_FALSE(Copy().ok());
  options_.keks = keks_.get();
  ExpectMovedAtLast(20);
}

TEST_P(StoreCopyTest, IsRefusedWhileAGatewayServesFromEither) {
  Serve(from_, "before");
  for (const DatabaseAddress& address : {from_, to_}) {
    const auto store = Open(address).value();
    EXPECT_TRUE(absl::IsFailedPrecondition(HoldDatabase(address, true).status()));
  }
  // And no gateway starts beside it.
  const HeldDatabase held = Hold(from_);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
}

TEST_P(StoreCopyTest, MovesNoLogThatDoesNotHold) {
  Serve(from_, "before");
  const auto value = [&](absl::string_view hex) {
    return GetParam().first ? absl::StrCat("'\\x", hex, "'::bytea") : absl::StrCat("x'", hex, "'");
  };
  for (const std::string& change :
       {absl::StrCat("UPDATE log_entry SET body = ", value("00"), " WHERE idx = 3"),
        absl::StrCat("UPDATE log_head SET root = ", value(std::string(64, '0'))),
        std::string("UPDATE log_entry SET idx = 1000 WHERE idx = 3"),
        std::string("UPDATE log_head SET checkpoint = 'no note'"),
        std::string("DELETE FROM log_entry WHERE idx = 3")}) {
    from_ = Make(GetParam().first);
    std::filesystem::remove_all(directory_.Path("tiles"));
    Serve(from_, "before");
    Change(from_, change);
    const absl::Status status = Copy().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << change << ": " << status;
    EXPECT_TRUE(Open(from_).ok());
  }
}

TEST_P(StoreCopyTest, FindsAByteThatIsAnother) {
  Serve(from_, "before");
  ASSERT_TRUE(Copy().ok());
  const std::vector<SchemaTable> read = ReadSchemaTables(SchemaTables()).value();
  for (const SchemaTable& table : read) {
    if (table.name != "record" && table.name != "record_key" && table.name != "log_entry") continue;
    const auto compare = [&] {
      const HeldDatabase from = Hold(from_), to = Hold(to_);
      return CompareRows(table, from.connection.get(), to.connection.get(), [](int64_t) {})
          .status();
    };
    EXPECT_TRUE(compare().ok());
    const std::string first =
        absl::StrCat(" WHERE ", table.key.back(), " = (SELECT ", table.key.back(), " FROM ",
                     table.name, " ORDER BY ", table.key.back(), " LIMIT 1)");
    const std::string column = table.columns.back().name;
    const bool bytes = table.columns.back().type == SchemaColumn::Type::kBlob;
    Change(to_, absl::StrCat("UPDATE ", table.name, " SET ", column, " = ", column,
                             !bytes              ? " + 1"
                             : GetParam().second ? " || '\\x00'::bytea"
                                                 : " || x'00'",
                             first));
    EXPECT_TRUE(absl::IsDataLoss(compare())) << table.name;
    Change(to_, absl::StrCat("DELETE FROM ", table.name, first));
    EXPECT_TRUE(absl::IsDataLoss(compare())) << table.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreCopyTest,
                         testing::Values(std::pair(false, true), std::pair(true, false),
                                         std::pair(false, false), std::pair(true, true)),
                         [](const auto& info) {
                           const auto name = [](bool postgres) {
                             return postgres ? "Postgres" : "Sqlite";
                           };
                           return absl::StrCat(name(info.param.first), "To",
                                               name(info.param.second));
                         });

class FullDiskTest : public StoreCopyTest {};

TEST_P(FullDiskTest, OfTheTargetCostsNothingButTheCopy) {
  Serve(from_, "before");
  if (GetParam().second) {
    // As when the server has no space for a table that comes late.
    ASSERT_TRUE(Open(to_).ok());
    ASSERT_TRUE(server_
                    .Run(databases_.back(),
                         "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                         "RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$; "
                         "CREATE TRIGGER disk_full BEFORE INSERT ON log_entry EXECUTE FUNCTION "
                         "disk_full()")
                    .ok());
    EXPECT_TRUE(absl::IsResourceExhausted(Copy().status()));
    ASSERT_TRUE(server_.Run(databases_.back(), "DROP TRIGGER disk_full ON log_entry").ok());
    return ExpectMovedAtLast(20);
  }
  FaultyVfs disk;
  to_.vfs = disk.name();
  for (int nth = 1;; nth = nth * 3 / 2 + 1) {
    disk.Fail(FaultyVfs::Operation::kWrite, FaultyVfs::Error::kNoSpace, nth);
    absl::Status status;
    {
      const absl::StatusOr<HeldDatabase> to = HoldDatabase(to_, /*make=*/true);
      const HeldDatabase from = Hold(from_);
      status = to.ok() ? MoveStore(*from.database, *to->database, options_).status() : to.status();
    }
    disk.Heal();
    if (status.ok()) break;
    ASSERT_LT(nth, 100'000);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << nth << ": " << status;
    // Whatever did not go through the disk that is full.
    if (Open(from_).ok()) continue;
    EXPECT_TRUE(Copy().ok()) << nth;
    break;
  }
  to_.vfs.clear();
  EXPECT_EQ(Records(to_), 20u);
}

INSTANTIATE_TEST_SUITE_P(Engines, FullDiskTest,
                         testing::Values(std::pair(false, true), std::pair(false, false)),
                         [](const auto& info) {
                           return info.param.second ? "ToPostgres" : "ToSqlite";
                         });

}  // namespace
}  // namespace sluice::server
