// The database of an embedded store as a whole: one SQLite file.
#ifndef SLUICE_SERVER_STORE_SQLITE_DATABASE_H_
#define SLUICE_SERVER_STORE_SQLITE_DATABASE_H_

#include <set>
#include <string>
#include <utility>

#include "server/store/sqlite.h"
#include "server/store/store_database.h"

namespace sluice::server {

class SqliteDatabase final : public StoreDatabase {
 public:
  // The connection must outlive it.
  SqliteDatabase(SqliteConnection* connection, std::string path)
      : connection_(connection), path_(std::move(path)) {}

  SqlConnection* connection() override { return connection_; }
  absl::Status Begin() override { return connection_->Execute("BEGIN IMMEDIATE"); }
  absl::StatusOr<std::set<std::string>> Tables() override;
  absl::StatusOr<bool> IsOurs() override;
  std::string InDialect(absl::string_view sql) const override { return std::string(sql); }
  absl::string_view OwnTables() const override { return ""; }
  // It counts from what stands there.
  absl::Status GoOnNumbering(absl::string_view, absl::string_view) override {
    return absl::OkStatus();
  }
  std::string place() const override { return path_; }

 private:
  SqliteConnection* const connection_;
  const std::string path_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQLITE_DATABASE_H_
