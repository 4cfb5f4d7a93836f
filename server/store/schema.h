// The tables of the SQLite store: made in an empty file, recognized in one of ours. A file of a
// newer schema, of something else, or made under another hash key is refused.
#ifndef SLUICE_SERVER_STORE_SCHEMA_H_
#define SLUICE_SERVER_STORE_SCHEMA_H_

#include "absl/status/status.h"
#include "server/store/name_hash.h"
#include "server/store/sqlite.h"

namespace sluice::server {

inline constexpr int kSchemaVersion = 5;

// FAILED_PRECONDITION with a sentence for the operator.
absl::Status PrepareSchema(SqliteConnection* connection, const NameHasher& hasher);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCHEMA_H_
