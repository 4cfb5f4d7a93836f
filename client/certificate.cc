#include "client/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::client {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// A passphrase prompt would hang a program without a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

Owned<X509> ParseLeaf(absl::string_view pem) {
  Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return nullptr;
  return Owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm tm = {};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return absl::InfinitePast();
  return absl::FromTM(tm, absl::UTCTimeZone());
}

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem) {
  const Owned<X509> leaf = ParseLeaf(pem);
  if (leaf == nullptr) return absl::InvalidArgumentError("holds no PEM certificate");
  CertificateFacts facts;
  facts.not_before = ToTime(X509_get0_notBefore(leaf.get()));
  facts.not_after = ToTime(X509_get0_notAfter(leaf.get()));
  char issuer[256] = {};
  X509_NAME_get_text_by_NID(X509_get_issuer_name(leaf.get()), NID_commonName, issuer,
                            sizeof(issuer));
  facts.issuer = issuer;
  const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(leaf.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* uri = name->d.uniformResourceIdentifier;
    facts.uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                            ASN1_STRING_length(uri));
  }
  return facts;
}

absl::Status CheckKeyMatches(absl::string_view certificate_pem, const policy::Secret& key_pem) {
  const Owned<X509> leaf = ParseLeaf(certificate_pem);
  if (leaf == nullptr) return absl::InvalidArgumentError("holds no PEM certificate");
  const Owned<BIO> bio(BIO_new_mem_buf(key_pem.bytes().data(), static_cast<int>(key_pem.size())));
  if (bio == nullptr) return absl::ResourceExhaustedError("out of memory");
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "the key file holds no PEM private key, or one under a passphrase");
  }
  if (X509_check_private_key(leaf.get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the key is not the certificate's");
  }
  return absl::OkStatus();
}

std::string ExplainRefusal(const CertificateFacts& certificate, absl::Time now) {
  if (certificate.uris.size() != 1) {
    return absl::StrCat("this client's certificate has ", certificate.uris.size(),
                        " URI names where a principal's has exactly one, its SPIFFE id");
  }
  const std::string who = certificate.uris.front();
  if (now >= certificate.not_after) {
    return absl::StrCat("this client's certificate (", who, ") expired on ",
                        Day(certificate.not_after), ": issue a new one");
  }
  if (now < certificate.not_before) {
    return absl::StrCat("this client's certificate (", who, ") is not valid before ",
                        Day(certificate.not_before), ": is this machine's clock right?");
  }
  return absl::StrCat(
      "the gateway may have refused this client's certificate (", who, ", issued by \"",
      certificate.issuer, "\", valid until ", Day(certificate.not_after),
      "): ask its operator whether that CA is configured for the organization and whether the "
      "certificate was revoked");
}

}  // namespace sluice::client
