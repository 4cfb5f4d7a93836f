// An organization with a PKI of its own, and a trust in it, made in memory for tests.
#ifndef SLUICE_TESTS_SUPPORT_ORGANIZATION_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_ORGANIZATION_FOR_TEST_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/pki.h"
#include "server/identity/trust.h"

namespace sluice::server {

inline constexpr char kTrustDomainForTest[] = "sluice.example";

class OrganizationForTest {
 public:
  // Certificates hold from a day before `now` until a year after, lists for a month.
  OrganizationForTest(std::string name, absl::Time now, pki::KeyType ca_key = pki::KeyType::kP256)
      : name_(std::move(name)),
        now_(now),
        ca_(pki::MakeRoot(pki::CaSpec(name_ + " CA", kTrustDomainForTest, validity()), ca_key)
                .value()),
        signatory_ca_(
            pki::MakeRoot(pki::CaSpec(name_ + " signatory CA", kTrustDomainForTest, validity()),
                          ca_key)
                .value()) {
    crl_.this_update = signatory_crl_.this_update = now - absl::Hours(24);
    crl_.next_update = signatory_crl_.next_update = now + absl::Hours(24 * 30);
  }

  const std::string& name() const { return name_; }
  const pki::Credential& ca() const { return ca_; }
  const pki::Credential& signatory_ca() const { return signatory_ca_; }
  pki::Validity validity() const { return {now_ - absl::Hours(24), now_ + absl::Hours(24 * 365)}; }
  std::string signatory_ca_digest() const {
    return pki::SpkiDigest(signatory_ca_.certificate).value();
  }

  std::string Id(absl::string_view kind, absl::string_view name) const {
    return pki::OrganizationSpiffeId(kTrustDomainForTest, name_, kind, name);
  }
  pki::Credential Client(absl::string_view kind, absl::string_view name) const {
    return pki::MakeCertificate(pki::ClientSpec(Id(kind, name), validity()), ca_).value();
  }
  pki::Credential Signatory(absl::string_view name, pki::KeyType type = pki::KeyType::kP256) const {
    return pki::MakeCertificate(pki::SignatorySpec(Id("signatory", name), validity()),
                                signatory_ca_, type)
        .value();
  }

  // The next revocation lists have these besides.
  void Revoke(const pki::Credential& client, absl::Time when) {
    Add(crl_, client, when, std::nullopt);
  }
  void RevokeSignatory(const pki::Credential& signatory, absl::Time when,
                       std::optional<absl::Time> invalid_since = std::nullopt) {
    Add(signatory_crl_, signatory, when, invalid_since);
  }
  pki::Crl& crl() { return crl_; }
  pki::Crl& signatory_crl() { return signatory_crl_; }

  TrustAnchors Anchors() const {
    return {name_, ca_.certificate, pki::MakeCrl(crl_, ca_).value(), signatory_ca_.certificate,
            pki::MakeCrl(signatory_crl_, signatory_ca_).value()};
  }

 private:
  static void Add(pki::Crl& crl, const pki::Credential& credential, absl::Time when,
                  std::optional<absl::Time> invalid_since) {
    crl.revocations.push_back(
        {pki::SerialNumber(credential.certificate).value(), when, invalid_since});
    ++crl.number;
  }

  std::string name_;
  absl::Time now_;
  pki::Credential ca_;
  pki::Credential signatory_ca_;
  pki::Crl crl_;
  pki::Crl signatory_crl_;
};

inline TrustConfig TrustForTest(std::initializer_list<const OrganizationForTest*> organizations) {
  TrustConfig trust;
  trust.trust_domain = kTrustDomainForTest;
  for (const OrganizationForTest* organization : organizations) {
    trust.organizations.push_back(organization->Anchors());
  }
  return trust;
}

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_ORGANIZATION_FOR_TEST_H_
