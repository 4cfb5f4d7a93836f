#include "server/mou_version.h"

#include <algorithm>
#include <set>

#include "policy/digest.h"

namespace sluice::server {

bool TakenVersion::IsSignedBy(absl::string_view organization) const {
  return !voided.contains(organization) &&
         std::any_of(stored.signatures.begin(), stored.signatures.end(),
                     [&](const StoredSignature& s) { return s.organization == organization; });
}

std::vector<StoredSignature> TakenVersion::Counting() const {
  std::vector<StoredSignature> counting;
  for (const StoredSignature& signature : stored.signatures) {
    if (!voided.contains(signature.organization)) counting.push_back(signature);
  }
  return counting;
}

std::vector<std::string> TakenVersion::UnsignedParties() const {
  std::vector<std::string> parties;
  for (const v1::Party& party : mou->mou().parties()) {
    if (!IsSignedBy(party.organization())) parties.push_back(party.organization());
  }
  return parties;
}

bool TakenVersion::IsParty(absl::string_view organization) const {
  return mou->IsParty(organization);
}

bool TakenVersion::IsOver() const {
  return stored.state == kSuperseded || stored.state == kExpired || stored.state == kTerminated ||
         stored.state == kClosed;
}

std::string StandingDigest(const StoredMouVersion& version) {
  return version.standing.empty() ? "" : policy::Sha256Digest(version.standing);
}

std::optional<absl::Time> EndOf(const TakenVersions& versions) {
  std::optional<absl::Time> last;
  for (const auto& [number, version] : versions) {
    if (version->IsOver() || !version->WasSigned()) continue;
    absl::CivilDay day = version->mou->term().expires;
    if (version->standing.termination.has_value()) {
      day = std::min(day, version->standing.termination->on);
    }
    const absl::Time end = absl::FromCivil(day, version->mou->time_zone());
    last = std::max(last.value_or(end), end);
  }
  return last;
}

std::vector<std::string> SuspendedBy(const TakenVersion& version, const TakenVersions& all) {
  std::set<std::string> names;
  for (const auto& [number, other] : all) {
    for (const std::string& name : other->standing.suspended_by) {
      if (version.IsParty(name)) names.insert(name);
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace sluice::server
