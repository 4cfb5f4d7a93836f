#include "server/identity/mou_signature.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/organization_for_test.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
constexpr absl::Duration kDay = absl::Hours(24);
constexpr char kDocument[] = "mou: stem-pipeline\nversion: 1\n";

class MouSignature : public ::testing::Test {
 protected:
  MouSignature() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "signature.XXXXXX");
    dir_ = mkdtemp(pattern.data());
  }
  ~MouSignature() override { std::filesystem::remove_all(dir_); }

  absl::StatusOr<VerifiedSignature> Verify(absl::string_view cms,
                                           absl::string_view document = kDocument,
                                           absl::Time received = kNow) {
    return VerifyMouSignature(document, cms, "river-unified", river_.signatory_ca_digest(),
                              TrustForTest({&state_, &river_}), received);
  }
  // Why a signature is refused; "" if it is not.
  std::string Refusal(absl::string_view cms, absl::string_view document = kDocument) {
    const absl::StatusOr<VerifiedSignature> verified = Verify(cms, document);
    if (verified.ok()) return "";
    EXPECT_EQ(verified.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(verified.status().message());
  }
  std::string Sign(const pki::Credential& signer, absl::string_view document = kDocument) {
    return pki::SignDocument(document, signer).value();
  }
  // A signatory's certificate of river's that is as `spec` says.
  pki::Credential Under(const pki::CertificateSpec& spec,
                        pki::KeyType type = pki::KeyType::kP256) const {
    return pki::MakeCertificate(spec, river_.signatory_ca(), type).value();
  }
  pki::CertificateSpec Spec() const {
    return pki::SignatorySpec(river_.Id("signatory", "dean"), river_.validity());
  }

  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  void Write(absl::string_view name, absl::string_view bytes) {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  void WriteCredential(absl::string_view name, const pki::Credential& credential) {
    Write(absl::StrCat(name, ".pem"), credential.certificate);
    Write(absl::StrCat(name, ".key"), credential.key.ToPem().value());
  }
  // What `openssl cms -sign` makes of the document with these options more.
  std::string OpensslSign(const pki::Credential& signer, absl::string_view options = "-binary",
                          absl::string_view document = kDocument) {
    Write("mou.yaml", document);
    WriteCredential("signer", signer);
    const std::string command = absl::StrCat(
        "openssl cms -sign -in ", Path("mou.yaml"), " -signer ", Path("signer.pem"), " -inkey ",
        Path("signer.key"), " -outform DER -out ", Path("out.p7s"), " ", options, " 2>/dev/null");
    EXPECT_EQ(system(command.c_str()), 0) << options;
    std::ifstream in(Path("out.p7s"), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }

  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
  std::string dir_;
};

TEST_F(MouSignature, VerifiesOursAndSaysWhatTheLogNeeds) {
  const pki::Credential dean = river_.Signatory("dean");
  river_.signatory_crl().number = 42;
  const VerifiedSignature verified = Verify(Sign(dean)).value();
  EXPECT_EQ(verified.organization, "river-unified");
  EXPECT_EQ(absl::StrCat("sha256:", verified.signer_spki),
            pki::SpkiDigest(dean.certificate).value());
  EXPECT_THAT(verified.chain, SizeIs(2));
  EXPECT_EQ(verified.crl_number, "42");
  EXPECT_EQ(verified.received, kNow);
}

TEST_F(MouSignature, VerifiesTheOpensslCommandsWithEachKindOfKey) {
  for (pki::KeyType type : {pki::KeyType::kP256, pki::KeyType::kP384, pki::KeyType::kRsa3072}) {
    EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean", type))), "");
  }
  for (const char* md : {"sha384", "sha512"}) {
    EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean"), absl::StrCat("-binary -md ", md))), "");
  }
  EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -keyid")), "");
  EXPECT_EQ(Refusal(OpensslSign(river_.Signatory("dean", pki::KeyType::kRsa3072),
                                "-binary -keyopt rsa_padding_mode:pss")),
            "");
}

TEST_F(MouSignature, RefusesAChangedDocument) {
  const std::string cms = Sign(river_.Signatory("dean"));
  std::string document = kDocument;
  for (size_t i = 0; i < document.size(); ++i) {
    std::string changed = document;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(Refusal(cms, changed), HasSubstr("not over these bytes")) << i;
  }
  EXPECT_THAT(Refusal(cms, document + "\n"), HasSubstr("not over these bytes"));
  EXPECT_THAT(Refusal(cms, ""), HasSubstr("not over these bytes"));
}

TEST_F(MouSignature, RefusesASignatureMadeWithoutBinary) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "")), HasSubstr("-binary"));
}

TEST_F(MouSignature, RefusesEmbeddedContentEvenOverTheRightBytes) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -nodetach")),
              HasSubstr("content embedded"));
}

TEST_F(MouSignature, RefusesTwoSigners) {
  WriteCredential("second", river_.Signatory("provost"));
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"),
                                  absl::StrCat("-binary -signer ", Path("second.pem"), " -inkey ",
                                               Path("second.key")))),
              HasSubstr("has 2 signers"));
}

TEST_F(MouSignature, RefusesMissingSignedAttributes) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -noattr")),
              HasSubstr("no signed attributes"));
}

TEST_F(MouSignature, RefusesAMissingCertificate) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -nocerts")),
              HasSubstr("without its signer's certificate"));
}

TEST_F(MouSignature, RefusesAWeakDigest) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -md sha1")),
              HasSubstr("weaker than SHA-256"));
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean"), "-binary -md sha224")),
              HasSubstr("weaker than SHA-256"));
}

TEST_F(MouSignature, RefusesAnotherContentType) {
  EXPECT_THAT(
      Refusal(OpensslSign(river_.Signatory("dean"), "-binary -econtent_type 1.3.6.1.4.1.1.1")),
      HasSubstr("another type than data"));
}

TEST_F(MouSignature, RefusesAShortRsaKey) {
  EXPECT_THAT(Refusal(OpensslSign(river_.Signatory("dean", pki::KeyType::kRsa2048))),
              HasSubstr("less than 3072 bits"));
}

TEST_F(MouSignature, RefusesAnotherCurve) {
  // Not one that client/pki would make: by the command line.
  Write("ca.pem", river_.signatory_ca().certificate);
  Write("ca.key", river_.signatory_ca().key.ToPem().value());
  Write("ext", absl::StrCat("subjectAltName=URI:", river_.Id("signatory", "dean"), "\n"));
  const std::string make = absl::StrCat(
      "cd ", dir_,
      " && openssl ecparam -name secp521r1 -genkey -noout -out k.key"
      " && openssl req -new -key k.key -subj /CN=dean -out k.csr"
      " && openssl x509 -req -in k.csr -CA ca.pem -CAkey ca.key -days 365 -extfile ext -out k.pem"
      " && printf '%s' '",
      kDocument,
      "' > mou.yaml"
      " && openssl cms -sign -binary -in mou.yaml -signer k.pem -inkey k.key -outform DER -out "
      "k.p7s");
  ASSERT_EQ(system(absl::StrCat("(", make, ") 2>/dev/null").c_str()), 0);
  std::ifstream in(Path("k.p7s"), std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  EXPECT_THAT(Refusal(bytes.str()), HasSubstr("another kind than P-256"));
}

TEST_F(MouSignature, RefusesAnotherPartysSignatory) {
  EXPECT_THAT(Refusal(Sign(state_.Signatory("dean"))), HasSubstr("another organization's"));
  // Under the right CA, too.
  pki::CertificateSpec spec = Spec();
  spec.uris = {state_.Id("signatory", "dean")};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("another organization's"));
}

TEST_F(MouSignature, RefusesASignerThatIsNoSignatory) {
  pki::CertificateSpec spec = Spec();
  for (const char* kind : {"system", "admin", "auditor"}) {
    spec.uris = {river_.Id(kind, "dean")};
    EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no signatory"));
  }
}

TEST_F(MouSignature, RefusesNoSpiffeIdAndTwo) {
  pki::CertificateSpec spec = Spec();
  spec.uris.clear();
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no single SPIFFE id"));
  spec.uris = {river_.Id("signatory", "a"), river_.Id("signatory", "b")};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no single SPIFFE id"));
}

TEST_F(MouSignature, RefusesAnotherTrustDomain) {
  pki::CertificateSpec spec = Spec();
  spec.uris = {"spiffe://other.example/org/river-unified/signatory/dean"};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("trust domain"));
}

TEST_F(MouSignature, RefusesAKeyUsageThatSignsNothing) {
  pki::CertificateSpec spec = Spec();
  spec.key_usage = "critical,keyEncipherment";
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("not for signing"));
  for (const char* usage : {"", "nonRepudiation", "digitalSignature"}) {
    spec.key_usage = usage;
    EXPECT_EQ(Refusal(Sign(Under(spec))), "") << usage;
  }
}

TEST_F(MouSignature, DoesNotLookAtExtendedKeyUsage) {
  pki::CertificateSpec spec = Spec();
  for (const char* usage : {"clientAuth", "emailProtection", "serverAuth"}) {
    spec.extended_key_usage = usage;
    EXPECT_EQ(Refusal(Sign(Under(spec))), "") << usage;
  }
}

TEST_F(MouSignature, RefusesACaOfTheSameNameWithAnotherKey) {
  const OrganizationForTest impostor("river-unified", kNow);
  EXPECT_THAT(Refusal(Sign(impostor.Signatory("dean"))), HasSubstr("no CA of the organization"));
}

TEST_F(MouSignature, RefusesAnotherCaThanThePinnedOne) {
  // Trusted by the gateway for river's signatories, but not what the document pins.
  const OrganizationForTest later("river-unified", kNow);
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].signatory_bundle += later.signatory_ca().certificate;
  trust.organizations[0].signatory_crl += later.Anchors().signatory_crl;
  auto verify = [&](const OrganizationForTest& signer) {
    return VerifyMouSignature(kDocument, Sign(signer.Signatory("dean")), "river-unified",
                              river_.signatory_ca_digest(), trust, kNow)
        .status();
  };
  EXPECT_TRUE(verify(river_).ok());
  EXPECT_THAT(std::string(verify(later).message()), HasSubstr("another CA than"));
}

TEST_F(MouSignature, TakesAPinnedIntermediateAndNotItsSister) {
  auto make = [&](const char* name) {
    return pki::MakeCertificate(pki::CaSpec(name, kTrustDomainForTest, river_.validity()),
                                river_.signatory_ca())
        .value();
  };
  const pki::Credential pinned = make("pinned");
  const pki::Credential sister = make("sister");
  TrustConfig trust = TrustForTest({&river_});
  TrustAnchors& anchors = trust.organizations[0];
  anchors.signatory_bundle += pinned.certificate + sister.certificate;
  anchors.signatory_crl += pki::MakeCrl(river_.signatory_crl(), pinned).value() +
                           pki::MakeCrl(river_.signatory_crl(), sister).value();
  auto verify = [&](const pki::Credential& ca) {
    return VerifyMouSignature(kDocument, Sign(pki::MakeCertificate(Spec(), ca).value()),
                              "river-unified", pki::SpkiDigest(pinned.certificate).value(), trust,
                              kNow)
        .status();
  };
  EXPECT_TRUE(verify(pinned).ok());
  EXPECT_THAT(std::string(verify(sister).message()), HasSubstr("another CA than"));
  EXPECT_THAT(std::string(verify(river_.signatory_ca()).message()), HasSubstr("another CA than"));
}

TEST_F(MouSignature, TakesNoIntermediateThatOnlyTheSignatureBrings) {
  const pki::Credential issuing =
      pki::MakeCertificate(pki::CaSpec("issuing", kTrustDomainForTest, river_.validity()),
                           river_.signatory_ca())
          .value();
  Write("issuing.pem", issuing.certificate);
  EXPECT_THAT(Refusal(OpensslSign(pki::MakeCertificate(Spec(), issuing).value(),
                                  absl::StrCat("-binary -certfile ", Path("issuing.pem")))),
              HasSubstr("give the gateway its intermediates"));
}

TEST_F(MouSignature, RefusesACertificateThatHadExpiredAtReceipt) {
  pki::CertificateSpec spec = Spec();
  spec.validity = {kNow - 2 * kDay, kNow};
  const std::string cms = Sign(Under(spec));
  EXPECT_TRUE(Verify(cms, kDocument, kNow - absl::Seconds(1)).ok());
  EXPECT_THAT(Refusal(cms), HasSubstr("has expired"));
}

TEST_F(MouSignature, RefusesARevokedSignatory) {
  const pki::Credential dean = river_.Signatory("dean");
  river_.RevokeSignatory(dean, kNow - kDay);
  EXPECT_THAT(Refusal(Sign(dean)), HasSubstr("is revoked"));
}

TEST_F(MouSignature, RefusesWhileTheCrlIsStale) {
  const std::string cms = Sign(river_.Signatory("dean"));
  river_.signatory_crl().next_update = kNow;
  EXPECT_THAT(Refusal(cms), HasSubstr("past its nextUpdate"));
}

TEST_F(MouSignature, RefusesAnUnknownOrganization) {
  EXPECT_THAT(VerifyMouSignature(kDocument, Sign(river_.Signatory("dean")), "river-unified",
                                 river_.signatory_ca_digest(), TrustForTest({&state_}), kNow)
                  .status()
                  .ToString(),
              HasSubstr("knows no CA"));
}

TEST_F(MouSignature, RefusesWhatIsNoCms) {
  const std::string cms = Sign(river_.Signatory("dean"));
  EXPECT_THAT(Refusal(""), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal("-----BEGIN CMS-----"), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(cms + "x"), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(cms.substr(0, cms.size() - 1)), HasSubstr("no CMS in DER"));
  EXPECT_THAT(Refusal(std::string(1 << 20, '0')), HasSubstr("larger than"));
  Write("x", "data");
  ASSERT_EQ(system(absl::StrCat("openssl cms -data_create -in ", Path("x"), " -outform DER -out ",
                                Path("data.cms"))
                       .c_str()),
            0);
  std::ifstream in(Path("data.cms"), std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  EXPECT_THAT(Refusal(bytes.str()), HasSubstr("another CMS than SignedData"));
}

TEST_F(MouSignature, ACorruptedSignatureVerifiesOnlyForTheSameSignerAndBytes) {
  const pki::Credential dean = river_.Signatory("dean");
  const std::string cms = Sign(dean);
  const std::string spki = Verify(cms)->signer_spki;
  int refused = 0;
  for (size_t i = 0; i < cms.size(); ++i) {
    std::string corrupt = cms;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 1);
    const absl::StatusOr<VerifiedSignature> verified = Verify(corrupt);
    if (verified.ok()) {
      EXPECT_EQ(verified->signer_spki, spki) << i;
    } else {
      ++refused;
    }
  }
  // A handful of bytes say nothing that counts (a version, parameters).
  EXPECT_GT(refused, static_cast<int>(cms.size()) - 16);
}

class IsVoidTest : public MouSignature {
 protected:
  bool Void(absl::string_view cms) {
    return IsVoid(cms, "river-unified", TrustForTest({&river_}), kNow).value();
  }
  const pki::Credential dean_ = river_.Signatory("dean");
  const std::string cms_ = Sign(dean_);
};

TEST_F(IsVoidTest, IsNotVoidWithoutARevocation) { EXPECT_FALSE(Void(cms_)); }

TEST_F(IsVoidTest, IsVoidWhenRevokedBeforeReceipt) {
  river_.RevokeSignatory(dean_, kNow - absl::Seconds(1));
  EXPECT_TRUE(Void(cms_));
}

TEST_F(IsVoidTest, StaysWhenRevokedAfterReceipt) {
  river_.RevokeSignatory(dean_, kNow + absl::Seconds(1));
  EXPECT_FALSE(Void(cms_));
}

TEST_F(IsVoidTest, IsVoidWhenInvalidSinceBeforeReceipt) {
  river_.RevokeSignatory(dean_, kNow + kDay, kNow - kDay);
  EXPECT_TRUE(Void(cms_));
}

TEST_F(IsVoidTest, IsVoidWhenACaOfTheChainWasRevoked) {
  const pki::Credential issuing =
      pki::MakeCertificate(pki::CaSpec("issuing", kTrustDomainForTest, river_.validity()),
                           river_.signatory_ca())
          .value();
  const std::string cms = Sign(pki::MakeCertificate(Spec(), issuing).value());
  const std::string own_list = pki::MakeCrl(river_.signatory_crl(), issuing).value();
  auto is_void = [&] {
    TrustConfig trust = TrustForTest({&river_});
    trust.organizations[0].signatory_bundle += issuing.certificate;
    trust.organizations[0].signatory_crl += own_list;
    return IsVoid(cms, "river-unified", trust, kNow).value();
  };
  EXPECT_FALSE(is_void());
  river_.RevokeSignatory(issuing, kNow - kDay);
  EXPECT_TRUE(is_void());
}

TEST_F(IsVoidTest, LaterExpiryChangesNothing) {
  pki::CertificateSpec spec = Spec();
  spec.validity = {kNow - 20 * kDay, kNow - 10 * kDay};
  const pki::Credential expired = Under(spec);
  const std::string cms = Sign(expired);
  EXPECT_FALSE(Void(cms));
  river_.RevokeSignatory(expired, kNow - 15 * kDay);
  EXPECT_TRUE(Void(cms));
}

TEST_F(IsVoidTest, AnOrganizationThatLeftVoidsNothing) {
  EXPECT_FALSE(IsVoid(cms_, "river-unified", TrustForTest({&state_}), kNow).value());
}

TEST_F(IsVoidTest, AGarbledListIsAnError) {
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].signatory_crl = "garbled";
  EXPECT_FALSE(IsVoid(cms_, "river-unified", trust, kNow).ok());
}

}  // namespace
}  // namespace sluice::server
