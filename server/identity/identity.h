// Identity: from a certificate to a caller. TLS has proven only that some configured CA stands
// behind the certificate; here the chain is built anew from the leaf to the roots and intermediates
// of the one organization that its SPIFFE id names, at the present time, with that organization's
// CRLs, so that one party's CA can never mint another's identity.
//
// Immutable but for a cache; thread-safe. A reload makes a new one.
#ifndef SLUICE_SERVER_IDENTITY_IDENTITY_H_
#define SLUICE_SERVER_IDENTITY_IDENTITY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/caller.h"

namespace sluice::server {

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

class Identity {
 public:
  // Fails with every problem at once, one a line: a bundle or CRL that does not parse or is empty,
  // a CRL that no CA of its bundle signed, a CA without one where CRLs are configured.
  static absl::StatusOr<std::shared_ptr<const Identity>> Create(TrustConfig config);
  virtual ~Identity() = default;

  // `leaf_pem`: the certificate that the TLS peer proved to hold. UNAUTHENTICATED, with a sentence
  // that says how to mend it, for anything but one valid identity of this trust domain.
  virtual absl::StatusOr<Caller> Verify(absl::string_view leaf_pem, absl::Time now) const = 0;

  // Whether a caller that was verified before is one still: cheap, for each batch of a stream,
  // asked of the Identity in force.
  virtual absl::Status StillValid(const Caller& caller, absl::Time now) const = 0;

  // All roots and intermediates, for the TLS layer's own look at certificates.
  virtual std::string AllCaBundles() const = 0;
  // Each organization with the digest of its bundle's bytes, for the log: (organization,
  // "sha256:..."); twice where the signatories' bundle is another. The operator's as "operator".
  virtual std::vector<std::pair<std::string, std::string>> BundleDigests() const = 0;
  // Organizations (or "operator") that are refused because a CRL is past its nextUpdate and grace.
  virtual std::vector<std::string> StaleCrls(absl::Time now) const = 0;
  virtual const TrustConfig& config() const = 0;

 protected:
  // For implementations: the one place where callers are made.
  static Caller MakeCaller(Principal principal, std::string spiffe_id, std::string spki,
                           std::string fingerprint, std::string certificate = "") {
    return Caller(std::move(principal), std::move(spiffe_id), std::move(spki),
                  std::move(fingerprint), std::move(certificate));
  }
};

// Parses a SPIFFE id of the trust domain; INVALID_ARGUMENT for any other text, never quoting it.
absl::StatusOr<Principal> ParseSpiffeId(absl::string_view id, absl::string_view trust_domain);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_IDENTITY_H_
