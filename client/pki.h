// A small certificate authority: keys, certificates with SPIFFE ids, revocation lists, and the
// detached signatures under MOU documents. For demos, small deployments and tests; a party with a
// PKI of its own needs none of it, since all that comes out is plain X.509 and CMS.
//
// Values and pure functions: no files (PkiDirectory has those), no clock. Thread-safe.
#ifndef SLUICE_CLIENT_PKI_H_
#define SLUICE_CLIENT_PKI_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::pki {

// A signatory's is kP256, kP384 or kRsa3072; the others exist to be refused.
enum class KeyType { kP256, kP384, kRsa3072, kRsa2048, kRsa1024, kEd25519 };

// A private key. Move-only; printable only on purpose.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(KeyType type);
  // PKCS #8, or what `openssl ecparam -genkey` and the like write; not encrypted.
  static absl::StatusOr<PrivateKey> FromPem(absl::string_view pem);
  // PKCS #8, not encrypted: whoever writes it to a file gives that mode 0600.
  absl::StatusOr<std::string> ToPem() const;
  EVP_PKEY* get() const { return key_.get(); }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  explicit PrivateKey(EVP_PKEY* key) : key_(key) {}
  std::unique_ptr<EVP_PKEY, Free> key_;
};

// A certificate in PEM with its private key.
struct Credential {
  std::string certificate;
  PrivateKey key;
};

struct Validity {
  absl::Time not_before;
  absl::Time not_after;
};

// What a certificate is to say.
struct CertificateSpec {
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  Validity validity;
  bool is_ca = false;
  // In the words of openssl's x509v3_config: "critical,digitalSignature". Empty: no extension.
  std::string key_usage;
  std::string extended_key_usage;
};

// A CA: self-signed.
absl::StatusOr<Credential> MakeRoot(const CertificateSpec& spec, KeyType type = KeyType::kP256);
// A certificate, of an intermediate CA too, under `issuer`.
absl::StatusOr<Credential> MakeCertificate(const CertificateSpec& spec, const Credential& issuer,
                                           KeyType type = KeyType::kP256);

// Usual specs. A CA's URI is that of its trust domain alone, as SPIFFE wants it.
CertificateSpec CaSpec(absl::string_view common_name, absl::string_view trust_domain,
                       Validity validity);
// A client's, with one SPIFFE id; a signatory's signs documents and no handshake.
CertificateSpec ClientSpec(absl::string_view spiffe_id, Validity validity);
CertificateSpec SignatorySpec(absl::string_view spiffe_id, Validity validity);
CertificateSpec ServerSpec(absl::string_view spiffe_id, std::vector<std::string> dns_names,
                           std::vector<std::string> ip_addresses, Validity validity);

std::string OrganizationSpiffeId(absl::string_view trust_domain, absl::string_view organization,
                                 absl::string_view kind, absl::string_view name);
std::string OperatorSpiffeId(absl::string_view trust_domain, absl::string_view name);
std::string GatewaySpiffeId(absl::string_view trust_domain, absl::string_view name);

// One line of a revocation list.
struct Revocation {
  std::string serial;  // hexadecimal, upper case, as `openssl x509 -serial` prints it
  absl::Time revoked;
  std::optional<absl::Time> invalid_since;  // absent: since `revoked`
};

struct Crl {
  uint64_t number = 1;
  absl::Time this_update;
  absl::Time next_update;
  std::vector<Revocation> revocations;
};

// In PEM, signed by `issuer`.
absl::StatusOr<std::string> MakeCrl(const Crl& crl, const Credential& issuer);
absl::StatusOr<Crl> ReadCrl(absl::string_view pem);

// A signature as `openssl cms -sign -binary -outform DER` makes it: detached, over the exact bytes,
// with the signer's certificate and signed attributes, SHA-256. The time of signing in it is said
// by this machine's clock; nobody relies on it.
absl::StatusOr<std::string> SignDocument(absl::string_view document, const Credential& signer);

// "sha256:" and 64 hexadecimal digits of a certificate's SubjectPublicKeyInfo: what an MOU's
// `signatory_ca` pins.
absl::StatusOr<std::string> SpkiDigest(absl::string_view certificate_pem);
// As in a Revocation.
absl::StatusOr<std::string> SerialNumber(absl::string_view certificate_pem);
// Whether this CA's key signed that certificate.
absl::StatusOr<bool> IsIssuedBy(absl::string_view certificate_pem, absl::string_view ca_pem);
// The trust domain of a certificate's one URI; FAILED_PRECONDITION if it has none, or several.
absl::StatusOr<std::string> TrustDomainOf(absl::string_view certificate_pem);

}  // namespace sluice::pki

#endif  // SLUICE_CLIENT_PKI_H_
