#include "server/identity/identity.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "policy/digest.h"
#include "server/identity/ca_bundle.h"
#include "server/identity/certificate.h"

namespace sluice::server {
namespace {

// How many verified certificates are remembered; when full, all are forgotten at once: each costs
// one chain to verify again.
constexpr size_t kMaxVerified = 4096;
// The operator's name among organizations.
constexpr char kOperator[] = "operator";

absl::Status Refuse(absl::string_view sentence) { return absl::UnauthenticatedError(sentence); }

// What a certificate proves, and how long it does without another look.
struct Verified {
  Principal principal;
  std::string spiffe_id;
  std::string spki;
  absl::Time from;
  absl::Time until;

  bool Holds(absl::Time now) const { return from <= now && now < until; }
};

// A certificate as it came: unparsed.
struct Leaf {
  std::string fingerprint;
  std::string der;
};

class CertificateIdentity : public Identity {
 public:
  // The bundles of one organization; `signatories` null: those of `callers`.
  struct Bundles {
    std::unique_ptr<const CaBundle> callers;
    std::unique_ptr<const CaBundle> signatories;
  };

  CertificateIdentity(TrustConfig config, std::map<std::string, Bundles> bundles)
      : config_(std::move(config)), bundles_(std::move(bundles)) {}

  absl::StatusOr<Caller> Verify(absl::string_view leaf_pem, absl::Time now) const override {
    absl::StatusOr<Leaf> leaf = Decode(leaf_pem);
    if (!leaf.ok()) return leaf.status();
    absl::StatusOr<Verified> verified = Lookup(leaf->fingerprint, leaf->der, now);
    if (!verified.ok()) return verified.status();
    return MakeCaller(std::move(verified->principal), std::move(verified->spiffe_id),
                      std::move(verified->spki), std::move(leaf->fingerprint),
                      std::move(leaf->der));
  }

  absl::Status StillValid(const Caller& caller, absl::Time now) const override {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = verified_.find(caller.fingerprint());
      if (found != verified_.end() && found->second.Holds(now)) return absl::OkStatus();
    }
    return Lookup(caller.fingerprint(), caller.certificate(), now).status();
  }

  std::string AllCaBundles() const override {
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

  std::vector<std::pair<std::string, std::string>> BundleDigests() const override {
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

  std::vector<std::string> StaleCrls(absl::Time now) const override {
    std::vector<std::string> stale;
    for (const auto& [organization, bundles] : bundles_) {
      if (bundles.callers->HasStaleCrl(now) ||
          (bundles.signatories != nullptr && bundles.signatories->HasStaleCrl(now))) {
        stale.push_back(organization);
      }
    }
    return stale;
  }

  const TrustConfig& config() const override { return config_; }

 private:
  // The certificate of a PEM text; a text that was met before is not decoded again, which is most
  // of what a known caller costs.
  absl::StatusOr<Leaf> Decode(absl::string_view pem) const {
    const std::string text = Sha256(pem);
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = decoded_.find(text);
      if (found != decoded_.end()) return found->second;
    }
    absl::StatusOr<std::string> der = OneCertificateDer(pem);
    if (!der.ok()) {
      return Refuse(absl::StrCat("the caller's certificate is unusable: ", der.status().message()));
    }
    Leaf leaf{Sha256(*der), *std::move(der)};
    absl::MutexLock lock(&mutex_);
    // Of callers that were verified only: nobody else fills it.
    if (verified_.contains(leaf.fingerprint) && decoded_.size() < kMaxVerified) {
      decoded_.insert_or_assign(text, leaf);
    }
    return leaf;
  }

  absl::StatusOr<Verified> Lookup(const std::string& fingerprint, absl::string_view der,
                                  absl::Time now) const {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = verified_.find(fingerprint);
      if (found != verified_.end() && found->second.Holds(now)) return found->second;
    }
    absl::StatusOr<Verified> verified = Check(der, now);
    absl::MutexLock lock(&mutex_);
    if (!verified.ok()) {
      verified_.erase(fingerprint);
      return verified;
    }
    if (verified_.size() >= kMaxVerified) {
      verified_.clear();
      decoded_.clear();
    }
    verified_.insert_or_assign(fingerprint, *verified);
    return verified;
  }

  absl::StatusOr<Verified> Check(absl::string_view der, absl::Time now) const {
    absl::StatusOr<Certificate> leaf = Certificate::FromDer(der);
    if (!leaf.ok()) {
      return Refuse(
          absl::StrCat("the caller's certificate is unusable: ", leaf.status().message()));
    }
    absl::StatusOr<std::vector<std::string>> uris = leaf->Uris();
    if (!uris.ok()) {
      return Refuse(
          absl::StrCat("the caller's certificate is unusable: ", uris.status().message()));
    }
    if (uris->size() != 1) {
      return Refuse(absl::StrCat("the caller's certificate has ", uris->size(),
                                 " URIs among its alternative names: have it issued with exactly "
                                 "one, its SPIFFE id"));
    }
    absl::StatusOr<Principal> principal = ParseSpiffeId(uris->front(), config_.trust_domain);
    if (!principal.ok()) return Refuse(principal.status().message());
    absl::StatusOr<const CaBundle*> bundle = BundleFor(*principal);
    if (!bundle.ok()) return bundle.status();
    absl::StatusOr<Chain> chain = (*bundle)->Build(*leaf, ChainPurpose::kTlsClient, now);
    if (!chain.ok()) return Refuse(chain.status().message());
    return Verified{*std::move(principal), std::move(uris->front()), leaf->spki(), chain->from,
                    chain->until};
  }

  // The only CAs that may stand behind a principal.
  absl::StatusOr<const CaBundle*> BundleFor(const Principal& principal) const {
    const bool is_operator = principal.kind == policy::PrincipalKind::kOperator;
    const auto found = bundles_.find(is_operator ? kOperator : principal.organization);
    if (found == bundles_.end()) {
      return Refuse(is_operator ? "this gateway has no operator's CA in its configuration"
                                : "the SPIFFE id names an organization that this gateway does not "
                                  "know: ask its operator to add it");
    }
    const Bundles& bundles = found->second;
    if (principal.kind == policy::PrincipalKind::kSignatory && bundles.signatories != nullptr) {
      return bundles.signatories.get();
    }
    return bundles.callers.get();
  }

  const TrustConfig config_;
  const std::map<std::string, Bundles> bundles_;
  mutable absl::Mutex mutex_;
  // By fingerprint.
  mutable absl::flat_hash_map<std::string, Verified> verified_ ABSL_GUARDED_BY(mutex_);
  // Certificates of those, by their PEM text's digest.
  mutable absl::flat_hash_map<std::string, Leaf> decoded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Identity>> Identity::Create(TrustConfig config) {
  std::vector<std::string> problems;
  if (!ParseSpiffeId(absl::StrCat("spiffe://", config.trust_domain, "/operator/x"),
                     config.trust_domain)
           .ok()) {
    return absl::InvalidArgumentError("the trust domain is empty, or has a slash in it");
  }
  if (config.crl_grace < absl::ZeroDuration()) problems.push_back("the CRL grace is negative");
  std::map<std::string, CertificateIdentity::Bundles> all;
  auto create = [&](absl::string_view name, absl::string_view what, const std::string& ca,
                    const std::string& crl) -> std::unique_ptr<const CaBundle> {
    auto bundle = CaBundle::Create(ca, crl, config.crl_grace);
    if (bundle.ok()) return *std::move(bundle);
    problems.push_back(absl::StrCat(name, ": ", what, bundle.status().message()));
    return nullptr;
  };
  auto add = [&](const std::string& name, const TrustAnchors& anchors) {
    CertificateIdentity::Bundles bundles;
    bundles.callers = create(name, "", anchors.ca_bundle, anchors.crl);
    if (!anchors.signatory_bundle.empty()) {
      bundles.signatories =
          create(name, "signatories' ", anchors.signatory_bundle, anchors.signatory_crl);
    } else if (!anchors.signatory_crl.empty()) {
      problems.push_back(
          absl::StrCat(name, ": there is a signatories' CRL without a signatories' CA bundle"));
    }
    if (!all.emplace(name, std::move(bundles)).second) {
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
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  return std::make_shared<const CertificateIdentity>(std::move(config), std::move(all));
}

}  // namespace sluice::server
