// What a later revocation makes of a signature.
#include "gtest/gtest.h"
#include "tests/support/mou_signature_fixture.h"

namespace sluice::server {
namespace {

class IsVoidTest : public MouSignature {
 protected:
  bool Void(absl::string_view cms) {
    return IsVoid(cms, "river-unified", *InForce(TrustForTest({&river_})), kNow).value();
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
    return IsVoid(cms, "river-unified", *InForce(trust), kNow).value();
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
  EXPECT_FALSE(IsVoid(cms_, "river-unified", *InForce(TrustForTest({&state_})), kNow).value());
}

TEST_F(IsVoidTest, ASignatureThatCannotBeReadIsAnError) {
  const std::shared_ptr<const Trust> trust = InForce(TrustForTest({&river_}));
  EXPECT_FALSE(IsVoid("garbled", "river-unified", *trust, kNow).ok());
}

}  // namespace
}  // namespace sluice::server
