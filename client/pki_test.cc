#include "client/pki.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::pki {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
const Validity kYear = {kNow, kNow + absl::Hours(24 * 365)};

Credential Root() { return MakeRoot(CaSpec("Root", "sluice.example", kYear)).value(); }

// What `openssl x509 -text` would show of an extension.
std::string ExtensionText(const std::string& pem, int nid) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  std::string text = "absent";
  if (at >= 0) {
    BIO* out = BIO_new(BIO_s_mem());
    X509V3_EXT_print(out, X509_get_ext(certificate, at), 0, 0);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    text.assign(data, static_cast<size_t>(size));
    BIO_free(out);
  }
  X509_free(certificate);
  return text;
}

TEST(Pki, ClientCertificateHasExactlyItsSpiffeIdAndClientAuth) {
  const std::string id = OrganizationSpiffeId("sluice.example", "river-unified", "system", "hr");
  EXPECT_EQ(id, "spiffe://sluice.example/org/river-unified/system/hr");
  const Credential leaf = MakeCertificate(ClientSpec(id, kYear), Root()).value();
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_subject_alt_name), "URI:" + id);
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_basic_constraints), "CA:FALSE");
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_ext_key_usage), "TLS Web Client Authentication");
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_key_usage), "Digital Signature");
}

TEST(Pki, ServerCertificateHasItsNames) {
  const Credential leaf =
      MakeCertificate(ServerSpec(GatewaySpiffeId("sluice.example", "g1"), {"gateway.example"},
                                 {"127.0.0.1", "::1"}, kYear),
                      Root())
          .value();
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_subject_alt_name),
            "URI:spiffe://sluice.example/gateway/g1, DNS:gateway.example, IP Address:127.0.0.1, "
            "IP Address:0:0:0:0:0:0:0:1");
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_ext_key_usage), "TLS Web Server Authentication");
}

TEST(Pki, RefusesAnAddressThatIsNone) {
  EXPECT_THAT(MakeCertificate(ServerSpec("spiffe://d/gateway/g", {}, {"not an ip"}, kYear), Root())
                  .status()
                  .ToString(),
              HasSubstr("not an ip"));
}

TEST(Pki, SignatoryCertificateSignsDocumentsOnly) {
  const Credential leaf =
      MakeCertificate(SignatorySpec("spiffe://d/org/o/signatory/dean", kYear), Root()).value();
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_ext_key_usage), "absent");
  EXPECT_EQ(ExtensionText(leaf.certificate, NID_key_usage), "Digital Signature, Non Repudiation");
}

TEST(Pki, SerialNumbersDiffer) {
  const Credential root = Root();
  const CertificateSpec spec = ClientSpec("spiffe://d/org/o/system/s", kYear);
  const std::string first = SerialNumber(MakeCertificate(spec, root)->certificate).value();
  EXPECT_THAT(first, MatchesRegex("[0-9A-F]{32}"));
  EXPECT_NE(first, SerialNumber(MakeCertificate(spec, root)->certificate).value());
}

TEST(Pki, KnowsWhoIssued) {
  const Credential root = Root();
  const Credential leaf =
      MakeCertificate(ClientSpec("spiffe://d/org/o/system/s", kYear), root).value();
  EXPECT_TRUE(IsIssuedBy(leaf.certificate, root.certificate).value());
  // The same name, another key.
  EXPECT_FALSE(IsIssuedBy(leaf.certificate, Root().certificate).value());
}

TEST(Pki, CrlComesBackAsItWasWritten) {
  Crl crl;
  crl.number = 7;
  crl.this_update = kNow;
  crl.next_update = kNow + absl::Hours(24);
  crl.revocations = {{"0A", kNow - absl::Hours(2), kNow - absl::Hours(5)},
                     {"7F00000000000000000000000000000B", kNow - absl::Hours(1), std::nullopt}};
  const Crl read = ReadCrl(MakeCrl(crl, Root()).value()).value();
  EXPECT_EQ(read.number, 7u);
  EXPECT_EQ(read.this_update, crl.this_update);
  EXPECT_EQ(read.next_update, crl.next_update);
  ASSERT_EQ(read.revocations.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read.revocations[i].serial, crl.revocations[i].serial);
    EXPECT_EQ(read.revocations[i].revoked, crl.revocations[i].revoked);
    EXPECT_EQ(read.revocations[i].invalid_since, crl.revocations[i].invalid_since);
  }
}

TEST(Pki, RefusesASerialThatIsNotHexadecimal) {
  Crl crl;
  crl.revocations = {{"12G4", kNow, std::nullopt}};
  EXPECT_EQ(MakeCrl(crl, Root()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Pki, KeysGoThroughPemUnharmed) {
  for (KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kRsa3072, KeyType::kEd25519}) {
    const PrivateKey key = PrivateKey::Generate(type).value();
    const PrivateKey read = PrivateKey::FromPem(key.ToPem().value()).value();
    EXPECT_EQ(EVP_PKEY_eq(key.get(), read.get()), 1);
  }
}

TEST(Pki, SpkiDigestTellsKeysApart) {
  const Credential root = Root();
  const std::string digest = SpkiDigest(root.certificate).value();
  EXPECT_THAT(digest, MatchesRegex("sha256:[0-9a-f]{64}"));
  EXPECT_NE(digest, SpkiDigest(Root().certificate).value());
}

TEST(Pki, TrustDomainIsOfTheOneUri) {
  EXPECT_EQ(TrustDomainOf(Root().certificate).value(), "sluice.example");
  CertificateSpec two = CaSpec("Root", "a.example", kYear);
  two.uris.push_back("spiffe://b.example");
  EXPECT_FALSE(TrustDomainOf(MakeRoot(two)->certificate).ok());
}

TEST(Pki, RefusesWhatIsNoPem) {
  for (absl::string_view text : {"", "x", "-----BEGIN CERTIFICATE-----\n"}) {
    EXPECT_FALSE(SpkiDigest(text).ok());
    EXPECT_FALSE(ReadCrl(text).ok());
    EXPECT_FALSE(PrivateKey::FromPem(text).ok());
  }
}

}  // namespace
}  // namespace sluice::pki
