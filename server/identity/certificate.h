// X.509 as the gateway looks at it: certificates and revocation lists, parsed once and whole.
// Whatever is odd in one (a duplicate extension, bytes behind its end, a scope that we would not
// apply) is a reason to refuse it, not to guess.
//
// Immutable; copies share what was parsed. Thread-safe.
#ifndef SLUICE_SERVER_IDENTITY_CERTIFICATE_H_
#define SLUICE_SERVER_IDENTITY_CERTIFICATE_H_

#include <openssl/x509.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::server {

class Certificate {
 public:
  // INVALID_ARGUMENT for anything but one well-formed certificate.
  static absl::StatusOr<Certificate> FromDer(absl::string_view der);
  // One that OpenSSL parsed already; takes a reference of its own.
  static absl::StatusOr<Certificate> FromX509(X509* certificate);
  // Every certificate of a PEM text, at least one; text between the blocks is skipped, a block of
  // another kind (a private key) or a garbled one is an error.
  static absl::StatusOr<std::vector<Certificate>> BundleFromPem(absl::string_view pem);

  X509* get() const { return x509_.get(); }
  // SHA-256 of the DER, 32 bytes.
  const std::string& fingerprint() const { return fingerprint_; }
  // SHA-256 of the SubjectPublicKeyInfo, 64 hexadecimal digits.
  const std::string& spki() const { return spki_; }
  absl::Time not_before() const { return not_before_; }
  absl::Time not_after() const { return not_after_; }
  // Whether its basic constraints say CA:TRUE.
  bool is_ca() const;
  // Whether its issuer is its subject, under its own key.
  bool is_self_signed() const;
  // Its serial number's bytes.
  std::string serial() const;
  // One PEM block, and nothing around it.
  absl::StatusOr<std::string> ToPem() const;
  // The URIs among its alternative names. INVALID_ARGUMENT if that extension cannot be read or
  // stands twice.
  absl::StatusOr<std::vector<std::string>> Uris() const;

 private:
  Certificate() = default;

  std::shared_ptr<X509> x509_;
  std::string fingerprint_;
  std::string spki_;
  absl::Time not_before_;
  absl::Time not_after_;
};

// The DER of a PEM text's one certificate block, unparsed: enough to look a known one up by.
absl::StatusOr<std::string> OneCertificateDer(absl::string_view pem);
// SHA-256, 32 bytes.
std::string Fingerprint(absl::string_view bytes);

// A CA's list of the certificates it has revoked: a whole one of its own, neither delta nor
// indirect nor of a part.
class RevocationList {
 public:
  // Every list of a PEM text, at least one.
  static absl::StatusOr<std::vector<RevocationList>> BundleFromPem(absl::string_view pem);

  // Whether this CA signed it, and may.
  bool IsSignedBy(const Certificate& ca) const;
  // The moment from which the certificate no longer counts (the earlier of revocation and
  // invalidity date); nullopt if it is not listed.
  std::optional<absl::Time> RevokedSince(const Certificate& certificate) const;
  absl::Time this_update() const { return this_update_; }
  absl::Time next_update() const { return next_update_; }
  // Decimal.
  const std::string& number() const { return number_; }
  // One PEM block, and nothing around it.
  absl::StatusOr<std::string> ToPem() const;

 private:
  RevocationList() = default;
  static absl::StatusOr<RevocationList> FromDer(absl::string_view der);

  std::shared_ptr<X509_CRL> crl_;
  std::map<std::string, absl::Time> revoked_;  // by serial number
  absl::Time this_update_;
  absl::Time next_update_;
  std::string number_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_CERTIFICATE_H_
