// What a principal received, summed up, with the entries that say so.
#include "client/command/log_exposure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogExposureTest : public ::testing::Test {
 protected:
  void Add(const std::string& members) {
    v1::LogEntry entry;
    entry.set_index(next_++);
    entry.set_body(
        absl::StrCat("{\"time_ms\":", 1798761600000 + entry.index() * 1000, ",", members, "}"));
    exposure_.Add(LogEntryView(entry));
  }
  void Disclose(int of, int rows, const std::string& purpose = "hiring_pipeline") {
    Add(
        absl::StrCat("\"type\":\"disclosure\",\"mou\":\"stem-pipeline\",\"version\":2,"
                     "\"purpose\":\"",
                     purpose,
                     "\",\"record\":\"Candidate\",\"owner\":\"state-university\",\"fields\":[{"
                     "\"path\":\"candidate_id\",\"rule\":\"pseudonymize\"},{\"path\":"
                     "\"subject_area\",\"rule\":\"pass\"}],\"rows\":{\"released\":",
                     rows, "},\"of\":", of));
  }

  int64_t next_ = 10;
  LogExposure exposure_;
};

TEST_F(LogExposureTest, SumsUpByClausePurposeRecordAndFields) {
  Disclose(1, 100);
  Disclose(1, 50);
  Disclose(5, 7, "research");
  Disclose(6, 100);
  const auto all = exposure_.All();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].purpose, "hiring_pipeline");
  EXPECT_EQ(all[0].fields, "candidate_id (pseudonymize), subject_area");
  EXPECT_EQ(all[0].rows, 250);
  EXPECT_THAT(all[0].releases, ElementsAre(1, 6));
  EXPECT_THAT(all[0].entries, ElementsAre(10, 11, 13));
  EXPECT_EQ(all[0].first, "2027-01-01 00:00:10");
  EXPECT_EQ(all[0].last, "2027-01-01 00:00:13");
  EXPECT_EQ(all[1].rows, 7);
  EXPECT_EQ(exposure_.rows(), 257);
  EXPECT_THAT(exposure_.Text(Terminal()), HasSubstr("it received 257 rows of 1 organization in 3 "
                                                    "releases"));
}

TEST_F(LogExposureTest, CountsWhatItAskedForAndHowThatWasDecided) {
  Add("\"type\":\"decision\",\"operation\":\"READ\",\"result\":\"PERMIT\"");
  Add("\"type\":\"decision\",\"operation\":\"READ\",\"result\":\"DENIAL\",\"code\":\"NO_MOU\"");
  Add("\"type\":\"decision\",\"operation\":\"READ\",\"result\":\"DENIAL\",\"code\":\"NO_MOU\","
      "\"count\":40");
  Add("\"type\":\"decision\",\"operation\":\"ReadOwnRecords\",\"result\":\"PERMIT\"");
  Add("\"type\":\"read\",\"operation\":\"ListEntries\"");
  const auto asked = exposure_.Questions();
  ASSERT_THAT(asked, SizeIs(4));
  EXPECT_EQ(asked[0].operation, "ListEntries");
  EXPECT_EQ(asked[1].result, "DENIAL NO_MOU");
  EXPECT_EQ(asked[1].count, 41);
  EXPECT_EQ(asked[1].first, 11);
  EXPECT_EQ(asked[1].last, 12);
  EXPECT_EQ(asked[3].operation, "ReadOwnRecords");
  EXPECT_THAT(exposure_.All(), IsEmpty());
  EXPECT_THAT(exposure_.Text(Terminal()), HasSubstr("it received nothing"));
}

TEST_F(LogExposureTest, GivesAllEntriesInJsonAndCsvAndSaysHowManyInText) {
  for (int i = 0; i < 9; ++i) Disclose(1, 1);
  EXPECT_THAT(exposure_.Text(Terminal()), HasSubstr("10 11 12 ... 18 (9)"));
  EXPECT_THAT(exposure_.ReceivedTable().ToCsv(), HasSubstr("10 11 12 13 14 15 16 17 18"));
  EXPECT_THAT(exposure_.ToJson()["received"][0]["entries"], SizeIs(9));
}

TEST_F(LogExposureTest, ReadsWhateverAGatewayShows) {
  v1::LogEntry damaged;
  damaged.set_body("x");
  exposure_.Add(LogEntryView(damaged));
  Add("\"type\":\"disclosure\",\"rows\":{\"released\":-5},\"fields\":[7,{\"path\":[]}]");
  EXPECT_EQ(exposure_.rows(), 0);
  EXPECT_THAT(exposure_.Text(Terminal()), HasSubstr("1 of the entries can't be read"));
}

}  // namespace
}  // namespace sluice::client
