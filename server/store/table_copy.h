// A table of the store, copied and compared row by row, whatever columns it has.
#ifndef SLUICE_SERVER_STORE_TABLE_COPY_H_
#define SLUICE_SERVER_STORE_TABLE_COPY_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "server/store/schema_tables.h"
#include "server/store/sql.h"

namespace sluice::server {

// Memory holds what one statement takes. `progress` is told of rows done, now and then. Both give
// the number of rows.
absl::StatusOr<int64_t> CopyRows(const SchemaTable& table, SqlConnection* from, SqlConnection* to,
                                 const std::function<void(int64_t)>& progress);
// DATA_LOSS unless both have the same rows, each byte of them.
absl::StatusOr<int64_t> CompareRows(const SchemaTable& table, SqlConnection* one,
                                    SqlConnection* other,
                                    const std::function<void(int64_t)>& progress);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_TABLE_COPY_H_
