#include "server/identity/mou_signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/identity/ca_bundle.h"
#include "server/identity/certificate.h"
#include "server/identity/openssl_ptr.h"
#include "server/identity/spiffe_id.h"

namespace sluice::server {
namespace {

// A signature with a long chain and RSA keys has 10 KiB.
constexpr size_t kMaxSignature = 256 << 10;
constexpr size_t kMaxDocument = 1 << 20;
constexpr int kMinRsaBits = 3072;

absl::Status Refuse(absl::string_view sentence) { return absl::FailedPreconditionError(sentence); }

// A CMS that has the only shape we take: SignedData, content elsewhere, one signer whose
// certificate is inside. Nothing is verified yet.
struct Parsed {
  CmsPtr cms;
  CMS_SignerInfo* signer = nullptr;  // of `cms`
  Certificate certificate;
};

absl::StatusOr<Parsed> Parse(absl::string_view cms_der) {
  if (cms_der.size() > kMaxSignature) return Refuse("the signature is larger than 256 KiB");
  const auto* at = reinterpret_cast<const unsigned char*>(cms_der.data());
  const unsigned char* const end = at + cms_der.size();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(cms_der.size())));
  ERR_clear_error();
  if (cms == nullptr || at != end) {
    return Refuse("the signature is no CMS in DER: make it with -outform DER");
  }
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return Refuse("the signature is another CMS than SignedData");
  }
  const ASN1_OBJECT* const content_type = CMS_get0_eContentType(cms.get());
  if (content_type == nullptr || OBJ_obj2nid(content_type) != NID_pkcs7_data) {
    return Refuse("the signed content is of another type than data");
  }
  // Asked before anything verifies: OpenSSL would take what is embedded for the document.
  if (CMS_is_detached(cms.get()) != 1) {
    return Refuse("the signature has its content embedded: sign detached, without -nodetach");
  }
  STACK_OF(CMS_SignerInfo)* const signers = CMS_get0_SignerInfos(cms.get());
  const int count = sk_CMS_SignerInfo_num(signers);
  if (count != 1) {
    return Refuse(absl::StrCat("the file has ", std::max(count, 0),
                               " signers: one file holds the signature of one signatory"));
  }
  CMS_SignerInfo* const signer = sk_CMS_SignerInfo_value(signers, 0);
  const int found = CMS_set1_signers_certs(cms.get(), nullptr, 0);
  ERR_clear_error();
  X509* x509 = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, &x509, nullptr, nullptr);
  if (found != 1 || x509 == nullptr) {
    return Refuse("the signature is without its signer's certificate: sign without -nocerts");
  }
  absl::StatusOr<Certificate> certificate = Certificate::FromX509(x509);
  if (!certificate.ok()) {
    return Refuse(
        absl::StrCat("the signer's certificate is unusable: ", certificate.status().message()));
  }
  return Parsed{std::move(cms), signer, *std::move(certificate)};
}

absl::Status CheckAlgorithms(const Parsed& parsed) {
  X509_ALGOR* digest_algorithm = nullptr;
  X509_ALGOR* signature_algorithm = nullptr;
  CMS_SignerInfo_get0_algs(parsed.signer, nullptr, nullptr, &digest_algorithm,
                           &signature_algorithm);
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, digest_algorithm);
  const int digest = OBJ_obj2nid(object);
  if (digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512) {
    return Refuse("the signature's digest is weaker than SHA-256: sign with -md sha256");
  }
  X509_ALGOR_get0(&object, nullptr, nullptr, signature_algorithm);
  const int algorithm = OBJ_obj2nid(object);
  int signed_digest = NID_undef;
  // RSA's plain name and PSS leave the digest to the other field and to the parameters, which
  // verification compares.
  if (algorithm != NID_rsaEncryption && algorithm != NID_rsassaPss &&
      (OBJ_find_sigid_algs(algorithm, &signed_digest, nullptr) != 1 || signed_digest != digest)) {
    return Refuse("the signature's algorithm and its digest do not go together");
  }
  EVP_PKEY* const key = X509_get0_pubkey(parsed.certificate.get());
  if (key == nullptr) return Refuse("the signer's key cannot be read");
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA || EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS) {
    if (EVP_PKEY_get_bits(key) >= kMinRsaBits) return absl::OkStatus();
    return Refuse("the signer's RSA key has less than 3072 bits");
  }
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    char group[64] = "";
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1) {
      const int curve = OBJ_sn2nid(group);
      if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1) return absl::OkStatus();
    }
  }
  ERR_clear_error();
  return Refuse("the signer's key is of another kind than P-256, P-384 or RSA of 3072 bits");
}

// Signed attributes: without them a signature could be taken for one over other bytes.
absl::Status CheckSignedAttributes(const Parsed& parsed) {
  if (CMS_signed_get_attr_count(parsed.signer) <= 0) {
    return Refuse("the signature has no signed attributes: sign without -noattr");
  }
  // -3: exactly one attribute, with exactly one value.
  const auto* const type = static_cast<const ASN1_OBJECT*>(CMS_signed_get0_data_by_OBJ(
      parsed.signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT));
  const void* const digest = CMS_signed_get0_data_by_OBJ(
      parsed.signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
  ERR_clear_error();
  if (type == nullptr || digest == nullptr || OBJ_obj2nid(type) != NID_pkcs7_data) {
    return Refuse("the signature's signed attributes lack content type or message digest");
  }
  return absl::OkStatus();
}

absl::Status CheckSignatory(const Parsed& parsed, absl::string_view organization,
                            absl::string_view trust_domain) {
  absl::StatusOr<std::vector<std::string>> uris = parsed.certificate.Uris();
  if (!uris.ok() || uris->size() != 1) {
    return Refuse("the signer's certificate has no single SPIFFE id: have it issued with one");
  }
  absl::StatusOr<Principal> principal = ParseSpiffeId(uris->front(), trust_domain);
  if (!principal.ok()) {
    return Refuse(absl::StrCat("of the signer's certificate ", principal.status().message()));
  }
  if (principal->kind != policy::PrincipalKind::kSignatory) {
    return Refuse("the signer is no signatory: sign with a signatory's certificate");
  }
  if (principal->organization != organization) {
    return Refuse("the signer is another organization's signatory");
  }
  const uint32_t usage = X509_get_key_usage(parsed.certificate.get());
  if ((usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
    return Refuse(
        "the signer's certificate is not for signing: key usage, if present, has digitalSignature "
        "or nonRepudiation");
  }
  return absl::OkStatus();
}

// Whoever made the signature had the key of the certificate that it names.
absl::Status CheckSignersKey(const Parsed& parsed) {
  const int verified = CMS_SignerInfo_verify(parsed.signer);
  ERR_clear_error();
  if (verified == 1) return absl::OkStatus();
  return Refuse("the signature was made by another key than that of the certificate it names");
}

absl::Status CheckSignedBytes(const Parsed& parsed, absl::string_view document) {
  const BioPtr bytes(BIO_new_mem_buf(document.data(), static_cast<int>(document.size())));
  // A memory BIO itself would be wrapped by CMS_verify, and the wrapper never freed where the file
  // names an unknown digest. Behind a filter that does nothing it is ours to free.
  const BioPtr content(BIO_new(BIO_f_null()));
  if (bytes == nullptr || content == nullptr) return absl::ResourceExhaustedError("out of memory");
  BIO_push(content.get(), bytes.get());
  // The certificate's own chain is not OpenSSL's business here: it would look at the purpose and at
  // today's dates.
  const int verified = CMS_verify(parsed.cms.get(), nullptr, nullptr, content.get(), nullptr,
                                  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
  ERR_clear_error();
  if (verified == 1) return absl::OkStatus();
  return Refuse(
      "the signature is not over these bytes: sign the file as it is, with -binary, and change "
      "nothing afterwards");
}

}  // namespace

absl::StatusOr<VerifiedSignature> VerifyMouSignature(absl::string_view document,
                                                     absl::string_view cms_der,
                                                     absl::string_view organization,
                                                     absl::string_view signatory_ca_digest,
                                                     const Trust& trust, absl::Time received) {
  if (document.size() > kMaxDocument) return Refuse("the document is larger than 1 MiB");
  absl::StatusOr<Parsed> parsed = Parse(cms_der);
  if (!parsed.ok()) return parsed.status();
  absl::Status good = CheckAlgorithms(*parsed);
  if (good.ok()) good = CheckSignedAttributes(*parsed);
  if (good.ok()) good = CheckSignatory(*parsed, organization, trust.trust_domain());
  if (good.ok()) good = CheckSignersKey(*parsed);
  if (good.ok()) good = CheckSignedBytes(*parsed, document);
  if (!good.ok()) return good;

  const CaBundle* const cas = trust.SignatoryCas(organization);
  if (cas == nullptr) return Refuse("this gateway knows no CA of the organization");
  absl::StatusOr<Chain> chain =
      cas->Build(parsed->certificate, ChainPurpose::kDocumentSigning, received);
  if (!chain.ok()) return Refuse(chain.status().message());
  const bool pinned = std::any_of(
      chain->certificates.begin() + 1, chain->certificates.end(), [&](const Certificate& ca) {
        return absl::StrCat("sha256:", ca.spki()) == signatory_ca_digest;
      });
  if (!pinned) {
    return Refuse("the signer's certificate is under another CA than the document's signatory_ca");
  }
  VerifiedSignature verified;
  verified.organization = std::string(organization);
  verified.signer_spki = parsed->certificate.spki();
  for (const Certificate& certificate : chain->certificates) {
    verified.chain.push_back(
        absl::StrCat("sha256:", absl::BytesToHexString(certificate.fingerprint())));
  }
  verified.crl_number = chain->crl_number;
  verified.received = received;
  return verified;
}

absl::StatusOr<bool> IsVoid(absl::string_view cms_der, absl::string_view organization,
                            const Trust& trust, absl::Time received) {
  absl::StatusOr<Parsed> parsed = Parse(cms_der);
  if (!parsed.ok()) return parsed.status();
  const CaBundle* const cas = trust.SignatoryCas(organization);
  // An organization that left, and took its lists along, says nothing about what it signed.
  if (cas == nullptr) return false;
  return cas->RevokedBefore(parsed->certificate, received);
}

}  // namespace sluice::server
