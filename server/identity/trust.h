// Whom the gateway trusts: the CAs of each organization and of the operator with their revocation
// lists, parsed once when the configuration is loaded. Callers' certificates and signatures of
// documents are held against the same snapshot.
//
// Immutable; shared; thread-safe. A reload makes a new one.
#ifndef SLUICE_SERVER_IDENTITY_TRUST_H_
#define SLUICE_SERVER_IDENTITY_TRUST_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::server {

class CaBundle;

// The trust in one organization, or in the operator (organization empty): PEM texts.
struct TrustAnchors {
  std::string organization;
  std::string ca_bundle;         // roots and intermediates of its systems and people
  std::string crl;               // CRLs of those CAs; empty: revocation is not configured
  std::string signatory_bundle;  // CAs of its signatories; empty: ca_bundle
  std::string signatory_crl;     // CRLs of those
};

struct TrustConfig {
  std::string trust_domain;
  std::vector<TrustAnchors> organizations;
  TrustAnchors operator_anchors;  // ca_bundle empty: there is no operator
  absl::Duration crl_grace;       // how long past its nextUpdate a CRL still counts
};

class Trust {
 public:
  // Fails with every problem at once, one a line: a bundle or CRL that does not parse or is empty,
  // a CRL that no CA of its bundle signed, a CA without one where CRLs are configured, a CA's key
  // that two organizations have, more CAs than a handshake can name.
  static absl::StatusOr<std::shared_ptr<const Trust>> Create(TrustConfig config);

  const std::string& trust_domain() const { return config_.trust_domain; }
  const TrustConfig& config() const { return config_; }

  // The CAs of an organization's systems and people, of its signatories, of the operator. Null for
  // an organization that is not known, and where there is no operator.
  const CaBundle* CallerCas(absl::string_view organization) const;
  const CaBundle* SignatoryCas(absl::string_view organization) const;
  const CaBundle* OperatorCas() const;

  // All roots and intermediates, for the TLS layer's own look at certificates.
  std::string AllCaBundles() const;
  // Each organization with the digest of its bundle's bytes, for the log: (organization,
  // "sha256:..."); twice where the signatories' bundle is another. The operator's as "operator".
  std::vector<std::pair<std::string, std::string>> BundleDigests() const;
  // Organizations (or "operator") that are refused because a CRL is past its nextUpdate and grace.
  std::vector<std::string> StaleCrls(absl::Time now) const;
  // Another whenever anything changed that could void a signature.
  const std::string& digest() const { return digest_; }

 private:
  // The bundles of one organization; `signatories` null: those of `callers`.
  struct Bundles {
    std::shared_ptr<const CaBundle> callers;
    std::shared_ptr<const CaBundle> signatories;
  };

  Trust() = default;
  const Bundles* Find(absl::string_view name) const;
  static void CheckTogether(const std::map<std::string, Bundles>& bundles,
                            std::vector<std::string>& problems);

  TrustConfig config_;
  std::map<std::string, Bundles> bundles_;
  std::string digest_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_TRUST_H_
