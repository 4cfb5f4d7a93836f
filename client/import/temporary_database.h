// A private SQLite database for what must not grow in memory: it stands in a file with mode 0600
// that has no name any more once it is open (SQLite's own way with temporary databases), in
// $TMPDIR, and goes with the process. What fits is never written to it.
//
// One a use; not thread-safe.
#ifndef SLUICE_CLIENT_IMPORT_TEMPORARY_DATABASE_H_
#define SLUICE_CLIENT_IMPORT_TEMPORARY_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

// A prepared statement; its parameters and columns count from 1 and 0, as SQLite's do.
class TemporaryStatement {
 public:
  void Bind(int parameter, int64_t value);
  // `bytes` must stay until the next Step.
  void Bind(int parameter, absl::string_view bytes);
  // True: a row is there. False: done, and ready to be run again.
  absl::StatusOr<bool> Step();
  void Reset() { sqlite3_reset(statement_.get()); }

  int64_t Integer(int column) const;
  // Until the next Step.
  absl::string_view Bytes(int column) const;

 private:
  friend class TemporaryDatabase;
  explicit TemporaryStatement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}
  std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement_;
};

class TemporaryDatabase {
 public:
  // `cache_bytes`: of memory. FAILED_PRECONDITION if there is no place for it.
  static absl::StatusOr<std::unique_ptr<TemporaryDatabase>> Open(int64_t cache_bytes);

  absl::Status Run(const std::string& sql);
  // The database must outlive it.
  absl::StatusOr<TemporaryStatement> Prepare(const std::string& sql);

 private:
  explicit TemporaryDatabase(sqlite3* database) : database_(database, &sqlite3_close) {}
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_TEMPORARY_DATABASE_H_
