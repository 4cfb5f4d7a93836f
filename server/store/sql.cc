#include "server/store/sql.h"

namespace sluice::server {

absl::Status SqlRun::Finish() {
  absl::StatusOr<bool> row = Next();
  if (!row.ok()) return row.status();
  return *row ? absl::InternalError("database: a row where none was expected") : absl::OkStatus();
}

absl::Status PrepareAll(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements) {
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<SqlStatement> prepared = connection->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::Status PrepareScans(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements) {
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<SqlStatement> prepared = connection->PrepareScan(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
