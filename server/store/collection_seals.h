// The seal over each collection: what records are in it, by id and by the tag of their sealed bytes
// (which holds whatever a record was sealed with: owner, type, position, subjects), at which
// position, and how many keys are live and how many are not. Each change of a collection's rows
// passes here, and is written with the collection's counts and new seal as its last step.
//
// It also gives the positions, one for each change: none is given twice, so that of a collection
// there is never more than one content at a position.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_COLLECTION_SEALS_H_
#define SLUICE_SERVER_STORE_COLLECTION_SEALS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/pseudonym.h"
#include "server/store/high_water_marks.h"
#include "server/store/seal_keys.h"
#include "server/store/set_digest.h"
#include "server/store/sql.h"

namespace sluice::server {

// A row of `collection`, and what is sealed with its digest.
struct CollectionRow {
  std::string owner;
  std::string record_type;
  int64_t position = 0;
  int64_t time_us = 0;
  int64_t live = 0;
  int64_t tombstones = 0;
  std::string seal;  // empty: nothing was ever in it
};

// Nothing yet, under the key of this collection.
absl::StatusOr<SetDigest> EmptyCollection(const SealKeys& keys, const CollectionRow& row);
absl::StatusOr<std::string> SealCollection(const SealKeys& keys, const CollectionRow& row,
                                           const Hash16& digest);
// The digest of a row. DATA_LOSS if its numbers are not those that it was sealed with.
absl::StatusOr<Hash16> OpenCollection(const SealKeys& keys, const CollectionRow& row);

class CollectionSeals {
 public:
  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<CollectionSeals>> Create(SqlConnection* connection,
                                                                 const SealKeys* keys,
                                                                 HighWaterMarks* marks);

  // For a change that is about to be made. DATA_LOSS if it was given before: then the store is
  // unsound.
  absl::StatusOr<int64_t> NextPosition();

  // A row of `record` comes, or goes: `sealed` as it has, or had, its bytes. One that is replaced
  // goes and comes. DATA_LOSS if the collection's seal is not sound.
  absl::Status Come(int64_t collection, const policy::RecordId& id, absl::string_view sealed);
  absl::Status Go(int64_t collection, const policy::RecordId& id, absl::string_view sealed);
  // The collection is at this position from now on, and so many keys more are live, or are not.
  // DATA_LOSS if something came or went, and it was there before.
  absl::Status Move(int64_t collection, int64_t position, absl::Time time, int64_t live,
                    int64_t tombstones);
  // What came and went is written. INTERNAL if keys were counted that neither came nor went.
  absl::Status Write();
  // What came and went was undone.
  void Forget() { changes_.clear(); }

 private:
  struct Change {
    CollectionRow row;
    int64_t before = 0;    // its position
    bool changed = false;  // something came or went
    int64_t come = 0;      // more than went
    int64_t live = 0;
    SetDigest digest;
  };

  CollectionSeals(const SealKeys* keys, HighWaterMarks* marks) : keys_(keys), marks_(*marks) {}
  absl::StatusOr<Change*> Find(int64_t collection);
  absl::Status Toggle(int64_t collection, const policy::RecordId& id, absl::string_view sealed,
                      int64_t come);

  const SealKeys* const keys_;
  HighWaterMarks& marks_;
  SqlStatement find_, write_, next_position_;
  std::map<int64_t, Change> changes_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_COLLECTION_SEALS_H_
