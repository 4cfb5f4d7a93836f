// SQLite as this store uses it: a connection, a statement with bound parameters, one run of it.
// Every return code is looked at, and a connection remembers the worst that has happened to it: a
// full disk is told from a failing one.
//
// One thread at a time uses a connection and its statements. A Statement must not outlive its
// connection, nor a Run its statement.
#ifndef SLUICE_SERVER_STORE_SQLITE_H_
#define SLUICE_SERVER_STORE_SQLITE_H_

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// Bytes to bind as a BLOB. Borrowed until the run ends.
struct SqliteBlob {
  explicit SqliteBlob(absl::string_view bytes) : bytes(bytes) {}
  template <size_t n>
  explicit SqliteBlob(const std::array<uint8_t, n>& bytes)
      : bytes(reinterpret_cast<const char*>(bytes.data()), n) {}
  absl::string_view bytes;
};

class SqliteConnection {
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
  ~SqliteConnection();

  // Runs statements that have no parameters and whose rows nobody wants.
  absl::Status Execute(absl::string_view sql);
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  // Rows that the last statement run changed.
  int64_t changes() const { return sqlite3_changes64(db_); }
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(db_); }

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
  friend class SqliteStatement;
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  absl::Status Configure(const Options& options);

  sqlite3* const db_;
  int wal_frames_ = 0;
  Fault fault_ = Fault::kNone;
  bool failed_ = false;
};

// One run of a statement, from its binding to its reset.
class SqliteRun {
 public:
  SqliteRun(SqliteRun&& other) noexcept;
  SqliteRun& operator=(SqliteRun&&) = delete;
  ~SqliteRun();

  // Whether there is a next row. Columns are of that row, and lent until the next call.
  absl::StatusOr<bool> Next();
  // For a statement without rows.
  absl::Status Finish();

  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  absl::string_view Bytes(int column) const;
  // DATA_LOSS unless the column has exactly n bytes.
  template <size_t n>
  absl::StatusOr<std::array<uint8_t, n>> Array(int column) const {
    const absl::string_view bytes = Bytes(column);
    if (bytes.size() != n) return absl::DataLossError("a stored value has another length");
    std::array<uint8_t, n> array;
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return array;
  }

 private:
  friend class SqliteStatement;
  SqliteRun(SqliteConnection* connection, sqlite3_stmt* statement, int code)
      : connection_(connection), statement_(statement), code_(code) {}

  SqliteConnection* connection_;
  sqlite3_stmt* statement_;
  int code_;  // of binding
};

class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&& other) noexcept;
  ~SqliteStatement();

  static absl::StatusOr<SqliteStatement> Prepare(SqliteConnection* connection,
                                                 absl::string_view sql);

  // Binds all parameters, in order: integers, absl::string_view (TEXT), SqliteBlob. What is bound
  // is borrowed until the run ends.
  template <typename... Values>
  SqliteRun Bind(const Values&... values) {
    int code = sqlite3_bind_parameter_count(statement_) == static_cast<int>(sizeof...(values))
                   ? SQLITE_OK
                   : SQLITE_MISUSE;
    int index = 0;
    ((code = code == SQLITE_OK ? BindOne(++index, values) : code), ...);
    return SqliteRun(connection_, statement_, code);
  }

 private:
  int BindOne(int index, int64_t value);
  int BindOne(int index, absl::string_view text);
  int BindOne(int index, const SqliteBlob& blob);
  template <typename Integer>
  requires std::is_integral_v<Integer>
  int BindOne(int index, Integer value) { return BindOne(index, static_cast<int64_t>(value)); }

  SqliteConnection* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQLITE_H_
