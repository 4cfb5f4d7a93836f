// The audit log: an append-only RFC 6962 tree whose truth is two tables of the store. An append
// returns when its entry is durable and not before; if it can't be made durable, the caller has no
// receipt, and without a receipt nothing is read or sent. Tiles and checkpoint files follow after
// commit (TileWriter).
//
// Thread-safe.
#ifndef SLUICE_SERVER_AUDIT_AUDIT_LOG_H_
#define SLUICE_SERVER_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/decide.h"
#include "server/audit/audit_receipt.h"
#include "server/audit/entry.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/log_key.h"
#include "server/audit/releasable.h"
#include "server/audit/witness.h"
#include "server/owner_permit.h"
#include "server/store/store.h"

namespace sluice::server {

struct AuditLogOptions {
  std::string origin;          // `<host>/<log>/<generation>`
  std::string writer;          // this gateway's name
  std::string tile_directory;  // made if absent; a path on the store's machine
  absl::Duration append_timeout = absl::Seconds(2);
  // Without an entry for so long, a heartbeat is one.
  absl::Duration heartbeat_after = absl::Minutes(1);
  // Less than this where the tiles are, and the log halts while its last entries still fit.
  uint64_t min_free_bytes = 64 << 20;
  // None: each checkpoint is published as it is. How they are reached must be given with them.
  WitnessPolicy witnesses;
  std::function<absl::StatusOr<std::unique_ptr<WitnessTransport>>(const WitnessConfig&)>
      connect_witness;
  // A start waits so long for the first answers of witnesses, which know of a log that was rolled
  // back; a stop for their last.
  absl::Duration witnesses_within = absl::Seconds(2);
  RandomSource random = SystemRandom;
  // Called once the directory can't be written any more before a restart.
  std::function<void(absl::Status)> on_fatal = [](absl::Status) {};
  // Without it nothing happens by itself: the owner calls Tick.
  bool background_thread = true;
};

// How a stored decision names whose it is: the path of the principal's SPIFFE id.
std::string PrincipalPath(const Principal& principal);

class AuditLog {
 public:
  // Recovers: completes the tile directory from the store, refuses (DATA_LOSS) a store whose head
  // is not consistent with the directory's checkpoint, writes `unknown` outcomes for disclosures
  // that a crash left open. It becomes the store's participant; `store` and `key` must outlive it,
  // and the store takes no work any more when it goes. `clock` is the gateway's.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(AuditLogOptions options, Store* store,
                                                        const LogKey* key,
                                                        std::function<absl::Time()> clock);
  virtual ~AuditLog() = default;

  // Durable, or UNAVAILABLE (AUDIT_UNAVAILABLE) within the timeout; after a timeout the entry may
  // still become durable, but nobody has a receipt for it.

  // A decision that permits: the receipt is for the permit's plan. `decision` is remembered for
  // ExplainDecision in the same transaction. UNAVAILABLE while the log is halted.
  virtual absl::StatusOr<AuditReceipt> AppendPermit(const policy::Permit& permit,
                                                    DecisionEntry entry,
                                                    const v1::Decision& decision) = 0;
  // The same of an owner's permit: the receipt is for it. Not remembered for ExplainDecision.
  virtual absl::StatusOr<AuditReceipt> AppendOwnerPermit(const OwnerPermit& permit,
                                                         DecisionEntry entry) = 0;
  virtual absl::Status AppendDenial(DecisionEntry entry, const v1::Decision& decision) = 0;
  // A chunk's disclosure: the receipt is for the chunk, whose own rows and subjects are entered.
  // UNAVAILABLE while the log is halted; ABORTED, and nothing is written, if somebody was erased
  // since the rows were read: it may be one of theirs.
  virtual absl::StatusOr<AuditReceipt> AppendDisclosure(const Releasable& chunk,
                                                        DisclosureEntry entry) = 0;
  // Any other.
  virtual absl::StatusOr<uint64_t> Append(Entry entry) = 0;
  // The same within a transaction under way, as a work's last step (a publish's dictionary growth,
  // a version taken in).
  virtual absl::StatusOr<uint64_t> AppendIn(Transaction& transaction, const Entry& entry) = 0;
  // The index that the next AppendIn of a transaction under way gives: for what refers to its entry
  // and is written before it.
  virtual uint64_t NextIndexIn(const Transaction& transaction) const = 0;
  // Grows an owner's dictionary in the transaction of a change: openings, tree, `ordinals` entry.
  virtual absl::Status GrowDictionaryIn(Transaction& transaction, absl::string_view owner,
                                        const std::vector<NewSubject>& subjects) = 0;

  // Writes what a dropped caller still owes, off the caller's thread; on a full disk as soon as
  // there is room, which an outcome has before all else.
  virtual void AppendLater(Entry entry) = 0;

  // The newest durable entry's time: what the clock must not stand behind.
  virtual absl::Time NewestEntryTime() const = 0;
  virtual uint64_t size() const = 0;
  // The checkpoint of the last durable group, with cosignatures if it has its quorum. The tile
  // directory follows within a second, or once there is a quorum.
  virtual std::string Checkpoint() const = 0;
  // The newest that a quorum of witnesses has cosigned; empty if there is none.
  virtual std::string CosignedCheckpoint() const = 0;
  virtual WitnessReport Witnessed() const = 0;
  virtual std::string Vkey() const = 0;
  // Not OK: HALTED, with the cause.
  virtual absl::Status Health() const = 0;

  // DATA_LOSS unless these are the bytes of the entry at an index of the durable size, by the tree
  // that this gateway holds: whatever has become of the stored row since.
  virtual absl::Status Confirm(uint64_t index, absl::string_view body) const = 0;
  // INVALID_ARGUMENT outside the durable size.
  virtual absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index,
                                                           uint64_t tree_size) const = 0;
  virtual absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size,
                                                             uint64_t new_size) const = 0;

  // One turn of the background thread, which takes one each second: looks at disk and directory,
  // publishes what is committed, and lets the heart beat where the log is idle.
  virtual void Tick() = 0;
  // Publishes what is committed, and stops the background thread.
  virtual void Stop() = 0;

 protected:
  // For the implementation: the one place where receipts are made.
  static AuditReceipt MakeReceipt(const void* subject, uint64_t index) {
    return AuditReceipt(subject, index);
  }
};

// Whether an entry may be read by an organization: it names it as caller's, owner, recipient, party
// or signatory. `body` is an entry's bytes.
bool Concerns(absl::string_view body, absl::string_view organization);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_AUDIT_LOG_H_
