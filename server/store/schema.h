// The tables of the SQLite store: made in an empty file, recognized in one of ours. A file of a
// newer schema, of something else, or made under another hash key is refused.
#ifndef SLUICE_SERVER_STORE_SCHEMA_H_
#define SLUICE_SERVER_STORE_SCHEMA_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"
#include "server/store/sql.h"
#include "server/store/sqlite.h"

namespace sluice::server {

inline constexpr int kSchemaVersion = 6;

// The tables, in SQLite's dialect.
absl::string_view SchemaTables();

// The row by which a database is known as ours.
absl::Status WriteStoreRow(SqlConnection* connection, const Hash16& key_check);
// FAILED_PRECONDITION, with a sentence for the operator, unless that row says that it has this
// schema version and was made under this hash key.
absl::Status CheckStoreRow(SqlConnection* connection, const Hash16& key_check);

// FAILED_PRECONDITION with a sentence for the operator.
absl::Status PrepareSchema(SqliteConnection* connection, const NameHasher& hasher);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCHEMA_H_
