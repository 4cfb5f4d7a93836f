// A CA's certificate issued again under its own key, with another serial number and, if a test says
// so, with a longer name.
#ifndef SLUICE_TESTS_SUPPORT_REISSUED_CA_H_
#define SLUICE_TESTS_SUPPORT_REISSUED_CA_H_

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <string>

#include "client/pki.h"
#include "server/identity/certificate.h"

namespace sluice::server {

// In PEM. `units`: how many organizational units of 64 characters its name has besides.
inline std::string Reissued(const pki::Credential& ca, int units = 0) {
  X509* const x509 = X509_dup(Certificate::BundleFromPem(ca.certificate)->front().get());
  EXPECT_EQ(ASN1_INTEGER_set(X509_get_serialNumber(x509), 99), 1);
  const std::string unit(64, 'u');
  for (int i = 0; i < units; ++i) {
    EXPECT_EQ(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "OU", MBSTRING_ASC,
                                         reinterpret_cast<const unsigned char*>(unit.data()),
                                         static_cast<int>(unit.size()), -1, 0),
              1);
  }
  EXPECT_EQ(X509_set_issuer_name(x509, X509_get_subject_name(x509)), 1);
  EXPECT_GT(X509_sign(x509, ca.key.get(), EVP_sha256()), 0);
  const std::string pem = Certificate::FromX509(x509)->ToPem().value();
  X509_free(x509);
  return pem;
}

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_REISSUED_CA_H_
