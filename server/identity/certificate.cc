#include "server/identity/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/identity/openssl_ptr.h"

namespace sluice::server {
namespace {

// No bundle or list of a party is near this; more is somebody's mistake or attack.
constexpr size_t kMaxPemSize = 16 << 20;
constexpr size_t kMaxDerSize = 64 << 10;

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("a date in it cannot be read");
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

absl::StatusOr<std::string> TextOf(BIO* written) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(written, &text);
  if (text == nullptr || size <= 0) return absl::ResourceExhaustedError("out of memory");
  return std::string(text, static_cast<size_t>(size));
}

std::string IntegerBytes(const ASN1_INTEGER* integer) {
  // The sign is part of the number: a negative serial is not its positive twin.
  return absl::StrCat(
      ASN1_STRING_type(integer) == V_ASN1_NEG_INTEGER ? "-" : "",
      absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(integer)),
                        static_cast<size_t>(ASN1_STRING_length(integer))));
}

// The DER of each PEM block; each must be of kind `name`.
absl::StatusOr<std::vector<std::string>> Blocks(absl::string_view pem, absl::string_view name) {
  if (pem.size() > kMaxPemSize) return absl::InvalidArgumentError("it is larger than 16 MiB");
  // What OpenSSL skips as text between blocks must not be a block that lost a dash.
  size_t begun = 0;
  for (absl::string_view line : absl::StrSplit(pem, '\n')) {
    if (absl::StrContains(line, "-BEGIN ")) ++begun;
  }
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return absl::ResourceExhaustedError("out of memory");
  std::vector<std::string> blocks;
  while (blocks.size() < begun) {
    char* block_name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &block_name, &header, &data, &size) != 1) break;
    const OpenSslChars owned_name(block_name);
    const OpenSslChars owned_header(header);
    const OpenSslBytes owned_data(data);
    if (block_name != name) {
      OPENSSL_cleanse(data, static_cast<size_t>(size));
      return absl::InvalidArgumentError(
          absl::StrCat("block ", blocks.size() + 1, " is no ", name, " block: keep only those"));
    }
    blocks.emplace_back(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  ERR_clear_error();
  if (begun == 0) {
    return absl::InvalidArgumentError(absl::StrCat("it has no ", name, " block in PEM"));
  }
  if (blocks.size() != begun) {
    return absl::InvalidArgumentError(
        absl::StrCat("block ", blocks.size() + 1, " is garbled: it is no PEM"));
  }
  return blocks;
}

}  // namespace

std::string Fingerprint(absl::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

absl::StatusOr<std::string> OneCertificateDer(absl::string_view pem) {
  absl::StatusOr<std::vector<std::string>> blocks = Blocks(pem, PEM_STRING_X509);
  if (!blocks.ok()) return blocks.status();
  if (blocks->size() != 1) return absl::InvalidArgumentError("it is more than one certificate");
  return std::move(blocks->front());
}

absl::StatusOr<Certificate> Certificate::FromDer(absl::string_view der) {
  if (der.size() > kMaxDerSize) return absl::InvalidArgumentError("it is larger than 64 KiB");
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* const end = at + der.size();
  const std::unique_ptr<X509, OpenSslDeleter<X509_free>> x509(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x509 == nullptr || at != end) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it is no X.509 certificate");
  }
  return FromX509(x509.get());
}

absl::StatusOr<Certificate> Certificate::FromX509(X509* x509) {
  Certificate certificate;
  if (X509_up_ref(x509) != 1) return absl::InternalError("certificate reference");
  certificate.x509_ = std::shared_ptr<X509>(x509, X509_free);
  // Looks at all extensions we know; INVALID says that one is malformed or stands twice.
  const uint32_t flags = X509_get_extension_flags(x509);
  if ((flags & EXFLAG_INVALID) != 0) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it has a malformed extension");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509(x509, &der);
  const OpenSslBytes owned_der(der);
  unsigned char* key = nullptr;
  const int key_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &key);
  const OpenSslBytes owned_key(key);
  if (size <= 0 || key_size <= 0 || X509_get0_pubkey(x509) == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it has a public key of no known kind");
  }
  certificate.fingerprint_ =
      Fingerprint(absl::string_view(reinterpret_cast<const char*>(der), static_cast<size_t>(size)));
  certificate.spki_ = absl::BytesToHexString(Fingerprint(
      absl::string_view(reinterpret_cast<const char*>(key), static_cast<size_t>(key_size))));
  absl::StatusOr<absl::Time> not_before = ReadTime(X509_get0_notBefore(x509));
  if (!not_before.ok()) return not_before.status();
  absl::StatusOr<absl::Time> not_after = ReadTime(X509_get0_notAfter(x509));
  if (!not_after.ok()) return not_after.status();
  certificate.not_before_ = *not_before;
  certificate.not_after_ = *not_after;
  return certificate;
}

absl::StatusOr<std::vector<Certificate>> Certificate::BundleFromPem(absl::string_view pem) {
  absl::StatusOr<std::vector<std::string>> blocks = Blocks(pem, PEM_STRING_X509);
  if (!blocks.ok()) return blocks.status();
  std::vector<Certificate> bundle;
  for (const std::string& der : *blocks) {
    absl::StatusOr<Certificate> certificate = FromDer(der);
    if (!certificate.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("certificate ", bundle.size() + 1, ": ", certificate.status().message()));
    }
    bundle.push_back(*std::move(certificate));
  }
  return bundle;
}

bool Certificate::is_ca() const { return X509_check_ca(get()) == 1; }

bool Certificate::is_self_signed() const {
  const bool self = X509_self_signed(get(), /*verify_signature=*/1) == 1;
  ERR_clear_error();
  return self;
}

std::string Certificate::serial() const { return IntegerBytes(X509_get0_serialNumber(get())); }

absl::StatusOr<std::string> Certificate::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), get()) != 1) {
    ERR_clear_error();
    return absl::ResourceExhaustedError("out of memory");
  }
  return TextOf(bio.get());
}

absl::StatusOr<std::vector<std::string>> Certificate::Uris() const {
  int critical = 0;
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(get(), NID_subject_alt_name, &critical, nullptr)));
  if (names == nullptr) {
    ERR_clear_error();
    // -1: there is none. -2: there are several; 0, 1: one that cannot be read.
    if (critical == -1) return std::vector<std::string>();
    return absl::InvalidArgumentError("its alternative names cannot be read");
  }
  std::vector<std::string> uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_URI) continue;
    const auto* text = static_cast<const ASN1_IA5STRING*>(value);
    // By length: a zero byte is part of the name, and makes it one that nobody has.
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

absl::StatusOr<RevocationList> RevocationList::FromDer(absl::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* const end = at + der.size();
  RevocationList list;
  list.crl_ = std::shared_ptr<X509_CRL>(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())),
                                        X509_CRL_free);
  X509_CRL* const crl = list.crl_.get();
  if (crl == nullptr || at != end) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it is no revocation list");
  }
  // A critical extension narrows what a list says: delta, indirect, of some reasons or
  // certificates.
  if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0) {
    return absl::InvalidArgumentError(
        "it has a critical extension: give a whole list of the CA's own, neither delta nor "
        "partial");
  }
  absl::StatusOr<absl::Time> this_update = ReadTime(X509_CRL_get0_lastUpdate(crl));
  if (!this_update.ok()) return this_update.status();
  if (X509_CRL_get0_nextUpdate(crl) == nullptr) {
    return absl::InvalidArgumentError("it has no nextUpdate: nobody knows how long it counts");
  }
  absl::StatusOr<absl::Time> next_update = ReadTime(X509_CRL_get0_nextUpdate(crl));
  if (!next_update.ok()) return next_update.status();
  list.this_update_ = *this_update;
  list.next_update_ = *next_update;
  IntegerPtr number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)));
  BignumPtr value(number == nullptr ? nullptr : ASN1_INTEGER_to_BN(number.get(), nullptr));
  OpenSslChars decimal(value == nullptr ? nullptr : BN_bn2dec(value.get()));
  if (decimal == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it has no CRL number");
  }
  list.number_ = decimal.get();
  STACK_OF(X509_REVOKED)* const lines = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(lines); ++i) {
    const X509_REVOKED* const line = sk_X509_REVOKED_value(lines, i);
    absl::StatusOr<absl::Time> since = ReadTime(X509_REVOKED_get0_revocationDate(line));
    if (!since.ok()) return since.status();
    int critical = 0;
    TimePtr invalidity(static_cast<ASN1_TIME*>(
        X509_REVOKED_get_ext_d2i(line, NID_invalidity_date, &critical, nullptr)));
    if (invalidity == nullptr && critical != -1) {
      ERR_clear_error();
      return absl::InvalidArgumentError("an invalidity date in it cannot be read");
    }
    if (invalidity != nullptr) {
      absl::StatusOr<absl::Time> earlier = ReadTime(invalidity.get());
      if (!earlier.ok()) return earlier.status();
      *since = std::min(*since, *earlier);
    }
    auto [place, added] =
        list.revoked_.emplace(IntegerBytes(X509_REVOKED_get0_serialNumber(line)), *since);
    if (!added) place->second = std::min(place->second, *since);
  }
  return list;
}

absl::StatusOr<std::vector<RevocationList>> RevocationList::BundleFromPem(absl::string_view pem) {
  absl::StatusOr<std::vector<std::string>> blocks = Blocks(pem, PEM_STRING_X509_CRL);
  if (!blocks.ok()) return blocks.status();
  std::vector<RevocationList> lists;
  for (const std::string& der : *blocks) {
    absl::StatusOr<RevocationList> list = FromDer(der);
    if (!list.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("list ", lists.size() + 1, ": ", list.status().message()));
    }
    lists.push_back(*std::move(list));
  }
  return lists;
}

absl::StatusOr<std::string> RevocationList::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509_CRL(bio.get(), crl_.get()) != 1) {
    ERR_clear_error();
    return absl::ResourceExhaustedError("out of memory");
  }
  return TextOf(bio.get());
}

bool RevocationList::IsSignedBy(const Certificate& ca) const {
  const bool is =
      X509_NAME_cmp(X509_CRL_get_issuer(crl_.get()), X509_get_subject_name(ca.get())) == 0 &&
      (X509_get_key_usage(ca.get()) & KU_CRL_SIGN) != 0 &&
      X509_CRL_verify(crl_.get(), X509_get0_pubkey(ca.get())) == 1;
  ERR_clear_error();
  return is;
}

std::optional<absl::Time> RevocationList::RevokedSince(const Certificate& certificate) const {
  const auto found = revoked_.find(certificate.serial());
  if (found == revoked_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::server
