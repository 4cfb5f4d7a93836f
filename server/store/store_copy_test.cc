// A store goes from one database to another whole or not at all, and is served from one of them.
#include "server/store/store_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/schema_tables.h"
#include "server/store/table_copy.h"
#include "tests/support/store_copy_fixture.h"

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
    std::deque<std::string> lent;  // until Add
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      const std::string& text =
          lent.emplace_back(absl::StrCat("\u00e9 '", row, "' ", i, row == 0 ? "\n" : ""));
      // Long ones where no index is in their way.
      const size_t most = table.columns[i].name == "bytes" || table.name == "added" ? 1 << 20 : 60;
      const std::string& blob = lent.emplace_back(row == 1   ? std::string(most, '\0')
                                                  : row == 2 ? std::string()
                                                             : std::string(1, '\xff') + text);
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

TEST_P(StoreCopyTest, RefusesATargetThatIsNotEmpty) {
  Serve(from_, "before");
  const DatabaseAddress empty = to_;
  Serve(to_, "theirs", 1, "their tiles");
  ExpectRefused("give an empty database");
  // A log alone is a log.
  to_ = Make(GetParam().second);
  Serve(to_, "nothing", 0, "no tiles");
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
        absl::StrCat("UPDATE log_entry SET leaf_hash = ", value(std::string(64, '0')),
                     " WHERE idx = 3"),
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
    const bool is_number = table.columns.back().type == SchemaColumn::Type::kInteger;
    Change(to_, absl::StrCat("UPDATE ", table.name, " SET ", column, " = ",
                             is_number           ? column + " + 1"
                             : GetParam().second ? "'\\x00'::bytea"
                                                 : "x'00'",
                             first));
    EXPECT_TRUE(absl::IsDataLoss(compare())) << table.name;
    Change(to_, absl::StrCat("DELETE FROM ", table.name, first));
    EXPECT_TRUE(absl::IsDataLoss(compare())) << table.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreCopyTest,
                         testing::Values(Direction(false, true), Direction(true, false),
                                         Direction(false, false), Direction(true, true)),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace sluice::server
