#include "server/mou_duty.h"

#include <algorithm>
#include <map>
#include <set>

namespace sluice::server {
namespace {

using Held = std::shared_ptr<const TakenVersion>;

// The first day after a version.
absl::CivilDay EndDay(const TakenVersion& version) {
  const absl::CivilDay expires = version.mou->term().expires;
  const std::optional<MouTermination>& end = version.standing.termination;
  return end.has_value() ? std::min(expires, end->on) : expires;
}

}  // namespace

const MouAttestation* MouDuty::attestation() const {
  const auto found = version->standing.attested.find(organization);
  return found == version->standing.attested.end() ? nullptr : &found->second;
}

bool MouDuty::IsOverdue(absl::Time now) const {
  return attestation() == nullptr && absl::ToCivilDay(now, version->mou->time_zone()) > due;
}

std::vector<MouDuty> DutiesOf(const TakenVersions& versions) {
  std::map<std::string, Held> newest;  // by party
  std::set<std::string> recipients;
  for (const auto& [number, version] : versions) {
    if (!version->WasSigned()) continue;
    for (const v1::Party& party : version->mou->mou().parties()) {
      newest[party.organization()] = version;
    }
    for (const v1::Grant& grant : version->mou->mou().grants()) {
      recipients.insert(grant.to().begin(), grant.to().end());
    }
  }
  std::vector<MouDuty> duties;
  for (const std::string& recipient : recipients) {
    const Held& version = newest[recipient];
    if (version == nullptr || !version->IsOver()) continue;
    const absl::CivilDay opened = EndDay(*version);
    duties.push_back({recipient, version, opened,
                      opened + version->mou->mou().obligations().destroy_within_days()});
  }
  return duties;
}

bool IsDone(const TakenVersions& versions) {
  bool was_signed = false;
  for (const auto& [number, version] : versions) {
    if (!version->WasSigned()) continue;
    if (!version->IsOver()) return false;
    was_signed = true;
  }
  const std::vector<MouDuty> duties = DutiesOf(versions);
  return was_signed && std::all_of(duties.begin(), duties.end(), [](const MouDuty& duty) {
           return duty.attestation() != nullptr;
         });
}

}  // namespace sluice::server
