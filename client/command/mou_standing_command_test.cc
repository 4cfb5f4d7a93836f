// `sluice mou` at a gateway as it is run: what it sends, prints, and ends with.
#include <filesystem>
#include <string>

#include "client/command/command_for_test.h"
#include "client/file.h"
#include "gtest/gtest.h"
#include "policy/digest.h"

namespace sluice::client {
namespace {

v1::MouStatus Pipeline() {
  v1::MouStatus mou;
  mou.set_name("mous/stem-pipeline");
  mou.set_etag("41");
  v1::MouVersionStatus& version = *mou.add_versions();
  version.set_name("mous/stem-pipeline/versions/2");
  version.set_title("STEM \x1b[31mpipeline");
  version.set_state(v1::MOU_STATE_SUSPENDED);
  version.set_time_zone("UTC");
  version.mutable_effective()->set_year(2026);
  version.mutable_effective()->set_month(7);
  version.mutable_effective()->set_day(1);
  version.mutable_expires()->set_year(9999);
  version.mutable_expires()->set_month(7);
  version.mutable_expires()->set_day(1);
  v1::PartyStatus& signed_party = *version.add_parties();
  signed_party.set_organization("organizations/state-university");
  signed_party.mutable_sign_time()->set_seconds(1'800'000'000);
  version.add_parties()->set_organization("organizations/river-unified");
  version.add_suspended_by("organizations/state-university");
  v1::MouEvent& event = *version.add_history();
  event.set_log_index(17);
  event.mutable_time()->set_seconds(1'800'000'000);
  event.set_state(v1::MOU_STATE_ACTIVE);
  event.set_action(v1::MOU_ACTION_SUSPEND);
  event.set_organization("organizations/state-university");
  return mou;
}

class MouStandingTest : public CommandTest {
 protected:
  template <typename Request>
  Request Sent() {
    Request request;
    EXPECT_EQ(service_->gateway.mou_acts.size(), 1u);
    EXPECT_TRUE(service_->gateway.mou_acts.at(0).UnpackTo(&request));
    service_->gateway.mou_acts.clear();
    return request;
  }
};

TEST_F(MouStandingTest, ListsMousOfAllPagesWithWhoseMoveItIs) {
  service_->gateway.mous = {Pipeline(), Pipeline()};
  service_->gateway.mous[1].set_name("mous/retention-study");
  const Outcome outcome = Run("mou list");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* text : {"stem-pipeline", "retention-study", "SUSPENDED", "2026-07-01",
                           "to be signed by river-unified", "suspended by state-university"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, text)) << text << "\n" << outcome.out;
  }
  EXPECT_TRUE(absl::StrContains(Run("mou list --output ndjson").out, "\"etag\":\"41\""));
  service_->gateway.unary_error = absl::UnavailableError("gone");
  EXPECT_EQ(Run("mou list --attempts 1").code, kUnavailable);
}

TEST_F(MouStandingTest, AListOfWhatIsDueEndsWithItsOwnExitCode) {
  service_->gateway.mous = {Pipeline()};
  EXPECT_EQ(Run("mou list --due 60d").code, kDone);
  EXPECT_EQ(Run("mou list --due 60d").out,
            "no MOU ends, and nothing is to be attested, within 60d\n");
  v1::MouVersionStatus& version = *service_->gateway.mous[0].mutable_versions(0);
  version.mutable_termination()->mutable_effective()->set_year(2026);
  version.mutable_termination()->mutable_effective()->set_month(8);
  version.mutable_termination()->mutable_effective()->set_day(1);
  version.mutable_termination()->set_reason(v1::TERMINATION_REASON_LAW_CHANGED);
  version.mutable_termination()->set_organization("organizations/river-unified");
  const Outcome due = Run("mou list --due 60d");
  EXPECT_EQ(due.code, kGateFailed);
  EXPECT_TRUE(absl::StrContains(due.out, "ended by river-unified on 2026-08-01: LAW_CHANGED"))
      << due.out;
  v1::MouVersionStatus next = Pipeline().versions(0);
  next.set_state(v1::MOU_STATE_SIGNED);
  *service_->gateway.mous[0].add_versions() = next;
  EXPECT_EQ(Run("mou list --due 60d").code, kDone) << "another follows";
  service_->gateway.mous[0].mutable_versions()->RemoveLast();
  service_->gateway.mous[0].mutable_versions(0)->set_state(v1::MOU_STATE_TERMINATED);
  EXPECT_EQ(Run("mou list --due 60d").code, kDone) << "what is over is due no more";
  v1::Obligation& duty = *service_->gateway.mous[0].add_obligations();
  duty.set_organization("organizations/river-unified");
  duty.set_version(service_->gateway.mous[0].versions(0).name());
  duty.mutable_due()->set_year(2026);
  duty.mutable_due()->set_month(1);
  duty.mutable_due()->set_day(15);
  const Outcome duties = Run("mou list --due 60d");
  EXPECT_EQ(duties.code, kGateFailed);
  EXPECT_TRUE(
      absl::StrContains(duties.out, "destruction to be attested by river-unified until 2026-01-15"))
      << duties.out;
  *duty.mutable_as_of() = duty.due();
  EXPECT_EQ(Run("mou list --due 60d").code, kDone) << "it was attested";
  for (const char* wrong : {"60", "-1d", "d", "99999999999d"}) {
    EXPECT_EQ(Run(absl::StrCat("mou list --due=", wrong)).code, kUsage) << wrong;
  }
}

TEST_F(MouStandingTest, StatusSaysWhoSignedAndEachStepOfTheLog) {
  service_->gateway.mous = {Pipeline()};
  const Outcome outcome = Run("mou status stem-pipeline");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* text :
       {"version 2: SUSPENDED", "STEM \\x1b[31mpipeline",
        "state-university signed 2027-01-15 08:00:00", "river-unified has not signed",
        "entry 17  SUSPEND by state-university"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, text)) << text << "\n" << outcome.out;
  }
}

TEST_F(MouStandingTest, SavesTheBytesThatAreToBeSigned) {
  service_->gateway.mous = {Pipeline()};
  v1::MouVersionStatus& version = *service_->gateway.mous[0].mutable_versions(0);
  const std::string file = directory_ + "/copy.yaml";
  const std::string command = absl::StrCat("mou status stem-pipeline --document ", file);
  Outcome none = Run(command);
  EXPECT_EQ(none.code, kFailed);
  EXPECT_TRUE(absl::StrContains(none.err, "has no bytes of this version")) << none.err;
  version.set_document("mou: stem \x1b[31mpipeline\n");
  version.set_document_digest("sha256:of-others");
  none = Run(command);
  EXPECT_EQ(none.code, kFailed);
  EXPECT_TRUE(absl::StrContains(none.err, "not the one that its digest names")) << none.err;
  EXPECT_FALSE(std::filesystem::exists(file));
  version.set_document_digest(policy::Sha256Digest(version.document()));
  EXPECT_EQ(Run(command).code, kDone);
  EXPECT_EQ(ReadFile(file).value(), version.document());
}

TEST_F(MouStandingTest, SendsEachActAsItWasGiven) {
  service_->gateway.mous = {Pipeline()};
  EXPECT_EQ(Run("mou suspend stem-pipeline --etag 41").code, kDone);
  const auto suspend = Sent<v1::SuspendMouRequest>();
  EXPECT_EQ(suspend.name(), "mous/stem-pipeline");
  EXPECT_EQ(suspend.etag(), "41");
  EXPECT_EQ(Run("mou resume stem-pipeline").code, kDone);
  const auto resume = Sent<v1::ResumeMouRequest>();
  EXPECT_EQ(resume.name(), "mous/stem-pipeline");
  EXPECT_EQ(resume.etag(), "41") << "what was suspended again meanwhile is not lifted";
  EXPECT_EQ(Run("mou terminate stem-pipeline --reason PURPOSE_ENDED --on 2027-05-01 "
                "--confirm stem-pipeline")
                .code,
            kDone);
  const auto terminate = Sent<v1::TerminateMouRequest>();
  EXPECT_EQ(terminate.reason(), v1::TERMINATION_REASON_PURPOSE_ENDED);
  EXPECT_EQ(terminate.effective().month(), 5);
  EXPECT_EQ(Run("mou terminate stem-pipeline --version 2 --reason NO_REASON "
                "--confirm stem-pipeline")
                .code,
            kDone);
  EXPECT_EQ(Sent<v1::TerminateMouRequest>().name(), "mous/stem-pipeline/versions/2");
  EXPECT_EQ(Run("mou withdraw stem-pipeline completers --confirm completers").code, kDone);
  EXPECT_EQ(Sent<v1::WithdrawGrantRequest>().grant(), "completers");
}

TEST_F(MouStandingTest, WhatIsForGoodIsNotSentUnconfirmed) {
  service_->gateway.mous = {Pipeline()};
  for (const char* act :
       {"terminate stem-pipeline --reason BREACH",
        "terminate stem-pipeline --reason BREACH --confirm other",
        "terminate stem-pipeline --confirm stem-pipeline",
        "terminate stem-pipeline --reason BREACH --on soon --confirm stem-pipeline",
        "withdraw stem-pipeline completers", "withdraw stem-pipeline completers --confirm other"}) {
    EXPECT_EQ(Run(absl::StrCat("mou ", act)).code, kUsage) << act;
  }
  EXPECT_TRUE(service_->gateway.mou_acts.empty());
}

}  // namespace
}  // namespace sluice::client
