// The store's tables, and the steps by which those of an older version become these. Written once,
// in SQLite's dialect; PostgreSQL's is made of it (StoreDatabase::InDialect).
//
// Values.
#ifndef SLUICE_SERVER_STORE_SCHEMA_H_
#define SLUICE_SERVER_STORE_SCHEMA_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::server {

// The first that is migrated from is 8: no older one was released.
inline constexpr int kSchemaVersion = 11;

// From the version before to this one.
struct SchemaStep {
  int version = 0;
  absl::string_view says;  // what it does, for the operator
  absl::string_view sql;
};

struct Schema {
  int version = 0;
  absl::string_view tables;
  std::vector<SchemaStep> steps;  // one after the other, the last one to `version`
};

// The tables, in SQLite's dialect.
absl::string_view SchemaTables();

const Schema& CurrentSchema();

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCHEMA_H_
