#include "server/identity/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/openssl_ptr.h"
#include "tests/support/organization_for_test.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
constexpr absl::Duration kDay = absl::Hours(24);

class CertificateTest : public ::testing::Test {
 protected:
  Certificate One(const std::string& pem) { return Certificate::BundleFromPem(pem)->front(); }
  OrganizationForTest river_{"river-unified", kNow};
};

TEST_F(CertificateTest, SaysWhatItHolds) {
  const pki::Credential client = river_.Client("system", "hr");
  const Certificate certificate = One(client.certificate);
  EXPECT_EQ(certificate.not_before(), kNow - kDay);
  EXPECT_EQ(certificate.not_after(), kNow + 365 * kDay);
  EXPECT_THAT(certificate.Uris().value(), ElementsAre(river_.Id("system", "hr")));
  EXPECT_FALSE(certificate.is_ca());
  EXPECT_FALSE(certificate.is_self_signed());
  EXPECT_TRUE(One(river_.ca().certificate).is_ca());
  EXPECT_TRUE(One(river_.ca().certificate).is_self_signed());
}

TEST_F(CertificateTest, ReadsABundleWithTextBetweenItsBlocks) {
  const std::string pem = absl::StrCat("# roots\n", river_.ca().certificate, "\nand\n",
                                       river_.signatory_ca().certificate);
  EXPECT_THAT(Certificate::BundleFromPem(pem).value(), SizeIs(2));
}

TEST_F(CertificateTest, RefusesBytesBehindItsEnd) {
  const std::string der = OneCertificateDer(river_.ca().certificate).value();
  EXPECT_TRUE(Certificate::FromDer(der).ok());
  EXPECT_FALSE(Certificate::FromDer(der + '\0').ok());
  EXPECT_FALSE(Certificate::FromDer(der.substr(0, der.size() - 1)).ok());
  EXPECT_FALSE(Certificate::FromDer(std::string(1 << 20, '0')).ok());
}

TEST_F(CertificateTest, EachCorruptedByteIsAnotherCertificateOrNone) {
  const std::string der = OneCertificateDer(river_.Client("system", "hr").certificate).value();
  const std::string fingerprint = Certificate::FromDer(der)->fingerprint();
  for (size_t i = 0; i < der.size(); ++i) {
    std::string corrupt = der;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 1);
    const absl::StatusOr<Certificate> parsed = Certificate::FromDer(corrupt);
    if (parsed.ok()) {
      EXPECT_NE(parsed->fingerprint(), fingerprint) << i;
    }
  }
}

TEST_F(CertificateTest, RefusesAnExtensionThatStandsTwice) {
  // Two alternative names: which one counts?
  const std::string pem = river_.Client("system", "hr").certificate;
  BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::unique_ptr<X509, OpenSslDeleter<X509_free>> x509(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  const int at = X509_get_ext_by_NID(x509.get(), NID_subject_alt_name, -1);
  ASSERT_EQ(X509_add_ext(x509.get(), X509_get_ext(x509.get(), at), -1), 1);
  ASSERT_NE(X509_sign(x509.get(), river_.ca().key.get(), EVP_sha256()), 0);
  const absl::StatusOr<Certificate> twice = Certificate::FromX509(x509.get());
  EXPECT_FALSE(twice.ok() && twice->Uris().ok());
}

class RevocationListTest : public CertificateTest {
 protected:
  // A list of river's CA, changed before it is signed.
  std::string Made(void (*change)(X509_CRL*)) {
    const std::string pem = river_.Anchors().crl;
    BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    std::unique_ptr<X509_CRL, OpenSslDeleter<X509_CRL_free>> crl(
        PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr));
    change(crl.get());
    EXPECT_NE(X509_CRL_sign(crl.get(), river_.ca().key.get(), EVP_sha256()), 0);
    BioPtr out(BIO_new(BIO_s_mem()));
    EXPECT_EQ(PEM_write_bio_X509_CRL(out.get(), crl.get()), 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<size_t>(size));
  }
  std::string Refusal(const std::string& pem) {
    return std::string(RevocationList::BundleFromPem(pem).status().message());
  }
};

TEST_F(RevocationListTest, TakesTheEarlierOfRevocationAndInvalidityDate) {
  const pki::Credential a = river_.Signatory("a");
  const pki::Credential b = river_.Signatory("b");
  river_.RevokeSignatory(a, kNow, kNow - kDay);
  river_.RevokeSignatory(b, kNow - kDay, kNow);
  river_.signatory_crl().number = 77;
  const RevocationList list =
      RevocationList::BundleFromPem(river_.Anchors().signatory_crl)->front();
  EXPECT_EQ(list.RevokedSince(One(a.certificate)), kNow - kDay);
  EXPECT_EQ(list.RevokedSince(One(b.certificate)), kNow - kDay);
  EXPECT_EQ(list.RevokedSince(One(river_.Signatory("c").certificate)), std::nullopt);
  EXPECT_EQ(list.number(), "77");
}

TEST_F(RevocationListTest, IsOfTheCaThatSignedItAlone) {
  const RevocationList list = RevocationList::BundleFromPem(river_.Anchors().crl)->front();
  EXPECT_TRUE(list.IsSignedBy(One(river_.ca().certificate)));
  EXPECT_FALSE(list.IsSignedBy(One(river_.signatory_ca().certificate)));
  EXPECT_FALSE(list.IsSignedBy(One(OrganizationForTest("river-unified", kNow).ca().certificate)));
}

TEST_F(RevocationListTest, RefusesADeltaOrPartialList) {
  const std::string partial = Made([](X509_CRL* crl) {
    std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>> scope(X509V3_EXT_conf_nid(
        nullptr, nullptr, NID_issuing_distribution_point, "critical,onlyuser:TRUE"));
    ASSERT_EQ(X509_CRL_add_ext(crl, scope.get(), -1), 1);
  });
  EXPECT_THAT(Refusal(partial), HasSubstr("neither delta nor partial"));
  const std::string delta = Made([](X509_CRL* crl) {
    IntegerPtr base(ASN1_INTEGER_new());
    ASSERT_EQ(ASN1_INTEGER_set(base.get(), 1), 1);
    ASSERT_EQ(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base.get(), 1, X509V3_ADD_DEFAULT), 1);
  });
  EXPECT_THAT(Refusal(delta), HasSubstr("neither delta nor partial"));
}

TEST_F(RevocationListTest, RefusesAListWithoutNumber) {
  const std::string pem = Made([](X509_CRL* crl) {
    X509_EXTENSION_free(X509_CRL_delete_ext(crl, X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1)));
  });
  EXPECT_THAT(Refusal(pem), HasSubstr("no CRL number"));
}

TEST_F(RevocationListTest, RefusesAnotherKindOfBlock) {
  EXPECT_THAT(Refusal(river_.ca().certificate), HasSubstr("no X509 CRL block"));
  EXPECT_THAT(Refusal(""), HasSubstr("no X509 CRL block"));
}

TEST_F(RevocationListTest, EachCorruptedByteIsNotedBySignatureOrParser) {
  const std::string pem = river_.Anchors().crl;
  const Certificate ca = One(river_.ca().certificate);
  const std::string number = "1";
  for (size_t i = 0; i < pem.size(); ++i) {
    std::string corrupt = pem;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 1);
    const auto lists = RevocationList::BundleFromPem(corrupt);
    if (lists.ok() && lists->front().IsSignedBy(ca)) {
      // The frame, not the list.
      EXPECT_EQ(lists->front().number(), number) << i;
      EXPECT_EQ(lists->front().next_update(), river_.crl().next_update) << i;
    }
  }
}

}  // namespace
}  // namespace sluice::server
