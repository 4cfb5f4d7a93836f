// The seal over what decisions rest on: the versions of MOUs with their signatures, and the
// organizations that were added. Each row has a MAC over all that it says; one row more holds the
// digest of those MACs and up to which entry of the log there is nothing that the rows do not say.
// So a row that was changed is noticed by itself, one that was taken out or put back by the digest,
// and all of them put back, digest included, by the entries that the log has beyond it.
//
// StateSeal: on the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_STATE_SEAL_H_
#define SLUICE_SERVER_STORE_STATE_SEAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/high_water_marks.h"
#include "server/store/seal_keys.h"
#include "server/store/sql.h"
#include "server/store/store.h"

namespace sluice::server {

// Of a row, all that it says.
absl::StatusOr<Hash> MacOf(const SealKeys& keys, const StoredMouVersion& version);
absl::StatusOr<Hash> MacOf(const SealKeys& keys, const StoredOrganization& organization);
// DATA_LOSS unless this MAC is what is stored.
absl::Status CheckMac(const absl::StatusOr<Hash>& mac, absl::string_view stored);

// The row of `state_seal`.
struct StateRow {
  uint64_t through = 0;  // entries before it say nothing else
  int64_t members = 0;
  std::string seal;  // empty: there was never a member

  friend bool operator==(const StateRow&, const StateRow&) = default;
};
absl::StatusOr<StateRow> ReadStateRow(SqlStatement& find);
constexpr absl::string_view kFindStateRow =
    "SELECT through, members, seal FROM state_seal WHERE id = 1";
// DATA_LOSS unless these are the members that were sealed.
absl::Status CheckState(const SealKeys& keys, const StateRow& row,
                        const std::vector<StoredMouVersion>& versions,
                        const std::vector<StoredOrganization>& organizations);

class StateSeal {
 public:
  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<StateSeal>> Create(SqlConnection* connection,
                                                           const SealKeys* keys,
                                                           HighWaterMarks* marks);

  // A member comes (`before`: empty), or is in the place of the one with the MAC `before`; the
  // entry that says so is at `log_index`. DATA_LOSS if the seal is not sound, or older than it was.
  absl::Status Replace(absl::string_view before, const Hash& now, uint64_t log_index);
  // Entries before `through` say nothing that the members do not.
  absl::Status Advance(uint64_t through);

 private:
  StateSeal(const SealKeys* keys, HighWaterMarks* marks) : keys_(keys), marks_(*marks) {}
  absl::Status Write(StateRow row, SetDigest digest);
  // Of the row as it stands.
  absl::StatusOr<SetDigest> Open(const StateRow& row);

  const SealKeys* const keys_;
  HighWaterMarks& marks_;
  SqlStatement find_, write_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STATE_SEAL_H_
