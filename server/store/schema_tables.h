// What tables the schema has, read from its own text: who copies a store forgets none that is
// added.
//
// Values.
#ifndef SLUICE_SERVER_STORE_SCHEMA_TABLES_H_
#define SLUICE_SERVER_STORE_SCHEMA_TABLES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

struct SchemaColumn {
  enum class Type { kInteger, kText, kBlob };
  std::string name;
  Type type = Type::kInteger;
};

struct SchemaTable {
  std::string name;
  std::vector<SchemaColumn> columns;
  std::vector<std::string> key;  // the primary one
  bool single = false;           // its one row is there from the start
  bool numbered = false;         // the engine gives its rows' numbers
};

// In the order in which they stand. INTERNAL for a text that is written otherwise than schema.cc's:
// a table without a primary key, a column that may be null or is of another type.
absl::StatusOr<std::vector<SchemaTable>> ReadSchemaTables(absl::string_view schema);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCHEMA_TABLES_H_
