#include "client/command/table.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "client/record_csv.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

Terminal OfWidth(int width) { return {.is_terminal = true, .colors = false, .width = width}; }

Table Example() {
  Table table({{"name"}, {"count"}, {"what it is", Table::Fit::kMayShorten}});
  table.Add({"stem-pipeline", "12", "a sentence that goes on for quite a while"});
  table.Add({"井上", "3", "short"});
  return table;
}

TEST(Table, IsAsWideAsItNeedsWhereThereIsNoTerminal) {
  EXPECT_EQ(Example().Text({.width = 20}),
            "name           count  what it is\n"
            "stem-pipeline  12     a sentence that goes on for quite a while\n"
            "井上           3      short\n");
}

TEST(Table, ShortensOnATerminalWhatNobodyCopies) {
  EXPECT_EQ(Example().Text(OfWidth(40)),
            "name           count  what it is\n"
            "stem-pipeline  12     a sentence that g…\n"
            "井上           3      short\n");
}

TEST(Table, BecomesParagraphsWhereThatIsNotEnough) {
  EXPECT_EQ(Example().Text(OfWidth(28)),
            "name        stem-pipeline\n"
            "count       12\n"
            "what it is  a sentence that goes on for quite a while\n"
            "\n"
            "name        井上\n"
            "count       3\n"
            "what it is  short\n");
}

TEST(Table, FitsEveryWidthThatItsWholeColumnsFit) {
  for (int width = 32; width < 90; ++width) {
    for (const absl::string_view line : absl::StrSplit(Example().Text(OfWidth(width)), '\n')) {
      EXPECT_LE(DisplayWidth(line), static_cast<size_t>(width)) << line;
    }
  }
}

TEST(Table, EscapesWhatATerminalWouldObeyWhoeverReads) {
  Table table({{"name"}});
  table.Add({"a\x1b[2J\nb"});
  for (const Terminal& terminal : {Terminal(), OfWidth(80)}) {
    EXPECT_EQ(table.Text(terminal), "name\na\\x1b[2J\\nb\n");
  }
}

TEST(Table, ColorsTitlesAlone) {
  Table table({{"name"}});
  table.Add({"a"});
  EXPECT_EQ(table.Text({.is_terminal = true, .colors = true}), "\x1b[1mname\x1b[0m\na\n");
}

TEST(Table, HoldsTheSameInJsonNdjsonAndCsv) {
  Table table({{"RECORD TYPE"}, {"ED-FI"}});
  table.Add({"Candidate", "a \"b\", c"});
  table.Add({"Other", "\xff"}, {{"name", "\xff"}});
  EXPECT_EQ(Table::Json::parse(table.ToJson())[0]["record_type"], "Candidate");
  EXPECT_EQ(table.ToNdjson(),
            "{\"record_type\":\"Candidate\",\"ed_fi\":\"a \\\"b\\\", c\"}\n"
            "{\"name\":\"\xEF\xBF\xBD\"}\n");
  EXPECT_EQ(table.ToCsv(), "record_type,ed_fi\nCandidate,\"a \"\"b\"\", c\"\nOther,\xff\n");
  EXPECT_EQ(Table({{"a"}}).ToJson(), "[]\n");
}

// Formula injection: no cell begins as a formula, and what is read back is what was.
TEST(Table, CsvHoldsNoFormulaThatASpreadsheetWouldRun) {
  const std::vector<std::string> formulas = {"=cmd|' /C calc'!A0",
                                             "+1",
                                             "-1+1",
                                             "@SUM(A1)",
                                             "\t=1",
                                             "\r=1",
                                             "\n=1",
                                             "'=1",
                                             "''@x",
                                             "\xEF\xBC\x9D"
                                             "1"};  // a full-width =
  for (const std::string& formula : formulas) {
    Table table({{"a"}, {"b"}});
    table.Add({"x", formula});
    std::istringstream in(table.ToCsv());
    CsvReader reader(&in);
    ASSERT_TRUE(reader.Next().ok());
    const auto row = reader.Next();
    ASSERT_TRUE(row.ok() && row->has_value());
    const std::string& cell = (**row)[1];
    EXPECT_EQ(cell[0], '\'') << formula;
    EXPECT_EQ(UnsafeCell(cell), formula);
  }
}

}  // namespace
}  // namespace sluice::client
