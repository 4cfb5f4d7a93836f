// What a client certificate says of itself: read before a connection is made, so that a handshake
// that fails can be explained.
//
// A value.
#ifndef SLUICE_CLIENT_CERTIFICATE_H_
#define SLUICE_CLIENT_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/secret.h"

namespace sluice::client {

struct CertificateFacts {
  std::vector<std::string> uris;  // its URI SANs: a principal's has exactly one
  std::string issuer;             // its common name
  absl::Time not_before;
  absl::Time not_after;
};

// Of the first certificate of a PEM text. INVALID_ARGUMENT if there is none.
absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem);

// INVALID_ARGUMENT unless the key is the first certificate's.
absl::Status CheckKeyMatches(absl::string_view certificate_pem, const policy::Secret& key_pem);

// A sentence that says why a gateway may have refused the handshake.
std::string ExplainRefusal(const CertificateFacts& certificate, absl::Time now);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_CERTIFICATE_H_
