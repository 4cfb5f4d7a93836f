// `sluice opt-out` as it is run: whom it names to the gateway, and what it says.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

using OptOutCommandTest = CommandTest;

TEST_F(OptOutCommandTest, NamesOnePersonAndThePurpose) {
  const Outcome outcome = Run("opt-out add --id-space candidate --id C20417 --purpose research");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "1 subject opted out of research; entry 7 of the log says so\n");
  ASSERT_EQ(service_->gateway.opt_out_requests.size(), 1u);
  const v1::OptOutRequest& request = service_->gateway.opt_out_requests[0];
  EXPECT_EQ(request.parent(), "organizations/river-unified");
  EXPECT_EQ(request.purpose(), "research");
  ASSERT_EQ(request.subjects_size(), 1);
  EXPECT_EQ(request.subjects(0).id_space(), "candidate");
  EXPECT_EQ(request.subjects(0).id(), "C20417");
}

TEST_F(OptOutCommandTest, TakesIdsFromAFileAndFromStandardInput) {
  std::string ids;
  for (int i = 0; i < 1500; ++i) absl::StrAppend(&ids, "C", i, "\r\n\n");
  service_->Write("ids.txt", ids);
  const Outcome outcome = Run("opt-out add --id-space candidate --ids ids.txt");
  EXPECT_EQ(outcome.out, "1,500 subjects opted out of all purposes; entry 7 of the log says so\n");
  ASSERT_EQ(service_->gateway.opt_out_requests.size(), 2u);
  EXPECT_EQ(service_->gateway.opt_out_requests[0].subjects_size(), 1000);
  EXPECT_FALSE(service_->gateway.opt_out_requests[0].has_purpose());
  EXPECT_EQ(service_->gateway.opt_out_requests[1].subjects(499).id(), "C1499");
  EXPECT_EQ(RunProgram("sh -c 'echo C7 | sluice opt-out lift --id-space candidate --id -'").out,
            "nothing has changed: it was so before, for all purposes\n");
  ASSERT_EQ(service_->gateway.opt_in_requests.size(), 1u);
  EXPECT_EQ(service_->gateway.opt_in_requests[0].subjects(0).id(), "C7");
}

TEST_F(OptOutCommandTest, ShowsOfWhatAPersonHasOptedOut) {
  EXPECT_EQ(Run("opt-out check --id-space candidate --id C7").out, "none\n");
  service_->gateway.opt_out.add_purposes("hiring");
  service_->gateway.opt_out.add_purposes("research");
  EXPECT_EQ(Run("opt-out check --id-space candidate --id C7").out, "hiring, research\n");
  service_->gateway.opt_out.set_all_purposes(true);
  EXPECT_EQ(Run("opt-out check --id-space candidate --id C7").out, "all purposes\n");
}

TEST_F(OptOutCommandTest, WhoNamesNobodyIsToldHow) {
  EXPECT_EQ(Run("opt-out add --id C7").code, kUsage) << "of which id space";
  service_->Write("empty.txt", "\n");
  ExpectError("opt-out add --id-space candidate --ids empty.txt", kUsage, "has no id");
  ExpectError("opt-out add --id-space candidate --ids missing.txt", kUsage, "missing.txt");
  EXPECT_EQ(Run("opt-out add --id-space candidate --id C7 --ids empty.txt").code, kUsage);
  EXPECT_TRUE(service_->gateway.opt_out_requests.empty());
}

}  // namespace
}  // namespace sluice::client
