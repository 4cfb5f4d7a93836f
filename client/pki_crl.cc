#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "client/pki.h"
#include "client/pki_openssl.h"

namespace sluice::pki {
namespace {

absl::StatusOr<RevokedPtr> MakeRevoked(const Revocation& revocation) {
  RevokedPtr revoked(X509_REVOKED_new());
  BIGNUM* parsed = nullptr;
  const int digits = BN_hex2bn(&parsed, revocation.serial.c_str());
  BignumPtr number(parsed);
  if (digits == 0 || static_cast<size_t>(digits) != revocation.serial.size()) {
    return absl::InvalidArgumentError("a serial number is hexadecimal digits");
  }
  IntegerPtr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  TimePtr date(ASN1_TIME_new());
  if (revoked == nullptr || serial == nullptr || date == nullptr ||
      !SetTime(date.get(), revocation.revoked) ||
      X509_REVOKED_set_serialNumber(revoked.get(), serial.get()) != 1 ||
      X509_REVOKED_set_revocationDate(revoked.get(), date.get()) != 1) {
    return OpenSslError("revocation");
  }
  if (revocation.invalid_since.has_value()) {
    TimePtr since(ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(*revocation.invalid_since)));
    if (since == nullptr || X509_REVOKED_add1_ext_i2d(revoked.get(), NID_invalidity_date,
                                                      since.get(), 0, X509V3_ADD_DEFAULT) != 1) {
      return OpenSslError("invalidity date");
    }
  }
  return revoked;
}

}  // namespace

absl::StatusOr<std::string> MakeCrl(const Crl& crl, const Credential& issuer) {
  absl::StatusOr<X509Ptr> ca = ParseCertificate(issuer.certificate);
  if (!ca.ok()) return ca.status();
  CrlPtr list(X509_CRL_new());
  TimePtr this_update(ASN1_TIME_new());
  TimePtr next_update(ASN1_TIME_new());
  IntegerPtr number(ASN1_INTEGER_new());
  if (list == nullptr || this_update == nullptr || next_update == nullptr || number == nullptr ||
      !SetTime(this_update.get(), crl.this_update) ||
      !SetTime(next_update.get(), crl.next_update) ||
      ASN1_INTEGER_set_uint64(number.get(), crl.number) != 1 ||
      X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(ca->get())) != 1 ||
      X509_CRL_set1_lastUpdate(list.get(), this_update.get()) != 1 ||
      X509_CRL_set1_nextUpdate(list.get(), next_update.get()) != 1 ||
      X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return OpenSslError("new revocation list");
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, ca->get(), nullptr, nullptr, list.get(), 0);
  ExtensionPtr key_id(
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
  if (key_id == nullptr || X509_CRL_add_ext(list.get(), key_id.get(), -1) != 1) {
    return OpenSslError("new revocation list");
  }
  for (const Revocation& revocation : crl.revocations) {
    absl::StatusOr<RevokedPtr> revoked = MakeRevoked(revocation);
    if (!revoked.ok()) return revoked.status();
    if (X509_CRL_add0_revoked(list.get(), revoked->get()) != 1) return OpenSslError("revocation");
    (void)revoked->release();  // the list owns it
  }
  X509_CRL_sort(list.get());
  if (X509_CRL_sign(list.get(), issuer.key.get(), DigestFor(issuer.key.get())) == 0) {
    return OpenSslError("signing a revocation list");
  }
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509_CRL(bio.get(), list.get()) != 1) {
    return OpenSslError("writing a revocation list");
  }
  return Written(bio.get());
}

absl::StatusOr<Crl> ReadCrl(absl::string_view pem) {
  BioPtr bio = Reading(pem);
  CrlPtr list(bio == nullptr ? nullptr
                             : PEM_read_bio_X509_CRL(bio.get(), nullptr, NoPassphrase, nullptr));
  if (list == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a revocation list in PEM");
  }
  Crl crl;
  IntegerPtr number(static_cast<ASN1_INTEGER*>(
      X509_CRL_get_ext_d2i(list.get(), NID_crl_number, nullptr, nullptr)));
  if (number == nullptr || ASN1_INTEGER_get_uint64(&crl.number, number.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the revocation list has no number");
  }
  absl::StatusOr<absl::Time> this_update = ReadTime(X509_CRL_get0_lastUpdate(list.get()));
  if (!this_update.ok()) return this_update.status();
  absl::StatusOr<absl::Time> next_update = ReadTime(X509_CRL_get0_nextUpdate(list.get()));
  if (!next_update.ok()) return next_update.status();
  crl.this_update = *this_update;
  crl.next_update = *next_update;
  STACK_OF(X509_REVOKED)* const lines = X509_CRL_get_REVOKED(list.get());
  for (int i = 0; i < sk_X509_REVOKED_num(lines); ++i) {
    X509_REVOKED* const line = sk_X509_REVOKED_value(lines, i);
    absl::StatusOr<std::string> serial = SerialText(X509_REVOKED_get0_serialNumber(line));
    if (!serial.ok()) return serial.status();
    absl::StatusOr<absl::Time> revoked = ReadTime(X509_REVOKED_get0_revocationDate(line));
    if (!revoked.ok()) return revoked.status();
    Revocation revocation{*std::move(serial), *revoked, std::nullopt};
    TimePtr since(static_cast<ASN1_TIME*>(
        X509_REVOKED_get_ext_d2i(line, NID_invalidity_date, nullptr, nullptr)));
    if (since != nullptr) {
      absl::StatusOr<absl::Time> time = ReadTime(since.get());
      if (!time.ok()) return time.status();
      revocation.invalid_since = *time;
    }
    crl.revocations.push_back(std::move(revocation));
  }
  return crl;
}

}  // namespace sluice::pki
