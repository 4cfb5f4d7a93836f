#include "tests/bench/sqlite_replay.h"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {
namespace {

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Database = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Close>;
using Value = std::unique_ptr<sqlite3_value, Close>;

void Check(sqlite3* db, int code) {
  if (code != SQLITE_OK) {
    tests::Must(absl::InternalError(db == nullptr ? "no memory" : sqlite3_errmsg(db)));
  }
}

Database Open(const std::string& path, int flags) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  Check(db, code);
  return Database(db);
}

void Execute(sqlite3* db, const std::string& sql) {
  Check(db, sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr));
}

Statement Prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  Check(db, sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr));
  return Statement(statement);
}

bool Step(sqlite3* db, sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  Check(db, code == SQLITE_DONE ? SQLITE_OK : code);
  return false;
}

std::string Text(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? "" : text;
}

std::vector<std::string> Texts(sqlite3* db, const std::string& sql) {
  const Statement select = Prepare(db, sql);
  std::vector<std::string> texts;
  while (Step(db, select.get())) texts.push_back(Text(select.get(), 0));
  return texts;
}

int64_t Number(sqlite3* db, const std::string& sql) {
  const Statement select = Prepare(db, sql);
  return Step(db, select.get()) ? sqlite3_column_int64(select.get(), 0) : 0;
}

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::string order;  // of its tree

  bool Has(absl::string_view column) const {
    return std::find(columns.begin(), columns.end(), std::string(column)) != columns.end();
  }
};

std::vector<Table> TablesOf(sqlite3* db) {
  std::vector<Table> tables;
  for (const std::string& name :
       Texts(db,
             "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL AND name "
             "NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid")) {
    Table& table = tables.emplace_back();
    table.name = name;
    const std::string info = absl::StrCat("FROM pragma_table_info('", name, "')");
    table.columns = Texts(db, absl::StrCat("SELECT name ", info, " ORDER BY cid"));
    table.order = absl::StrJoin(Texts(db, absl::StrCat("SELECT 't.\"' || name || '\"' ", info,
                                                       " WHERE pk > 0 ORDER BY pk")),
                                ", ");
    if (table.order.empty()) table.order = "t.rowid";
  }
  return tables;
}

// Where the positions of records stand: of the tables that have both, the one with the most rows.
const Table& RecordsOf(sqlite3* db, const std::vector<Table>& tables) {
  const Table* records = nullptr;
  int64_t most = 0;
  for (const Table& table : tables) {
    if (!table.Has("record_id") || !table.Has("position") || !table.Has("ordinal")) continue;
    const int64_t rows = Number(db, absl::StrCat("SELECT count(*) FROM ", table.name));
    if (rows > most) {
      most = rows;
      records = &table;
    }
  }
  if (records == nullptr) {
    tests::Must(absl::InternalError("no table says at which position a record was written"));
  }
  return *records;
}

// Numbers the transactions from 0, and says of each record and each ordinal in which it came.
int64_t NumberTransactions(sqlite3* db, const Table& records) {
  Execute(
      db,
      absl::StrCat(
          "PRAGMA temp_store=FILE;"
          "CREATE TEMP TABLE written (position INTEGER PRIMARY KEY, number INTEGER NOT NULL);"
          "INSERT INTO written SELECT position, row_number() OVER (ORDER BY position) - 1 FROM "
          "(SELECT DISTINCT position FROM main.",
          records.name,
          ");"
          "CREATE TEMP TABLE came (record_id BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT "
          "ROWID;"
          "INSERT INTO came SELECT record_id, number FROM main.",
          records.name,
          " JOIN written USING (position) ORDER BY record_id;"
          "CREATE TEMP TABLE known (top INTEGER PRIMARY KEY, number INTEGER NOT NULL);"
          "INSERT OR IGNORE INTO known SELECT max(ordinal), number FROM main.",
          records.name, " JOIN written USING (position) GROUP BY number ORDER BY number"));
  return Number(db, "SELECT count(*) FROM written");
}

// The number of the transaction in which a row of the table was written.
std::string TransactionOf(const Table& table, int64_t transactions) {
  if (table.Has("position")) {
    return "(SELECT number FROM written w WHERE w.position = t.position)";
  }
  if (table.Has("record_id")) {
    return "(SELECT number FROM came c WHERE c.record_id = t.record_id)";
  }
  if (table.Has("ordinal")) {
    return "(SELECT number FROM known k WHERE k.top >= t.ordinal ORDER BY k.top LIMIT 1)";
  }
  // It does not tell: evenly, in its own order.
  return absl::StrCat("(row_number() OVER (ORDER BY ", table.order, ") - 1) * ", transactions,
                      " / count(*) OVER ()");
}

// A table's rows in the order in which they were written, and the statement that writes them.
class Replay {
 public:
  Replay(sqlite3* from, sqlite3* to, const Table& table, int64_t transactions)
      : from_(from), to_(to), columns_(static_cast<int>(table.columns.size())) {
    const std::string last = absl::StrCat(transactions - 1);
    select_ = Prepare(
        from, absl::StrCat("SELECT coalesce(", TransactionOf(table, transactions), ", ", last,
                           "), t.* FROM main.\"", table.name, "\" t ORDER BY 1, ", table.order));
    insert_ = Prepare(
        to, absl::StrCat("INSERT INTO \"", table.name, "\" VALUES (",
                         absl::StrJoin(std::vector<std::string>(columns_, "?"), ", "), ")"));
    there_ = Step(from_, select_.get());
  }

  // Takes the rows of a transaction into memory.
  void Take(int64_t transaction) {
    values_.clear();
    while (there_ && sqlite3_column_int64(select_.get(), 0) <= transaction) {
      for (int i = 1; i <= columns_; ++i) {
        values_.emplace_back(sqlite3_value_dup(sqlite3_column_value(select_.get(), i)));
      }
      there_ = Step(from_, select_.get());
    }
  }
  int64_t Insert() {
    for (size_t begin = 0; begin < values_.size(); begin += columns_) {
      for (int i = 0; i < columns_; ++i) Bind(i + 1, values_[begin + i].get());
      Step(to_, insert_.get());
      Check(to_, sqlite3_reset(insert_.get()));
    }
    return static_cast<int64_t>(values_.size()) / columns_;
  }

 private:
  // As a program that has the bytes at hand would: not copied.
  void Bind(int at, sqlite3_value* value) {
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_BLOB) {
      Check(to_, sqlite3_bind_blob(insert_.get(), at,
                                   sqlite3_value_bytes(value) == 0 ? "" : sqlite3_value_blob(value),
                                   sqlite3_value_bytes(value), SQLITE_STATIC));
    } else if (type == SQLITE_INTEGER) {
      Check(to_, sqlite3_bind_int64(insert_.get(), at, sqlite3_value_int64(value)));
    } else {
      Check(to_, sqlite3_bind_value(insert_.get(), at, value));
    }
  }

  sqlite3* const from_;
  sqlite3* const to_;
  const int columns_;
  Statement select_, insert_;
  bool there_ = false;
  std::vector<Value> values_;
};

}  // namespace

Replayed ReplayStore(const std::string& database, const std::string& copy) {
  const Database from = Open(database, SQLITE_OPEN_READONLY);
  const Database to = Open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const std::vector<Table> tables = TablesOf(from.get());
  const int64_t transactions = NumberTransactions(from.get(), RecordsOf(from.get(), tables));

  // As the store's own writer is set: what it may cache, and when the WAL is moved.
  Execute(to.get(), absl::StrCat("PRAGMA page_size=", Number(from.get(), "PRAGMA page_size"),
                                 ";PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                                 "PRAGMA foreign_keys=OFF;PRAGMA temp_store=MEMORY;"
                                 "PRAGMA cache_size=-49152;PRAGMA wal_autocheckpoint=4096"));
  for (const std::string& sql :
       Texts(from.get(),
             "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE "
             "'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'index', rowid")) {
    Execute(to.get(), sql);
  }
  std::vector<std::unique_ptr<Replay>> replays;
  for (const Table& table : tables) {
    replays.push_back(std::make_unique<Replay>(from.get(), to.get(), table, transactions));
  }

  Replayed replayed{.transactions = transactions};
  for (int64_t i = 0; i < transactions; ++i) {
    for (const auto& replay : replays) replay->Take(i);
    const absl::Time begin = absl::Now();
    Execute(to.get(), "BEGIN IMMEDIATE");
    for (const auto& replay : replays) replayed.rows += replay->Insert();
    Execute(to.get(), "COMMIT");
    replayed.seconds += absl::ToDoubleSeconds(absl::Now() - begin);
  }
  // Nothing was left out.
  for (const Table& table : tables) {
    const std::string count = absl::StrCat("SELECT count(*) FROM \"", table.name, "\"");
    if (Number(from.get(), count) != Number(to.get(), count)) {
      tests::Must(absl::DataLossError(absl::StrCat("rows are missing in ", table.name)));
    }
  }
  return replayed;
}

}  // namespace sluice::bench
