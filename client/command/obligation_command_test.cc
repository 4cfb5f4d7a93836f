// `sluice obligation` and `sluice mou attest` as they are run: what they show, send, and refuse.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "client/file.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class ObligationCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    v1::MouStatus mou;
    mou.set_name("mous/stem-pipeline");
    v1::MouVersionStatus& version = *mou.add_versions();
    version.set_name("mous/stem-pipeline/versions/2");
    version.set_document_digest("sha256:d");
    version.set_time_zone("UTC");
    version.set_state(v1::MOU_STATE_EXPIRED);
    Add(mou, "river-unified", 2020);
    Add(mou, "lake-college", 9000);
    v1::Obligation& done = Add(mou, "hill-county", 2020);
    done.mutable_as_of()->set_year(2019);
    done.mutable_as_of()->set_month(5);
    done.mutable_as_of()->set_day(2);
    service_->gateway.mous = {mou};
  }
  static v1::Obligation& Add(v1::MouStatus& mou, const std::string& organization, int year) {
    v1::Obligation& obligation = *mou.add_obligations();
    obligation.set_organization("organizations/" + organization);
    obligation.set_version("mous/stem-pipeline/versions/2");
    obligation.mutable_opened()->set_year(2019);
    obligation.mutable_opened()->set_month(1);
    obligation.mutable_opened()->set_day(1);
    obligation.mutable_due()->set_year(year);
    obligation.mutable_due()->set_month(7);
    obligation.mutable_due()->set_day(15);
    return obligation;
  }
};

TEST_F(ObligationCommandTest, ListsWhatIsOpenOverdueAndAttested) {
  const Outcome outcome = Run("obligation list --output csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* line :
       {"stem-pipeline,2,river-unified,2019-01-01,2020-07-15,OVERDUE,",
        "stem-pipeline,2,lake-college,2019-01-01,9000-07-15,OPEN,",
        "stem-pipeline,2,hill-county,2019-01-01,2020-07-15,ATTESTED,2019-05-02"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, line)) << line << "\n" << outcome.out;
  }
  service_->gateway.mous.clear();
  EXPECT_EQ(Run("obligation list").out, "no obligation: no MOU of your organization is over\n");
}

TEST_F(ObligationCommandTest, WhatIsDueEndsWithItsOwnExitCode) {
  const Outcome due = Run("obligation list --due 30d");
  EXPECT_EQ(due.code, kGateFailed);
  EXPECT_TRUE(absl::StrContains(due.out, "river-unified")) << due.out;
  EXPECT_FALSE(absl::StrContains(due.out, "lake-college")) << due.out;
  EXPECT_FALSE(absl::StrContains(due.out, "hill-county")) << due.out;
  service_->gateway.mous[0].mutable_obligations()->DeleteSubrange(0, 1);
  EXPECT_EQ(Run("obligation list --due 30d").code, kDone);
  EXPECT_EQ(Run("obligation list --due 30d").out, "no obligation is due within 30d\n");
  EXPECT_EQ(Run("obligation list --due soon").code, kUsage);
}

TEST_F(ObligationCommandTest, AttestsByAStatementThatAnotherToolSigns) {
  const std::string to = "mou attest stem-pipeline --for river-unified --as-of 2020-02-29";
  const Outcome written = Run(to + " --statement words.txt");
  EXPECT_EQ(written.code, kDone) << written.err;
  EXPECT_EQ(ReadFile(directory_ + "/words.txt").value(),
            "sluice attestation of destruction v1\nmou: stem-pipeline\nversion: 2\n"
            "document: sha256:d\norganization: river-unified\nas_of: 2020-02-29\n");
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
  service_->Write("words.p7s", "of openssl");
  EXPECT_EQ(Run(to + " --signature words.p7s").code, kDone);
  v1::AttestDestructionRequest request;
  ASSERT_EQ(service_->gateway.mou_acts.size(), 1u);
  ASSERT_TRUE(service_->gateway.mou_acts[0].UnpackTo(&request));
  EXPECT_EQ(request.name(), "mous/stem-pipeline/versions/2");
  EXPECT_EQ(request.organization(), "organizations/river-unified");
  EXPECT_EQ(request.signature(), "of openssl");
  EXPECT_EQ(request.as_of().day(), 29);
  EXPECT_EQ(Run("mou attest stem-pipeline --for river-unified --signer system.pem --signer-key "
                "system.key")
                .code,
            kDone);
}

TEST_F(ObligationCommandTest, WhatCanNotBeSignedIsNotSent) {
  const std::string attest = "mou attest stem-pipeline --for river-unified";
  EXPECT_EQ(Run(attest).code, kUsage);
  EXPECT_EQ(Run(attest + " --statement a --signature b").code, kUsage);
  EXPECT_EQ(Run(attest + " --signature b").code, kUsage) << "of which day";
  ExpectError(attest + " --as-of soon --statement a", kFailed, "--as-of must be a date");
  ExpectError("mou attest stem-pipeline --for state-university --statement a", kFailed,
              "state-university has nothing to attest under stem-pipeline");
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
}

}  // namespace
}  // namespace sluice::client
