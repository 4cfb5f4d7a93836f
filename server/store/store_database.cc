#include "server/store/store_database.h"

#include "server/store/store_row.h"

namespace sluice::server {

absl::Status StoreDatabase::CheckOurs() {
  absl::StatusOr<bool> ours = IsOurs();
  if (!ours.ok()) return ours.status();
  if (*ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this database was not made by sluiced: give another one, or another schema of it");
}

absl::Status StoreDatabase::Make(const Schema& schema) {
  absl::Status status = connection()->Execute(InDialect(schema.tables));
  if (status.ok() && !OwnTables().empty()) status = connection()->Execute(OwnTables());
  if (status.ok()) return WriteStoreRow(connection(), schema.version);
  if (!absl::IsFailedPrecondition(status)) return status;
  return absl::FailedPreconditionError(
      "the database has no tables of sluiced, and this role may make none: run `sluiced migrate` "
      "as one that may");
}

absl::Status StoreDatabase::Prepare(const NameHasher& hasher, bool accept_moved) {
  const absl::StatusOr<Hash16> key_check = hasher.KeyCheck();
  if (!key_check.ok()) return key_check.status();
  absl::Status status = Begin();
  if (status.ok()) status = MakeOrCheck(*key_check, accept_moved);
  if (status.ok()) return connection()->Commit();
  connection()->Execute("ROLLBACK").IgnoreError();
  return status;
}

absl::Status StoreDatabase::MakeOrCheck(const Hash16& key_check, bool accept_moved) {
  absl::StatusOr<std::set<std::string>> tables = Tables();
  if (!tables.ok()) return tables.status();
  absl::Status status = tables->empty() ? Make(CurrentSchema()) : CheckOurs();
  if (!status.ok()) return status;
  absl::StatusOr<StoreRow> row = ReadStoreRow(connection(), kSchemaVersion, key_check);
  if (!row.ok()) return row.status();
  status = CheckServes(connection(), *row, accept_moved);
  if (!status.ok() || row->has_hash_key) return status;
  return WriteHashKey(connection(), key_check);
}

}  // namespace sluice::server
