// A schema comes forward step by step, whenever it is interrupted, on both engines.
#include "server/store/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/held_database.h"
#include "server/store/schema_tables.h"
#include "server/store/store_row.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::string_view kNewer = R"sql(
CREATE TABLE shelf (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  width INTEGER NOT NULL DEFAULT 7
) STRICT;
CREATE TABLE book (
  title TEXT PRIMARY KEY,
  pages BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// What a later sluiced may bring: three versions, beside today's tables.
Schema SchemaToCome() {
  static const std::string* const tables = new std::string(absl::StrCat(SchemaTables(), kNewer));
  return {kSchemaVersion + 3,
          *tables,
          {{kSchemaVersion + 1, "makes shelves",
            "CREATE TABLE shelf (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL\n) STRICT;\n"
            "INSERT INTO shelf (name) VALUES ('first'), ('second');"},
           {kSchemaVersion + 2, "measures shelves",
            "ALTER TABLE shelf ADD COLUMN width INTEGER NOT NULL DEFAULT 7;"
            "UPDATE shelf SET width = 8 WHERE name = 'second';"},
           {kSchemaVersion + 3, "makes books",
            "CREATE TABLE book (\n  title TEXT PRIMARY KEY,\n  pages BLOB NOT NULL\n) STRICT, "
            "WITHOUT ROWID;"}}};
}

class MigrationTest : public testing::TestWithParam<bool> {
 protected:
  MigrationTest() {
    if (GetParam()) {
      database_ = server_.CreateDatabase().value();
      address_.postgres = server_.SocketSettings(database_);
    } else {
      address_.sqlite = directory_.Path("store.db");
    }
  }
  ~MigrationTest() override {
    if (!GetParam()) return;
    EXPECT_TRUE(server_.DropDatabase(database_).ok());
  }

  HeldDatabase Hold() { return HoldDatabase(address_, /*make=*/true).value(); }
  absl::Status Run(const Schema& schema, bool dry_run = false) {
    said_.clear();
    const HeldDatabase database = dry_run ? LookIntoDatabase(address_).value() : Hold();
    MigrationOptions options;
    options.schema = &schema;
    options.dry_run = dry_run;
    options.say = [this](absl::string_view what) { said_.emplace_back(what); };
    return Migrate(*database.database, options);
  }
  int64_t One(absl::string_view sql) {
    const HeldDatabase held = Hold();
    SqlStatement statement = held.connection->Prepare(sql).value();
    SqlRun run = statement.Bind();
    EXPECT_TRUE(run.Next().value());
    return run.Int(0);
  }
  int64_t Version() { return One("SELECT schema_version FROM store"); }
  // The columns that the tables to come have, by reading them.
  void ExpectCome() {
    EXPECT_EQ(Version(), kSchemaVersion + 3);
    EXPECT_EQ(One("SELECT count(*) FROM shelf WHERE name = 'second' AND width = 8"), 1);
    EXPECT_EQ(One("SELECT count(*) FROM shelf WHERE name = 'first' AND width = 7"), 1);
    EXPECT_EQ(One("SELECT count(*) FROM book WHERE title = '' AND length(pages) = 1"), 0);
  }

  PostgresServer& server_ = PostgresServer::Shared();
  TestDirectory directory_;
  std::string database_;
  DatabaseAddress address_;
  std::vector<std::string> said_;
};

TEST_P(MigrationTest, MakesTheTablesOnceAndSaysSo) {
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("makes the tables, schema version 11")));
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("which is this sluiced's")));
  EXPECT_EQ(Version(), kSchemaVersion);
}

TEST_P(MigrationTest, GoesOneStepAfterTheOther) {
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  ASSERT_TRUE(Run(SchemaToCome()).ok());
  EXPECT_THAT(said_, ElementsAre("from schema version 11 to 12: makes shelves",
                                 "from schema version 12 to 13: measures shelves",
                                 "from schema version 13 to 14: makes books"));
  ExpectCome();
  ASSERT_TRUE(Run(SchemaToCome()).ok());
  ExpectCome();
}

TEST_P(MigrationTest, BringsTheFirstVersionToTodays) {
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  ASSERT_TRUE(Hold()
                  .connection
                  ->Execute("DROP TABLE opt_out; DROP TABLE retraction;"
                            "ALTER TABLE mou_version DROP COLUMN standing;"
                            "UPDATE store SET schema_version = 8")
                  .ok());
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  EXPECT_THAT(said_, ElementsAre("from schema version 8 to 9: counts who is erased",
                                 "from schema version 9 to 10: lets a party suspend and end an "
                                 "MOU by itself",
                                 "from schema version 10 to 11: keeps who opted out"));
  EXPECT_EQ(Version(), kSchemaVersion);
  EXPECT_EQ(One("SELECT count(*) FROM opt_out, retraction"), 0);
}

TEST_P(MigrationTest, SaysWhatItWouldDoAndChangesNothing) {
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  ASSERT_TRUE(Run(SchemaToCome(), /*dry_run=*/true).ok());
  EXPECT_THAT(said_,
              ElementsAre(HasSubstr("11 to 12"), HasSubstr("12 to 13"), HasSubstr("13 to 14")));
  EXPECT_EQ(Version(), kSchemaVersion);
  EXPECT_FALSE(Hold()->Tables()->contains("shelf"));
}

// In the middle of each step, and between it and the next one.
TEST_P(MigrationTest, GoesOnWhereItWasKilled) {
  ASSERT_TRUE(Run(CurrentSchema()).ok());
  const Schema whole = SchemaToCome();
  for (int step = 0; step < 3; ++step) {
    for (const bool in_the_middle : {true, false}) {
      const pid_t child = fork();
      if (child == 0) {
        Schema schema = whole;
        const HeldDatabase database = Hold();
        MigrationOptions options;
        options.schema = &schema;
        options.say = [](absl::string_view) { raise(SIGKILL); };
        // Half of a step is done when the server, or the file, finds what it does not know.
        const std::string half = absl::StrCat(schema.steps[step].sql, "; SELECT nonsense;");
        if (in_the_middle) {
          schema.steps[step].sql = half;
          if (!Migrate(*database.database, options).ok()) raise(SIGKILL);
        }
        Migrate(*database.database, options).IgnoreError();
        _exit(0);
      }
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFSIGNALED(status));
      EXPECT_EQ(Version(), kSchemaVersion + step + (in_the_middle ? 0 : 1));
      EXPECT_EQ(Hold()->Tables()->contains("book"), step == 2 && !in_the_middle);
    }
  }
  ASSERT_TRUE(Run(whole).ok());
  ExpectCome();
}

TEST_P(MigrationTest, RefusesANewerSchemaOneFromBeforeTheFirstAndWhatIsNotOurs) {
  ASSERT_TRUE(Run(SchemaToCome()).ok());
  absl::Status status = Run(CurrentSchema());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema version 14"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a newer one"));
  ASSERT_TRUE(Hold().connection->Execute("UPDATE store SET schema_version = 7").ok());
  status = Run(CurrentSchema());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no step leads from schema version 7"));
  EXPECT_THAT(said_, IsEmpty());
  ASSERT_TRUE(Hold().connection->Execute("ALTER TABLE store RENAME TO theirs").ok());
  status = Run(CurrentSchema());
  EXPECT_THAT(std::string(status.message()), HasSubstr("not made by sluiced"));
}

INSTANTIATE_TEST_SUITE_P(Engines, MigrationTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Postgres" : "Sqlite"; });

// The steps that are there lead to the schema that is there, without a gap.
TEST(Schema, HasAStepForEachVersionFromTheFirst) {
  int version = 8;
  for (const SchemaStep& step : CurrentSchema().steps) EXPECT_EQ(step.version, ++version);
  EXPECT_EQ(version, CurrentSchema().version);
}

}  // namespace
}  // namespace sluice::server
