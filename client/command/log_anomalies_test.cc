// What stands out, what does not, and by which entry.
#include "client/command/log_anomalies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// 2027-01-04, a Monday.
const absl::Time kMonday = absl::FromUnixSeconds(1799020800);

class LogAnomaliesTest : public ::testing::Test {
 protected:
  static LogAnomalies::Options Since(absl::Time since) {
    LogAnomalies::Options options;
    options.since = since;
    return options;
  }
  // The index of the entry that it became.
  int64_t Add(absl::Time time, const std::string& members) {
    v1::LogEntry entry;
    entry.set_index(next_);
    entry.set_body(absl::StrCat("{\"time_ms\":", absl::ToUnixMillis(time), ",", members, "}"));
    entries_.push_back(entry);
    return next_++;
  }
  static std::string System(const std::string& name) {
    return absl::StrCat("\"caller\":{\"organization\":\"river-unified\",\"system\":\"", name,
                        "\"}");
  }
  int64_t Disclose(absl::Time time, int rows, const std::string& purpose = "hiring_pipeline",
                   const std::string& system = "hr") {
    return Add(time,
               absl::StrCat("\"type\":\"disclosure\",", System(system), ",\"purpose\":\"", purpose,
                            "\",\"record\":\"Candidate\",\"owner\":\"state-university\","
                            "\"mou\":\"stem-pipeline\",\"rows\":{\"released\":",
                            rows, "}"));
  }
  int64_t Deny(absl::Time time, const std::string& code, int count = 1) {
    return Add(time, absl::StrCat("\"type\":\"decision\",", System("hr"),
                                  ",\"result\":\"DENIAL\",\"code\":\"", code, "\"",
                                  count == 1 ? "" : absl::StrCat(",\"count\":", count)));
  }
  int64_t AskAsAPerson(absl::Time time) {
    return Add(time,
               "\"type\":\"decision\",\"caller\":{\"organization\":\"river-unified\",\"auditor\":"
               "\"x\",\"spki\":\"abcdef0123456789\"},\"result\":\"PERMIT\",\"operation\":"
               "\"ListEntries\"");
  }
  std::vector<Anomaly> Findings(const LogAnomalies::Options& options) const {
    LogAnomalies anomalies(options);
    for (const v1::LogEntry& entry : entries_) anomalies.Add(LogEntryView(entry));
    return anomalies.Findings();
  }
  static std::vector<std::string> Texts(const std::vector<Anomaly>& findings) {
    std::vector<std::string> texts;
    for (const Anomaly& it : findings) {
      texts.push_back(absl::StrCat(it.index, " ", NameOf(it.kind), " ", it.who));
    }
    return texts;
  }

  int64_t next_ = 0;
  std::vector<v1::LogEntry> entries_;
};

TEST_F(LogAnomaliesTest, TellsOfACombinationOnceAndNotOfOneFromBefore) {
  Disclose(kMonday, 5);
  Disclose(kMonday + absl::Hours(48), 5);
  const int64_t first = Disclose(kMonday + absl::Hours(49), 5, "research");
  Disclose(kMonday + absl::Hours(50), 5, "research");
  const auto findings = Findings(Since(kMonday + absl::Hours(24)));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].kind, Anomaly::Kind::kFirstTime);
  EXPECT_EQ(findings[0].index, first);
  EXPECT_EQ(findings[0].who, "river-unified/hr");
  EXPECT_EQ(findings[0].what, "research, Candidate, state-university, stem-pipeline");
  // Without a log before it, all is new.
  EXPECT_THAT(Findings(Since(absl::InfinitePast())), SizeIs(2));
}

TEST_F(LogAnomaliesTest, TellsWhichEntryMadeADayUnusual) {
  for (int day = 0; day < 10; ++day) Disclose(kMonday + absl::Hours(24 * day), 100 + day % 3);
  const absl::Time tenth = kMonday + absl::Hours(240);
  Disclose(tenth, 150);
  const int64_t much = Disclose(tenth + absl::Seconds(1), 150);
  Disclose(tenth + absl::Seconds(2), 150);
  const auto findings = Findings(Since(tenth));
  EXPECT_THAT(Texts(findings), ElementsAre(absl::StrCat(much, " VOLUME river-unified/hr")));
  EXPECT_THAT(findings.at(0).what,
              HasSubstr("300 rows this day; on its 10 active days before 202"));
}

TEST_F(LogAnomaliesTest, HoldsARecipientAgainstItselfAndOnlyOnceItHasDaysEnough) {
  for (int day = 0; day < 10; ++day) Disclose(kMonday + absl::Hours(24 * day), 1'000'000);
  for (int day = 0; day < 4; ++day) {
    Disclose(kMonday + absl::Hours(24 * day), 1, "hiring_pipeline", "new");
  }
  const absl::Time tenth = kMonday + absl::Hours(240);
  Disclose(tenth, 1'900'000);
  Disclose(tenth, 1'000, "hiring_pipeline", "new");
  EXPECT_THAT(Findings(Since(tenth)), IsEmpty());
}

TEST_F(LogAnomaliesTest, HoldsASystemAgainstItsOwnHours) {
  for (int day = 0; day < 6; ++day) {
    Disclose(kMonday + absl::Hours(24 * day + 2), 10);  // at night, as ever
  }
  const absl::Time today = kMonday + absl::Hours(24 * 6);
  Disclose(today + absl::Hours(3), 5);  // an hour later: near
  EXPECT_THAT(Findings(Since(today)), IsEmpty());
  const int64_t noon = Disclose(today + absl::Hours(12), 1);
  Disclose(today + absl::Hours(13), 1);
  EXPECT_THAT(Texts(Findings(Since(today))),
              ElementsAre(absl::StrCat(noon, " OFF_HOURS river-unified/hr")));
}

TEST_F(LogAnomaliesTest, TellsOfAPersonOutsideOfWorkingHoursOnceADay) {
  AskAsAPerson(kMonday + absl::Hours(7));
  AskAsAPerson(kMonday + absl::Hours(18) + absl::Minutes(59));
  const int64_t late = AskAsAPerson(kMonday + absl::Hours(19));
  AskAsAPerson(kMonday + absl::Hours(20));
  const int64_t early = AskAsAPerson(kMonday + absl::Hours(24 + 6));
  const int64_t saturday = AskAsAPerson(kMonday + absl::Hours(24 * 5 + 12));
  const std::string who = " OFF_HOURS river-unified auditor abcdef012345";
  EXPECT_THAT(
      Texts(Findings(Since(kMonday))),
      ElementsAre(absl::StrCat(late, who), absl::StrCat(early, who), absl::StrCat(saturday, who)));
  LogAnomalies::Options options = Since(kMonday);
  options.zone = absl::FixedTimeZone(-6 * 3600);
  // There 7:00 is 1:00, and the first of them.
  EXPECT_EQ(Findings(options).at(0).index, 0);
}

TEST_F(LogAnomaliesTest, CountsDenialsOfOneOrganizationAndCodeWithinAnHour) {
  for (int i = 0; i < 9; ++i) Deny(kMonday + absl::Minutes(i), "NO_MOU");
  Deny(kMonday + absl::Minutes(9), "OUTSIDE_PERIOD");
  EXPECT_THAT(Findings(Since(kMonday)), IsEmpty());
  // The first of them is too old by now.
  Deny(kMonday + absl::Minutes(61), "NO_MOU");
  EXPECT_THAT(Findings(Since(kMonday)), IsEmpty());
  const int64_t folded = Deny(kMonday + absl::Minutes(62), "NO_MOU", 500);
  Deny(kMonday + absl::Minutes(63), "NO_MOU");
  const auto findings = Findings(Since(kMonday));
  ASSERT_THAT(Texts(findings),
              ElementsAre(absl::StrCat(folded, " REPEATED_DENIALS river-unified")));
  EXPECT_THAT(findings[0].what, HasSubstr("508 within an hour, NO_MOU"));
  // Hours later it is another burst.
  const int64_t again = Deny(kMonday + absl::Hours(9), "NO_MOU", 10);
  EXPECT_EQ(Findings(Since(kMonday)).back().index, again);
}

TEST_F(LogAnomaliesTest, FindsNothingOutsideOfTheWindow) {
  Disclose(kMonday, 5);
  Deny(kMonday, "NO_MOU", 100);
  AskAsAPerson(kMonday + absl::Hours(23));
  LogAnomalies::Options options = Since(kMonday + absl::Hours(24));
  EXPECT_THAT(Findings(options), IsEmpty());
  options = Since(absl::InfinitePast());
  options.until = kMonday;
  EXPECT_THAT(Findings(options), IsEmpty());
}

TEST_F(LogAnomaliesTest, ReadsWhateverAGatewayShows) {
  for (const std::string& body :
       {std::string("x"), std::string("{\"type\":\"disclosure\"}"),
        std::string("{\"type\":\"disclosure\",\"time_ms\":1,\"rows\":7,\"caller\":[]}"),
        std::string("{\"type\":\"decision\",\"time_ms\":2,\"result\":\"DENIAL\",\"count\":-9}"),
        std::string("{\"type\":\"read\",\"time_ms\":253402300799999,\"caller\":{\"admin\":3}}")}) {
    v1::LogEntry entry;
    entry.set_body(body);
    entries_.push_back(entry);
  }
  EXPECT_LE(Findings(Since(absl::InfinitePast())).size(), 2u);
}

}  // namespace
}  // namespace sluice::client
