#include "server/organization_check.h"

#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/error.h"
#include "server/identity/certificate.h"
#include "tests/support/organization_for_test.h"
#include "tests/support/reissued_ca.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone());
constexpr absl::Duration kDay = absl::Hours(24);

StoredOrganization Of(const OrganizationForTest& from) {
  const TrustAnchors anchors = from.Anchors();
  return {.name = from.name(),
          .ca_bundle = anchors.ca_bundle,
          .crl = anchors.crl,
          .signatory_bundle = anchors.signatory_bundle,
          .signatory_crl = anchors.signatory_crl};
}

class CheckOrganizationTest : public ::testing::Test {
 protected:
  absl::StatusOr<StoredOrganization> Check(const StoredOrganization& organization,
                                           const StoredOrganization* before = nullptr) const {
    return CheckOrganization(organization, before, absl::ZeroDuration(), kNow);
  }
  // Refused, with the reason, and in a form that may leave.
  void ExpectRefused(const StoredOrganization& organization, absl::string_view reason,
                     const StoredOrganization* before = nullptr) const {
    const absl::Status status = Check(organization, before).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(reason)));
    EXPECT_TRUE(MayLeave(status)) << status;
  }
  // A CA of another spec beside the organization's own, without lists.
  StoredOrganization WithCa(const std::function<void(pki::CertificateSpec&)>& change,
                            pki::KeyType key = pki::KeyType::kP256) const {
    pki::CertificateSpec spec = pki::CaSpec("another CA", kTrustDomainForTest, hill_.validity());
    change(spec);
    StoredOrganization organization = WithoutLists();
    absl::StrAppend(&organization.ca_bundle, pki::MakeRoot(spec, key)->certificate);
    return organization;
  }
  StoredOrganization WithoutLists() const {
    StoredOrganization organization = Of(hill_);
    organization.crl.clear();
    organization.signatory_crl.clear();
    return organization;
  }

  OrganizationForTest hill_{"hill-county", kNow};
  OrganizationForTest other_{"river-unified", kNow};
};

TEST_F(CheckOrganizationTest, TakesAWholeOrganization) {
  const StoredOrganization given = Of(hill_);
  const absl::StatusOr<StoredOrganization> checked = Check(given);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->ca_bundle, given.ca_bundle);
  EXPECT_EQ(checked->crl, given.crl);
  EXPECT_EQ(checked->signatory_bundle, given.signatory_bundle);
  EXPECT_EQ(checked->signatory_crl, given.signatory_crl);
}

TEST_F(CheckOrganizationTest, KeepsEachCertificateOnceAndNothingAroundIt) {
  StoredOrganization given = Of(hill_);
  const std::string bundle = given.ca_bundle;
  const std::string list = given.crl;
  given.ca_bundle = absl::StrCat("Subject: CN=hill\n", bundle, "and again\n", bundle);
  given.crl = absl::StrCat(list, "\n\n", list);
  const absl::StatusOr<StoredOrganization> checked = Check(given);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->ca_bundle, bundle);
  EXPECT_EQ(checked->crl, list);
}

TEST_F(CheckOrganizationTest, KeepsTheNewestListOfEachCa) {
  const std::string old = hill_.Anchors().crl;
  hill_.crl().this_update += absl::Hours(1);
  ++hill_.crl().number;
  StoredOrganization given = Of(hill_);
  const std::string newest = given.crl;
  given.crl = newest + old;
  EXPECT_EQ(Check(given)->crl, newest);
}

TEST_F(CheckOrganizationTest, RefusesAnEmptyBundle) {
  StoredOrganization given = Of(hill_);
  given.ca_bundle.clear();
  ExpectRefused(given, "CA bundle: it has no CERTIFICATE block");
}

TEST_F(CheckOrganizationTest, RefusesAPrivateKeyInTheBundle) {
  StoredOrganization given = Of(hill_);
  given.ca_bundle += hill_.ca().key.ToPem().value();
  const absl::Status status = Check(given).status();
  ExpectRefused(given, "block 2 is no CERTIFICATE block");
  // Nothing of it is said again.
  EXPECT_FALSE(absl::StrContains(status.ToString(), "MIG"));
}

TEST_F(CheckOrganizationTest, RefusesALeaf) {
  StoredOrganization given = WithoutLists();
  given.ca_bundle += hill_.Client("system", "sis").certificate;
  ExpectRefused(given, "certificate 2 is no CA");
}

TEST_F(CheckOrganizationTest, RefusesACaWhoseKeyUsageDoesNotAllowToSignCertificates) {
  ExpectRefused(WithCa([](auto& spec) { spec.key_usage = "critical,digitalSignature"; }),
                "certificate 2 is no CA");
}

TEST_F(CheckOrganizationTest, RefusesABundleWithoutRoot) {
  StoredOrganization given = WithoutLists();
  given.ca_bundle = pki::MakeCertificate(
                        pki::CaSpec("issuing", kTrustDomainForTest, hill_.validity()), hill_.ca())
                        ->certificate;
  ExpectRefused(given, "it has no root");
}

TEST_F(CheckOrganizationTest, RefusesAnIntermediateOfAnothersRoot) {
  StoredOrganization given = WithoutLists();
  given.ca_bundle += pki::MakeCertificate(
                         pki::CaSpec("issuing", kTrustDomainForTest, hill_.validity()), other_.ca())
                         ->certificate;
  ExpectRefused(given, "certificate 2: no CA of the organization");
}

TEST_F(CheckOrganizationTest, RefusesAnExpiredCa) {
  ExpectRefused(WithCa([](auto& spec) {
                  spec.validity = {kNow - 9 * kDay, kNow - kDay};
                }),
                "certificate 2: the certificate, or a CA above it, has expired");
}

TEST_F(CheckOrganizationTest, RefusesACaThatIsNotValidYet) {
  ExpectRefused(WithCa([](auto& spec) {
                  spec.validity = {kNow + kDay, kNow + 9 * kDay};
                }),
                "is not valid yet");
}

TEST_F(CheckOrganizationTest, RefusesAWeakKey) {
  ExpectRefused(WithCa([](auto&) {}, pki::KeyType::kRsa1024), "too weak");
}

TEST_F(CheckOrganizationTest, RefusesAnIntermediateThatItsRootRevoked) {
  const pki::Credential issuing = *pki::MakeCertificate(
      pki::CaSpec("issuing", kTrustDomainForTest, hill_.validity()), hill_.ca());
  pki::Crl of_issuing = hill_.crl();
  StoredOrganization given = Of(hill_);
  given.ca_bundle += issuing.certificate;
  given.crl += pki::MakeCrl(of_issuing, issuing).value();
  ASSERT_TRUE(Check(given).ok()) << Check(given).status();
  hill_.Revoke(issuing, kNow - absl::Hours(1));
  given.crl = Of(hill_).crl + pki::MakeCrl(of_issuing, issuing).value();
  ExpectRefused(given, "certificate 2: it, or a CA above it, is revoked");
}

TEST_F(CheckOrganizationTest, RefusesMoreThanSixteenCas) {
  StoredOrganization given = WithoutLists();
  for (int i = 0; i < 15; ++i) {
    given.ca_bundle +=
        pki::MakeRoot(pki::CaSpec("a CA", kTrustDomainForTest, hill_.validity()))->certificate;
  }
  EXPECT_TRUE(Check(given).ok());
  given.ca_bundle += other_.ca().certificate;
  ExpectRefused(given, "it has 17 certificates; 16 are the most");
}

TEST_F(CheckOrganizationTest, RefusesNamesThatFillEverybodysHandshake) {
  StoredOrganization given = WithoutLists();
  given.ca_bundle = Reissued(hill_.ca(), /*units=*/40);
  EXPECT_TRUE(Check(given).ok()) << Check(given).status();
  given.ca_bundle = Reissued(hill_.ca(), /*units=*/60);
  ExpectRefused(given, "the names of its CAs are larger than 4 KiB");
}

TEST_F(CheckOrganizationTest, RefusesTextsThatAreTooLarge) {
  StoredOrganization given = Of(hill_);
  given.ca_bundle = std::string((64 << 10) + 1, '\n');
  ExpectRefused(given, "organization.ca_bundle: is larger than 64 KiB");
  given = Of(hill_);
  given.signatory_bundle = std::string((64 << 10) + 1, '\n');
  ExpectRefused(given, "organization.signatory_bundle: is larger than 64 KiB");
  given = Of(hill_);
  given.crl = std::string((3 << 20) + 1, '\n');
  ExpectRefused(given, "organization.crl: is larger than 1024 KiB");
}

TEST_F(CheckOrganizationTest, RefusesADisplayNameThatIsNoLineOfText) {
  StoredOrganization given = Of(hill_);
  given.display_name = "Hill County – Schools";
  EXPECT_TRUE(Check(given).ok());
  for (const std::string& name :
       {std::string("a\nb"), std::string("a\0b", 3), std::string("\x1b[31m"), std::string("\xff"),
        std::string("\x7f"), std::string(129, 'a')}) {
    given.display_name = name;
    ExpectRefused(given, "organization.display_name");
  }
}

TEST_F(CheckOrganizationTest, RefusesAListThatItsCaDidNotSign) {
  StoredOrganization given = Of(hill_);
  given.crl = Of(other_).crl;
  ExpectRefused(given, "signed by no CA of the bundle");
}

TEST_F(CheckOrganizationTest, RefusesAListPastItsNextUpdate) {
  hill_.crl().next_update = kNow;
  ExpectRefused(Of(hill_), "the list of certificate 1 is past its nextUpdate");
}

TEST_F(CheckOrganizationTest, RefusesAListOfATimeToCome) {
  hill_.signatory_crl().this_update = kNow + absl::Minutes(6);
  ExpectRefused(Of(hill_), "organization.signatory_bundle: CRL: the list of certificate 1 is of a");
}

TEST_F(CheckOrganizationTest, RefusesSignatoriesWithoutAListWhereOthersHaveOne) {
  StoredOrganization given = Of(hill_);
  given.signatory_crl.clear();
  ExpectRefused(given, "organization.signatory_crl: is missing");
}

TEST_F(CheckOrganizationTest, RefusesASignatoriesListWithoutTheirBundle) {
  StoredOrganization given = Of(hill_);
  given.signatory_bundle.clear();
  ExpectRefused(given, "organization.signatory_crl: stands without");
}

TEST_F(CheckOrganizationTest, NeverTakesRevocationAway) {
  const StoredOrganization before = Of(hill_);
  ExpectRefused(WithoutLists(), "CRL: there is none any more", &before);
  EXPECT_TRUE(Check(WithoutLists()).ok());
}

TEST_F(CheckOrganizationTest, NeverLetsTheSystemsCasSignInsteadOfTheSignatories) {
  const StoredOrganization before = Of(hill_);
  StoredOrganization given = before;
  given.signatory_bundle.clear();
  given.signatory_crl.clear();
  ExpectRefused(given, "organization.signatory_bundle: can't be taken away", &before);
}

TEST_F(CheckOrganizationTest, RefusesAnOlderListThanTheOneInForce) {
  const StoredOrganization old = Of(hill_);
  hill_.crl().this_update += absl::Hours(1);
  hill_.Revoke(hill_.Client("system", "sis"), kNow - absl::Hours(2));
  const StoredOrganization in_force = Of(hill_);
  ExpectRefused(old, "is older than the one in force", &in_force);
  EXPECT_TRUE(Check(in_force, &old).ok());
}

TEST_F(CheckOrganizationTest, RefusesAnOlderListUnderAReissuedCertificateOfItsCa) {
  const StoredOrganization old = Of(hill_);
  hill_.crl().this_update += absl::Hours(1);
  hill_.Revoke(hill_.Client("system", "sis"), kNow - absl::Hours(2));
  const StoredOrganization in_force = Of(hill_);
  StoredOrganization given = old;
  given.ca_bundle = Reissued(hill_.ca());
  ExpectRefused(given, "is older than the one in force", &in_force);
  given.ca_bundle += old.ca_bundle;
  ExpectRefused(given, "is older than the one in force", &in_force);
  given = in_force;
  given.ca_bundle = Reissued(hill_.ca());
  EXPECT_TRUE(Check(given, &in_force).ok()) << Check(given, &in_force).status();
}

TEST_F(CheckOrganizationTest, LetsAnExpiredCaStayUntilItIsTakenOut) {
  pki::CertificateSpec spec = pki::CaSpec("old", kTrustDomainForTest, {kNow - 9 * kDay, kNow});
  StoredOrganization before = WithoutLists();
  before.ca_bundle = pki::MakeRoot(spec)->certificate;
  StoredOrganization given = before;
  given.ca_bundle += hill_.ca().certificate;
  EXPECT_TRUE(Check(given, &before).ok()) << Check(given, &before).status();
  ExpectRefused(given, "has expired");
}

// Whatever one byte becomes, the bundle is refused, or is of certificates that are those given.
TEST_F(CheckOrganizationTest, AnyByteOfABundleChangedIsRefusedOrMakesNoDifference) {
  const StoredOrganization whole = Of(hill_);
  for (size_t i = 0; i < whole.ca_bundle.size(); ++i) {
    for (const char flip : {'\x01', '\x20', '\x80'}) {
      StoredOrganization given = whole;
      given.ca_bundle[i] = static_cast<char>(given.ca_bundle[i] ^ flip);
      const absl::StatusOr<StoredOrganization> checked = Check(given);
      if (checked.ok()) {
        ASSERT_EQ(checked->ca_bundle, whole.ca_bundle) << i;
      }
    }
    if (i + 1 == whole.ca_bundle.size()) continue;  // the last line's end is not missed
    ASSERT_FALSE(Check({.name = "x", .ca_bundle = whole.ca_bundle.substr(0, i)}).ok()) << i;
  }
}

}  // namespace
}  // namespace sluice::server
