// The schema's text is read as the engines read it.
#include "server/store/schema_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/held_database.h"
#include "server/store/schema.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;

TEST(SchemaTables, AreThoseThatTheEngineMakesOfTheText) {
  const TestDirectory directory;
  const HeldDatabase database =
      HoldDatabase({.sqlite = directory.Path("store.db")}, /*make=*/true).value();
  ASSERT_TRUE(database->Make(CurrentSchema()).ok());
  std::set<std::string> names;
  const std::vector<SchemaTable> read = ReadSchemaTables(SchemaTables()).value();
  for (const SchemaTable& table : read) {
    names.insert(table.name);
    SqlStatement select = database->connection()
                              ->Prepare(absl::StrCat("SELECT name, type, pk, \"notnull\" FROM "
                                                     "pragma_table_info('",
                                                     table.name, "') ORDER BY cid"))
                              .value();
    SqlRun run = select.Bind();
    std::map<int64_t, std::string> key;
    for (const SchemaColumn& column : table.columns) {
      ASSERT_TRUE(run.Next().value()) << table.name;
      EXPECT_EQ(run.Bytes(0), column.name) << table.name;
      EXPECT_EQ(run.Bytes(1), column.type == SchemaColumn::Type::kInteger ? "INTEGER"
                              : column.type == SchemaColumn::Type::kText  ? "TEXT"
                                                                          : "BLOB");
      if (run.Int(2) > 0) key[run.Int(2)] = column.name;
      EXPECT_TRUE(run.Int(2) > 0 || run.Int(3) == 1) << table.name << "." << column.name;
    }
    EXPECT_FALSE(run.Next().value()) << table.name;
    std::vector<std::string> in_order;
    for (const auto& [place, name] : key) in_order.push_back(name);
    EXPECT_EQ(table.key, in_order) << table.name;
  }
  EXPECT_EQ(names, database->Tables().value());
}

TEST(SchemaTables, TellWhatIsThereFromTheStartAndWhatTheEngineNumbers) {
  const auto tables =
      ReadSchemaTables(
          "CREATE TABLE a (id INTEGER PRIMARY KEY CHECK (id = 1), b BLOB NOT NULL "
          "-- c\n) STRICT; CREATE TABLE d (id INTEGER PRIMARY KEY, e TEXT NOT NULL, "
          "UNIQUE (e)) STRICT; CREATE INDEX f ON d (e); INSERT INTO a VALUES (1, "
          "x''); CREATE TABLE g (h TEXT NOT NULL, i INTEGER NOT NULL, "
          "PRIMARY KEY (i, h)) STRICT, WITHOUT ROWID;")
          .value();
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_TRUE(tables[0].single);
  EXPECT_FALSE(tables[0].numbered);
  EXPECT_FALSE(tables[1].single);
  EXPECT_TRUE(tables[1].numbered);
  EXPECT_EQ(tables[1].columns.size(), 2u);
  EXPECT_THAT(tables[2].key, ElementsAre("i", "h"));
  EXPECT_FALSE(tables[2].numbered);
}

TEST(SchemaTables, AreRefusedWhereTheTextIsAnother) {
  for (const char* text : {"CREATE TABLE a (b TEXT) STRICT;", "CREATE TABLE a (b TEXT NOT NULL);",
                           "CREATE TABLE a (b REAL PRIMARY KEY);", "CREATE VIEW a AS SELECT 1;",
                           "CREATE TABLE a b TEXT PRIMARY KEY;", "CREATE TABLE a (b);",
                           "CREATE TABLE a (b TEXT NOT NULL, PRIMARY KEY (c));"}) {
    EXPECT_TRUE(absl::IsInternal(ReadSchemaTables(text).status())) << text;
  }
}

}  // namespace
}  // namespace sluice::server
