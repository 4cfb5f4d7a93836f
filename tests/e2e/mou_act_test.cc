// What a party does to an MOU by itself, at a gateway that runs: by command and by RPC, under
// releases in the middle, and over a kill.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/exit_code.h"
#include "tests/e2e/deployment.h"
#include "tests/e2e/held_read.h"
#include "tests/e2e/mou_fixture.h"

namespace sluice::tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MouActs : public MouFixture {
 protected:
  void SetUp() override {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    publisher_ = deployment_.Connect(program_);
  }
};

TEST_F(MouActs, ReleasesInTheMiddleEndAtTheirNextBatch) {
  constexpr int kRows = 40'000;
  constexpr int kReaders = 8;
  PublishRows(kRows);
  std::vector<std::unique_ptr<HeldRead>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<HeldRead>(deployment_, district_));
  }
  v1::SuspendMouRequest suspend;
  suspend.set_name("mous/pipeline");
  Must(deployment_.Connect(registrar_)->SuspendMou(suspend).status());
  for (const auto& reader : readers) {
    const absl::Status ended = reader->GoOn();
    EXPECT_EQ(Reason(ended), "SUSPENDED") << ended;
    EXPECT_FALSE(reader->complete());
    EXPECT_LT(reader->rows(), kRows / 2);
  }
  EXPECT_EQ(ReadAll(), "SUSPENDED");

  v1::ResumeMouRequest resume;
  resume.set_name("mous/pipeline");
  Must(deployment_.Connect(registrar_)->ResumeMou(resume).status());
  EXPECT_EQ(ReadAll(), "");
}

TEST_F(MouActs, AGrantThatIsTakenBackEndsItsReleases) {
  PublishRows(40'000);
  HeldRead held(deployment_, district_);
  ASSERT_EQ(Sluice(registrar_, "mou withdraw pipeline expected-completers"), client::kUsage);
  EXPECT_THAT(told_, HasSubstr("nothing was taken back: give --confirm expected-completers"));
  ASSERT_EQ(Sluice(superintendent_,
                   "mou withdraw pipeline expected-completers --confirm expected-completers"),
            client::kFailed)
      << "it is the program's";
  ASSERT_EQ(
      Sluice(registrar_, "mou withdraw pipeline expected-completers --confirm expected-completers"),
      client::kDone)
      << told_;
  EXPECT_THAT(told_, HasSubstr("withdrawn: expected-completers"));
  EXPECT_EQ(Reason(held.GoOn()), "WITHDRAWN");
  EXPECT_EQ(ReadAll(), "WITHDRAWN");
}

TEST_F(MouActs, ByCommandFromSuspendedToEndedOverAKill) {
  PublishRows(1000);
  ASSERT_EQ(Sluice(superintendent_, "mou list"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("pipeline"), HasSubstr("ACTIVE")));
  ASSERT_EQ(Sluice(superintendent_, "mou suspend pipeline"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("SUSPENDED"), HasSubstr("suspended by river-unified")));
  // What was answered is done.
  deployment_.End(SIGKILL);
  deployment_.Start();
  publisher_ = deployment_.Connect(program_);
  EXPECT_EQ(ReadAll(), "SUSPENDED");
  EXPECT_EQ(Sluice(registrar_, "mou resume pipeline"), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("has not suspended the MOU"));
  EXPECT_EQ(ReadAll(), "SUSPENDED");
  ASSERT_EQ(Sluice(superintendent_, "mou resume pipeline"), client::kDone) << told_;
  EXPECT_EQ(ReadAll(), "");

  EXPECT_EQ(Sluice(registrar_, "mou list --due 36500d"), client::kGateFailed) << told_;
  EXPECT_EQ(Sluice(registrar_, "mou list --due 0d"), client::kDone) << told_;
  EXPECT_EQ(Sluice(registrar_, "mou list --due soon"), client::kUsage) << told_;

  EXPECT_EQ(Sluice(registrar_, "mou terminate pipeline --reason WHIM --confirm pipeline"),
            client::kUsage);
  EXPECT_EQ(Sluice(registrar_, "mou terminate pipeline --reason BREACH"), client::kUsage);
  EXPECT_EQ(Sluice(registrar_,
                   "mou terminate pipeline --reason BREACH --on 2001-01-01 "
                   "--confirm pipeline"),
            client::kFailed);
  EXPECT_EQ(ReadAll(), "");
  ASSERT_EQ(Sluice(registrar_, "mou terminate pipeline --reason BREACH --confirm pipeline"),
            client::kDone)
      << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("TERMINATED"), HasSubstr("ended by state-university"),
                           HasSubstr("BREACH")));
  EXPECT_EQ(ReadAll(), "TERMINATED");
  EXPECT_EQ(Sluice(superintendent_, "mou suspend pipeline"), client::kFailed);
  EXPECT_THAT(told_, HasSubstr("has ended"));

  ASSERT_EQ(Sluice(superintendent_, "mou status pipeline"), client::kDone) << told_;
  EXPECT_THAT(told_,
              AllOf(HasSubstr("TERMINATED"), HasSubstr("TERMINATE by state-university"),
                    HasSubstr("RESUME by river-unified"), HasSubstr("SUSPEND by river-unified"),
                    HasSubstr("  SIGNED"), HasSubstr("river-unified signed 20")));
  ASSERT_EQ(Sluice(superintendent_, "audit log --type mou"), client::kDone) << told_;
  EXPECT_THAT(told_, HasSubstr("TERMINATE"));
  deployment_.End(SIGTERM);
  EXPECT_EQ(deployment_.Verify(), 0) << ReadFile(deployment_.Path("verified"));
}

TEST_F(MouActs, WhoIsNoPartySeesNoMouAndIsInTheLog) {
  ASSERT_EQ(Sluice(stranger_, "mou list"), client::kDone) << told_;
  EXPECT_THAT(told_, HasSubstr("no MOU"));
  ASSERT_EQ(Sluice(stranger_, "mou status pipeline"), client::kFailed);
  const std::string of_another = told_.substr(0, told_.find("request"));
  ASSERT_EQ(Sluice(stranger_, "mou status no-such-mou"), client::kFailed);
  EXPECT_EQ(told_.substr(0, told_.find("request")), of_another);
  for (const char* act : {"suspend pipeline", "resume pipeline",
                          "terminate pipeline --reason BREACH --confirm pipeline"}) {
    EXPECT_EQ(Sluice(stranger_, absl::StrCat("mou ", act)), client::kFailed) << act;
  }
  EXPECT_EQ(ReadAll(), "");
  ASSERT_EQ(Sluice(stranger_, "audit log --result DENIAL"), client::kDone) << told_;
  EXPECT_THAT(told_, AllOf(HasSubstr("NO_MOU"), HasSubstr("TerminateMou")));
}

TEST_F(MouActs, NoSystemActsForItsOrganization) {
  for (const char* act : {"list", "suspend pipeline", "resume pipeline"}) {
    EXPECT_EQ(Sluice(district_, absl::StrCat("mou ", act)), client::kDenied) << act;
    EXPECT_THAT(told_, HasSubstr("PRINCIPAL_NOT_PERMITTED"));
  }
  const Identity auditor = deployment_.As(kDistrict, "auditor", "controller");
  EXPECT_EQ(Sluice(auditor, "mou status pipeline"), client::kDone);
  EXPECT_EQ(Sluice(auditor, "mou suspend pipeline"), client::kDenied);
  EXPECT_EQ(ReadAll(), "");
}

}  // namespace
}  // namespace sluice::tests
