// Seals anew what older versions of keys sealed: each row under the version in use, with what it
// belongs to as before. Neither its content nor its position changes, and it stands where it stood;
// its collection's seal follows.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_SEAL_RENEWAL_H_
#define SLUICE_SERVER_STORE_SEAL_RENEWAL_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/store/collection_seals.h"
#include "server/store/opening_keys.h"
#include "server/store/sealing_keys.h"
#include "server/store/sql.h"
#include "server/store/stored_key.h"

namespace sluice::server {

class SealRenewal {
 public:
  // What it stands on must outlive it, and is the same writer's.
  struct Parts {
    SqlConnection* connection;
    CollectionSeals* seals;
    SealingKeys* sealing;
    OpeningKeys* opening;
  };
  static absl::StatusOr<std::unique_ptr<SealRenewal>> Create(const Parts& parts);

  // KeyTransaction::SealAnew.
  absl::StatusOr<int64_t> SealAnew(absl::Span<const SealedRow> rows);

 private:
  explicit SealRenewal(const Parts& parts)
      : seals_(parts.seals), sealing_(parts.sealing), opening_(parts.opening) {}

  absl::StatusOr<int64_t> SealEach(absl::Span<const SealedRow> rows);
  // Whether the row was there as it was found.
  absl::StatusOr<bool> OfRecord(const SealedRow& row);
  absl::StatusOr<bool> OfRecordHistory(const SealedRow& row);
  absl::StatusOr<bool> OfLogOpening(const SealedRow& row);
  absl::StatusOr<bool> OfDictionaryOpening(const SealedRow& row);
  // Opens what a row has and seals it again. Lent until the next call.
  template <typename Of>
  absl::StatusOr<absl::string_view> Renew(const Of& of, absl::string_view sealed);

  CollectionSeals* const seals_;
  SealingKeys* const sealing_;
  OpeningKeys* const opening_;
  SqlStatement find_record_, put_record_, find_history_, put_history_;
  SqlStatement find_log_opening_, put_log_opening_, find_dictionary_, put_dictionary_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SEAL_RENEWAL_H_
