#include "client/pki.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/pki_openssl.h"

namespace sluice::pki {
namespace {

absl::StatusOr<std::string> ToPem(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return OpenSslError("writing a certificate");
  }
  return Written(bio.get());
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return absl::OkStatus();
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpenSslError(absl::StrCat("extension ", OBJ_nid2sn(nid)));
  }
  return absl::OkStatus();
}

absl::Status AddName(GENERAL_NAMES* names, int type, const std::string& value) {
  GeneralNamePtr name(a2i_GENERAL_NAME(nullptr, nullptr, nullptr, type, value.c_str(), 0));
  if (name == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("\"", value, "\" is no name of its kind"));
  }
  if (sk_GENERAL_NAME_push(names, name.get()) <= 0) return OpenSslError("alternative name");
  (void)name.release();  // the stack owns it
  return absl::OkStatus();
}

absl::Status AddAlternativeNames(X509* certificate, const CertificateSpec& spec) {
  GeneralNamesPtr names(sk_GENERAL_NAME_new_null());
  if (names == nullptr) return OpenSslError("alternative names");
  auto add = [&](int type, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      if (absl::Status added = AddName(names.get(), type, value); !added.ok()) return added;
    }
    return absl::OkStatus();
  };
  absl::Status added = add(GEN_URI, spec.uris);
  if (added.ok()) added = add(GEN_DNS, spec.dns_names);
  if (added.ok()) added = add(GEN_IPADD, spec.ip_addresses);
  if (!added.ok() || sk_GENERAL_NAME_num(names.get()) == 0) return added;
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) !=
      1) {
    return OpenSslError("alternative names");
  }
  return absl::OkStatus();
}

absl::Status SetRandomSerial(X509* certificate) {
  BignumPtr number(BN_new());
  // 126 random bits below a set one: positive, of one length, never seen before.
  if (number == nullptr || BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpenSslError("serial number");
  }
  return absl::OkStatus();
}

// `issuer` null: self-signed.
absl::StatusOr<std::string> SignCertificate(const CertificateSpec& spec, EVP_PKEY* subject_key,
                                            X509* issuer, EVP_PKEY* issuer_key) {
  X509Ptr certificate(X509_new());
  NamePtr name(X509_NAME_new());
  if (certificate == nullptr || name == nullptr) return OpenSslError("new certificate");
  X509* const x509 = certificate.get();
  if (X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(spec.common_name.data()),
                                 static_cast<int>(spec.common_name.size()), -1, 0) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("a common name has 1 to 64 characters");
  }
  if (absl::Status serial = SetRandomSerial(x509); !serial.ok()) return serial;
  if (X509_set_version(x509, X509_VERSION_3) != 1 ||
      !SetTime(X509_getm_notBefore(x509), spec.validity.not_before) ||
      !SetTime(X509_getm_notAfter(x509), spec.validity.not_after) ||
      X509_set_subject_name(x509, name.get()) != 1 || X509_set_pubkey(x509, subject_key) != 1 ||
      X509_set_issuer_name(x509, issuer == nullptr ? name.get() : X509_get_subject_name(issuer)) !=
          1) {
    return OpenSslError("new certificate");
  }
  X509* const signer = issuer == nullptr ? x509 : issuer;
  absl::Status added = AddExtension(x509, signer, NID_basic_constraints,
                                    spec.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (added.ok()) added = AddExtension(x509, signer, NID_key_usage, spec.key_usage);
  if (added.ok()) added = AddExtension(x509, signer, NID_ext_key_usage, spec.extended_key_usage);
  if (added.ok()) added = AddExtension(x509, signer, NID_subject_key_identifier, "hash");
  if (added.ok()) added = AddExtension(x509, signer, NID_authority_key_identifier, "keyid:always");
  if (added.ok()) added = AddAlternativeNames(x509, spec);
  if (!added.ok()) return added;
  if (X509_sign(x509, issuer_key, DigestFor(issuer_key)) == 0) {
    return OpenSslError("signing a certificate");
  }
  return ToPem(x509);
}

}  // namespace

absl::StatusOr<PrivateKey> PrivateKey::Generate(KeyType type) {
  EVP_PKEY* key = nullptr;
  switch (type) {
    case KeyType::kP256:
      key = EVP_EC_gen("P-256");
      break;
    case KeyType::kP384:
      key = EVP_EC_gen("P-384");
      break;
    case KeyType::kRsa3072:
      key = EVP_RSA_gen(3072);
      break;
    case KeyType::kRsa2048:
      key = EVP_RSA_gen(2048);
      break;
    case KeyType::kRsa1024:
      key = EVP_RSA_gen(1024);
      break;
    case KeyType::kEd25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  if (key == nullptr) return OpenSslError("generating a key");
  return PrivateKey(key);
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(absl::string_view pem) {
  BioPtr bio = Reading(pem);
  EVP_PKEY* key =
      bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr);
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a private key in PEM without a passphrase");
  }
  return PrivateKey(key);
}

absl::StatusOr<std::string> PrivateKey::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return OpenSslError("writing a key");
  }
  return Written(bio.get());
}

absl::StatusOr<Credential> MakeRoot(const CertificateSpec& spec, KeyType type) {
  absl::StatusOr<PrivateKey> key = PrivateKey::Generate(type);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> pem = SignCertificate(spec, key->get(), nullptr, key->get());
  if (!pem.ok()) return pem.status();
  return Credential{*std::move(pem), *std::move(key)};
}

absl::StatusOr<Credential> MakeCertificate(const CertificateSpec& spec, const Credential& issuer,
                                           KeyType type) {
  absl::StatusOr<X509Ptr> ca = ParseCertificate(issuer.certificate);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::Generate(type);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> pem = SignCertificate(spec, key->get(), ca->get(), issuer.key.get());
  if (!pem.ok()) return pem.status();
  return Credential{*std::move(pem), *std::move(key)};
}

CertificateSpec CaSpec(absl::string_view common_name, absl::string_view trust_domain,
                       Validity validity) {
  CertificateSpec spec;
  spec.common_name = std::string(common_name);
  spec.uris = {absl::StrCat("spiffe://", trust_domain)};
  spec.validity = validity;
  spec.is_ca = true;
  spec.key_usage = "critical,keyCertSign,cRLSign";
  return spec;
}

CertificateSpec ClientSpec(absl::string_view spiffe_id, Validity validity) {
  CertificateSpec spec;
  // The name says nothing that the SPIFFE id does not: its last part.
  spec.common_name = std::string(spiffe_id.substr(spiffe_id.rfind('/') + 1));
  spec.uris = {std::string(spiffe_id)};
  spec.validity = validity;
  spec.key_usage = "critical,digitalSignature";
  spec.extended_key_usage = "clientAuth";
  return spec;
}

CertificateSpec SignatorySpec(absl::string_view spiffe_id, Validity validity) {
  CertificateSpec spec = ClientSpec(spiffe_id, validity);
  spec.key_usage = "critical,digitalSignature,nonRepudiation";
  spec.extended_key_usage.clear();
  return spec;
}

CertificateSpec ServerSpec(absl::string_view spiffe_id, std::vector<std::string> dns_names,
                           std::vector<std::string> ip_addresses, Validity validity) {
  CertificateSpec spec = ClientSpec(spiffe_id, validity);
  spec.dns_names = std::move(dns_names);
  spec.ip_addresses = std::move(ip_addresses);
  spec.extended_key_usage = "serverAuth";
  return spec;
}

std::string OrganizationSpiffeId(absl::string_view trust_domain, absl::string_view organization,
                                 absl::string_view kind, absl::string_view name) {
  return absl::StrCat("spiffe://", trust_domain, "/org/", organization, "/", kind, "/", name);
}

std::string OperatorSpiffeId(absl::string_view trust_domain, absl::string_view name) {
  return absl::StrCat("spiffe://", trust_domain, "/operator/", name);
}

std::string GatewaySpiffeId(absl::string_view trust_domain, absl::string_view name) {
  return absl::StrCat("spiffe://", trust_domain, "/gateway/", name);
}

absl::StatusOr<std::string> SignDocument(absl::string_view document, const Credential& signer) {
  absl::StatusOr<X509Ptr> certificate = ParseCertificate(signer.certificate);
  if (!certificate.ok()) return certificate.status();
  BioPtr content = Reading(document);
  CmsPtr cms(content == nullptr ? nullptr
                                : CMS_sign(certificate->get(), signer.key.get(), nullptr,
                                           content.get(), CMS_BINARY | CMS_DETACHED));
  BioPtr out(BIO_new(BIO_s_mem()));
  if (cms == nullptr || out == nullptr || i2d_CMS_bio(out.get(), cms.get()) != 1) {
    return OpenSslError("signing a document");
  }
  return Written(out.get());
}

absl::StatusOr<std::string> SpkiDigest(absl::string_view certificate_pem) {
  absl::StatusOr<X509Ptr> certificate = ParseCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->get()), &der);
  if (size <= 0) return OpenSslError("public key");
  const std::unique_ptr<unsigned char, Deleter<FreeOpenSsl>> owned(der);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  if (EVP_Digest(der, static_cast<size_t>(size), digest, nullptr, EVP_sha256(), nullptr) != 1) {
    return OpenSslError("digest");
  }
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(digest), sizeof(digest))));
}

absl::StatusOr<std::string> SerialNumber(absl::string_view certificate_pem) {
  absl::StatusOr<X509Ptr> certificate = ParseCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  return SerialText(X509_get0_serialNumber(certificate->get()));
}

absl::StatusOr<bool> IsIssuedBy(absl::string_view certificate_pem, absl::string_view ca_pem) {
  absl::StatusOr<X509Ptr> certificate = ParseCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<X509Ptr> ca = ParseCertificate(ca_pem);
  if (!ca.ok()) return ca.status();
  const bool issued = X509_check_issued(ca->get(), certificate->get()) == X509_V_OK &&
                      X509_verify(certificate->get(), X509_get0_pubkey(ca->get())) == 1;
  ERR_clear_error();
  return issued;
}

absl::StatusOr<std::string> TrustDomainOf(absl::string_view certificate_pem) {
  absl::StatusOr<X509Ptr> certificate = ParseCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate->get(), NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_URI) continue;
    const auto* text = static_cast<const ASN1_IA5STRING*>(value);
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
  }
  if (uris.size() != 1 || !absl::StartsWith(uris[0], "spiffe://")) {
    return absl::FailedPreconditionError("the certificate has no single SPIFFE id");
  }
  const absl::string_view rest = absl::StripPrefix(uris[0], "spiffe://");
  return std::string(rest.substr(0, rest.find('/')));
}

}  // namespace sluice::pki
