// Walks over all that is sealed under one key, a bounded stretch at a time, and says which rows are
// under some of its versions. What a row is sealed under stands in the row itself, so nothing has
// to be kept of what was sealed anew, and a walk can begin again at any time.
//
// One a connection, one thread at a time.
#ifndef SLUICE_SERVER_STORE_SEALED_ROW_FINDER_H_
#define SLUICE_SERVER_STORE_SEALED_ROW_FINDER_H_

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/store/sql.h"
#include "server/store/stored_key.h"

namespace sluice::server {

class SealedRowFinder {
 public:
  static absl::StatusOr<std::unique_ptr<SealedRowFinder>> Create(SqlConnection* connection);

  // Looks at about `rows` rows after `from` (nullopt: from the beginning).
  absl::StatusOr<SealedRows> Find(KekScope scope, absl::string_view owner,
                                  absl::Span<const int64_t> data_keys,
                                  const std::optional<SealedPlace>& from, int64_t rows);

 private:
  struct Stretch;

  SealedRowFinder() = default;
  // Each looks at what is left of a table from the stretch's place on.
  absl::Status Records(absl::string_view owner, Stretch& stretch);
  absl::Status History(Stretch& stretch);
  absl::Status LogOpenings(Stretch& stretch);
  absl::Status Dictionary(absl::string_view owner, Stretch& stretch);
  // Of a row at the stretch's place.
  absl::Status Look(absl::string_view header, int64_t bytes, Stretch& stretch);
  absl::StatusOr<int64_t> DataKeyOf(uint32_t subkey);

  SqlStatement collections_, records_, history_, log_openings_, dictionary_, data_key_;
  absl::flat_hash_map<uint32_t, int64_t> data_keys_;  // by subkey, of the stretch
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SEALED_ROW_FINDER_H_
