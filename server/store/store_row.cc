#include "server/store/store_row.h"

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// The one row of a statement without parameters.
template <typename Take>
absl::Status TakeOne(SqlConnection* connection, absl::string_view sql, const Take& take) {
  absl::StatusOr<SqlStatement> statement = connection->Prepare(sql);
  if (!statement.ok()) return statement.status();
  SqlRun run = statement->Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return take(run);
}

}  // namespace

absl::Status WriteStoreRow(SqlConnection* connection, int schema_version) {
  absl::StatusOr<SqlStatement> insert = connection->Prepare(
      "INSERT INTO store (id, schema_version, key_check, position, revision, moving, moved_to) "
      "VALUES (1, $1, $2, 0, 0, $2, '')");
  if (!insert.ok()) return insert.status();
  return insert->Bind(schema_version, SqlBlob(absl::string_view())).Finish();
}

absl::StatusOr<int64_t> ReadSchemaVersion(SqlConnection* connection) {
  int64_t version = 0;
  absl::Status status =
      TakeOne(connection, "SELECT schema_version FROM store", [&](const SqlRow& row) {
        version = row.Int(0);
        return absl::OkStatus();
      });
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(
        "this role may not read the store's tables: `sluiced migrate` grants what a gateway needs");
  }
  if (!status.ok()) return status;
  return version;
}

absl::Status CheckSchemaVersion(int64_t version, int ours) {
  if (version == ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("this store has schema version ", version, "; this sluiced reads version ", ours,
                   version > ours ? ": start the sluiced that wrote it, or a newer one"
                                  : ": stop its gateways and run `sluiced migrate`"));
}

absl::StatusOr<StoreRow> ReadStoreRow(SqlConnection* connection, int schema_version,
                                      const Hash16& key_check) {
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  absl::Status status = CheckSchemaVersion(*version, schema_version);
  if (!status.ok()) return status;
  StoreRow row;
  std::string stored_check;
  status = TakeOne(connection, "SELECT position, moving, moved_to, key_check FROM store",
                   [&](const SqlRow& stored) {
                     row.position = stored.Int(0);
                     row.moving = std::string(stored.Bytes(1));
                     row.moved_to = std::string(stored.Bytes(2));
                     stored_check = std::string(stored.Bytes(3));
                     return absl::OkStatus();
                   });
  if (!status.ok()) return status;
  row.has_hash_key = !stored_check.empty() || row.position > 0;
  if (row.has_hash_key && stored_check != std::string(key_check.begin(), key_check.end())) {
    return absl::FailedPreconditionError(
        "this store was made under another hash key: under this one no record would be found "
        "again");
  }
  return row;
}

absl::Status CheckServes(SqlConnection* connection, const StoreRow& row, bool accept_moved) {
  if (row.moving.empty()) return absl::OkStatus();
  if (row.moved_to.empty()) {
    return absl::FailedPreconditionError(
        "the copy into this store has not come to its end: run `sluiced store copy` again");
  }
  if (accept_moved) return WriteMoving(connection, "", "");
  return absl::FailedPreconditionError(absl::StrCat(
      "this store was moved to ", row.moved_to,
      ", and two gateways would make two logs of one: serve from there. Only if nobody ever will, "
      "start with --accept-moved"));
}

absl::Status WriteHashKey(SqlConnection* connection, const Hash16& key_check) {
  absl::StatusOr<SqlStatement> update =
      connection->Prepare("UPDATE store SET key_check = $1 WHERE id = 1");
  if (!update.ok()) return update.status();
  return update->Bind(SqlBlob(key_check)).Finish();
}

absl::Status WriteMoving(SqlConnection* connection, absl::string_view moving,
                         absl::string_view moved_to) {
  absl::StatusOr<SqlStatement> update =
      connection->Prepare("UPDATE store SET moving = $1, moved_to = $2 WHERE id = 1");
  if (!update.ok()) return update.status();
  return update->Bind(SqlBlob(moving), moved_to).Finish();
}

}  // namespace sluice::server
