// A store's database as a whole, whichever engine keeps it: what is asked of it before a gateway
// serves from it, when its schema is migrated, and when it is copied.
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_STORE_DATABASE_H_
#define SLUICE_SERVER_STORE_STORE_DATABASE_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"
#include "server/store/schema.h"
#include "server/store/sql.h"

namespace sluice::server {

// All rows' first column.
template <typename... Values>
absl::StatusOr<std::set<std::string>> TextsOf(SqlStatement& select, const Values&... values) {
  std::set<std::string> texts;
  SqlRun run = select.Bind(values...);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return texts;
    texts.insert(std::string(run.Bytes(0)));
  }
}

class StoreDatabase {
 public:
  virtual ~StoreDatabase() = default;

  virtual SqlConnection* connection() = 0;
  // A transaction in which nobody else makes or migrates the schema.
  virtual absl::Status Begin() = 0;
  // Names of tables, whoever made them, without the engine's own.
  virtual absl::StatusOr<std::set<std::string>> Tables() = 0;
  // Whether there is a table `store` that has the columns by which one of ours is known.
  virtual absl::StatusOr<bool> IsOurs() = 0;
  // Statements of SQLite's dialect, as the schema has them, in this engine's.
  virtual std::string InDialect(absl::string_view sql) const = 0;
  // What a schema has beside its tables on this engine.
  virtual absl::string_view OwnTables() const = 0;
  // Numbers that this engine gives to a table's rows go on after those that stand there.
  virtual absl::Status GoOnNumbering(absl::string_view table, absl::string_view column) = 0;
  // Where it is, in words that may be shown.
  virtual std::string place() const = 0;

  // FAILED_PRECONDITION, with a sentence for the operator: something else lies there.
  absl::Status CheckOurs();
  // Within a transaction: makes the tables in an empty database.
  absl::Status Make(const Schema& schema);
  // For a gateway that starts: makes them, or looks whether it may serve from what stands. Several
  // may do so at once. `accept_moved`: from what was moved elsewhere, too; then it was not.
  // FAILED_PRECONDITION, with a sentence for the operator. The connection is of no use then.
  absl::Status Prepare(const NameHasher& hasher, bool accept_moved);

 private:
  absl::Status MakeOrCheck(const Hash16& key_check, bool accept_moved);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_DATABASE_H_
