#include "server/identity/trust.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/organization_for_test.h"
#include "tests/support/reissued_ca.h"

namespace sluice::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());

class TrustTest : public ::testing::Test {
 protected:
  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
};

TEST_F(TrustTest, TellsEveryProblemAtOnce) {
  TrustConfig trust = TrustForTest({&state_, &river_});
  trust.organizations[0].crl = river_.Anchors().crl;
  trust.organizations[1].ca_bundle = "";
  trust.organizations.push_back(trust.organizations[1]);
  trust.organizations.push_back({"Bad Name", "", "", "", ""});
  trust.crl_grace = -absl::Seconds(1);
  EXPECT_THAT(std::string(Trust::Create(trust).status().message()),
              AllOf(HasSubstr("grace is negative"), HasSubstr("CRL: list 1 is signed by no CA"),
                    HasSubstr("state-university: CRL: there is none that certificate 1"),
                    HasSubstr("river-unified: CA bundle: it has no CERTIFICATE block"),
                    HasSubstr("configured twice"), HasSubstr("\"Bad Name\" is no organization")));
}

TEST_F(TrustTest, RefusesACasKeyThatTwoHave) {
  TrustConfig trust = TrustForTest({&state_, &river_});
  // As callers' CA, as signatories', and as the operator's.
  TrustConfig shared = trust;
  shared.organizations[0].ca_bundle = river_.ca().certificate;
  shared.organizations[0].crl = river_.Anchors().crl;
  EXPECT_THAT(Trust::Create(shared).status().ToString(),
              HasSubstr("state-university: CA bundle: certificate 1 has the key of a CA of "
                        "river-unified"));
  shared = trust;
  shared.organizations[0].signatory_bundle = river_.ca().certificate;
  shared.organizations[0].signatory_crl.clear();
  EXPECT_THAT(Trust::Create(shared).status().ToString(),
              HasSubstr("state-university: signatories' CA bundle: certificate 1 has the key of a "
                        "CA of river-unified"));
  shared = trust;
  shared.operator_anchors.ca_bundle = state_.ca().certificate;
  EXPECT_THAT(Trust::Create(shared).status().ToString(), HasSubstr("has the key of a CA of oper"));
  // One's own may be both.
  shared = trust;
  shared.organizations[0].signatory_bundle = state_.ca().certificate;
  shared.organizations[0].signatory_crl.clear();
  EXPECT_TRUE(Trust::Create(shared).ok());
}

TEST_F(TrustTest, RefusesMoreNamesOfCasThanAHandshakeHolds) {
  TrustConfig trust = TrustForTest({&state_, &river_});
  trust.organizations[1].crl.clear();
  trust.organizations[1].ca_bundle = Reissued(river_.ca(), /*units=*/300);
  EXPECT_TRUE(Trust::Create(trust).ok());
  trust.organizations[1].ca_bundle += Reissued(OrganizationForTest("x", kNow).ca(), /*units=*/400);
  EXPECT_THAT(Trust::Create(trust).status().ToString(),
              HasSubstr("the names of all CAs together are larger than 48 KiB"));
}

TEST_F(TrustTest, RefusesACrlThatItsCaDidNotSign) {
  TrustConfig trust = TrustForTest({&river_});
  // Of the same name, by another key.
  trust.organizations[0].crl = OrganizationForTest("river-unified", kNow).Anchors().crl;
  EXPECT_THAT(Trust::Create(trust).status().ToString(), HasSubstr("signed by no CA"));
}

TEST_F(TrustTest, RefusesAGarbledCrlAndAGarbledBundle) {
  TrustConfig trust = TrustForTest({&river_});
  TrustConfig garbled = trust;
  garbled.organizations[0].crl = "not a list";
  EXPECT_THAT(Trust::Create(garbled).status().ToString(), HasSubstr("no X509 CRL block"));
  garbled = trust;
  // One dash less: OpenSSL would skip the block as text.
  garbled.organizations[0].crl.erase(0, 1);
  EXPECT_THAT(Trust::Create(garbled).status().ToString(), HasSubstr("garbled"));
  garbled = trust;
  garbled.organizations[0].ca_bundle += garbled.organizations[0].ca_bundle.substr(1);
  EXPECT_THAT(Trust::Create(garbled).status().ToString(), HasSubstr("garbled"));
}

TEST_F(TrustTest, RefusesABundleWithALeafAKeyOrNoRoot) {
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].crl.clear();
  TrustConfig wrong = trust;
  wrong.organizations[0].ca_bundle += river_.Client("system", "hr").certificate;
  EXPECT_THAT(Trust::Create(wrong).status().ToString(), HasSubstr("certificate 2 is no CA"));
  wrong = trust;
  wrong.organizations[0].ca_bundle += river_.ca().key.ToPem().value();
  EXPECT_THAT(Trust::Create(wrong).status().ToString(), HasSubstr("no CERTIFICATE block"));
  wrong = trust;
  wrong.organizations[0].ca_bundle =
      pki::MakeCertificate(pki::CaSpec("issuing", kTrustDomainForTest, river_.validity()),
                           river_.ca())
          ->certificate;
  EXPECT_THAT(Trust::Create(wrong).status().ToString(), HasSubstr("it has no root"));
}

TEST_F(TrustTest, RefusesACaWithoutAListWhereOthersHaveOne) {
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].ca_bundle += state_.ca().certificate;
  EXPECT_THAT(Trust::Create(trust).status().ToString(),
              HasSubstr("none that certificate 2 of the CA bundle signed"));
}

TEST_F(TrustTest, SaysWhichBundlesAreInForce) {
  const std::shared_ptr<const Trust> trust = Trust::Create(TrustForTest({&river_})).value();
  EXPECT_THAT(trust->BundleDigests(),
              ElementsAre(Pair("river-unified", testing::MatchesRegex("sha256:[0-9a-f]{64}")),
                          Pair("river-unified", testing::MatchesRegex("sha256:[0-9a-f]{64}"))));
  EXPECT_THAT(trust->AllCaBundles(), AllOf(HasSubstr(river_.ca().certificate),
                                           HasSubstr(river_.signatory_ca().certificate)));
}

TEST_F(TrustTest, GivesEachKindOfPrincipalItsOwnCas) {
  TrustConfig config = TrustForTest({&state_, &river_});
  config.organizations[0].signatory_bundle.clear();
  config.organizations[0].signatory_crl.clear();
  config.operator_anchors = OrganizationForTest("gateway", kNow).Anchors();
  const std::shared_ptr<const Trust> trust = Trust::Create(config).value();
  EXPECT_NE(trust->CallerCas("river-unified"), nullptr);
  EXPECT_NE(trust->SignatoryCas("river-unified"), trust->CallerCas("river-unified"));
  EXPECT_EQ(trust->SignatoryCas("state-university"), trust->CallerCas("state-university"));
  EXPECT_NE(trust->CallerCas("state-university"), trust->CallerCas("river-unified"));
  EXPECT_NE(trust->OperatorCas(), nullptr);
  // The operator is no organization, by whatever name.
  for (const char* nobody : {"operator", "gateway", "", "lake-unified"}) {
    EXPECT_EQ(trust->CallerCas(nobody), nullptr) << nobody;
    EXPECT_EQ(trust->SignatoryCas(nobody), nullptr) << nobody;
  }
  EXPECT_EQ(Trust::Create(TrustForTest({&river_})).value()->OperatorCas(), nullptr);
}

TEST_F(TrustTest, HasAnotherDigestWithAnyBundleOrList) {
  const TrustConfig config = TrustForTest({&state_, &river_});
  const std::string before = Trust::Create(config).value()->digest();
  EXPECT_EQ(Trust::Create(config).value()->digest(), before);
  const auto differs = [&](void (*change)(TrustAnchors&)) {
    TrustConfig changed = config;
    change(changed.organizations[1]);
    return Trust::Create(changed).value()->digest() != before;
  };
  EXPECT_TRUE(differs([](TrustAnchors& a) { a.ca_bundle += "\n"; }));
  EXPECT_TRUE(differs([](TrustAnchors& a) { a.crl += "\n"; }));
  EXPECT_TRUE(differs([](TrustAnchors& a) { a.signatory_bundle += "\n"; }));
  EXPECT_TRUE(differs([](TrustAnchors& a) { a.signatory_crl += "\n"; }));
  EXPECT_TRUE(differs([](TrustAnchors& a) { a.organization += "-2"; }));
}

}  // namespace
}  // namespace sluice::server
