// The sequencer: gives entries their index and counter, grows the tree, and signs one checkpoint
// for each group of the store's. What it holds of a group counts only after the group is durable.
// Where gateways share a store each follows what the others appended before it appends itself, and
// takes nothing that its own tree does not grow into.
//
// Append, GrowDictionary and CommitParticipant's part run on the store's writer thread; the rest is
// thread-safe.
#ifndef SLUICE_SERVER_AUDIT_SEQUENCER_H_
#define SLUICE_SERVER_AUDIT_SEQUENCER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/hash_tiles.h"
#include "server/audit/log_key.h"
#include "server/audit/merkle.h"
#include "server/store/store.h"

namespace sluice::server {

class Sequencer : public CommitParticipant {
 public:
  struct Parts {
    const LogKey* key;
    HashTiles* tiles;
    std::string writer;
    std::string boot;
    std::function<absl::Time()> clock;
    RandomSource random;
    // Where other gateways' entries are read from before each group; null: there are none.
    const Store* shared;
  };
  // What is durable: the state that the next group starts from.
  struct Head {
    CompactRange range;
    std::string checkpoint;
    int64_t time_ms = 0;  // of the newest entry
    uint64_t wseq = 0;    // of this boot's next entry
  };

  Sequencer(Parts parts, Head head);

  // The index that the next Append of this group gives.
  uint64_t next_index() const { return pending_.range.size(); }
  absl::StatusOr<uint64_t> Append(Transaction& transaction, const EncodedEntry& entry);
  absl::Status GrowDictionary(Transaction& transaction, absl::string_view owner,
                              const std::vector<NewSubject>& subjects);

  absl::Status Begin() override;
  void BeginWork() override;
  void UndoWork() override;
  absl::Status BeforeCommit(Transaction& transaction) override;
  void AfterCommit() override;

  // As of the last durable group.
  Head head() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Not OK once a group showed that memory or the store can't be trusted: for good.
  absl::Status fault() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Takes in what other gateways appended. A store that is not consistent with what this gateway
  // saw halts the log.
  absl::Status Follow() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for entries [size of `head`, size of `now`), which become `head`'s if all of them are
  // what the head says. They may be the work of days: a block is held, the last is `newest`.
  absl::Status Grow(const LogHead& now, Head& head, std::vector<Hash>& newest) const;
  // Reads what was found good, and is not held, again. Where that fails the next look goes on.
  absl::Status GrowTiles(const LogHead& now, const std::vector<Hash>& newest) const;
  // The entries of the keys that this group made.
  absl::Status AppendKeys(Transaction& transaction);
  absl::Status Fail(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Parts parts_;

  // The writer thread's.
  Head pending_;
  Head before_work_;
  std::vector<Hash> leaves_;       // of this group
  std::vector<std::string> rows_;  // their bytes

  mutable absl::Mutex mutex_;
  Head durable_ ABSL_GUARDED_BY(mutex_);
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_SEQUENCER_H_
