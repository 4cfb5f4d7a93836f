// Who signed: a signatory of the party, under the CA that the document pins.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/mou_signature_fixture.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class MouSignatoryTest : public MouSignature {};

TEST_F(MouSignatoryTest, RefusesAnotherPartysSignatory) {
  EXPECT_THAT(Refusal(Sign(state_.Signatory("dean"))), HasSubstr("another organization's"));
  // Under the right CA, too.
  pki::CertificateSpec spec = Spec();
  spec.uris = {state_.Id("signatory", "dean")};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("another organization's"));
}

TEST_F(MouSignatoryTest, RefusesASignerThatIsNoSignatory) {
  pki::CertificateSpec spec = Spec();
  for (const char* kind : {"system", "admin", "auditor"}) {
    spec.uris = {river_.Id(kind, "dean")};
    EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no signatory"));
  }
}

TEST_F(MouSignatoryTest, RefusesNoSpiffeIdAndTwo) {
  pki::CertificateSpec spec = Spec();
  spec.uris.clear();
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no single SPIFFE id"));
  spec.uris = {river_.Id("signatory", "a"), river_.Id("signatory", "b")};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("no single SPIFFE id"));
}

TEST_F(MouSignatoryTest, RefusesAnotherTrustDomain) {
  pki::CertificateSpec spec = Spec();
  spec.uris = {"spiffe://other.example/org/river-unified/signatory/dean"};
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("trust domain"));
}

TEST_F(MouSignatoryTest, RefusesAKeyUsageThatSignsNothing) {
  pki::CertificateSpec spec = Spec();
  spec.key_usage = "critical,keyEncipherment";
  EXPECT_THAT(Refusal(Sign(Under(spec))), HasSubstr("not for signing"));
  for (const char* usage : {"", "nonRepudiation", "digitalSignature"}) {
    spec.key_usage = usage;
    EXPECT_EQ(Refusal(Sign(Under(spec))), "") << usage;
  }
}

TEST_F(MouSignatoryTest, DoesNotLookAtExtendedKeyUsage) {
  pki::CertificateSpec spec = Spec();
  for (const char* usage : {"clientAuth", "emailProtection", "serverAuth"}) {
    spec.extended_key_usage = usage;
    EXPECT_EQ(Refusal(Sign(Under(spec))), "") << usage;
  }
}

TEST_F(MouSignatoryTest, RefusesACaOfTheSameNameWithAnotherKey) {
  const OrganizationForTest impostor("river-unified", kNow);
  EXPECT_THAT(Refusal(Sign(impostor.Signatory("dean"))), HasSubstr("no CA of the organization"));
}

TEST_F(MouSignatoryTest, RefusesAnotherCaThanThePinnedOne) {
  // Trusted by the gateway for river's signatories, but not what the document pins.
  const OrganizationForTest later("river-unified", kNow);
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].signatory_bundle += later.signatory_ca().certificate;
  trust.organizations[0].signatory_crl += later.Anchors().signatory_crl;
  auto verify = [&](const OrganizationForTest& signer) {
    return VerifyMouSignature(kDocument, Sign(signer.Signatory("dean")), "river-unified",
                              river_.signatory_ca_digest(), *InForce(trust), kNow)
        .status();
  };
  EXPECT_TRUE(verify(river_).ok());
  EXPECT_THAT(std::string(verify(later).message()), HasSubstr("another CA than"));
}

TEST_F(MouSignatoryTest, TakesAPinnedIntermediateAndNotItsSister) {
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
                              "river-unified", pki::SpkiDigest(pinned.certificate).value(),
                              *InForce(trust), kNow)
        .status();
  };
  EXPECT_TRUE(verify(pinned).ok());
  EXPECT_THAT(std::string(verify(sister).message()), HasSubstr("another CA than"));
  EXPECT_THAT(std::string(verify(river_.signatory_ca()).message()), HasSubstr("another CA than"));
}

TEST_F(MouSignatoryTest, TakesNoIntermediateThatOnlyTheSignatureBrings) {
  const pki::Credential issuing =
      pki::MakeCertificate(pki::CaSpec("issuing", kTrustDomainForTest, river_.validity()),
                           river_.signatory_ca())
          .value();
  Write("issuing.pem", issuing.certificate);
  EXPECT_THAT(Refusal(OpensslSign(pki::MakeCertificate(Spec(), issuing).value(),
                                  absl::StrCat("-binary -certfile ", Path("issuing.pem")))),
              HasSubstr("give the gateway its intermediates"));
}

TEST_F(MouSignatoryTest, RefusesACertificateThatHadExpiredAtReceipt) {
  pki::CertificateSpec spec = Spec();
  spec.validity = {kNow - 2 * kDay, kNow};
  const std::string cms = Sign(Under(spec));
  EXPECT_TRUE(Verify(cms, kDocument, kNow - absl::Seconds(1)).ok());
  EXPECT_THAT(Refusal(cms), HasSubstr("has expired"));
}

TEST_F(MouSignatoryTest, RefusesARevokedSignatory) {
  const pki::Credential dean = river_.Signatory("dean");
  river_.RevokeSignatory(dean, kNow - kDay);
  EXPECT_THAT(Refusal(Sign(dean)), HasSubstr("is revoked"));
}

TEST_F(MouSignatoryTest, RefusesWhileTheCrlIsStale) {
  const std::string cms = Sign(river_.Signatory("dean"));
  river_.signatory_crl().next_update = kNow;
  EXPECT_THAT(Refusal(cms), HasSubstr("past its nextUpdate"));
}

TEST_F(MouSignatoryTest, RefusesAnUnknownOrganization) {
  EXPECT_THAT(
      VerifyMouSignature(kDocument, Sign(river_.Signatory("dean")), "river-unified",
                         river_.signatory_ca_digest(), *InForce(TrustForTest({&state_})), kNow)
          .status()
          .ToString(),
      HasSubstr("knows no CA"));
}

}  // namespace
}  // namespace sluice::server
