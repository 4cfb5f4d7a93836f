// The MOU versions that were taken in: what store and log say of them, and how they move on. Every
// change is one transaction with its entries; what is held in memory changes when it is durable.
//
// The registry's; not thread-safe.
#ifndef SLUICE_SERVER_MOU_LEDGER_H_
#define SLUICE_SERVER_MOU_LEDGER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/catalog.h"
#include "policy/compiled_mou.h"
#include "policy/decide.h"
#include "server/audit/audit_log.h"
#include "server/identity/mou_signature.h"
#include "server/store/store.h"

namespace sluice::server {

// A version that was taken in, compiled from its stored bytes.
struct TakenVersion {
  StoredMouVersion stored;
  std::shared_ptr<const policy::CompiledMou> mou;
  // Whose signature is void, as long as the store could not be told.
  absl::flat_hash_set<std::string> voided;

  bool IsSignedBy(absl::string_view organization) const;
  // Parties whose signature is void.
  std::vector<std::string> UnsignedParties() const;
  // Superseded or expired: for good.
  bool IsOver() const;
};

class MouLedger {
 public:
  // `store` and `log` must outlive it.
  MouLedger(Store* store, AuditLog* log, std::shared_ptr<const policy::Catalog> catalog)
      : store_(*store), log_(*log), catalog_(std::move(catalog)) {}

  // All that the store holds. DATA_LOSS if a version no longer compiles, or is not what the log
  // says was taken in.
  absl::Status Load();

  // Takes back the signatures that were revoked as of before their receipt. Even where that fails
  // to be written they no longer count.
  absl::Status Void(const Trust& trust);
  // The transitions that the date brings: SIGNED, ACTIVE, SUPERSEDED, EXPIRED.
  absl::Status MoveOn(absl::Time now);
  // A version with the signatures of all its parties, or one that was void and is signed again.
  // With an MOU's first version goes the entry of its pseudonym root.
  absl::Status TakeIn(const policy::CompiledMou& mou, absl::string_view document,
                      std::vector<StoredSignature> signatures,
                      const std::vector<VerifiedSignature>& verified);

  // Null if it was not taken in.
  const TakenVersion* Find(const std::string& mou, int version) const;
  const TakenVersion* FindByDigest(const std::string& document_digest) const;
  // 0 if there is none.
  int LastVersion(const std::string& mou) const;
  std::vector<policy::MouVersion> ForDecisions() const;

 private:
  // A step of one version: what it becomes, and the entry that says so.
  struct Move {
    TakenVersion* version;
    StoredMouVersion next;
    MouEntry entry;
  };

  absl::Status Hold(StoredMouVersion stored);
  absl::Status Write(std::vector<Move> moves, const std::vector<Entry>& more = {});

  Store& store_;
  AuditLog& log_;
  const std::shared_ptr<const policy::Catalog> catalog_;
  std::map<std::string, std::map<int, TakenVersion>> versions_;  // by name, then by number
  std::map<std::string, std::pair<std::string, int>> by_digest_;
  std::string seen_trust_;  // digest of the trust that Void looked at last
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_LEDGER_H_
