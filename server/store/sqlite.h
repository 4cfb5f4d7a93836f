// SQLite as this store uses it: a connection. Every return code is looked at, and a connection
// remembers the worst that has happened to it: a full disk is told from a failing one.
//
// One thread at a time uses a connection and its statements.
#ifndef SLUICE_SERVER_STORE_SQLITE_H_
#define SLUICE_SERVER_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/sql.h"

namespace sluice::server {

class SqliteConnection final : public SqlConnection {
 public:
  enum class Fault {
    kNone,
    kFull,  // no space left: what was begun can be rolled back and tried again later
    kFatal  // reading or writing failed, or what was read makes no sense
  };

  struct Options {
    std::string path;
    bool read_only = false;
    int64_t cache_kib = 8 << 10;
    std::string vfs;  // empty: SQLite's own
  };

  // Opens in WAL mode with `synchronous=FULL`. A read-only connection needs a database that stands.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const Options& options);
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection() override;

  absl::Status Execute(absl::string_view sql) override;
  absl::Status Commit() override { return Execute("COMMIT"); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  absl::StatusOr<SqlStatement> Prepare(absl::string_view sql) override;
  int64_t changes() const override { return sqlite3_changes64(db_); }

  // Writes changed pages to the WAL ahead of COMMIT, so that a full disk shows while a rollback is
  // still possible.
  absl::Status Flush();
  // Moves what the WAL holds into the database file, as far as no reader is in the way.
  absl::Status Checkpoint();
  // The same for all of it, and empties the WAL. UNAVAILABLE if a reader is in the way.
  absl::Status CheckpointAll();
  // Leaves the WAL as it is when the connection closes.
  absl::Status KeepWalOnClose();
  // Frames in the WAL after the last commit.
  int wal_frames() const { return wal_frames_; }

  Fault fault() const { return fault_; }
  // Whether any statement has failed since this was last asked.
  bool TakeFailed();
  // Forgets a full disk; what is fatal stays.
  void ForgetFull();

  // The status of a result code: RESOURCE_EXHAUSTED, DATA_LOSS, ALREADY_EXISTS (a constraint),
  // UNAVAILABLE or INTERNAL. Remembers what it means for the connection.
  absl::Status StatusOf(int code);

 private:
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  absl::Status Configure(const Options& options);

  sqlite3* const db_;
  int wal_frames_ = 0;
  Fault fault_ = Fault::kNone;
  bool failed_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQLITE_H_
