// Who may call at all: each certificate here is turned away, or kept to what its kind may ask.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/pki.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using ::testing::HasSubstr;

class Identities : public ::testing::Test {
 protected:
  Identities() {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    const auto answer = Publish(*deployment_.Connect(Program()), "first", 0, 10);
    Must(answer.status());
  }

  Identity Program() { return deployment_.As(kProgram, "system", "sis"); }
  Identity District() { return deployment_.As(kDistrict, "system", "hr"); }

  // A district's client certificate but for what a test changes.
  static pki::CertificateSpec DistrictSpec() {
    return pki::ClientSpec(pki::OrganizationSpiffeId(kTrustDomain, kDistrict, "system", "hr"),
                           {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)});
  }

  // Reads as `identity`; no row may come unless the read succeeds.
  absl::Status ReadAs(const Identity& identity) {
    ReadRows rows;
    const absl::Status status = Read(*deployment_.Connect(identity), ReadRequest("pipeline"), rows);
    if (!status.ok()) {
      EXPECT_TRUE(rows.row_ids.empty());
      EXPECT_EQ(rows.header.decision_id(), "");
    }
    return status;
  }

  Deployment deployment_;
};

TEST_F(Identities, LetsASystemOfTheRecipientRead) {
  ReadRows rows;
  Must(Read(*deployment_.Connect(District()), ReadRequest("pipeline"), rows));
  EXPECT_EQ(rows.row_ids.size(), 10);
  EXPECT_TRUE(rows.complete);
}

TEST_F(Identities, RefusesACallerWithoutCertificate) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ReadFile(deployment_.Path("pki/operator/ca.pem"));
  const auto stub = v1::ExchangeService::NewStub(
      grpc::CreateChannel(deployment_.target(), grpc::SslCredentials(options)));
  grpc::ClientContext context;
  v1::ListGrantsResponse response;
  const grpc::Status status = stub->ListGrants(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Identities, RefusesAnExpiredCertificate) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.validity = {absl::Now() - absl::Hours(48), absl::Now() - absl::Hours(24)};
  const absl::Status status = ReadAs(deployment_.Mint(kDistrict, "expired", spec));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("expired"));
}

TEST_F(Identities, RefusesACertificateThatIsNotYetValid) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.validity = {absl::Now() + absl::Hours(24), absl::Now() + absl::Hours(48)};
  EXPECT_FALSE(ReadAs(deployment_.Mint(kDistrict, "early", spec)).ok());
}

TEST_F(Identities, RefusesAnotherOrganizationsSpiffeIdUnderTheRightCa) {
  const Identity forged = deployment_.Mint(kStranger, "forged", DistrictSpec());
  EXPECT_EQ(Reason(ReadAs(forged)), "UNAUTHENTICATED");
}

TEST_F(Identities, RefusesACertificateWithoutSpiffeId) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.uris.clear();
  spec.dns_names = {"hr.river-unified.example"};
  EXPECT_EQ(Reason(ReadAs(deployment_.Mint(kDistrict, "nameless", spec))), "UNAUTHENTICATED");
}

TEST_F(Identities, RefusesACertificateWithTwoSpiffeIds) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.uris.push_back(pki::OrganizationSpiffeId(kTrustDomain, kDistrict, "admin", "hr"));
  EXPECT_EQ(Reason(ReadAs(deployment_.Mint(kDistrict, "double", spec))), "UNAUTHENTICATED");
}

TEST_F(Identities, RefusesAnotherTrustDomain) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.uris = {pki::OrganizationSpiffeId("elsewhere.example", kDistrict, "system", "hr")};
  EXPECT_EQ(Reason(ReadAs(deployment_.Mint(kDistrict, "foreign", spec))), "UNAUTHENTICATED");
}

TEST_F(Identities, RefusesARevokedCertificateAfterAReload) {
  const Identity lost = deployment_.As(kDistrict, "system", "lost");
  Must(ReadAs(lost));
  deployment_.Revoke(kDistrict, lost, absl::Now());
  deployment_.Reload();
  EXPECT_EQ(Reason(ReadAs(lost)), "UNAUTHENTICATED");
  Must(ReadAs(District()));
}

TEST_F(Identities, RefusesARevokedCallerOnAConnectionThatStands) {
  const Identity lost = deployment_.As(kDistrict, "system", "lost");
  const std::unique_ptr<client::Gateway> gateway = deployment_.Connect(lost);
  Must(gateway->ListGrants({}).status());
  deployment_.Revoke(kDistrict, lost, absl::Now());
  deployment_.Reload();
  EXPECT_EQ(Reason(gateway->ListGrants({}).status()), "UNAUTHENTICATED");
}

TEST_F(Identities, KeepsRecordsFromAnAuditor) {
  EXPECT_EQ(Reason(ReadAs(deployment_.As(kDistrict, "auditor", "lee"))), "PRINCIPAL_NOT_PERMITTED");
}

TEST_F(Identities, KeepsRecordsFromASignatory) {
  pki::CertificateSpec spec = DistrictSpec();
  spec.uris = {pki::OrganizationSpiffeId(kTrustDomain, kDistrict, "signatory", "provost")};
  // Signatories stand under a CA of their own.
  EXPECT_EQ(Reason(ReadAs(deployment_.Mint(kDistrict, "signatory", spec))), "UNAUTHENTICATED");
  EXPECT_EQ(Reason(ReadAs(deployment_.As(kDistrict, "signatory", "provost"))),
            "PRINCIPAL_NOT_PERMITTED");
}

TEST_F(Identities, KeepsRecordsFromTheOperator) {
  EXPECT_EQ(Reason(ReadAs(deployment_.As("operator", "operator", "root"))),
            "PRINCIPAL_NOT_PERMITTED");
}

TEST_F(Identities, ShowsAStrangerNoMouThatItIsNoPartyOf) {
  const Identity stranger = deployment_.As(kStranger, "system", "hr");
  ReadRows rows;
  EXPECT_EQ(Reason(ReadAs(stranger)), "NO_MOU");
  const absl::Status absent =
      Read(*deployment_.Connect(stranger), ReadRequest("no-such-mou"), rows);
  EXPECT_EQ(Reason(absent), "NO_MOU");
  EXPECT_EQ(deployment_.Connect(stranger)->ListGrants({})->grants_size(), 0);
}

TEST_F(Identities, LetsNobodyPublishAsAnotherOrganization) {
  const auto answer = Publish(*deployment_.Connect(District()), "forged", 100, 101);
  EXPECT_FALSE(answer.ok());
  ReadRows rows;
  Must(Read(*deployment_.Connect(District()), ReadRequest("pipeline"), rows));
  EXPECT_EQ(rows.row_ids.size(), 10);
}

}  // namespace
}  // namespace sluice::tests
