// The MOU versions that were proposed or taken in: what store and log say of them, and how they
// move on. Every change is one transaction with its entries, made only from the state that the
// version is in; what is held in memory changes when it is durable. Where gateways share a store,
// one that comes too late takes over what the other did.
//
// The registry's; thread-safe. What it gives out is immutable.
#ifndef SLUICE_SERVER_MOU_LEDGER_H_
#define SLUICE_SERVER_MOU_LEDGER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "policy/catalog.h"
#include "policy/compiled_mou.h"
#include "policy/decide.h"
#include "policy/mou_document.h"
#include "server/audit/audit_log.h"
#include "server/identity/mou_signature.h"
#include "server/keys.h"
#include "server/mou_act.h"
#include "server/mou_version.h"
#include "server/store/store.h"

namespace sluice::server {

class MouLedger {
 public:
  using Held = std::shared_ptr<const TakenVersion>;

  // `store`, `log` and `keys` must outlive it.
  MouLedger(Store* store, AuditLog* log, Keys* keys, std::shared_ptr<const policy::Catalog> catalog)
      : store_(*store), log_(*log), keys_(*keys), catalog_(std::move(catalog)) {}

  // Takes over what the store holds and this does not: all, at first. DATA_LOSS if a version no
  // longer compiles, or is not what the log says was taken in; FAILED_PRECONDITION if one that is
  // not over has a pseudonym root of another value among these keys.
  absl::Status CatchUp() ABSL_LOCKS_EXCLUDED(catching_up_, mutex_);

  // Takes back the signatures that were revoked as of before their receipt. Even where that fails
  // to be written they no longer count.
  absl::Status Void(const Trust& trust) ABSL_LOCKS_EXCLUDED(catching_up_, mutex_);
  // What the gateway does by itself: by the date SIGNED, ACTIVE, SUPERSEDED, EXPIRED; CLOSED, and
  // the destruction of the pseudonym root, when every recipient has attested. Of all MOUs; an
  // error of one keeps no other back.
  absl::Status MoveOn(absl::Time now) ABSL_LOCKS_EXCLUDED(catching_up_, mutex_);
  // Of one.
  absl::Status MoveOnMou(const std::string& mou, absl::Time now)
      ABSL_LOCKS_EXCLUDED(catching_up_, mutex_);
  // A version with the signatures of all its parties, or (`known`) one that was void and is signed
  // again, or a proposal. With an MOU's first signed version its pseudonym root is made. ABORTED if
  // another gateway was first, ALREADY_EXISTS if that was with other bytes: what it did is taken
  // over.
  absl::Status TakeIn(const policy::CompiledMou& mou, absl::string_view document, const Held& known,
                      std::vector<StoredSignature> signatures,
                      const std::vector<VerifiedSignature>& verified)
      ABSL_LOCKS_EXCLUDED(catching_up_, mutex_);

  // These four as of what all gateways have done by then. A status that may leave, UNAVAILABLE
  // among them if other gateways act all the while; OK if it was done before.

  // What a party does by itself (mou_act.h).
  absl::Status Act(const MouAct& act, absl::Time now)
      ABSL_LOCKS_EXCLUDED(making_, catching_up_, mutex_);
  // A document that passed `check`, and what it compiles to, as its MOU's next version
  // (mou_proposal.h). By a party of it.
  absl::Status Propose(const MouAct& act, const policy::MouDocument& document,
                       const policy::CompiledMou& mou)
      ABSL_LOCKS_EXCLUDED(making_, catching_up_, mutex_);
  // A signature that verified over the bytes of the version that `act` names.
  absl::Status Sign(const MouAct& act, const StoredSignature& signature,
                    const VerifiedSignature& verified)
      ABSL_LOCKS_EXCLUDED(making_, catching_up_, mutex_);

  // The attestation of an open duty (mou_duty.h) under the version that `act` names.
  absl::Status Attest(const MouAct& act, const std::string& organization,
                      const MouAttestation& attestation, const VerifiedSignature& verified)
      ABSL_LOCKS_EXCLUDED(making_, catching_up_, mutex_);

  // By MOU and organization, when its time is over: of all that have not attested.
  std::map<std::pair<std::string, std::string>, absl::Time> DutyEnds() const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // When the last version of each MOU ends that is not over.
  std::map<std::string, absl::Time> Ends() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Of one MOU.
  TakenVersions VersionsOf(const std::string& mou) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Null if it was not taken in.
  Held Find(const std::string& mou, int version) const ABSL_LOCKS_EXCLUDED(mutex_);
  Held FindByDigest(const std::string& document_digest) const ABSL_LOCKS_EXCLUDED(mutex_);
  // 0 if there is none.
  int LastVersion(const std::string& mou) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<policy::MouVersion> ForDecisions() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Versions = std::map<std::string, TakenVersions>;  // by name
  // A step of one version: from what (null: it is taken in), what it becomes, and the entry that
  // says so.
  struct Move {
    Held from;
    StoredMouVersion next;
    MouEntry entry;
    bool signed_anew = false;  // what `from` says of void signatures counts, and not what is held
  };
  // All or nothing.
  struct Step {
    std::vector<Move> moves;
    std::vector<Entry> more;
  };

  Versions All() const ABSL_LOCKS_EXCLUDED(mutex_);
  // From what the store has, as the log confirms it. `before`: what was held of it, or null.
  absl::StatusOr<Held> Read(StoredMouVersion stored, const TakenVersion* before) const;
  // A version in a state that follows `before`.
  static absl::StatusOr<Held> After(StoredMouVersion stored,
                                    std::shared_ptr<const policy::CompiledMou> mou,
                                    const TakenVersion* before);
  // Tells one MOU's pseudonym root from another, and nothing else of it.
  absl::StatusOr<std::string> RootCheck(absl::string_view mou) const;
  // Whether its MOU's root, where it is among the keys, is the one that it was taken in with: under
  // another one its people had other pseudonyms.
  absl::Status CheckRoot(const TakenVersion& version) const;
  // In the place of an earlier state.
  void Hold(Held version) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status VoidOne(const Trust& trust, const Held& version);
  // What its recipients have not attested in time, or that all have.
  Step AfterEnd(const TakenVersions& versions, absl::Time now) const;
  // Destroys the pseudonym root of an MOU that is closed.
  absl::Status FollowClosing(const std::string& mou) ABSL_LOCKS_EXCLUDED(mutex_);
  // Of all versions of one MOU.
  absl::Status MoveOnOne(const TakenVersions& versions, absl::Time now);
  // How many wait for signatures that this organization proposed.
  int OpenProposals(absl::string_view organization) const ABSL_LOCKS_EXCLUDED(mutex_);
  // A version with these signatures, `verified` those of them that are new. `known`: as it stood;
  // null: it is taken in. `versions`: of its MOU. `act`: null for the inbox.
  absl::StatusOr<Step> Signed(const Held& known, const policy::CompiledMou& mou,
                              absl::string_view document, std::vector<StoredSignature> signatures,
                              const std::vector<VerifiedSignature>& verified,
                              const TakenVersions& versions, const MouAct* act);
  // Writes what `plan` makes of an MOU's versions as they are in the store; anew, where others come
  // between. A step without moves: nothing, OK.
  absl::Status Make(const std::string& mou,
                    absl::FunctionRef<absl::StatusOr<Step>(const TakenVersions& versions)> plan)
      ABSL_LOCKS_EXCLUDED(making_, catching_up_, mutex_);
  // `revision`: ABORTED unless the store is at it; nullopt: at any.
  absl::Status Write(Step step, std::optional<int64_t> revision = std::nullopt);

  Store& store_;
  AuditLog& log_;
  Keys& keys_;
  const std::shared_ptr<const policy::Catalog> catalog_;

  // Held by the one that makes a step as of all gateways.
  absl::Mutex making_ ABSL_ACQUIRED_BEFORE(catching_up_);
  // Held by the one that reads from the store what is new.
  absl::Mutex catching_up_ ABSL_ACQUIRED_BEFORE(mutex_);
  uint64_t since_ ABSL_GUARDED_BY(catching_up_) = 0;  // entries before it were read

  mutable absl::Mutex mutex_;
  Versions versions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::pair<std::string, int>> by_digest_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> rootless_ ABSL_GUARDED_BY(mutex_);  // closed MOUs whose root is destroyed
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_LEDGER_H_
