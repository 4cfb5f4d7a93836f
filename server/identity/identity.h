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
#include "server/identity/trust.h"

namespace sluice::server {

class Identity {
 public:
  static std::shared_ptr<const Identity> Create(std::shared_ptr<const Trust> trust);
  virtual ~Identity() = default;

  // `leaf_pem`: the certificate that the TLS peer proved to hold. UNAUTHENTICATED, with a sentence
  // that says how to mend it, for anything but one valid identity of this trust domain.
  virtual absl::StatusOr<Caller> Verify(absl::string_view leaf_pem, absl::Time now) const = 0;

  // Whether a caller that was verified before is one still: cheap, for each batch of a stream,
  // asked of the Identity in force.
  virtual absl::Status StillValid(const Caller& caller, absl::Time now) const = 0;

  // What they are held against.
  virtual const std::shared_ptr<const Trust>& trust() const = 0;

 protected:
  // For implementations: the one place where callers are made.
  static Caller MakeCaller(Principal principal, std::string spiffe_id, std::string spki,
                           std::string fingerprint, std::string certificate = "") {
    return Caller(std::move(principal), std::move(spiffe_id), std::move(spki),
                  std::move(fingerprint), std::move(certificate));
  }
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_IDENTITY_H_
