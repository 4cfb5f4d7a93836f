// The store's tables on PostgreSQL: the same as SQLite's, in its dialect, and the writers' marks.
#ifndef SLUICE_SERVER_STORE_POSTGRES_SCHEMA_H_
#define SLUICE_SERVER_STORE_POSTGRES_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/name_hash.h"
#include "server/store/postgres.h"

namespace sluice::server {

std::string PostgresTables();

// Makes the tables in an empty schema, or recognizes ours. FAILED_PRECONDITION with a sentence for
// the operator. Several may do so at once.
absl::Status PreparePostgresSchema(PostgresConnection* connection, const NameHasher& hasher);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_SCHEMA_H_
