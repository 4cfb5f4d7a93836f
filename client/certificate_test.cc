#include "client/certificate.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "client/pki.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class CertificateTest : public testing::Test {
 protected:
  CertificateTest() : ca_(*pki::MakeRoot(pki::CaSpec("the CA", "sluice.example", Validity()))) {}
  static pki::Validity Validity() {
    return {absl::FromUnixSeconds(1'800'000'000), absl::FromUnixSeconds(1'900'000'000)};
  }
  std::string Certificate(std::vector<std::string> uris) {
    pki::CertificateSpec spec = pki::ClientSpec(kId, Validity());
    spec.uris = std::move(uris);
    return pki::MakeCertificate(spec, ca_)->certificate;
  }
  static std::string Explain(const std::string& pem, int64_t now) {
    return ExplainRefusal(*ReadCertificate(pem), absl::FromUnixSeconds(now));
  }

  static constexpr char kId[] = "spiffe://sluice.example/org/river-unified/system/hr";
  const pki::Credential ca_;
};

TEST_F(CertificateTest, ReadsWhatItSaysOfItself) {
  const auto facts = ReadCertificate(Certificate({kId}));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->uris, std::vector<std::string>{kId});
  EXPECT_EQ(facts->issuer, "the CA");
  EXPECT_EQ(facts->not_before, Validity().not_before);
  EXPECT_EQ(facts->not_after, Validity().not_after);
}

TEST_F(CertificateTest, NamesTheLikelyCause) {
  const std::string good = Certificate({kId});
  EXPECT_TRUE(
      absl::StrContains(Explain(good, 1'800'000'000 - 1), "is not valid before 2027-01-15"));
  EXPECT_TRUE(absl::StrContains(Explain(good, 1'800'000'000), "revoked"));
  EXPECT_TRUE(absl::StrContains(Explain(good, 1'900'000'000), "expired on 2030-03-17"));
  EXPECT_TRUE(absl::StrContains(Explain(Certificate({}), 1'850'000'000), "has 0 URI names"));
  EXPECT_TRUE(absl::StrContains(Explain(Certificate({kId, kId}), 1'850'000'000), "has 2 URI"));
}

TEST_F(CertificateTest, RefusesWhatIsNoCertificate) {
  for (const char* pem :
       {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadCertificate(pem).status()));
  }
}

TEST_F(CertificateTest, SurvivesEveryByteChanged) {
  const std::string good = Certificate({kId});
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0x02);
    if (const auto facts = ReadCertificate(changed); facts.ok()) {
      EXPECT_FALSE(ExplainRefusal(*facts, absl::FromUnixSeconds(0)).empty());
    }
  }
}

}  // namespace
}  // namespace sluice::client
