// `sluice mou propose`, `amend` and `sign` as they are run: what they send, and what keeps them
// from it.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/command_for_test.h"
#include "gtest/gtest.h"
#include "tests/support/mou_for_test.h"

namespace sluice::client {
namespace {

class MouProposalCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    service_->Write("mou.yaml", policy::ExampleMou());
    v1::MouStatus mou;
    mou.set_name("mous/stem-pipeline");
    mou.add_versions()->set_name("mous/stem-pipeline/versions/1");
    mou.mutable_versions(0)->set_state(v1::MOU_STATE_PROPOSED);
    service_->gateway.mous = {mou};
  }
  template <typename Request>
  Request Sent() {
    Request request;
    EXPECT_EQ(service_->gateway.mou_acts.size(), 1u);
    if (!service_->gateway.mou_acts.empty()) {
      EXPECT_TRUE(service_->gateway.mou_acts.at(0).UnpackTo(&request));
    }
    service_->gateway.mou_acts.clear();
    return request;
  }
};

TEST_F(MouProposalCommandTest, ProposesTheFilesVeryBytes) {
  const Outcome outcome = Run("mou propose mou.yaml");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "PROPOSED")) << outcome.out;
  EXPECT_EQ(Sent<v1::ProposeMouRequest>().document(), policy::ExampleMou());
}

TEST_F(MouProposalCommandTest, WhatFailsCheckIsNotSent) {
  service_->Write("bad.yaml", absl::StrReplaceAll(policy::ExampleMou(), {{"[READ]", "[REED]"}}));
  ExpectError("mou propose bad.yaml", kCheckFailed, "did you mean");
  ExpectError("mou propose no-such.yaml", kFailed, "no-such.yaml");
  ExpectError("mou amend bad.yaml --confirm stem-pipeline", kCheckFailed, "did you mean");
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
  service_->gateway.unary_error = absl::UnavailableError("gone");
  EXPECT_EQ(Run("mou propose mou.yaml --attempts 1").code, kUnavailable);
}

TEST_F(MouProposalCommandTest, AnAmendmentShowsWhatItChangesAndIsSentOnlyConfirmed) {
  service_->Write("second.yaml",
                  absl::StrReplaceAll(policy::ExampleMou(),
                                      {{"version: 1", "version: 2"}, {"[READ]", "[READ, SYNC]"}}));
  const std::string confirmed = "mou amend second.yaml --confirm stem-pipeline";
  ExpectError(confirmed, kFailed, "no version of stem-pipeline was signed");
  v1::MouVersionStatus& version = *service_->gateway.mous[0].mutable_versions(0);
  version.set_state(v1::MOU_STATE_ACTIVE);
  version.set_document(policy::ExampleMou());
  ExpectError("mou amend second.yaml", kUsage, "nothing was proposed: give --confirm");
  ExpectError("mou amend second.yaml --confirm other", kUsage, "NEWLY_DISCLOSED  river-unified");
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
  const Outcome outcome = Run(confirmed);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "1 change, 1 of them widening")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(Sent<v1::ProposeMouRequest>().document(), "[READ, SYNC]"));
}

TEST_F(MouProposalCommandTest, SendsASignatureThatAnotherToolMade) {
  service_->Write("river.p7s", "of openssl");
  EXPECT_EQ(Run("mou sign mou.yaml --for river-unified --signature river.p7s --send").code, kDone);
  const auto sign = Sent<v1::SignMouRequest>();
  EXPECT_EQ(sign.name(), "mous/stem-pipeline/versions/1");
  EXPECT_EQ(sign.organization(), "organizations/river-unified");
  EXPECT_EQ(sign.signature(), "of openssl");
}

TEST_F(MouProposalCommandTest, SignsWithAKeyAndSendsIfTold) {
  const std::string sign =
      "mou sign mou.yaml --for river-unified --signer system.pem --signer-key system.key";
  EXPECT_EQ(Run(sign).code, kDone);
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
  EXPECT_EQ(Run(sign + " --send").code, kDone);
  EXPECT_EQ(Sent<v1::SignMouRequest>().signature(),
            ReadFile(directory_ + "/mou.yaml.river-unified.p7s").value());
}

TEST_F(MouProposalCommandTest, ASignatureComesFromAKeyOrFromAFile) {
  for (const char* wrong :
       {"", " --send", " --signer system.pem --send", " --signature river.p7s",
        " --signature river.p7s --signer system.pem --signer-key system.key --send"}) {
    EXPECT_EQ(Run(absl::StrCat("mou sign mou.yaml --for river-unified", wrong)).code, kUsage)
        << wrong;
  }
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
}

}  // namespace
}  // namespace sluice::client
