#include "server/identity/trust.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/digest.h"
#include "server/identity/ca_bundle.h"
#include "server/identity/spiffe_id.h"

namespace sluice::server {
namespace {

// The operator's name among organizations.
constexpr char kOperator[] = "operator";
// A handshake carries 64 KiB of CAs' names; around a change one organization's stand in it twice.
constexpr size_t kMaxNameBytes = 48 << 10;

std::string DigestOf(const TrustConfig& trust) {
  std::string all = trust.trust_domain;
  for (const TrustAnchors& anchors : trust.organizations) {
    absl::StrAppend(&all, "\n", anchors.organization);
    for (const std::string* text :
         {&anchors.ca_bundle, &anchors.crl, &anchors.signatory_bundle, &anchors.signatory_crl}) {
      absl::StrAppend(&all, " ", policy::Sha256Digest(*text));
    }
  }
  return policy::Sha256Digest(all);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Trust>> Trust::Create(TrustConfig config) {
  std::vector<std::string> problems;
  if (!ParseSpiffeId(absl::StrCat("spiffe://", config.trust_domain, "/operator/x"),
                     config.trust_domain)
           .ok()) {
    return absl::InvalidArgumentError("the trust domain is empty, or has a slash in it");
  }
  if (config.crl_grace < absl::ZeroDuration()) problems.push_back("the CRL grace is negative");
  std::shared_ptr<Trust> trust(new Trust());
  auto create = [&](absl::string_view name, absl::string_view what, const std::string& ca,
                    const std::string& crl) -> std::unique_ptr<const CaBundle> {
    auto bundle = CaBundle::Create(ca, crl, config.crl_grace);
    if (bundle.ok()) return *std::move(bundle);
    problems.push_back(absl::StrCat(name, ": ", what, bundle.status().message()));
    return nullptr;
  };
  auto add = [&](const std::string& name, const TrustAnchors& anchors) {
    Bundles bundles;
    bundles.callers = create(name, "", anchors.ca_bundle, anchors.crl);
    if (!anchors.signatory_bundle.empty()) {
      bundles.signatories =
          create(name, "signatories' ", anchors.signatory_bundle, anchors.signatory_crl);
    } else if (!anchors.signatory_crl.empty()) {
      problems.push_back(
          absl::StrCat(name, ": there is a signatories' CRL without a signatories' CA bundle"));
    }
    if (!trust->bundles_.emplace(name, std::move(bundles)).second) {
      problems.push_back(absl::StrCat(name, ": the organization is configured twice"));
    }
  };
  for (const TrustAnchors& anchors : config.organizations) {
    const std::string id =
        absl::StrCat("spiffe://", config.trust_domain, "/org/", anchors.organization, "/system/x");
    if (!ParseSpiffeId(id, config.trust_domain).ok() || anchors.organization == kOperator) {
      problems.push_back(
          absl::StrCat("\"", anchors.organization,
                       "\" is no organization's name: [a-z][a-z0-9-]{0,62}, and not operator"));
      continue;
    }
    add(anchors.organization, anchors);
  }
  if (!config.operator_anchors.ca_bundle.empty()) add(kOperator, config.operator_anchors);
  CheckTogether(trust->bundles_, problems);
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  trust->digest_ = DigestOf(config);
  trust->config_ = std::move(config);
  return trust;
}

// What no bundle shows alone: a key that stands behind two organizations could mint the identities
// of both; a handshake that no longer holds the names of all CAs shuts everybody out.
void Trust::CheckTogether(const std::map<std::string, Bundles>& bundles,
                          std::vector<std::string>& problems) {
  std::map<std::string, std::string> whose;  // by the key's digest
  size_t name_bytes = 0;
  for (const auto& [name, of] : bundles) {
    for (const CaBundle* bundle : {of.callers.get(), of.signatories.get()}) {
      if (bundle == nullptr) continue;
      name_bytes += bundle->NameBytes();
      int number = 0;
      for (const Certificate& ca : bundle->certificates()) {
        ++number;
        const auto [first, added] = whose.emplace(ca.spki(), name);
        if (added || first->second == name) continue;
        problems.push_back(absl::StrCat(
            name, ": ", bundle == of.callers.get() ? "" : "signatories' ",
            "CA bundle: certificate ", number, " has the key of a CA of ", first->second,
            ": either could mint the other's identities; give each CAs of its own"));
      }
    }
  }
  if (name_bytes > kMaxNameBytes) {
    problems.push_back(absl::StrCat("the names of all CAs together are larger than ",
                                    kMaxNameBytes / 1024,
                                    " KiB: no client could finish a handshake; give shorter names, "
                                    "or have fewer CAs"));
  }
}

const Trust::Bundles* Trust::Find(absl::string_view name) const {
  const auto found = bundles_.find(std::string(name));
  return found == bundles_.end() ? nullptr : &found->second;
}

const CaBundle* Trust::CallerCas(absl::string_view organization) const {
  // No organization has the operator's name.
  const Bundles* const bundles = organization == kOperator ? nullptr : Find(organization);
  return bundles == nullptr ? nullptr : bundles->callers.get();
}

const CaBundle* Trust::SignatoryCas(absl::string_view organization) const {
  const Bundles* const bundles = organization == kOperator ? nullptr : Find(organization);
  if (bundles == nullptr) return nullptr;
  return bundles->signatories == nullptr ? bundles->callers.get() : bundles->signatories.get();
}

const CaBundle* Trust::OperatorCas() const {
  const Bundles* const bundles = Find(kOperator);
  return bundles == nullptr ? nullptr : bundles->callers.get();
}

std::string Trust::AllCaBundles() const {
  std::string all;
  auto add = [&all](const std::string& pem) {
    if (!pem.empty()) absl::StrAppend(&all, pem, pem.back() == '\n' ? "" : "\n");
  };
  for (const TrustAnchors& anchors : config_.organizations) {
    add(anchors.ca_bundle);
    add(anchors.signatory_bundle);
  }
  add(config_.operator_anchors.ca_bundle);
  return all;
}

std::vector<std::pair<std::string, std::string>> Trust::BundleDigests() const {
  std::vector<std::pair<std::string, std::string>> digests;
  for (const TrustAnchors& anchors : config_.organizations) {
    digests.emplace_back(anchors.organization, policy::Sha256Digest(anchors.ca_bundle));
    if (!anchors.signatory_bundle.empty()) {
      digests.emplace_back(anchors.organization, policy::Sha256Digest(anchors.signatory_bundle));
    }
  }
  if (!config_.operator_anchors.ca_bundle.empty()) {
    digests.emplace_back(kOperator, policy::Sha256Digest(config_.operator_anchors.ca_bundle));
  }
  return digests;
}

std::vector<std::string> Trust::StaleCrls(absl::Time now) const {
  std::vector<std::string> stale;
  for (const auto& [organization, bundles] : bundles_) {
    if (bundles.callers->HasStaleCrl(now) ||
        (bundles.signatories != nullptr && bundles.signatories->HasStaleCrl(now))) {
      stale.push_back(organization);
    }
  }
  return stale;
}

}  // namespace sluice::server
