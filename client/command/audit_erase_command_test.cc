// `sluice audit erase`: counts, erases only when told to, and says what is left to do.
#include "absl/strings/match.h"
#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;

class AuditEraseTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    service_->gateway.erased->set_index(41);
    service_->gateway.erased->set_ordinal_count(1);
    service_->gateway.erased->set_opening_count(2);
  }
  const v1::EraseSubjectRequest& Asked() { return service_->gateway.erase_requests.at(0); }
  const std::string erase_ = "audit erase --id-space candidate --id C1 --reason subject-request";
};

TEST_F(AuditEraseTest, OnlyCountsUnlessConfirmed) {
  const Outcome outcome = Run(erase_);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(StrContains(outcome.out,
                          "would be erased, for good: 1 ordinal of the dictionary and "
                          "2 openings"))
      << outcome.out;
  EXPECT_TRUE(StrContains(outcome.err, "nothing was changed")) << outcome.err;
  EXPECT_TRUE(Asked().validate_only());
}

TEST_F(AuditEraseTest, ErasesSaysWhereTheLogSaysSoAndWhatCopiesStillHave) {
  const Outcome outcome = Run(erase_ + " --confirm");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(StrContains(outcome.out, "entry 41 of the log says so")) << outcome.out;
  EXPECT_TRUE(StrContains(outcome.err, "sluice key rotate dictionary")) << outcome.err;
  EXPECT_FALSE(Asked().validate_only());
  EXPECT_EQ(Asked().parent(), "organizations/river-unified");
  EXPECT_EQ(Asked().id_space() + " " + Asked().id(), "candidate C1");
  EXPECT_EQ(Asked().reason(), v1::ERASURE_REASON_SUBJECT_REQUEST);
  EXPECT_EQ(service_->gateway.erase_requests.size(), 1u);
}

TEST_F(AuditEraseTest, TakesTheIdFromWhereNoListOfProcessesShowsIt) {
  const Outcome outcome = RunProgram(
      "sh -c 'printf \"C1 2\\n\" | sluice audit erase --id-space candidate --id - "
      "--reason legal-order'");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(Asked().id(), "C1 2");
  EXPECT_EQ(Asked().reason(), v1::ERASURE_REASON_LEGAL_ORDER);
}

TEST_F(AuditEraseTest, SaysWhatIsInItsWay) {
  service_->gateway.erased = absl::FailedPreconditionError("delete those first");
  ExpectError(erase_ + " --confirm", kFailed, "delete those first");
  ExpectError("audit erase --id-space candidate --id C1", kUsage, "--reason");
  ExpectError("audit erase --id-space candidate --id C1 --reason spite", kUsage, "--reason");
  ExpectError("audit erase --id-space candidate --reason subject-request", kUsage, "--id");
}

}  // namespace
}  // namespace sluice::client
