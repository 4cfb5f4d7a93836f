#include "server/store/sqlite_database.h"

namespace sluice::server {

absl::StatusOr<std::set<std::string>> SqliteDatabase::Tables() {
  absl::StatusOr<SqlStatement> select = connection_->Prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE "
      "'\\'");
  if (!select.ok()) return select.status();
  return TextsOf(*select);
}

absl::StatusOr<bool> SqliteDatabase::IsOurs() {
  absl::StatusOr<SqlStatement> select = connection_->Prepare(
      "SELECT name FROM pragma_table_info('store') WHERE name IN ('schema_version', 'key_check')");
  if (!select.ok()) return select.status();
  absl::StatusOr<std::set<std::string>> columns = TextsOf(*select);
  if (!columns.ok()) return columns.status();
  return columns->size() == 2;
}

}  // namespace sluice::server
