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
absl::StatusOr<std::optional<MouOverlay>> ChangeOf(const MouAct& act, const TakenVersion& version,
                                                   absl::Time now) {
  MouOverlay next = version.overlay;
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
  } else if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) {
    next.withdrawn_grants.insert(act.grant);
  }
  if (next == version.overlay) return std::nullopt;
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
absl::StatusOr<std::vector<MouChange>> Resume(const MouAct& act, const TakenVersions& versions) {
  std::vector<MouChange> changes;
  bool suspended = false;
  for (const auto& [number, version] : versions) {
    suspended = suspended || !version->overlay.suspended_by.empty();
    if (!version->overlay.suspended_by.contains(act.organization())) continue;
    MouOverlay next = version->overlay;
    next.suspended_by.erase(act.organization());
    changes.push_back({version, std::move(next)});
  }
  if (changes.empty() && suspended) return NotSuspended();
  return changes;
}

}  // namespace

std::string ActionName(v1::MouAction action) {
  return std::string(absl::StripPrefix(v1::MouAction_Name(action), "MOU_ACTION_"));
}

std::string EtagOf(const TakenVersions& versions) {
  uint64_t newest = 0;
  for (const auto& [number, version] : versions) {
    newest = std::max(newest, version->stored.log_index);
  }
  return versions.empty() ? "" : absl::StrCat(newest);
}

absl::StatusOr<std::vector<MouChange>> ChangesOf(const MouAct& act, const TakenVersions& versions,
                                                 absl::Time now) {
  std::vector<Held> own;
  for (const auto& [number, version] : versions) {
    if (version->IsParty(act.organization())) own.push_back(version);
  }
  if (own.empty()) return NotFound("MOU");
  if (!act.etag.empty() && act.etag != EtagOf(versions)) return EtagMismatch();
  if (act.action == v1::MOU_ACTION_RESUME) return Resume(act, versions);
  if (act.action == v1::MOU_ACTION_WITHDRAW_GRANT) {
    own.erase(std::remove_if(own.begin(), own.end(),
                             [&](const Held& version) { return !HasGrant(*version, act); }),
              own.end());
    if (own.empty()) return NotFound("grant");
  }
  std::vector<MouChange> changes;
  bool over = true;
  for (const Held& version : own) {
    if (version->IsOver()) continue;
    over = false;
    absl::StatusOr<std::optional<MouOverlay>> overlay = ChangeOf(act, *version, now);
    if (!overlay.ok()) return overlay.status();
    if (overlay->has_value()) changes.push_back({version, **std::move(overlay)});
  }
  const TakenVersion& last = *own.back();
  const bool ended = act.action == v1::MOU_ACTION_TERMINATE && last.stored.state == kTerminated;
  if (over && !ended) return MouOver();
  if (act.effective.has_value() && !over && EndsByItself(own, *act.effective)) {
    return Invalid("effective", "is not before the term's end: the MOU ends by itself");
  }
  return changes;
}

}  // namespace sluice::server
