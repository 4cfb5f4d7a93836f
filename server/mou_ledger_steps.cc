// The ledger's steps: what time, trust, the inbox and parties make of a version.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/error.h"
#include "server/mou_duty.h"
#include "server/mou_ledger.h"
#include "server/mou_proposal.h"

namespace sluice::server {
namespace {

// How often a step is made anew that others came before.
constexpr int kTries = 16;

std::vector<std::string> PartiesOf(const policy::CompiledMou& mou) {
  std::vector<std::string> parties;
  for (const v1::Party& party : mou.mou().parties()) parties.push_back(party.organization());
  return parties;
}

// What a version becomes.
MouEntry EntryOf(const policy::CompiledMou& mou, const StoredMouVersion& next) {
  MouEntry entry;
  entry.mou = mou.name();
  entry.version = mou.version();
  entry.document_digest = mou.document_digest();
  entry.state = next.state;
  entry.standing_digest = StandingDigest(next);
  entry.parties = PartiesOf(mou);
  return entry;
}

// The same, by a party's act.
MouEntry EntryOf(const policy::CompiledMou& mou, const StoredMouVersion& next, const MouAct& act) {
  MouEntry entry = EntryOf(mou, next);
  entry.request = act.request;
  entry.caller = act.caller;
  entry.action = ActionName(act.action);
  return entry;
}

// Of an MOU's pseudonym root.
KeyEntry RootEntry(const char* action, absl::string_view mou, std::vector<std::string> parties) {
  KeyEntry entry;
  entry.action = action;
  entry.key = absl::StrCat("mou-", mou, ".root");
  entry.parties = std::move(parties);
  return entry;
}

MouEntry::Signature SaidOf(const VerifiedSignature& s) {
  return {s.organization, s.signer_spki, s.chain, s.crl_number, s.received};
}

}  // namespace

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
  if (version->WasSigned()) next.state = kNotSigned;
  MouEntry entry = EntryOf(*version->mou, next);
  Step step;
  step.moves.push_back({seen, std::move(next), std::move(entry)});
  absl::Status written = Write(std::move(step));
  return written.ok() ? status : written;
}

absl::Status MouLedger::MoveOn(absl::Time now) {
  absl::Status status;
  for (const auto& [name, versions] : All()) {
    if (absl::Status moved = MoveOnMou(name, now); !moved.ok()) status = std::move(moved);
  }
  return status;
}

absl::Status MouLedger::MoveOnMou(const std::string& mou, absl::Time now) {
  absl::Status moved = MoveOnOne(VersionsOf(mou), now);
  if (absl::IsAborted(moved)) {
    // Another gateway has the same calendar.
    moved = CatchUp();
    if (moved.ok()) moved = MoveOnOne(VersionsOf(mou), now);
  }
  return moved.ok() ? FollowClosing(mou) : moved;
}

absl::Status MouLedger::FollowClosing(const std::string& mou) {
  {
    absl::MutexLock lock(&mutex_);
    const auto versions = versions_.find(mou);
    if (versions == versions_.end() || rootless_.contains(mou)) return absl::OkStatus();
    for (const auto& [number, version] : versions->second) {
      if (version->stored.state != kClosed) return absl::OkStatus();
    }
  }
  // Each version is as the log says. Where this fails it is done at the next look.
  if (absl::Status s = keys_.DestroyPseudonymRoot(mou); !s.ok()) return s;
  absl::MutexLock lock(&mutex_);
  rootless_.insert(mou);
  return absl::OkStatus();
}

MouLedger::Step MouLedger::AfterEnd(const TakenVersions& versions, absl::Time now) const {
  Step step;
  const bool closed = versions.empty() || versions.rbegin()->second->stored.state == kClosed;
  if (!closed && IsDone(versions)) {
    std::set<std::string> parties;
    for (const auto& [number, version] : versions) {
      for (std::string& party : PartiesOf(*version->mou)) parties.insert(std::move(party));
      StoredMouVersion next = version->stored;
      next.state = kClosed;
      MouEntry entry = EntryOf(*version->mou, next);
      step.moves.push_back({version, std::move(next), std::move(entry)});
    }
    step.more.push_back(RootEntry(kDestroyedAction, versions.begin()->second->stored.mou,
                                  {parties.begin(), parties.end()}));
    return step;
  }
  std::map<Held, MouStanding> late;
  for (const MouDuty& duty : DutiesOf(versions)) {
    if (!duty.IsOverdue(now) || duty.version->standing.overdue.contains(duty.organization))
      continue;
    late.try_emplace(duty.version, duty.version->standing)
        .first->second.overdue.insert(duty.organization);
  }
  for (const auto& [version, standing] : late) {
    StoredMouVersion next = version->stored;
    next.standing = standing.ToText();
    MouEntry entry = EntryOf(*version->mou, next);
    entry.action = ActionName(v1::MOU_ACTION_OVERDUE);
    step.moves.push_back({version, std::move(next), std::move(entry)});
  }
  return step;
}

absl::Status MouLedger::MoveOnOne(const TakenVersions& versions, absl::Time now) {
  Step step;
  bool superseded = false;
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    const TakenVersion& version = *it->second;
    const policy::CivilPeriod& term = version.mou->term();
    const absl::CivilDay day = absl::ToCivilDay(now, version.mou->time_zone());
    const std::optional<MouTermination>& end = version.standing.termination;
    const char* state = kSigned;
    if (day >= term.effective) state = kActive;
    if (day >= term.expires) state = kExpired;
    if (end.has_value() && day >= end->on) state = kTerminated;
    if (superseded) state = kSuperseded;
    // One that was never signed, or was ended before its first day, takes nothing's place.
    const bool never = !version.WasSigned() || (end.has_value() && end->on <= term.effective);
    superseded = superseded || (day >= term.effective && !never);
    if (version.IsOver() || version.stored.state == state) continue;
    if (!version.WasSigned() && state != kExpired && state != kTerminated) continue;
    // A void signature lies over all but the end, whether or not the store could be told of it;
    // and time that stepped back undoes nothing.
    const bool ends = state == kExpired || state == kSuperseded || state == kTerminated;
    if (!ends && (!version.voided.empty() || version.stored.state != kSigned || state != kActive)) {
      continue;
    }
    StoredMouVersion next = version.stored;
    next.state = state;
    MouEntry entry = EntryOf(*version.mou, next);
    step.moves.push_back({it->second, std::move(next), std::move(entry)});
  }
  if (step.moves.empty()) step = AfterEnd(versions, now);
  if (step.moves.empty()) return absl::OkStatus();
  // The oldest first, as it came to pass.
  std::reverse(step.moves.begin(), step.moves.end());
  return Write(std::move(step));
}

absl::Status MouLedger::Make(
    const std::string& mou,
    absl::FunctionRef<absl::StatusOr<Step>(const TakenVersions& versions)> plan) {
  // A gateway's own steps never come between one another.
  absl::MutexLock lock(&making_);
  for (int i = 0; i < kTries; ++i) {
    // Before the versions are read: what comes between makes it another revision.
    const absl::StatusOr<int64_t> revision = store_.Revision();
    if (!revision.ok()) return StoreUnavailable();
    if (absl::Status s = CatchUp(); !s.ok()) return s;
    absl::StatusOr<Step> step = plan(VersionsOf(mou));
    if (!step.ok()) return step.status();
    if (step->moves.empty()) return absl::OkStatus();
    const absl::Status written = Write(*std::move(step), *revision);
    if (!absl::IsAborted(written)) return written;
  }
  return StoreUnavailable();
}

absl::Status MouLedger::Act(const MouAct& act, absl::Time now) {
  // What the calendar did is done before: no version comes back because its successor is ended.
  if (absl::Status moved = MoveOnMou(act.mou, now); !moved.ok()) return moved;
  return Make(act.mou, [&](const TakenVersions& versions) -> absl::StatusOr<Step> {
    absl::StatusOr<std::vector<MouChange>> changes = ChangesOf(act, versions, now);
    if (!changes.ok()) return changes.status();
    Step step;
    for (const MouChange& change : *changes) {
      StoredMouVersion next = change.version->stored;
      next.standing = change.standing.ToText();
      const std::optional<MouTermination>& end = change.standing.termination;
      // A finished stage is never written over.
      if (!change.version->IsOver() && end.has_value() &&
          end->on <= absl::ToCivilDay(now, change.version->mou->time_zone())) {
        next.state = kTerminated;
      }
      MouEntry entry = EntryOf(*change.version->mou, next, act);
      if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) entry.grant = act.grant;
      if (act.action == v1::MOU_ACTION_TERMINATE && end.has_value()) {
        entry.ends = end->on;
        entry.reason = ReasonName(end->reason);
      }
      step.moves.push_back({change.version, std::move(next), std::move(entry)});
    }
    return step;
  });
}

int MouLedger::OpenProposals(absl::string_view organization) const {
  int open = 0;
  for (const auto& [name, versions] : All()) {
    for (const auto& [number, version] : versions) {
      open += version->stored.state == kProposed && version->standing.proposed_by == organization;
    }
  }
  return open;
}

absl::Status MouLedger::Propose(const MouAct& act, const policy::MouDocument& document,
                                const policy::CompiledMou& mou) {
  return Make(mou.name(), [&](const TakenVersions& versions) -> absl::StatusOr<Step> {
    if (!MayPropose(act.organization(), versions)) return MouNameTaken();
    const auto known = versions.find(mou.version());
    if (known != versions.end() && known->second->stored.document == document.bytes()) {
      return Step();  // it was done before
    }
    const std::vector<policy::Finding> findings = FollowsOn(document, versions);
    if (!findings.empty()) return MouOutOfTurn(findings);
    if (OpenProposals(act.organization()) >= kMaxOpenProposals) {
      return Exhausted("open_proposals", std::nullopt);
    }
    MouStanding standing;
    standing.proposed_by = act.organization();
    StoredMouVersion next{.mou = mou.name(),
                          .version = mou.version(),
                          .document = std::string(document.bytes()),
                          .state = kProposed,
                          .standing = standing.ToText()};
    Step step;
    MouEntry entry = EntryOf(mou, next, act);
    step.moves.push_back({nullptr, std::move(next), std::move(entry)});
    return step;
  });
}

absl::Status MouLedger::Sign(const MouAct& act, const StoredSignature& signature,
                             const VerifiedSignature& verified) {
  return Make(act.mou, [&](const TakenVersions& versions) -> absl::StatusOr<Step> {
    const auto found = versions.find(act.version);
    if (found == versions.end() || !found->second->IsParty(act.organization())) {
      return NotFound("MOU version");
    }
    const Held& version = found->second;
    if (version->IsOver()) return MouOver();
    if (version->IsSignedBy(signature.organization)) return Step();  // it was done before
    std::vector<StoredSignature> signatures = version->Counting();
    signatures.push_back(signature);
    return Signed(version, *version->mou, version->stored.document, std::move(signatures),
                  {verified}, versions, &act);
  });
}

absl::Status MouLedger::Attest(const MouAct& act, const std::string& organization,
                               const MouAttestation& attestation,
                               const VerifiedSignature& verified) {
  return Make(act.mou, [&](const TakenVersions& versions) -> absl::StatusOr<Step> {
    for (const MouDuty& duty : DutiesOf(versions)) {
      if (duty.organization != organization || duty.version->stored.version != act.version)
        continue;
      if (duty.attestation() != nullptr) return Step();  // it was done before
      MouStanding standing = duty.version->standing;
      standing.attested[organization] = attestation;
      StoredMouVersion next = duty.version->stored;
      next.standing = standing.ToText();
      MouEntry entry = EntryOf(*duty.version->mou, next, act);
      entry.as_of = attestation.as_of;
      entry.signatures.push_back(SaidOf(verified));
      Step step;
      step.moves.push_back({duty.version, std::move(next), std::move(entry)});
      return step;
    }
    return NoObligation();
  });
}

absl::Status MouLedger::TakeIn(const policy::CompiledMou& mou, absl::string_view document,
                               const Held& known, std::vector<StoredSignature> signatures,
                               const std::vector<VerifiedSignature>& verified) {
  absl::StatusOr<Step> step = Signed(known, mou, document, std::move(signatures), verified,
                                     VersionsOf(mou.name()), nullptr);
  if (!step.ok()) return step.status();
  absl::Status written = Write(*std::move(step));
  if (!absl::IsAborted(written) && !absl::IsAlreadyExists(written)) return written;
  absl::Status caught_up = CatchUp();
  return caught_up.ok() ? written : caught_up;
}

absl::StatusOr<MouLedger::Step> MouLedger::Signed(const Held& known, const policy::CompiledMou& mou,
                                                  absl::string_view document,
                                                  std::vector<StoredSignature> signatures,
                                                  const std::vector<VerifiedSignature>& verified,
                                                  const TakenVersions& versions,
                                                  const MouAct* act) {
  StoredMouVersion next;
  if (known != nullptr) next = known->stored;
  next.mou = mou.name();
  next.version = mou.version();
  next.document = std::string(document);
  next.signatures = std::move(signatures);
  const bool complete = next.signatures.size() == static_cast<size_t>(mou.mou().parties_size());
  next.state = complete ? kSigned : kNotSigned;
  if (!complete && (known == nullptr || !known->WasSigned())) next.state = kProposed;
  Step step;
  if (complete && next.root_check.empty()) {
    const bool first = std::none_of(versions.begin(), versions.end(),
                                    [](const auto& other) { return other.second->WasSigned(); });
    // Before the version is there, so that none is without its MOU's root.
    const absl::StatusOr<policy::Secret> root =
        first ? keys_.CreatePseudonymRoot(mou.name()) : keys_.PseudonymRoot(mou.name());
    if (!root.ok()) return root.status();
    absl::StatusOr<std::string> root_check = RootCheck(mou.name());
    if (!root_check.ok()) return root_check.status();
    next.root_check = *std::move(root_check);
    if (first) step.more.push_back(RootEntry("CREATED", mou.name(), PartiesOf(mou)));
  }
  MouEntry entry = act == nullptr ? EntryOf(mou, next) : EntryOf(mou, next, *act);
  for (const VerifiedSignature& s : verified) entry.signatures.push_back(SaidOf(s));
  Held from = known;
  if (known != nullptr) {
    auto signed_anew = std::make_shared<TakenVersion>(*known);
    for (const VerifiedSignature& s : verified) signed_anew->voided.erase(s.organization);
    from = std::move(signed_anew);
  }
  step.moves.push_back({std::move(from), std::move(next), std::move(entry), /*signed_anew=*/true});
  return step;
}

}  // namespace sluice::server
