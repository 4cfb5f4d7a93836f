#include "server/mou_proposal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// The newest of those that all parties signed; null if there is none.
const TakenVersion* LastSigned(const TakenVersions& versions) {
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (it->second->WasSigned()) return it->second.get();
  }
  return nullptr;
}

bool Names(const policy::MouDocument& document, const std::string& organization) {
  for (const v1::Party& party : document.mou().parties()) {
    if (party.organization() == organization) return true;
  }
  return false;
}

void CheckNumber(const policy::MouDocument& document, const TakenVersions& versions,
                 std::vector<policy::Finding>& findings) {
  if (!versions.empty() && versions.rbegin()->second->stored.state == kClosed) {
    findings.push_back(Refusal(document, "CLOSED",
                               "the MOU is closed: what was released under it is destroyed, and "
                               "its pseudonyms lead nowhere",
                               "make another under a name of its own"));
    return;
  }
  const int version = document.mou().version();
  const int last = versions.empty() ? 0 : versions.rbegin()->first;
  int used = last;
  for (const auto& [number, other] : versions) used = std::max(used, other->standing.void_through);
  const std::string next = absl::StrCat("make it version ", used + 1);
  if (version > last && version <= used) {
    findings.push_back(Refusal(document, "ROLLBACK",
                               absl::StrCat("version ", version,
                                            " was laid down before a party ended the MOU or took "
                                            "a grant back"),
                               next));
  } else if (version < 1 || version < last) {
    findings.push_back(Refusal(document, "ROLLBACK",
                               absl::StrCat("version ", version, " is lower than the last, ", last),
                               next));
  } else if (version == last) {
    findings.push_back(OtherBytes(document, used));
  } else if (last > 0 && versions.rbegin()->second->stored.state == kProposed) {
    findings.push_back(
        Refusal(document, "OPEN", absl::StrCat("version ", last, " waits for signatures"),
                "have every party sign it, or end it: sluice mou terminate --version"));
  } else if (version != used + 1) {
    findings.push_back(Refusal(document, "NEXT",
                               absl::StrCat("version ", version, " is not the next, ", used + 1),
                               "have each version signed before the one that follows it"));
  }
}

void CheckParties(const policy::MouDocument& document, const TakenVersions& versions,
                  std::vector<policy::Finding>& findings) {
  // None would be signed by all.
  const int parties = document.mou().parties_size();
  if (parties < 1 || parties > kMaxParties) {
    findings.push_back(Refusal(document, "PARTIES",
                               absl::StrCat("an MOU has 1 to ", kMaxParties, " parties"),
                               "make several of it"));
  }
  const TakenVersion* const last = LastSigned(versions);
  if (last == nullptr || last->IsOver()) return;
  for (const v1::Party& party : last->mou->mou().parties()) {
    if (Names(document, party.organization())) continue;
    findings.push_back(
        Refusal(document, "PARTIES",
                absl::StrCat("leaves out ", party.organization(), ", a party of version ",
                             last->mou->version(), ", which it would supersede"),
                "end the MOU first, or make another under a name of its own"));
  }
}

}  // namespace

policy::Finding Refusal(const policy::MouDocument& document, absl::string_view id,
                        std::string message, std::string hint) {
  policy::Finding finding;
  finding.id = std::string(id);
  finding.file = document.file_name();
  finding.place = document.PlaceOf("version");
  finding.path = "version";
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  return finding;
}

policy::Finding OtherBytes(const policy::MouDocument& document, int last) {
  return Refusal(
      document, "P020",
      absl::StrCat("version ", document.mou().version(), " was published with other bytes"),
      absl::StrCat("make it version ", last + 1, "; what was signed stays in force"));
}

std::vector<policy::Finding> FollowsOn(const policy::MouDocument& document,
                                       const TakenVersions& versions) {
  std::vector<policy::Finding> findings;
  CheckNumber(document, versions, findings);
  CheckParties(document, versions, findings);
  return findings;
}

bool MayPropose(absl::string_view organization, const TakenVersions& versions) {
  if (const TakenVersion* last = LastSigned(versions); last != nullptr) {
    return last->IsParty(organization);
  }
  if (versions.empty()) return true;
  const TakenVersion& newest = *versions.rbegin()->second;
  return newest.IsOver() || newest.IsParty(organization);
}

}  // namespace sluice::server
