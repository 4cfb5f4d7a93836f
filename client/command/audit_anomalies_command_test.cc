// `sluice audit anomalies` and `sluice audit exposure`: what they ask for, and how they end.
#include "absl/strings/match.h"
#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;

class LogInquiryTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    service_->gateway.entries = {
        "{\"v\":1,\"type\":\"disclosure\",\"time_ms\":1799020800000,\"caller\":{\"organization\":"
        "\"river-unified\",\"system\":\"hr\"},\"mou\":\"stem-pipeline\",\"version\":1,\"purpose\":"
        "\"hiring_pipeline\",\"record\":\"Candidate\",\"owner\":\"state-university\",\"fields\":[{"
        "\"path\":\"subject_area\",\"rule\":\"pass\"}],\"rows\":{\"released\":12},\"of\":0}"};
  }
};

TEST_F(LogInquiryTest, NamesWhatStandsOutWithItsEntry) {
  const Outcome outcome = Run("audit anomalies --since 2027-01-01 --time-zone UTC --output csv");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "index,time,finding,who,what\n0,2027-01-04T00:00:00Z,FIRST_TIME,river-unified/hr,"
            "\"hiring_pipeline, Candidate, state-university, stem-pipeline\"\n");
  EXPECT_TRUE(StrContains(Run("audit anomalies --since 2027-01-01 --time-zone UTC").out,
                          "1 findings, by the first 1 entries"));
  EXPECT_EQ(Run("audit anomalies --since 2027-01-01 --fail-on-findings").code, kCheckFailed);
}

TEST_F(LogInquiryTest, SaysThatNothingStandsOut) {
  const Outcome outcome = Run("audit anomalies --since 2027-02-01 --fail-on-findings");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(StrContains(outcome.out, "nothing stands out")) << outcome.out;
}

TEST_F(LogInquiryTest, RefusesAWindowOrHoursThatAreNone) {
  ExpectError("audit anomalies --since yesterday", kUsage, "--since");
  ExpectError("audit anomalies --since 1d --until 2d", kUsage, "--until");
  ExpectError("audit anomalies --hours 19-7", kUsage, "--hours");
  ExpectError("audit anomalies --hours 7", kUsage, "--hours");
  ExpectError("audit anomalies --time-zone Mars/Base", kUsage, "--time-zone");
  ExpectError("audit anomalies --denials 0", kUsage, "--denials");
}

TEST_F(LogInquiryTest, TellsWhatAPrincipalReceived) {
  const Outcome outcome =
      Run("audit exposure --principal /org/river-unified/system/hr --since 2027-01-01");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* const said :
       {"state-university", "stem-pipeline 1", "subject_area",
        "it received 12 rows of 1 organization in 1 release", "as far as they are shown to you"}) {
    EXPECT_TRUE(StrContains(outcome.out, said)) << said << "\n" << outcome.out;
  }
  const v1::ListEntriesRequest& asked = service_->gateway.listings.at(0);
  EXPECT_EQ(asked.filter().principal(), "/org/river-unified/system/hr");
  EXPECT_EQ(asked.filter().start_time().seconds(), 1798761600);
  EXPECT_EQ(Run("audit exposure --principal x --output csv").out,
            "owner,mou,version,purpose,record_type,fields,releases,rows,first,last,entries\n"
            "state-university,stem-pipeline,1,hiring_pipeline,Candidate,subject_area,1,12,"
            "2027-01-04 00:00:00,2027-01-04 00:00:00,0\n");
  EXPECT_TRUE(
      StrContains(Run("audit exposure --principal x --output json").out, "\"log_size\": 1"));
  ExpectError("audit exposure", kUsage, "--principal");
}

}  // namespace
}  // namespace sluice::client
