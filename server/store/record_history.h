// What changes replaced, kept for as long as they can be withdrawn: of a record that was there its
// content, of one that was not its id alone. A withdraw reads it, and nobody else. Beside that,
// what follows from a record's coming and going: whom else it names, and which ids it joins.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_RECORD_HISTORY_H_
#define SLUICE_SERVER_STORE_RECORD_HISTORY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/pseudonym.h"
#include "server/store/collection_seals.h"
#include "server/store/identity_changes.h"
#include "server/store/name_hash.h"
#include "server/store/sql.h"

namespace sluice::server {

class RecordHistory {
 public:
  // One change of one collection, as it is made.
  struct Change {
    int64_t collection = 0;
    int64_t position = 0;
    std::string created;  // Created, end to end
    int64_t replaced = 0;
    int64_t replaced_bytes = 0;
    int64_t deleted = 0;          // of the replaced: they leave a tombstone
    int64_t tombstones_back = 0;  // of the created: their keys were there before
    IdentityChanges identities;
    // Further names that records have now, to be written.
    std::vector<std::pair<uint32_t, policy::RecordId>> names;
  };
  // A live record that a change replaces, or that goes; what record_key said of it before.
  struct Replaced {
    uint32_t ordinal = 0;
    policy::RecordId id{};
    int64_t content_position = 0;
    bool goes = false;
  };

  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<RecordHistory>> Create(SqlConnection* connection,
                                                               const NameHasher* hasher,
                                                               CollectionSeals* seals);

  // A record that a change created, and what record_key said of its content before: 0 of a new key.
  struct Created {
    policy::RecordId id{};
    int64_t content_position = 0;
  };
  static constexpr size_t kCreatedBytes = sizeof(policy::RecordId::bytes) + sizeof(int64_t);
  static Created CreatedAt(absl::string_view created, size_t index);

  // A record that was not live becomes so.
  static void Creates(const Created& created, bool known, Change& change);
  // Keeps these as they are now.
  absl::Status Replaces(const std::vector<Replaced>& records, Change& change);
  // What either becomes, of which all is as `record` keeps it.
  absl::Status Becomes(const policy::RecordId& id, absl::string_view subjects,
                       absl::string_view identity, absl::string_view sealed, Change& change);
  // Writes the further names of all that became something.
  absl::Status WriteNames(Change& change);
  // The change is whole: writes it down, its names too, and the collection's counts, position and
  // time, and the owner's count.
  absl::Status Finish(Change& change, absl::Time time);

  // As CollectionSeals::NextPosition.
  absl::StatusOr<int64_t> NextPosition() { return seals_->NextPosition(); }

  // The first position that can still be withdrawn.
  absl::StatusOr<int64_t> Begin();
  // As Transaction::ForgetHistory.
  absl::StatusOr<bool> Forget(absl::Time time, int64_t rows);

 private:
  RecordHistory(SqlConnection* connection, const NameHasher* hasher, CollectionSeals* seals)
      : connection_(connection), hasher_(*hasher), seals_(seals) {}
  absl::Status DropNames(const std::vector<std::pair<uint32_t, policy::RecordId>>& names,
                         const Change& change);

  SqlConnection* const connection_;
  const NameHasher& hasher_;
  CollectionSeals* const seals_;
  SqlStatement put_change_, add_rows_, begin_, oldest_, forget_changes_, forget_rows_;
  SqlMany find_, keep_, put_names_, drop_names_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_HISTORY_H_
