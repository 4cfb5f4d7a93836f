// The versions of the owners' keys, as the database has them: who reads them, and what a group's
// transaction does to them.
//
// KeyVersions: on the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_KEY_VERSIONS_H_
#define SLUICE_SERVER_STORE_KEY_VERSIONS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/collection_seals.h"
#include "server/store/opening_keys.h"
#include "server/store/seal_renewal.h"
#include "server/store/sealing_keys.h"
#include "server/store/sql.h"
#include "server/store/stored_key.h"

namespace sluice::server {

// In order of owner, scope and version.
inline constexpr absl::string_view kKeyVersionColumns =
    "SELECT id, scope, owner, kek_version, log_index, destroyed_index, empty FROM data_key ";
absl::StatusOr<std::vector<StoredKeyVersion>> ReadKeyVersions(SqlRun run);

class KeyVersions final : public KeyTransaction {
 public:
  // What it stands on must outlive it; all of it is the same writer's.
  struct Parts {
    SqlConnection* connection;
    CollectionSeals* seals;
    SealingKeys* sealing;
    OpeningKeys* opening;
  };
  static absl::StatusOr<std::unique_ptr<KeyVersions>> Create(const Parts& parts);

  absl::StatusOr<KekName> Rotate(KekScope scope, absl::string_view owner,
                                 std::optional<uint64_t> as_of, uint64_t log_index) override;
  absl::Status MarkDestroyed(const KekName& name, std::optional<uint64_t> as_of,
                             uint64_t log_index) override;
  absl::StatusOr<int64_t> SealAnew(absl::Span<const SealedRow> rows) override;
  absl::Status MarkEmpty(const KekName& name) override;
  absl::StatusOr<std::vector<KekName>> Unlogged() override;
  absl::Status SetLogged(const KekName& name, uint64_t log_index) override;

 private:
  explicit KeyVersions(const Parts& parts) : parts_(parts) {}
  // Of one key, the newest last. NOT_FOUND, ABORTED: see KeyTransaction.
  absl::StatusOr<std::vector<StoredKeyVersion>> Find(KekScope scope, absl::string_view owner,
                                                     std::optional<uint64_t> as_of);
  // Everybody lets go of the keys at hand.
  absl::Status RaiseGeneration();

  const Parts parts_;
  std::unique_ptr<SealRenewal> renewal_;
  SqlStatement find_, destroy_, raise_, mark_empty_, unlogged_, set_logged_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_KEY_VERSIONS_H_
