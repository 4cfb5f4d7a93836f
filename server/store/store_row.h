// The store's own row: which schema its tables are of, under which hash key its names stand, and
// whether it was moved elsewhere. Whoever opens a store looks at it before anything else.
//
// Functions over a connection; one thread at a time.
#ifndef SLUICE_SERVER_STORE_STORE_ROW_H_
#define SLUICE_SERVER_STORE_STORE_ROW_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"
#include "server/store/sql.h"

namespace sluice::server {

struct StoreRow {
  int64_t position = 0;
  bool has_hash_key = false;  // not before the first gateway
  // What names the copy by which it was moved, on both sides; empty: it serves.
  std::string moving;
  // In words; empty while it arrives.
  std::string moved_to;
};

// The row by which a database is known as ours.
absl::Status WriteStoreRow(SqlConnection* connection, int schema_version);
// Of any version.
absl::StatusOr<int64_t> ReadSchemaVersion(SqlConnection* connection);
// FAILED_PRECONDITION, with a sentence for the operator, for another version than this.
absl::Status CheckSchemaVersion(int64_t version, int ours);
// The same, and FAILED_PRECONDITION if names stand under another hash key.
absl::StatusOr<StoreRow> ReadStoreRow(SqlConnection* connection, int schema_version,
                                      const Hash16& key_check);
// FAILED_PRECONDITION, with a sentence for the operator, unless a gateway may serve from it.
// `accept_moved`: from one that was moved, too, which it then was not.
absl::Status CheckServes(SqlConnection* connection, const StoreRow& row, bool accept_moved);
// From now on names stand under this one.
absl::Status WriteHashKey(SqlConnection* connection, const Hash16& key_check);
absl::Status WriteMoving(SqlConnection* connection, absl::string_view moving,
                         absl::string_view moved_to);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_ROW_H_
