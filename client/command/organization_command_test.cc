// `sluice organization` as it is run: what it sends, prints, and ends with.
#include <string>

#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

v1::TrustedOrganization Hill() {
  v1::TrustedOrganization hill;
  hill.set_name("organizations/hill-county");
  hill.set_source(v1::ORGANIZATION_SOURCE_ADDED);
  hill.set_etag("7");
  for (const char* n : {"1", "2"}) {
    v1::CertificateAuthority& ca = *hill.add_authorities();
    ca.set_digest(absl::StrCat("sha256:", n));
    ca.set_root(true);
    ca.set_certificate(absl::StrCat("certificate ", n, "\n"));
    ca.set_crl(absl::StrCat("list ", n, "\n"));
    ca.mutable_expire_time()->set_seconds(1'800'000'000);
  }
  v1::CertificateAuthority& signatories = *hill.add_signatory_authorities();
  signatories.set_digest("sha256:3");
  signatories.set_certificate("signatory certificate\n");
  return hill;
}

TEST_F(CommandTest, ListsOrganizationsOfAllPages) {
  service_->gateway.organizations = {Hill(), Hill()};
  service_->gateway.organizations[1].set_name("organizations/\x1b[31mriver");
  const Outcome outcome = Run("organization list");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "hill-county")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "\\x1b[31mriver")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "2027-01-15")) << outcome.out;
  for (const char* const form : {"ndjson", "json"}) {
    const Outcome objects = Run(absl::StrCat("organization list --output ", form));
    EXPECT_TRUE(absl::StrContains(objects.out, "\"organizations/hill-county\"")) << objects.out;
  }
  EXPECT_TRUE(absl::StartsWith(Run("organization list --output csv").out, "organization,from,ca,"));
}

TEST_F(CommandTest, RotateCaSendsWhatStaysWithTheNewBehindItAndTheEtag) {
  service_->gateway.organizations = {Hill()};
  service_->Write("new.pem", "new certificate\n");
  service_->Write("new-crl.pem", "new list\n");
  const Outcome outcome = Run(
      "organization rotate-ca hill-county --ca-bundle new.pem --crl new-crl.pem --remove sha256:1");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  ASSERT_EQ(service_->gateway.updates.size(), 1u);
  const v1::TrustedOrganization& sent = service_->gateway.updates[0].organization();
  EXPECT_EQ(sent.name(), "organizations/hill-county");
  EXPECT_EQ(sent.etag(), "7");
  EXPECT_EQ(sent.ca_bundle(), "certificate 2\nnew certificate\n");
  EXPECT_EQ(sent.crl(), "list 2\nnew list\n");
  EXPECT_EQ(sent.signatory_bundle(), "signatory certificate\n");
  EXPECT_EQ(service_->gateway.updates[0].update_mask().paths_size(), 4);
}

TEST_F(CommandTest, RotateCaLeavesNoBundleEmpty) {
  service_->gateway.organizations = {Hill()};
  ExpectError("organization rotate-ca hill-county --remove sha256:3", kFailed,
              "would leave no CA of hill-county's signatories");
  ExpectError("organization rotate-ca hill-county --remove sha256:9", kFailed,
              "has no CA sha256:9");
  ExpectError("organization rotate-ca nobody --remove sha256:1", kFailed, "no such organization");
  ExpectError("organization rotate-ca hill-county --crl new-crl.pem", kUsage, "--ca-bundle");
  ExpectError("organization renew-crl hill-county", kUsage, "--crl");
  ExpectError("organization add hill-county --ca-bundle none.pem", kFailed, "none.pem");
  EXPECT_TRUE(service_->gateway.updates.empty() && service_->gateway.creates.empty());
}

TEST_F(CommandTest, AChangeIsSentOnce) {
  service_->Write("new.pem", "new certificate\n");
  service_->gateway.unary_error = absl::UnavailableError("gone");
  EXPECT_EQ(Run("organization add hill-county --ca-bundle new.pem").code, kUnavailable);
  EXPECT_EQ(service_->gateway.creates.size(), 1u);
}

}  // namespace
}  // namespace sluice::client
