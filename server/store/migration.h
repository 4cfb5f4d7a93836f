// Brings a store's schema to a version, step by step, a transaction each: who was interrupted runs
// it again, and it goes on where it was.
#ifndef SLUICE_SERVER_STORE_MIGRATION_H_
#define SLUICE_SERVER_STORE_MIGRATION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/schema.h"
#include "server/store/store_database.h"

namespace sluice::server {

struct MigrationOptions {
  const Schema* schema = &CurrentSchema();
  // Says what would be done, and changes nothing.
  bool dry_run = false;
  // A sentence for the operator, when a step is durable (or would be).
  std::function<void(absl::string_view)> say;
};

// Makes the tables in an empty database; needs no key. FAILED_PRECONDITION, with a sentence for the
// operator: it is of a newer schema, of one that no step leads from, or not ours.
absl::Status Migrate(StoreDatabase& database, const MigrationOptions& options);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_MIGRATION_H_
