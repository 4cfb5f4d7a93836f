#include "server/mou_ledger.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "policy/mou_document.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/merkle.h"
#include "server/error.h"
#include "server/store/hkdf.h"

namespace sluice::server {
namespace {

// How often an act is made anew that others came before.
constexpr int kTries = 8;

std::string OverlayDigest(const StoredMouVersion& version) {
  return version.overlay.empty() ? "" : policy::Sha256Digest(version.overlay);
}

// What a version becomes.
MouEntry EntryOf(const policy::CompiledMou& mou, const StoredMouVersion& next) {
  MouEntry entry;
  entry.mou = mou.name();
  entry.version = mou.version();
  entry.document_digest = mou.document_digest();
  entry.state = next.state;
  entry.overlay_digest = OverlayDigest(next);
  for (const v1::Party& party : mou.mou().parties()) entry.parties.push_back(party.organization());
  return entry;
}

// Whether an entry's bytes say this of a version.
bool Says(absl::string_view body, const policy::CompiledMou& mou, const StoredMouVersion& stored) {
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  return entry.ok() && entry->type == "mou" && entry->json.FindString("mou") == mou.name() &&
         entry->json.FindInteger("version", 0) == mou.version() &&
         entry->json.FindString("document") == mou.document_digest() &&
         entry->json.FindString("state") == stored.state &&
         entry->json.FindString("overlay") == OverlayDigest(stored);
}

// Tells one MOU's pseudonym root from another, and nothing else of it.
absl::StatusOr<std::string> RootCheck(Keys& keys, absl::string_view mou) {
  const absl::StatusOr<policy::Secret> root = keys.PseudonymRoot(mou);
  if (!root.ok()) return root.status();
  const absl::StatusOr<policy::Secret> check = HkdfSha256(*root, "", "sluice/root-check");
  if (!check.ok()) return check.status();
  return std::string(check->bytes().begin(), check->bytes().end());
}

}  // namespace

absl::Status MouLedger::CatchUp() {
  absl::MutexLock lock(&catching_up_);
  absl::StatusOr<std::vector<StoredMouVersion>> stored = store_.MouVersions(since_);
  if (!stored.ok()) return stored.status();
  uint64_t since = since_;
  for (StoredMouVersion& version : *stored) {
    since = std::max(since, version.log_index + 1);
    const Held before = Find(version.mou, version.version);
    // What this gateway wrote itself it holds.
    if (before != nullptr && before->stored.log_index == version.log_index) continue;
    absl::StatusOr<Held> read = Read(std::move(version), before.get());
    if (!read.ok()) return read.status();
    Hold(*std::move(read));
  }
  since_ = since;
  return absl::OkStatus();
}

absl::StatusOr<MouLedger::Held> MouLedger::Read(StoredMouVersion stored,
                                                const TakenVersion* before) const {
  const std::string name = absl::StrCat("mous/", stored.mou, "/versions/", stored.version);
  std::shared_ptr<const policy::CompiledMou> mou;
  if (before != nullptr && before->stored.document == stored.document) {
    mou = before->mou;
  } else {
    const policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(name, stored.document);
    for (const policy::Finding& finding : parsed.findings) {
      if (finding.severity != policy::Severity::kError) continue;
      return absl::DataLossError(absl::StrCat(name, " no longer parses: ", finding.ToString()));
    }
    absl::StatusOr<std::shared_ptr<const policy::CompiledMou>> compiled =
        policy::CompiledMou::Compile(parsed.document, catalog_);
    if (!compiled.ok()) {
      return absl::DataLossError(
          absl::StrCat(name, " no longer compiles: ", compiled.status().message()));
    }
    mou = *std::move(compiled);
  }
  bool confirmed = false;
  absl::Status read =
      store_.ReadLogRows(stored.log_index, stored.log_index + 1, [&](const LogRow& row) {
        confirmed = row.index == stored.log_index && LeafHash(row.body) == row.leaf_hash &&
                    Says(row.body, *mou, stored);
        return false;
      });
  if (!read.ok()) return read;
  if (!confirmed || mou->name() != stored.mou || mou->version() != stored.version) {
    return absl::DataLossError(
        absl::StrCat(name, " is not what the log says was taken in: restore the store"));
  }
  absl::StatusOr<Held> taken = After(std::move(stored), std::move(mou), before);
  if (!taken.ok()) return absl::DataLossError(absl::StrCat(name, ": ", taken.status().message()));
  if (absl::Status root = CheckRoot(**taken); !root.ok()) return root;
  return taken;
}

absl::Status MouLedger::CheckRoot(const TakenVersion& version) const {
  if (version.IsOver()) return absl::OkStatus();
  const absl::StatusOr<std::string> check = RootCheck(keys_, version.stored.mou);
  // Without its root an MOU releases nothing, and the others go on.
  if (!check.ok() || *check == version.stored.root_check) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the key directory has another pseudonym root than the one that MOU ", version.stored.mou,
      " was taken in with: give all gateways of a database one key directory, or restore it"));
}

absl::StatusOr<MouLedger::Held> MouLedger::After(StoredMouVersion stored,
                                                 std::shared_ptr<const policy::CompiledMou> mou,
                                                 const TakenVersion* before) {
  auto taken = std::make_shared<TakenVersion>();
  absl::StatusOr<MouOverlay> overlay = MouOverlay::Parse(stored.overlay);
  if (!overlay.ok()) return overlay.status();
  taken->overlay = *std::move(overlay);
  // A signature that was found void is void, whatever else became of the version meanwhile.
  for (const StoredSignature& signature : stored.signatures) {
    if (before == nullptr || !before->voided.contains(signature.organization)) continue;
    for (const StoredSignature& was : before->stored.signatures) {
      if (was.organization == signature.organization && was.cms_der == signature.cms_der) {
        taken->voided.insert(signature.organization);
      }
    }
  }
  taken->stored = std::move(stored);
  taken->mou = std::move(mou);
  return taken;
}

void MouLedger::Hold(Held version) {
  absl::MutexLock lock(&mutex_);
  Held& place = versions_[version->stored.mou][version->stored.version];
  if (place != nullptr && place->stored.log_index > version->stored.log_index) return;
  by_digest_[version->mou->document_digest()] = {version->stored.mou, version->stored.version};
  place = std::move(version);
}

absl::Status MouLedger::Void(const Trust& trust) {
  absl::Status status;
  for (const auto& [name, versions] : All()) {
    for (const auto& [number, version] : versions) {
      absl::Status voided = VoidOne(trust, version);
      if (absl::IsAborted(voided)) {
        // Another gateway moved it on: as it is now.
        voided = CatchUp();
        if (voided.ok()) voided = VoidOne(trust, Find(name, number));
      }
      if (!voided.ok()) status = voided;
    }
  }
  return status;
}

absl::Status MouLedger::VoidOne(const Trust& trust, const Held& version) {
  if (version->IsOver() || version->seen_trust == trust.digest()) return absl::OkStatus();
  auto seen = std::make_shared<TakenVersion>(*version);
  StoredMouVersion next = version->stored;
  next.signatures.clear();
  absl::Status status;
  for (const StoredSignature& signature : version->stored.signatures) {
    const absl::StatusOr<bool> is_void =
        IsVoid(signature.cms_der, signature.organization, trust, signature.received);
    // What can't be looked at stays as it was, and is looked at again. What was void once is void,
    // though the store could not be told of it.
    if (!is_void.ok()) status = is_void.status();
    if (is_void.ok() && *is_void) seen->voided.insert(signature.organization);
    if (!seen->voided.contains(signature.organization)) next.signatures.push_back(signature);
  }
  const bool lost = next.signatures.size() < version->stored.signatures.size();
  // While the store could not be told it is not done.
  if (status.ok() && !lost) seen->seen_trust = trust.digest();
  Hold(seen);
  if (!lost) return status;
  next.state = kNotSigned;
  MouEntry entry = EntryOf(*version->mou, next);
  std::vector<Move> moves;
  moves.push_back({seen, std::move(next), std::move(entry)});
  absl::Status written = Write(std::move(moves));
  return written.ok() ? status : written;
}

absl::Status MouLedger::MoveOn(absl::Time now) {
  for (const auto& [name, versions] : All()) {
    absl::Status moved = MoveOnOne(versions, now);
    if (absl::IsAborted(moved)) {
      // Another gateway has the same calendar.
      moved = CatchUp();
      if (moved.ok()) moved = MoveOnOne(All()[name], now);
    }
    if (!moved.ok()) return moved;
  }
  return absl::OkStatus();
}

absl::Status MouLedger::MoveOnOne(const TakenVersions& versions, absl::Time now) {
  std::vector<Move> moves;
  bool superseded = false;
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    const TakenVersion& version = *it->second;
    const policy::CivilPeriod& term = version.mou->term();
    const absl::CivilDay day = absl::ToCivilDay(now, version.mou->time_zone());
    const std::optional<MouTermination>& end = version.overlay.termination;
    const char* state = kSigned;
    if (day >= term.effective) state = kActive;
    if (day >= term.expires) state = kExpired;
    if (end.has_value() && day >= end->on) state = kTerminated;
    if (superseded) state = kSuperseded;
    // One that was ended before its first day takes nothing's place.
    const bool never = end.has_value() && end->on <= term.effective;
    superseded = superseded || (day >= term.effective && !never);
    if (version.IsOver() || version.stored.state == state) continue;
    // A void signature lies over all but the end, whether or not the store could be told of it;
    // and time that stepped back undoes nothing.
    const bool ends = state == kExpired || state == kSuperseded || state == kTerminated;
    if (!ends && (!version.voided.empty() || version.stored.state != kSigned || state != kActive)) {
      continue;
    }
    StoredMouVersion next = version.stored;
    next.state = state;
    MouEntry entry = EntryOf(*version.mou, next);
    moves.push_back({it->second, std::move(next), std::move(entry)});
  }
  if (moves.empty()) return absl::OkStatus();
  // The oldest first, as it came to pass.
  std::reverse(moves.begin(), moves.end());
  return Write(std::move(moves));
}

absl::Status MouLedger::TakeIn(const policy::CompiledMou& mou, absl::string_view document,
                               const Held& known, std::vector<StoredSignature> signatures,
                               const std::vector<VerifiedSignature>& verified) {
  absl::StatusOr<std::string> root_check = RootCheck(keys_, mou.name());
  if (!root_check.ok()) return root_check.status();
  StoredMouVersion next{.mou = mou.name(),
                        .version = mou.version(),
                        .document = std::string(document),
                        .signatures = std::move(signatures),
                        .state = kSigned,
                        .root_check = *std::move(root_check)};
  if (known != nullptr) next.overlay = known->stored.overlay;
  MouEntry entry = EntryOf(mou, next);
  for (const VerifiedSignature& s : verified) {
    entry.signatures.push_back({s.organization, s.signer_spki, s.chain, s.crl_number, s.received});
  }
  std::vector<Entry> more;
  if (LastVersion(mou.name()) == 0) {
    KeyEntry key;
    key.action = "CREATED";
    key.key = absl::StrCat("mou-", mou.name(), ".root");
    more.push_back(std::move(key));
  }
  Held from = known;
  if (known != nullptr) {
    auto signed_anew = std::make_shared<TakenVersion>(*known);
    for (const VerifiedSignature& s : verified) signed_anew->voided.erase(s.organization);
    from = std::move(signed_anew);
  }
  std::vector<Move> moves;
  moves.push_back({std::move(from), std::move(next), std::move(entry), /*signed_anew=*/true});
  absl::Status written = Write(std::move(moves), more);
  if (!absl::IsAborted(written) && !absl::IsAlreadyExists(written)) return written;
  absl::Status caught_up = CatchUp();
  return caught_up.ok() ? written : caught_up;
}

absl::Status MouLedger::Act(const MouAct& act, absl::Time now) {
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    // Before the versions are read: what comes between makes it another revision.
    const absl::StatusOr<int64_t> revision = store_.Revision();
    if (!revision.ok()) return StoreUnavailable();
    if (absl::Status s = CatchUp(); !s.ok()) return s;
    absl::StatusOr<std::vector<MouChange>> changes = ChangesOf(act, VersionsOf(act.mou), now);
    if (!changes.ok()) return changes.status();
    if (changes->empty()) return absl::OkStatus();
    std::vector<Move> moves;
    for (const MouChange& change : *changes) {
      StoredMouVersion next = change.version->stored;
      next.overlay = change.overlay.ToText();
      const std::optional<MouTermination>& end = change.overlay.termination;
      // A finished stage is never written over.
      if (!change.version->IsOver() && end.has_value() &&
          end->on <= absl::ToCivilDay(now, change.version->mou->time_zone())) {
        next.state = kTerminated;
      }
      MouEntry entry = EntryOf(*change.version->mou, next);
      entry.request = act.request;
      entry.caller = act.caller;
      entry.action = ActionName(act.action);
      if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) entry.grant = act.grant;
      if (act.action == v1::MOU_ACTION_TERMINATE) {
        entry.ends = end->on;
        entry.reason = ReasonName(end->reason);
      }
      moves.push_back({change.version, std::move(next), std::move(entry)});
    }
    status = Write(std::move(moves), {}, *revision);
    if (!absl::IsAborted(status)) return status;
  }
  return EtagMismatch();
}

absl::Status MouLedger::Write(std::vector<Move> moves, const std::vector<Entry>& more,
                              std::optional<int64_t> revision) {
  Work work;
  for (Move& move : moves) {
    work.bytes += move.next.document.size();
    if (move.from != nullptr) move.entry.previous_index = move.from->stored.log_index;
  }
  work.apply = [&](Transaction& transaction) -> absl::Status {
    if (revision.has_value()) {
      const absl::StatusOr<int64_t> at = transaction.Revision();
      if (!at.ok()) return at.status();
      if (*at != *revision) return absl::AbortedError("other gateways changed MOUs meanwhile");
    }
    uint64_t index = log_.NextIndexIn(transaction);
    for (Move& move : moves) {
      move.next.log_index = index++;
      std::optional<uint64_t> replaces;
      if (move.from != nullptr) replaces = move.from->stored.log_index;
      if (absl::Status put = transaction.PutMouVersion(move.next, replaces); !put.ok()) return put;
    }
    for (const Move& move : moves) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, move.entry);
      if (!appended.ok()) return appended.status();
    }
    for (const Entry& entry : more) {
      absl::StatusOr<uint64_t> appended = log_.AppendIn(transaction, entry);
      if (!appended.ok()) return appended.status();
    }
    return absl::OkStatus();
  };
  if (absl::Status committed = store_.Commit(std::move(work)); !committed.ok()) return committed;
  for (Move& move : moves) {
    if (move.from != nullptr) {
      // As it is held by now: a signature may have been found void while this was written.
      const Held held = move.signed_anew ? move.from : Find(move.next.mou, move.next.version);
      absl::StatusOr<Held> after = After(std::move(move.next), move.from->mou, held.get());
      if (!after.ok()) return after.status();
      Hold(*std::move(after));
      continue;
    }
    // As it would be loaded: what is stored is what is enforced.
    absl::StatusOr<Held> read = Read(std::move(move.next), nullptr);
    if (!read.ok()) return read.status();
    Hold(*std::move(read));
  }
  return absl::OkStatus();
}

MouLedger::Versions MouLedger::All() const {
  absl::MutexLock lock(&mutex_);
  return versions_;
}

std::map<std::string, absl::Time> MouLedger::Ends() const {
  std::map<std::string, absl::Time> ends;
  for (const auto& [name, versions] : All()) {
    if (const std::optional<absl::Time> end = EndOf(versions); end.has_value()) ends[name] = *end;
  }
  return ends;
}

TakenVersions MouLedger::VersionsOf(const std::string& mou) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  return versions == versions_.end() ? TakenVersions() : versions->second;
}

MouLedger::Held MouLedger::Find(const std::string& mou, int version) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  if (versions == versions_.end()) return nullptr;
  const auto found = versions->second.find(version);
  return found == versions->second.end() ? nullptr : found->second;
}

MouLedger::Held MouLedger::FindByDigest(const std::string& document_digest) const {
  std::pair<std::string, int> place;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = by_digest_.find(document_digest);
    if (found == by_digest_.end()) return nullptr;
    place = found->second;
  }
  return Find(place.first, place.second);
}

int MouLedger::LastVersion(const std::string& mou) const {
  absl::MutexLock lock(&mutex_);
  const auto versions = versions_.find(mou);
  return versions == versions_.end() ? 0 : versions->second.rbegin()->first;
}

std::vector<policy::MouVersion> MouLedger::ForDecisions() const {
  absl::MutexLock lock(&mutex_);
  std::vector<policy::MouVersion> all;
  for (const auto& [name, versions] : versions_) {
    for (const auto& [number, taken] : versions) {
      policy::MouVersion version;
      version.mou = taken->mou;
      version.ever_signed = true;
      version.unsigned_parties = taken->UnsignedParties();
      version.suspended = !SuspendedBy(*taken, versions).empty();
      version.over = taken->IsOver();
      if (const auto& end = taken->overlay.termination; end.has_value()) {
        version.terminated_on = end->on;
      }
      version.withdrawn_grants.insert(taken->overlay.withdrawn_grants.begin(),
                                      taken->overlay.withdrawn_grants.end());
      all.push_back(std::move(version));
    }
  }
  return all;
}

}  // namespace sluice::server
