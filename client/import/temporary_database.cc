#include "client/import/temporary_database.h"

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

absl::Status Failure(sqlite3* database) {
  return absl::FailedPreconditionError(absl::StrCat("the temporary database can't be used (",
                                                    sqlite3_errmsg(database),
                                                    "): is there room where TMPDIR points?"));
}

}  // namespace

void TemporaryStatement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}

void TemporaryStatement::Bind(int parameter, absl::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.data() == nullptr ? "" : bytes.data(),
                      bytes.size(), SQLITE_STATIC);
}

absl::StatusOr<bool> TemporaryStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) return Failure(sqlite3_db_handle(statement_.get()));
  return false;
}

int64_t TemporaryStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

absl::string_view TemporaryStatement::Bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

absl::StatusOr<std::unique_ptr<TemporaryDatabase>> TemporaryDatabase::Open(int64_t cache_bytes) {
  sqlite3* handle = nullptr;
  // The empty name is a temporary database on disk.
  const int code = sqlite3_open_v2(
      "", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<TemporaryDatabase> database(new TemporaryDatabase(handle));
  if (code != SQLITE_OK) return Failure(handle);
  // Nothing of it outlives the process, so nothing of it need survive a crash.
  const absl::Status set = database->Run(
      absl::StrCat("PRAGMA page_size=8192; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
                   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=FILE; PRAGMA cache_size=-",
                   cache_bytes / 1024, "; PRAGMA cache_spill=ON; BEGIN"));
  if (!set.ok()) return set;
  return database;
}

absl::Status TemporaryDatabase::Run(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Failure(database_.get());
  }
  return absl::OkStatus();
}

absl::StatusOr<TemporaryStatement> TemporaryDatabase::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return Failure(database_.get());
  }
  return TemporaryStatement(statement);
}

}  // namespace sluice::client
