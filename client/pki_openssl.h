// What the parts of the PKI share: OpenSSL's objects in owning pointers, and its texts and times in
// our types. Nobody else's.
#ifndef SLUICE_CLIENT_PKI_OPENSSL_H_
#define SLUICE_CLIENT_PKI_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::pki {

template <auto free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
inline void FreeOpenSsl(void* memory) { OPENSSL_free(memory); }
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using CharsPtr = std::unique_ptr<char, Deleter<FreeOpenSsl>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, Deleter<CMS_ContentInfo_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Deleter<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>>;
using NamePtr = std::unique_ptr<X509_NAME, Deleter<X509_NAME_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Deleter<X509_REVOKED_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;

// What OpenSSL says went wrong, its queue emptied.
absl::Status OpenSslError(absl::string_view doing);

// Borrows the bytes.
BioPtr Reading(absl::string_view bytes);

// What was written to a memory BIO.
std::string Written(BIO* bio);

// No passphrase is ever asked for: an encrypted key is an error.
int NoPassphrase(char*, int, int, void*);

// INVALID_ARGUMENT unless the text holds a certificate; its first.
absl::StatusOr<X509Ptr> ParseCertificate(absl::string_view pem);

bool SetTime(ASN1_TIME* field, absl::Time time);

// SHA-256; null for Ed25519, which hashes by itself.
const EVP_MD* DigestFor(const EVP_PKEY* key);

// Hexadecimal, upper case.
absl::StatusOr<std::string> SerialText(const ASN1_INTEGER* serial);

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time);

}  // namespace sluice::pki

#endif  // SLUICE_CLIENT_PKI_OPENSSL_H_
