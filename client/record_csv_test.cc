#include "client/record_csv.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/record_json.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::client {
namespace {

using Cells = std::vector<std::string>;

// All rows of a text; an error ends them as {"error", why, line}.
std::vector<Cells> Rows(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(&in);
  std::vector<Cells> rows;
  while (true) {
    const auto row = reader.Next();
    if (!row.ok()) {
      rows.push_back({"error", std::string(row.status().message()), absl::StrCat(reader.line())});
      return rows;
    }
    if (!row->has_value()) return rows;
    rows.push_back(**row);
  }
}

CsvColumns Columns(const Cells& header) {
  const auto columns = CsvColumns::Bind(*v1::Candidate::descriptor(), header);
  EXPECT_TRUE(columns.ok()) << columns.status();
  return *columns;
}

std::string WhyNot(const Cells& header) {
  const auto columns = CsvColumns::Bind(*v1::Candidate::descriptor(), header);
  EXPECT_TRUE(absl::IsInvalidArgument(columns.status()));
  return std::string(columns.status().message());
}

TEST(CsvReader, SplitsAsTheRfcSays) {
  EXPECT_EQ(Rows("a,b\nc,d"), (std::vector<Cells>{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(Rows("a,b\r\nc,\r\n"), (std::vector<Cells>{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(Rows("\"a,\"\"b\"\"\",\"c\nd\"\n"), (std::vector<Cells>{{"a,\"b\"", "c\nd"}}));
  EXPECT_EQ(Rows("\"\",\n"), (std::vector<Cells>{{"", ""}}));
  EXPECT_TRUE(Rows("").empty());
}

TEST(CsvReader, RefusesQuotesOutOfPlaceAtTheirLine) {
  EXPECT_EQ(Rows("a\nb\"c\n")[1][2], "2");
  EXPECT_TRUE(absl::StrContains(Rows("a\nb\"c\n")[1][1], "inside a cell"));
  EXPECT_TRUE(absl::StrContains(Rows("\"a\"b\n")[0][1], "after a closing quote"));
  EXPECT_TRUE(absl::StrContains(Rows("a\n\"b\n\n")[1][1], "never closed"));
  EXPECT_EQ(Rows("\"a\n\n\"\n\"b\"c")[1][2], "4");
  EXPECT_TRUE(absl::StrContains(Rows("a\rb\n")[0][1], "CR alone"));
}

TEST(CsvReader, RefusesARowWithoutEnd) {
  EXPECT_TRUE(absl::StrContains(Rows("\"" + std::string(3 << 20, 'x'))[0][1], "2 MiB"));
}

TEST(CsvColumns, RefusesAHeaderThatIsNotOfTheType) {
  EXPECT_EQ(WhyNot({"candidate_id", "birth_dat"}),
            "column 2: there is no field \"birth_dat\" in Candidate; did you mean \"birth_date\"?");
  EXPECT_TRUE(absl::StrContains(WhyNot({"race"}), "race[0], race[1]"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"first_name[0]"}), "not repeated"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"source"}), "is a message"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"first_name.x"}), "nothing inside"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"birth_date.year"}), "nothing inside"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"first_name", "first_name"}), "twice"));
  EXPECT_TRUE(absl::StrContains(WhyNot({"first_name", "firstName"}), "twice"));
  for (const char* path : {"race[", "race[]", "race[x]", "race[-1]", "race[1000]", "race[0]x"}) {
    EXPECT_TRUE(absl::StrContains(WhyNot({path}), "an index is")) << path;
  }
  EXPECT_FALSE(WhyNot({""}).empty());
}

TEST(CsvColumns, TakesTheByteOrderMarkOfASpreadsheet) {
  v1::Candidate candidate;
  ASSERT_TRUE(Columns({"\xEF\xBB\xBF"
                       "first_name"})
                  .Read({"Ann"}, candidate)
                  .ok());
  EXPECT_EQ(candidate.first_name(), "Ann");
}

TEST(CsvColumns, AnEmptyCellIsAbsentAndAnEmptyElementLeftOut) {
  v1::Candidate candidate;
  ASSERT_TRUE(Columns({"identification_codes[1].value", "first_name", "race[2]", "race[0]",
                       "identification_codes[0].value", "identification_codes[1].system"})
                  .Read({"v", "", "c", "a", "", "s"}, candidate)
                  .ok());
  EXPECT_FALSE(candidate.has_first_name());
  ASSERT_EQ(candidate.race_size(), 2);
  EXPECT_EQ(candidate.race(0), "a");
  EXPECT_EQ(candidate.race(1), "c");
  ASSERT_EQ(candidate.identification_codes_size(), 1);
  EXPECT_EQ(candidate.identification_codes(0).system(), "s");
  EXPECT_EQ(candidate.identification_codes(0).value(), "v");
}

TEST(CsvColumns, NamesTheColumnOfABadCell) {
  v1::Candidate candidate;
  const CsvColumns columns = Columns({"first_name", "expected_completion_year"});
  EXPECT_EQ(columns.Read({"Ann", "soon"}, candidate).message(),
            "column expected_completion_year: must be a whole number of 32 bits");
  EXPECT_TRUE(absl::StrContains(columns.Read({"Ann"}, candidate).message(), "1 cells"));
}

TEST(CsvColumns, RefusesToLeaveAValueOut) {
  v1::Candidate candidate;
  candidate.add_race("a");
  candidate.add_race("b");
  EXPECT_TRUE(absl::IsOutOfRange(Columns({"race[0]"}).Write(candidate).status()));
  EXPECT_TRUE(Columns({"race[0]", "race[1]"}).Write(candidate).ok());
}

TEST(CsvColumns, RoundTripsThroughText) {
  const auto columns = CsvColumns::Of(
      *v1::Candidate::descriptor(),
      {"candidate_id", "first_name", "birth_date", "tuition_cost", "hispanic_latino_ethnicity",
       "race", "identification_codes", "source", "english_language_exam.score"},
      3);
  ASSERT_TRUE(columns.ok()) << columns.status();
  for (
      const char* json : {
          R"({"candidate_id":"C-1","first_name":"a,\"b\"\r\nc","birth_date":"2003-05"})",
          R"({"first_name":"=cmd|' /C calc'!A0","race":["@x","+1","-2","\tx","'=x","''y"]})",
          R"({"race":["'","a'"],"tuition_cost":"-12.50"})",
          R"({"identification_codes":[{"system":"s"},{"value":"=v"}],"source":{"school_year":-3}})",
          R"({"hispanic_latino_ethnicity":false,"english_language_exam":{"score":"3"}})",
      }) {
    v1::Candidate first;
    ASSERT_TRUE(RecordFromJson(json, first).ok());
    while (first.race_size() > 3) first.mutable_race()->RemoveLast();
    const auto cells = columns->Write(first);
    ASSERT_TRUE(cells.ok()) << cells.status();
    const std::vector<Cells> rows = Rows(CsvLine(columns->header()) + CsvLine(*cells));
    ASSERT_EQ(rows.size(), 2u);
    const auto bound = CsvColumns::Bind(*v1::Candidate::descriptor(), rows[0]);
    ASSERT_TRUE(bound.ok()) << bound.status();
    v1::Candidate second;
    ASSERT_TRUE(bound->Read(rows[1], second).ok());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(first, second))
        << RecordToJson(second);
  }
}

TEST(SafeCell, DisarmsWhatASpreadsheetWouldRun) {
  EXPECT_EQ(SafeCell("=1+1"), "'=1+1");
  EXPECT_EQ(SafeCell("@x"), "'@x");
  EXPECT_EQ(SafeCell("\t=1"), "'\t=1");
  EXPECT_EQ(SafeCell("a=1"), "a=1");
  EXPECT_EQ(SafeCell(""), "");
  for (const char* text : {"=x", "'=x", "''=x", "'", "''", "x", "'x", "-", "+1 555"}) {
    EXPECT_EQ(UnsafeCell(SafeCell(text)), text);
  }
}

TEST(SafeCell, LeavesNumbersAloneAndNothingElse) {
  v1::Candidate candidate;
  candidate.mutable_tuition_cost()->set_value("-12.50");
  const CsvColumns columns = Columns({"tuition_cost"});
  EXPECT_EQ(columns.Write(candidate)->front(), "-12.50");
  candidate.mutable_tuition_cost()->set_value("-2+cmd");
  EXPECT_EQ(columns.Write(candidate)->front(), "'-2+cmd");
}

}  // namespace
}  // namespace sluice::client
