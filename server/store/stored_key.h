// What the store says of the owners' keys, and of what is sealed under them. A version of a key is
// a data key, wrapped by the key-encryption key of the same number. Of one key the newest version
// seals what is written; older ones may still open rows, until these are sealed anew.
//
// Values; KeyTransaction lives on the writer's thread for one group.
#ifndef SLUICE_SERVER_STORE_STORED_KEY_H_
#define SLUICE_SERVER_STORE_STORED_KEY_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/key_encryption_keys.h"

namespace sluice::server {

struct StoredKeyVersion {
  KekName name;
  int64_t id = 0;                           // of its data key
  std::optional<uint64_t> log_index;        // of the entry that says that it was made
  std::optional<uint64_t> destroyed_index;  // of the entry that says that it is destroyed
  bool empty = false;                       // nothing is sealed under it any more
};

// So many versions of a key may still seal something, the one in use among them: what is replaced
// faster than it is sealed anew would never be empty.
inline constexpr int kMostSealingVersions = 4;
// And so many there may ever be, destroyed ones included: each stays a line in the gateway's list
// of keys, which is bounded for all organizations together. A rotation a day uses them up in three
// years, one a month never.
inline constexpr int kMostKeyVersions = 1000;

// The index of the newest entry about a key, by which one state of it is known from another.
inline uint64_t NewestEntry(absl::Span<const StoredKeyVersion> versions) {
  uint64_t newest = 0;
  for (const StoredKeyVersion& version : versions) {
    newest = std::max({newest, version.log_index.value_or(0), version.destroyed_index.value_or(0)});
  }
  return newest;
}

// What holds sealed rows. The order is that of a walk: a record that is changed while it lasts goes
// into the history as it was sealed, and is met there.
enum class SealedTable { kRecord, kRecordHistory, kLogOpening, kDictionaryOpening };

// A row's place in a walk of all that is sealed under one key: the columns of its primary key.
struct SealedPlace {
  SealedTable table = SealedTable::kRecord;
  int64_t first = 0;    // collection, position, index, ordinal
  int64_t second = -1;  // of a record its ordinal
  std::string third;    // record id; of a log opening its owner
  std::string fourth;   // of a log opening its field
};

struct SealedRow {
  SealedPlace place;
  int64_t data_key = 0;  // the id of the version that sealed it
  uint32_t subkey = 0;
  int64_t bytes = 0;
};

// What a stretch of such a walk has found.
struct SealedRows {
  std::vector<SealedRow> rows;
  std::optional<SealedPlace> next;  // after which it goes on; nullopt: nowhere
};

// What a group's transaction can do to keys. After it whoever holds keys looks at them anew: the
// store's key generation is another.
class KeyTransaction {
 public:
  virtual ~KeyTransaction() = default;

  // Gives a key a new version, which is in use from here on; `log_index`: of the entry that says
  // so. NOT_FOUND if there is no such key; ABORTED unless its newest entry is at `as_of` (nullopt:
  // wherever); OUT_OF_RANGE if kMostSealingVersions are neither empty nor destroyed, or there were
  // kMostKeyVersions.
  virtual absl::StatusOr<KekName> Rotate(KekScope scope, absl::string_view owner,
                                         std::optional<uint64_t> as_of, uint64_t log_index) = 0;
  // Nothing is opened under a version any more, and its wrapped data key goes. The key-encryption
  // key is the caller's to destroy, when this is durable. NOT_FOUND and ABORTED as
  // of Rotate, and FAILED_PRECONDITION if it was destroyed before.
  virtual absl::Status MarkDestroyed(const KekName& name, std::optional<uint64_t> as_of,
                                     uint64_t log_index) = 0;
  // Seals rows anew, under the versions in use, that are still as they were found; how many. What
  // was written over, or is gone, is passed over.
  virtual absl::StatusOr<int64_t> SealAnew(absl::Span<const SealedRow> rows) = 0;
  // A walk that began when the version was not in use any more has found nothing under it.
  virtual absl::Status MarkEmpty(const KekName& name) = 0;

  // The versions that were made and have no entry yet, which their group owes them.
  virtual absl::StatusOr<std::vector<KekName>> Unlogged() = 0;
  virtual absl::Status SetLogged(const KekName& name, uint64_t log_index) = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORED_KEY_H_
