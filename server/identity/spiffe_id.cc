#include "server/identity/spiffe_id.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

constexpr size_t kMaxName = 63;

// [a-z0-9][a-z0-9-]{0,62}
bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxName && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

// An organization's begins with a letter, as in an MOU.
bool IsOrganization(absl::string_view text) {
  return IsName(text) && absl::ascii_islower(static_cast<unsigned char>(text[0]));
}

absl::Status Refuse(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the SPIFFE id ", why,
                   ": it is spiffe://{trust domain}/org/{organization}/{kind}/{name} or "
                   "spiffe://{trust domain}/operator/{name}"));
}

}  // namespace

absl::StatusOr<Principal> ParseSpiffeId(absl::string_view id, absl::string_view trust_domain) {
  if (!absl::ConsumePrefix(&id, "spiffe://")) return Refuse("does not begin with spiffe://");
  // At most: "org", organization, kind, name. A longer path is told by its fifth part.
  const std::vector<absl::string_view> parts = absl::StrSplit(id, absl::MaxSplits('/', 5));
  if (trust_domain.empty() || parts[0] != trust_domain) {
    return Refuse("is not of this gateway's trust domain");
  }
  if (parts.size() == 3 && parts[1] == "operator") {
    if (!IsName(parts[2])) return Refuse("has a name other than [a-z0-9][a-z0-9-]{0,62}");
    return Principal{policy::PrincipalKind::kOperator, "", std::string(parts[2])};
  }
  if (parts.size() != 5 || parts[1] != "org") return Refuse("has another path than a principal's");
  if (!IsOrganization(parts[2])) {
    return Refuse("has an organization other than [a-z][a-z0-9-]{0,62}");
  }
  if (!IsName(parts[4])) return Refuse("has a name other than [a-z0-9][a-z0-9-]{0,62}");
  using policy::PrincipalKind;
  for (const PrincipalKind kind : {PrincipalKind::kSystem, PrincipalKind::kAdmin,
                                   PrincipalKind::kAuditor, PrincipalKind::kSignatory}) {
    if (parts[3] != KindName(kind)) continue;
    return Principal{kind, std::string(parts[2]), std::string(parts[4])};
  }
  return Refuse("has a kind other than system, admin, auditor and signatory");
}

}  // namespace sluice::server
