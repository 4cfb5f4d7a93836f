#include "server/mou_act.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/error.h"

namespace sluice::server {
namespace {

using Held = std::shared_ptr<const TakenVersion>;

// What the act does to one version that is not over; nullopt: nothing, now or ever.
absl::StatusOr<std::optional<MouStanding>> ChangeOf(const MouAct& act, const TakenVersion& version,
                                                    absl::Time now) {
  MouStanding next = version.standing;
  if (act.action == v1::MOU_ACTION_SUSPEND) {
    next.suspended_by.insert(act.organization());
  } else if (act.action == v1::MOU_ACTION_TERMINATE) {
    const absl::CivilDay today = absl::ToCivilDay(now, version.mou->time_zone());
    const absl::CivilDay day = act.effective.value_or(today);
    if (day < today) return Invalid("effective", "has passed: leave it out to end the MOU at once");
    if (day >= version.mou->term().expires) return std::nullopt;  // it ends by itself before
    // The same day again is the same act, whatever reason is given for it now.
    if (next.termination.has_value() && next.termination->on == day) return std::nullopt;
    if (next.termination.has_value() && next.termination->on < day) {
      return TerminationFinal(absl::FormatCivilTime(next.termination->on));
    }
    next.termination = MouTermination{day, act.reason, act.organization()};
    next.void_through = std::max(next.void_through, act.waiting);
  } else if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) {
    if (!next.withdrawn_grants.insert(act.grant).second) return std::nullopt;
    next.void_through = std::max(next.void_through, act.waiting);
  }
  if (next == version.standing) return std::nullopt;
  return next;
}

bool HasGrant(const TakenVersion& version, const MouAct& act) {
  const auto& grants = version.mou->mou().grants();
  return std::any_of(grants.begin(), grants.end(), [&](const v1::Grant& grant) {
    return grant.name() == act.grant && grant.from() == act.organization();
  });
}

bool EndsByItself(const std::vector<Held>& versions, absl::CivilDay day) {
  return std::all_of(versions.begin(), versions.end(), [day](const Held& version) {
    return version->IsOver() || version->mou->term().expires <= day;
  });
}

// Lifted wherever it lies: over versions that are over it would suspend those to come.
absl::StatusOr<std::vector<MouChange>> Resume(const MouAct& act, const std::vector<Held>& own) {
  std::vector<MouChange> changes;
  bool suspended = false;
  for (const Held& version : own) {
    suspended = suspended || !version->standing.suspended_by.empty();
    if (!version->standing.suspended_by.contains(act.organization())) continue;
    MouStanding next = version->standing;
    next.suspended_by.erase(act.organization());
    changes.push_back({version, std::move(next)});
  }
  if (changes.empty() && suspended) return NotSuspended();
  return changes;
}

// Whether an act of this kind touches a version of its actor's. A proposal gives nothing that could
// be stopped; but who has signed it has to be able to take a grant out of it, and any party to end
// it.
bool Touches(const MouAct& act, const TakenVersion& version) {
  if (act.action == v1::MOU_ACTION_TERMINATE || version.WasSigned()) return true;
  return act.action == v1::MOU_ACTION_WITHDRAW_GRANT && version.IsSignedBy(act.organization());
}

// Of a party's own versions, as the act finds them.
absl::StatusOr<std::vector<MouChange>> ChangesOfOwn(const MouAct& act, std::vector<Held> own,
                                                    absl::Time now) {
  own.erase(std::remove_if(own.begin(), own.end(),
                           [&](const Held& version) { return !Touches(act, *version); }),
            own.end());
  if (own.empty()) return MouNotSigned();
  if (act.action == v1::MOU_ACTION_RESUME) return Resume(act, own);
  if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) {
    own.erase(std::remove_if(own.begin(), own.end(),
                             [&](const Held& version) { return !HasGrant(*version, act); }),
              own.end());
    if (own.empty()) return NotFound("grant");
  }
  std::vector<MouChange> changes;
  absl::Status refused;
  bool over = true;
  for (const Held& version : own) {
    if (version->IsOver()) continue;
    over = false;
    absl::StatusOr<std::optional<MouStanding>> standing = ChangeOf(act, *version, now);
    if (!standing.ok()) {
      refused = standing.status();
    } else if (standing->has_value()) {
      changes.push_back({version, **std::move(standing)});
    }
  }
  // What one version refuses another may take: each has its own term, days and end.
  if (changes.empty() && !refused.ok()) return refused;
  const TakenVersion& last = *own.back();
  if (over && act.waiting > last.standing.void_through) {
    // Nothing is left to end but what waits.
    changes.push_back({own.back(), last.standing});
    changes.back().standing.void_through = act.waiting;
    return changes;
  }
  const bool ended = act.action == v1::MOU_ACTION_TERMINATE && last.stored.state == kTerminated;
  if (over && !ended) return MouOver();
  if (act.effective.has_value() && !over && EndsByItself(own, *act.effective)) {
    return Invalid("effective", "is not before the term's end: the MOU ends by itself");
  }
  return changes;
}

}  // namespace

std::string ActionName(v1::MouAction action) {
  return std::string(absl::StripPrefix(v1::MouAction_Name(action), "MOU_ACTION_"));
}

std::string EtagOf(const TakenVersions& versions, absl::string_view party) {
  std::optional<uint64_t> newest;
  for (const auto& [number, version] : versions) {
    if (!version->IsParty(party)) continue;
    newest = std::max(newest.value_or(0), version->stored.log_index);
  }
  return newest.has_value() ? absl::StrCat(*newest) : "";
}

absl::StatusOr<std::vector<MouChange>> ChangesOf(const MouAct& act, const TakenVersions& versions,
                                                 absl::Time now) {
  std::vector<Held> own;
  for (const auto& [number, version] : versions) {
    if (act.version != 0 && number != act.version) continue;
    if (version->IsParty(act.organization())) own.push_back(version);
  }
  if (own.empty()) return NotFound(act.version == 0 ? "MOU" : "MOU version");
  absl::StatusOr<std::vector<MouChange>> changes = ChangesOfOwn(act, std::move(own), now);
  // An act that was done, and whose answer was lost, is answered again.
  if (changes.ok() && changes->empty()) return changes;
  if (!act.etag.empty() && act.etag != EtagOf(versions, act.organization())) return EtagMismatch();
  return changes;
}

}  // namespace sluice::server
