#include "server/identity/identity.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/organization_for_test.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
constexpr absl::Duration kDay = absl::Hours(24);

class IdentityTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Identity> Make() { return Make(TrustForTest({&state_, &river_})); }
  static std::shared_ptr<const Identity> Make(TrustConfig trust) {
    return Identity::Create(Trust::Create(std::move(trust)).value());
  }
  // The sentence with which a certificate is refused; "" if it is not.
  std::string Refusal(const std::string& pem, absl::Time now = kNow) {
    return Refusal(*Make(), pem, now);
  }
  static std::string Refusal(const Identity& identity, const std::string& pem,
                             absl::Time now = kNow) {
    const absl::StatusOr<Caller> caller = identity.Verify(pem, now);
    if (caller.ok()) return "";
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
    return std::string(caller.status().message());
  }
  // A certificate under river's CA that is as `spec` says.
  std::string Under(const pki::CertificateSpec& spec,
                    pki::KeyType type = pki::KeyType::kP256) const {
    return pki::MakeCertificate(spec, river_.ca(), type)->certificate;
  }
  pki::CertificateSpec Spec() const {
    return pki::ClientSpec(river_.Id("system", "hr"), river_.validity());
  }

  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
};

TEST_F(IdentityTest, NamesTheCallerOfAGoodCertificate) {
  const pki::Credential client = river_.Client("system", "hr");
  const Caller caller = Make()->Verify(client.certificate, kNow).value();
  EXPECT_EQ(caller.organization(), "river-unified");
  EXPECT_EQ(caller.kind(), policy::PrincipalKind::kSystem);
  EXPECT_EQ(caller.principal().name, "hr");
  EXPECT_EQ(caller.spiffe_id(), "spiffe://sluice.example/org/river-unified/system/hr");
  EXPECT_EQ(absl::StrCat("sha256:", caller.spki()), pki::SpkiDigest(client.certificate).value());
  EXPECT_EQ(caller.fingerprint().size(), 32u);
}

TEST_F(IdentityTest, RefusesWhatIsNoCertificate) {
  for (const char* text :
       {"", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("certificate is unusable")) << text;
  }
  const std::string pem = river_.Client("system", "hr").certificate;
  EXPECT_THAT(Refusal(pem + pem), HasSubstr("more than one"));
}

TEST_F(IdentityTest, RefusesTheRightCaWithAnotherOrganizationsId) {
  // Known to the gateway, and its own CA would be right; this one is river's.
  const pki::CertificateSpec spec =
      pki::ClientSpec(state_.Id("system", "registrar"), river_.validity());
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("no CA of the organization that it names"));
}

TEST_F(IdentityTest, RefusesACaOfTheSameNameWithAnotherKey) {
  const OrganizationForTest impostor("river-unified", kNow);
  EXPECT_THAT(Refusal(impostor.Client("system", "hr").certificate),
              HasSubstr("no CA of the organization"));
}

TEST_F(IdentityTest, RefusesAnUnknownOrganization) {
  const OrganizationForTest stranger("stranger", kNow);
  EXPECT_THAT(Refusal(stranger.Client("system", "hr").certificate),
              HasSubstr("ask its operator to add it"));
}

TEST_F(IdentityTest, RefusesNoSpiffeId) {
  pki::CertificateSpec spec = Spec();
  spec.uris.clear();
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("has 0 URIs"));
  spec.dns_names = {"river.example"};
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("has 0 URIs"));
}

TEST_F(IdentityTest, RefusesTwoSpiffeIds) {
  pki::CertificateSpec spec = Spec();
  spec.uris.push_back(river_.Id("admin", "hr"));
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("has 2 URIs"));
}

TEST_F(IdentityTest, RefusesAnotherTrustDomain) {
  pki::CertificateSpec spec = Spec();
  spec.uris = {"spiffe://other.example/org/river-unified/system/hr"};
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("not of this gateway's trust domain"));
}

TEST_F(IdentityTest, RefusesAnUnknownKindAndAnOddName) {
  pki::CertificateSpec spec = Spec();
  spec.uris = {river_.Id("emperor", "hr")};
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("has a kind other than"));
  spec.uris = {river_.Id("system", "HR")};
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("has a name other than"));
}

TEST_F(IdentityTest, RefusesAGatewaysCertificate) {
  EXPECT_NE(Refusal(Under(pki::ServerSpec(pki::GatewaySpiffeId(kTrustDomainForTest, "g1"),
                                          {"localhost"}, {}, river_.validity()))),
            "");
}

TEST_F(IdentityTest, RefusesAnExpiredCertificateAndOneThatIsNotValidYet) {
  pki::CertificateSpec spec = Spec();
  spec.validity = {kNow - kDay, kNow};
  const std::string expired = Under(spec);
  EXPECT_EQ(Refusal(expired, kNow - absl::Seconds(1)), "");
  EXPECT_THAT(Refusal(expired, kNow), HasSubstr("has expired"));
  spec.validity = {kNow, kNow + kDay};
  const std::string early = Under(spec);
  EXPECT_THAT(Refusal(early, kNow - absl::Seconds(1)), HasSubstr("not valid yet"));
  EXPECT_EQ(Refusal(early, kNow), "");
}

TEST_F(IdentityTest, RefusesARevokedCertificate) {
  const pki::Credential client = river_.Client("system", "hr");
  EXPECT_EQ(Refusal(client.certificate), "");
  river_.Revoke(client, kNow - kDay);
  EXPECT_THAT(Refusal(client.certificate), HasSubstr("is revoked"));
  EXPECT_EQ(Refusal(river_.Client("system", "hr").certificate), "");
}

TEST_F(IdentityTest, RefusesTheOrganizationWhoseCrlIsStale) {
  const std::string pem = river_.Client("system", "hr").certificate;
  const absl::Time next_update = river_.crl().next_update;
  const std::shared_ptr<const Identity> identity = Make();
  EXPECT_EQ(Refusal(*identity, pem, next_update - absl::Seconds(1)), "");
  EXPECT_THAT(identity->trust()->StaleCrls(next_update - absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(Refusal(*identity, pem, next_update), HasSubstr("past its nextUpdate"));
  EXPECT_THAT(identity->trust()->StaleCrls(next_update),
              ElementsAre("river-unified", "state-university"));
}

TEST_F(IdentityTest, LetsAStaleCrlCountForTheGrace) {
  TrustConfig trust = TrustForTest({&river_});
  trust.crl_grace = absl::Hours(1);
  const std::shared_ptr<const Identity> identity = Make(trust);
  const std::string pem = river_.Client("system", "hr").certificate;
  const absl::Time end = river_.crl().next_update + absl::Hours(1);
  EXPECT_EQ(Refusal(*identity, pem, end - absl::Seconds(1)), "");
  EXPECT_THAT(Refusal(*identity, pem, end), HasSubstr("past its nextUpdate"));
}

TEST_F(IdentityTest, DoesWithoutRevocationWhereNoneIsConfigured) {
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].crl.clear();
  const std::string pem = river_.Client("system", "hr").certificate;
  EXPECT_EQ(Refusal(*Make(trust), pem, kNow + 300 * kDay), "");
}

TEST_F(IdentityTest, RefusesAServersExtendedKeyUsage) {
  pki::CertificateSpec spec = Spec();
  spec.extended_key_usage = "serverAuth";
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("clientAuth"));
  spec.extended_key_usage = "serverAuth,clientAuth";
  EXPECT_EQ(Refusal(Under(spec)), "");
  spec.extended_key_usage.clear();
  EXPECT_EQ(Refusal(Under(spec)), "");
}

TEST_F(IdentityTest, RefusesAKeyUsageThatDoesNotSign) {
  pki::CertificateSpec spec = Spec();
  spec.key_usage = "critical,keyEncipherment";
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("key usage"));
  spec.key_usage.clear();
  EXPECT_EQ(Refusal(Under(spec)), "");
}

TEST_F(IdentityTest, RefusesACasCertificateAsCaller) {
  pki::CertificateSpec spec = Spec();
  spec.is_ca = true;
  spec.key_usage = "critical,keyCertSign,digitalSignature";
  EXPECT_THAT(Refusal(Under(spec)), HasSubstr("CA:FALSE"));
  // The root itself, with a principal's SPIFFE id.
  spec = pki::CaSpec("root", kTrustDomainForTest, river_.validity());
  spec.uris = {river_.Id("system", "hr")};
  const pki::Credential root = pki::MakeRoot(spec).value();
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].ca_bundle = root.certificate;
  trust.organizations[0].crl.clear();
  EXPECT_NE(Refusal(*Make(trust), root.certificate), "");
}

TEST_F(IdentityTest, RefusesALeafThatIssues) {
  // A client's certificate is no CA, whatever it signs.
  const pki::Credential client = river_.Client("system", "hr");
  const std::string pem =
      pki::MakeCertificate(pki::ClientSpec(river_.Id("admin", "x"), river_.validity()), client)
          ->certificate;
  EXPECT_THAT(Refusal(pem), HasSubstr("no CA of the organization"));
}

TEST_F(IdentityTest, RefusesAWeakKey) {
  EXPECT_THAT(Refusal(Under(Spec(), pki::KeyType::kRsa1024)), HasSubstr("too weak"));
  EXPECT_EQ(Refusal(Under(Spec(), pki::KeyType::kRsa2048)), "");
  EXPECT_EQ(Refusal(Under(Spec(), pki::KeyType::kP384)), "");
}

TEST_F(IdentityTest, BuildsTheChainThroughConfiguredIntermediates) {
  const pki::Credential intermediate =
      pki::MakeCertificate(pki::CaSpec("issuing", kTrustDomainForTest, river_.validity()),
                           river_.ca())
          .value();
  const std::string pem = pki::MakeCertificate(Spec(), intermediate)->certificate;
  EXPECT_THAT(Refusal(pem), HasSubstr("give the gateway its intermediates"));

  TrustConfig trust = TrustForTest({&river_});
  TrustAnchors& anchors = trust.organizations[0];
  anchors.ca_bundle += intermediate.certificate;
  pki::Crl crl = river_.crl();
  anchors.crl += pki::MakeCrl(crl, intermediate).value();
  EXPECT_EQ(Refusal(*Make(trust), pem), "");

  // Revoked by the root: all below it.
  river_.Revoke(intermediate, kNow);
  anchors.crl = river_.Anchors().crl + pki::MakeCrl(crl, intermediate).value();
  EXPECT_THAT(Refusal(*Make(trust), pem), HasSubstr("is revoked"));
}

TEST_F(IdentityTest, SignatoriesStandUnderTheirOwnCaAlone) {
  EXPECT_EQ(Make()->Verify(river_.Signatory("dean").certificate, kNow)->kind(),
            policy::PrincipalKind::kSignatory);
  EXPECT_THAT(Refusal(Under(pki::SignatorySpec(river_.Id("signatory", "dean"), river_.validity()))),
              HasSubstr("no CA of the organization"));
  // And the signatories' CA makes no systems.
  EXPECT_THAT(Refusal(pki::MakeCertificate(Spec(), river_.signatory_ca())->certificate),
              HasSubstr("no CA of the organization"));
}

TEST_F(IdentityTest, SignatoriesStandUnderTheOneCaWhereThereIsOne) {
  TrustConfig trust = TrustForTest({&river_});
  trust.organizations[0].signatory_bundle.clear();
  trust.organizations[0].signatory_crl.clear();
  EXPECT_EQ(Refusal(*Make(trust),
                    Under(pki::SignatorySpec(river_.Id("signatory", "dean"), river_.validity()))),
            "");
}

TEST_F(IdentityTest, TheOperatorStandsUnderItsOwnCa) {
  const OrganizationForTest gateway("gateway-operator", kNow);
  const pki::CertificateSpec spec =
      pki::ClientSpec(pki::OperatorSpiffeId(kTrustDomainForTest, "ada"), gateway.validity());
  const std::string pem = pki::MakeCertificate(spec, gateway.ca())->certificate;
  EXPECT_THAT(Refusal(pem), HasSubstr("no operator's CA"));

  TrustConfig trust = TrustForTest({&river_});
  trust.operator_anchors.ca_bundle = gateway.ca().certificate;
  EXPECT_EQ(Make(trust)->Verify(pem, kNow)->kind(), policy::PrincipalKind::kOperator);
  EXPECT_THAT(Refusal(*Make(trust), Under(spec)), HasSubstr("no CA of the organization"));
}

TEST_F(IdentityTest, AVerifiedCertificateIsCheckedAgainWhenItsHorizonPasses) {
  const pki::Credential client = river_.Client("system", "hr");
  const std::shared_ptr<const Identity> identity = Make();
  const Caller caller = identity->Verify(client.certificate, kNow).value();
  EXPECT_TRUE(identity->StillValid(caller, kNow + kDay).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(identity->StillValid(caller, river_.crl().next_update)));
  EXPECT_TRUE(absl::IsUnauthenticated(identity->StillValid(caller, kNow - 10 * kDay)));
  EXPECT_TRUE(identity->StillValid(caller, kNow).ok());
}

TEST_F(IdentityTest, AReloadedListEndsACallerThatWasValid) {
  const pki::Credential client = river_.Client("system", "hr");
  const Caller caller = Make()->Verify(client.certificate, kNow).value();
  EXPECT_TRUE(Make()->StillValid(caller, kNow).ok());
  river_.Revoke(client, kNow);
  EXPECT_THAT(std::string(Make()->StillValid(caller, kNow).message()), HasSubstr("is revoked"));
}

TEST_F(IdentityTest, AReloadThatRemovesTheOrganizationEndsItsCallers) {
  const Caller caller = Make()->Verify(river_.Client("system", "hr").certificate, kNow).value();
  EXPECT_FALSE(Make(TrustForTest({&state_}))->StillValid(caller, kNow).ok());
}

TEST_F(IdentityTest, RemembersNoMoreThanItsBound) {
  const std::shared_ptr<const Identity> identity = Make();
  const std::string first = river_.Client("system", "first").certificate;
  const Caller caller = identity->Verify(first, kNow).value();
  for (int i = 0; i < 4200; ++i) {
    ASSERT_TRUE(
        identity->Verify(river_.Client("system", absl::StrCat("n", i)).certificate, kNow).ok());
  }
  EXPECT_TRUE(identity->StillValid(caller, kNow).ok());
}

TEST_F(IdentityTest, ManyThreadsMayAsk) {
  const std::shared_ptr<const Identity> identity = Make();
  const std::string good = river_.Client("system", "hr").certificate;
  const std::string bad =
      OrganizationForTest("river-unified", kNow).Client("system", "hr").certificate;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(identity->Verify(t % 2 == 0 ? good : bad, kNow).ok(), t % 2 == 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(IdentityTest, ACorruptedCertificateIsNeverAnotherOne) {
  const std::string pem = river_.Client("system", "hr").certificate;
  const std::shared_ptr<const Identity> identity = Make();
  const std::string fingerprint = identity->Verify(pem, kNow)->fingerprint();
  for (size_t i = 0; i < pem.size(); ++i) {
    std::string corrupt = pem;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 1);
    const absl::StatusOr<Caller> caller = identity->Verify(corrupt, kNow);
    // A changed line end or frame may decode to the same certificate, and to no other.
    if (caller.ok()) {
      EXPECT_EQ(caller->fingerprint(), fingerprint) << i;
    }
  }
}

TEST_F(IdentityTest, NoRefusalNamesAPerson) {
  pki::CertificateSpec spec = pki::ClientSpec(state_.Id("admin", "jane-doe"), river_.validity());
  EXPECT_THAT(Refusal(Under(spec)), Not(HasSubstr("jane")));
  EXPECT_THAT(
      Refusal(OrganizationForTest("stranger", kNow).Client("admin", "jane-doe").certificate),
      Not(HasSubstr("jane")));
}

}  // namespace
}  // namespace sluice::server
