#include "client/pki_openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"

namespace sluice::pki {

absl::Status OpenSslError(absl::string_view doing) {
  char text[256] = "no further details";
  if (unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(doing, ": ", text));
}

BioPtr Reading(absl::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string Written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

int NoPassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<X509Ptr> ParseCertificate(absl::string_view pem) {
  BioPtr bio = Reading(pem);
  X509Ptr certificate(
      bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a certificate in PEM");
  }
  return certificate;
}

bool SetTime(ASN1_TIME* field, absl::Time time) {
  return ASN1_TIME_set(field, absl::ToTimeT(time)) != nullptr;
}

const EVP_MD* DigestFor(const EVP_PKEY* key) {
  return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

absl::StatusOr<std::string> SerialText(const ASN1_INTEGER* serial) {
  BignumPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  CharsPtr text(number == nullptr ? nullptr : BN_bn2hex(number.get()));
  if (text == nullptr) return OpenSslError("serial number");
  return std::string(text.get());
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) {
    return absl::InvalidArgumentError("a time in it cannot be read");
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace sluice::pki
