// A party's signature of an MOU document: a detached CMS (RFC 5652) over the file's exact bytes,
// under the terms of POLICY, "Signatures".
#ifndef SLUICE_SERVER_IDENTITY_MOU_SIGNATURE_H_
#define SLUICE_SERVER_IDENTITY_MOU_SIGNATURE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/trust.h"

namespace sluice::server {

// What the log says of a signature that verified.
struct VerifiedSignature {
  std::string organization;
  std::string signer_spki;         // 64 hexadecimal digits
  std::vector<std::string> chain;  // certificate digests, "sha256:...", leaf first
  std::string crl_number;          // decimal; empty: no CRL is configured
  absl::Time received;
};

// FAILED_PRECONDITION with a sentence on what does not hold.
absl::StatusOr<VerifiedSignature> VerifyMouSignature(absl::string_view document,
                                                     absl::string_view cms_der,
                                                     absl::string_view organization,
                                                     absl::string_view signatory_ca_digest,
                                                     const Trust& trust, absl::Time received);

// Whether a signature that was received then is void now: its certificate or a CA of its chain was
// revoked as of a moment before its receipt.
absl::StatusOr<bool> IsVoid(absl::string_view cms_der, absl::string_view organization,
                            const Trust& trust, absl::Time received);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_MOU_SIGNATURE_H_
