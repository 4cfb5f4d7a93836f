#include "server/store/sqlite.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// Long enough for another process that looks at the file, never a way to wait for a writer: there
// is one.
constexpr int kBusyTimeoutMs = 1000;

int RememberWalFrames(void* frames, sqlite3*, const char*, int count) {
  *static_cast<int*>(frames) = count;
  return SQLITE_OK;
}

class PreparedSqlite final : public PreparedSql {
 public:
  PreparedSqlite(SqliteConnection* connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  ~PreparedSqlite() override { sqlite3_finalize(statement_); }

  int parameters() const override { return sqlite3_bind_parameter_count(statement_); }
  void Bind(int index, int64_t value) override {
    Remember(sqlite3_bind_int64(statement_, index, value));
  }
  void Bind(int index, absl::string_view text) override {
    Remember(sqlite3_bind_text64(statement_, index, Address(text), text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8));
  }
  void Bind(int index, const SqlBlob& blob) override {
    Remember(sqlite3_bind_blob64(statement_, index, Address(blob.bytes), blob.bytes.size(),
                                 SQLITE_STATIC));
  }
  absl::StatusOr<bool> Step() override {
    const int code = bound_ == SQLITE_OK ? sqlite3_step(statement_) : bound_;
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return connection_->StatusOf(code);
  }
  int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  absl::string_view Bytes(int column) const override {
    const void* bytes = sqlite3_column_blob(statement_, column);
    if (bytes == nullptr) return "";
    return absl::string_view(static_cast<const char*>(bytes),
                             sqlite3_column_bytes(statement_, column));
  }
  void Reset() override {
    sqlite3_reset(statement_);  // repeats the code that Step has reported
    sqlite3_clear_bindings(statement_);
    bound_ = SQLITE_OK;
  }

 private:
  void Remember(int code) {
    if (bound_ == SQLITE_OK) bound_ = code;
  }
  // An empty view may have no address, and that would be NULL.
  static const char* Address(absl::string_view bytes) { return bytes.empty() ? "" : bytes.data(); }

  SqliteConnection* const connection_;
  sqlite3_stmt* const statement_;
  int bound_ = SQLITE_OK;  // the first code of binding that is not
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const Options& options) {
  // Nobody asks how much memory SQLite has. Counting it takes a lock of all threads for each piece;
  // where SQLite is in use already it goes on counting.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  const int code = sqlite3_open_v2(options.path.c_str(), &db, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (db == nullptr) return absl::ResourceExhaustedError("no memory to open the database");
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db));
  if (code != SQLITE_OK) return connection->StatusOf(code);
  if (absl::Status status = connection->Configure(options); !status.ok()) return status;
  return connection;
}

absl::Status SqliteConnection::Configure(const Options& options) {
  for (const int code : {sqlite3_busy_timeout(db_, kBusyTimeoutMs),
                         sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr)}) {
    if (code != SQLITE_OK) return StatusOf(code);
  }
  if (!options.read_only) {
    absl::StatusOr<SqlStatement> mode = Prepare("PRAGMA journal_mode=WAL");
    if (!mode.ok()) return mode.status();
    SqlRun run = mode->Bind();
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row || run.Bytes(0) != "wal") {
      return absl::FailedPreconditionError("the database can't be kept in WAL mode here");
    }
  }
  // Checkpoints are made by hand: SQLite's own ignore what fails in them.
  const absl::Status configured = Execute(absl::StrCat(
      "PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF;"
      "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA cache_size=-",
      options.cache_kib));
  // Only now: wal_autocheckpoint takes away whatever hook there is.
  sqlite3_wal_hook(db_, RememberWalFrames, &wal_frames_);
  return configured;
}

SqliteConnection::~SqliteConnection() { sqlite3_close_v2(db_); }

absl::Status SqliteConnection::Execute(absl::string_view sql) {
  return StatusOf(sqlite3_exec(db_, std::string(sql).c_str(), nullptr, nullptr, nullptr));
}

absl::Status SqliteConnection::Flush() { return StatusOf(sqlite3_db_cacheflush(db_)); }

absl::Status SqliteConnection::Checkpoint() {
  int frames = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(db_, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
  if (code == SQLITE_BUSY) return absl::OkStatus();  // a reader is in the way: another time
  if (code == SQLITE_OK && frames == moved) wal_frames_ = 0;
  return StatusOf(code);
}

absl::Status SqliteConnection::CheckpointAll() {
  return StatusOf(
      sqlite3_wal_checkpoint_v2(db_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
}

absl::Status SqliteConnection::KeepWalOnClose() {
  return StatusOf(sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
}

bool SqliteConnection::TakeFailed() { return std::exchange(failed_, false); }

void SqliteConnection::ForgetFull() {
  if (fault_ == Fault::kFull) fault_ = Fault::kNone;
}

absl::Status SqliteConnection::StatusOf(int code) {
  const int primary = code & 0xff;
  if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE) {
    return absl::OkStatus();
  }
  failed_ = true;
  // The code's own sentence: SQLite's message may quote what was bound.
  const std::string message = absl::StrCat("database: ", sqlite3_errstr(code), " (", code, ")");
  switch (primary) {
    case SQLITE_FULL:
      fault_ = std::max(fault_, Fault::kFull);
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      fault_ = Fault::kFatal;
      return absl::DataLossError(message);
    case SQLITE_IOERR:
      // No room for the WAL's index: before COMMIT all can be rolled back yet, at COMMIT it can't.
      fault_ = std::max(fault_, code == SQLITE_IOERR_SHMSIZE ? Fault::kFull : Fault::kFatal);
      return absl::UnavailableError(message);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      fault_ = Fault::kFatal;
      return absl::UnavailableError(message);
    case SQLITE_BUSY:
      return absl::UnavailableError(message);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<SqlStatement> SqliteConnection::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, &tail);
  if (code != SQLITE_OK) return StatusOf(code);
  auto prepared = std::make_unique<PreparedSqlite>(this, statement);
  if (statement == nullptr || tail != sql.data() + sql.size()) {
    return absl::InternalError("database: not one statement");
  }
  // SQLite numbers names as they come, other engines by what they say.
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
    const char* const name = sqlite3_bind_parameter_name(statement, i);
    if (name == nullptr || name != absl::StrCat("$", i)) {
      return absl::InternalError("database: parameters are not $1, $2, ... in order");
    }
  }
  return SqlStatement(std::move(prepared));
}

}  // namespace sluice::server
