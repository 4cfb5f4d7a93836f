#include "client/command/log_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNewYear = 1798761600;  // 2027-01-01, a Friday

void Add(LogSummary& summary, int64_t seconds, const std::string& more = "") {
  v1::LogEntry entry;
  entry.set_body(absl::StrCat("{\"type\":\"decision\",\"time_ms\":", seconds * 1000, more, "}"));
  summary.Add(LogEntryView(entry));
}

Terminal Plain(int width = 80) {
  Terminal terminal;
  terminal.width = width;
  return terminal;
}

TEST(LogSummary, CountsByEachGroup) {
  LogSummary summary;
  Add(summary, kNewYear, ",\"mou\":\"m\",\"result\":\"PERMIT\",\"parties\":[\"a\",\"b\"]");
  Add(summary, kNewYear,
      ",\"mou\":\"m\",\"result\":\"DENIAL\",\"code\":\"NO_MOU\",\"parties\":[\"a\"]");
  v1::LogEntry damaged;
  damaged.set_body("x");
  summary.Add(LogEntryView(damaged));
  const Table::Json json = summary.ToJson();
  EXPECT_EQ(json["entries"], 3);
  EXPECT_EQ(json["type"].dump(), "{\"decision\":2,\"(not an entry)\":1}");
  EXPECT_EQ(json["result"].dump(), "{\"DENIAL\":1,\"PERMIT\":1}");
  EXPECT_EQ(json["code"].dump(), "{\"NO_MOU\":1}");
  EXPECT_EQ(json["organization"].dump(), "{\"a\":2,\"b\":1}");
  EXPECT_EQ(json["mou"].dump(), "{\"m\":2}");
  EXPECT_EQ(json["time"].dump(), "[{\"from\":\"2027-01-01T00:00:00Z\",\"entries\":2}]");
}

TEST(LogSummary, ChoosesStretchesFromTheSpan) {
  const struct {
    int64_t span;
    size_t buckets;
    int64_t stretch;
  } cases[] = {{0, 1, 0},
               {20, 21, 1},
               {60, 13, 5},
               {3600, 13, 300},
               {86400, 9, 3 * 3600},
               {7 * 86400, 15, 12 * 3600},
               {20 * 86400, 21, 86400},
               {365 * 86400, 14, 28 * 86400}};
  for (const auto& [span, count, stretch] : cases) {
    LogSummary summary;
    Add(summary, kNewYear);
    Add(summary, kNewYear + span);
    const auto buckets = summary.Buckets();
    ASSERT_EQ(buckets.size(), count) << span;
    if (count > 1) {
      EXPECT_EQ(buckets[1].begin - buckets[0].begin, absl::Seconds(stretch)) << span;
    }
    EXPECT_LE(buckets[0].begin, absl::FromUnixSeconds(kNewYear));
    EXPECT_EQ(buckets.front().count, count == 1 ? 2 : 1) << span;
    EXPECT_EQ(buckets.back().count, count == 1 ? 2 : 1) << span;
  }
}

TEST(LogSummary, AnySpanHasFewStretches) {
  LogSummary summary;
  Add(summary, 0);
  Add(summary, 253402300799);
  const auto buckets = summary.Buckets();
  EXPECT_LE(buckets.size(), 24u);
  EXPECT_EQ(buckets.front().count + buckets.back().count, 2);
}

TEST(LogSummary, WeeksBeginOnMonday) {
  LogSummary summary;
  Add(summary, kNewYear);
  Add(summary, kNewYear + 100 * 86400);
  const auto buckets = summary.Buckets();
  ASSERT_GT(buckets.size(), 2u);
  EXPECT_EQ(buckets[1].begin - buckets[0].begin, absl::Hours(7 * 24));
  EXPECT_EQ(absl::GetWeekday(absl::ToCivilDay(buckets[0].begin, absl::UTCTimeZone())),
            absl::Weekday::monday);
}

TEST(LogSummary, DrawsBarsThatFitTheTerminal) {
  LogSummary summary;
  for (int i = 0; i < 1000; ++i) Add(summary, kNewYear);
  Add(summary, kNewYear + 1);
  Add(summary, kNewYear + 3);
  for (const int width : {60, 80, 200}) {
    for (const bool blocks : {true, false}) {
      const std::string text = summary.Text(Plain(width), blocks);
      for (const absl::string_view line : absl::StrSplit(text, '\n')) {
        EXPECT_LE(DisplayWidth(line), static_cast<size_t>(width)) << line;
      }
      EXPECT_THAT(text, HasSubstr("2027-01-01 00:00:00    1,000  "));
      // The least that there is is seen; nothing is no bar.
      EXPECT_THAT(text, HasSubstr(blocks ? "00:00:01        1  ▏\n" : "00:00:01        1  #\n"));
      EXPECT_THAT(text, HasSubstr("00:00:02        0\n"));
    }
  }
}

TEST(LogSummary, BarsAreAsciiWhereNothingElseIsShown) {
  LogSummary summary;
  Add(summary, kNewYear);
  for (const char c : summary.Text(Plain(), /*blocks=*/false)) EXPECT_LT(c & 0xff, 0x80);
  EXPECT_EQ(Bar(16, true), "██");
  EXPECT_EQ(Bar(17, true), "██▏");
  EXPECT_EQ(Bar(23, true), "██▉");
  EXPECT_EQ(Bar(16, false), "##");
  EXPECT_EQ(Bar(17, false), "###");
  EXPECT_EQ(Bar(0, false), "");
}

TEST(LogSummary, ShowsTheMostOfManyAndSaysHowManyMore) {
  LogSummary summary;
  for (int i = 0; i < 30; ++i) Add(summary, kNewYear, absl::StrCat(",\"mou\":\"m", i, "\""));
  Add(summary, kNewYear, ",\"mou\":\"often\"");
  Add(summary, kNewYear, ",\"mou\":\"often\"");
  const std::string text = summary.Text(Plain(), false);
  EXPECT_THAT(text, HasSubstr("MOU    ENTRIES\noften  2\n"));
  EXPECT_THAT(text, HasSubstr("and 11 more\n"));
  EXPECT_THAT(text, Not(HasSubstr("CODE")));  // none has one
}

TEST(LogSummary, NamesFromElsewhereAreNotObeyed) {
  LogSummary summary;
  Add(summary, kNewYear, ",\"mou\":\"\\u001b[2J\"");
  EXPECT_THAT(summary.Text(Plain(), false), HasSubstr("\\x1b[2J"));
  EXPECT_THAT(summary.Text(Plain(), false), Not(HasSubstr("\x1b")));
}

TEST(EnvironmentIsUtf8, AsTheFirstVariableThatIsSetSays) {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) unsetenv(variable);
  EXPECT_FALSE(EnvironmentIsUtf8());
  setenv("LANG", "en_US.UTF-8", 1);
  EXPECT_TRUE(EnvironmentIsUtf8());
  setenv("LC_CTYPE", "", 1);
  EXPECT_TRUE(EnvironmentIsUtf8());
  setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(EnvironmentIsUtf8());
  setenv("LC_ALL", "C.utf8", 1);
  EXPECT_TRUE(EnvironmentIsUtf8());
}

}  // namespace
}  // namespace sluice::client
