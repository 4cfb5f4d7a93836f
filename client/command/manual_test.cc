#include "client/command/manual.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "client/command/terminal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class ManualTest : public testing::Test {
 protected:
  ManualTest() : app_("Records", "sluice") {
    CLI::App* verb = app_.add_subcommand("record", "Records")->add_subcommand("read", "Read");
    verb->footer("sluice record read --rows 3 .\\' C");
    verb->add_option("TYPE", text_, "The record type")->required();
    verb->add_option("FILE", files_, "The files: 'as' they \"are\", ~/x, `y`, back\\slash");
    verb->add_option("--rows,-r", rows_, ".hidden is no request")
        ->check(CLI::Range(1, 9))
        ->capture_default_str()
        ->required();
    verb->add_option("--output", text_, "What is printed")->check(CLI::IsMember({"text", "csv"}));
    verb->add_flag("--own", own_,
                   "A flag whose description is so long that it takes more than a line of help");
    root_ = Describe(app_);
  }

  CLI::App app_;
  std::string text_;
  std::vector<std::string> files_;
  int rows_ = 4;
  bool own_ = false;
  ManualCommand root_;
};

TEST_F(ManualTest, ReadsTheParser) {
  const ManualCommand& read = *root_.Find("record")->Find("read");
  EXPECT_EQ(read.Usage(), "sluice record read [OPTIONS] -r, --rows N TYPE [FILE...]");
  const ManualOption& rows = *read.FindOption("--rows");
  EXPECT_EQ(rows.Text(), ".hidden is no request (1 to 9, by default 4, required)");
  EXPECT_THAT(read.FindOption("--output")->choices, testing::ElementsAre("text", "csv"));
  EXPECT_EQ(read.FindOption("--own")->value, "");
  EXPECT_EQ(root_.Find("record")->Usage(), "sluice record COMMAND");
}

TEST_F(ManualTest, HelpFitsTheWidthWhereWordsAllow) {
  for (const int width : {40, 60, 80, 100}) {
    const std::string help = HelpText(*root_.Find("record")->Find("read"), width);
    for (const absl::string_view line : absl::StrSplit(help, '\n')) {
      EXPECT_LE(DisplayWidth(line), static_cast<size_t>(width)) << line;
    }
    EXPECT_TRUE(absl::StrContains(help, "--output text|csv")) << help;
    EXPECT_TRUE(absl::StrContains(help, "sluice record read --rows 3")) << help;
  }
}

TEST_F(ManualTest, NothingInAManPageIsARequestOrAnEscapeOfRoff) {
  const std::vector<ManPage> pages = ManPages(root_, "Sluice 1", absl::CivilDay(2026, 7, 1));
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[1].name, "sluice-record.1");
  const std::string& text = pages[1].text;
  EXPECT_TRUE(absl::StrContains(text, ".TH SLUICE\\-RECORD 1 \"2026-07-01\" \"Sluice 1\"")) << text;
  EXPECT_TRUE(absl::StrContains(text, "\\&.hidden")) << text;
  EXPECT_TRUE(absl::StrContains(text, "back\\eslash")) << text;
  EXPECT_TRUE(absl::StrContains(text, "\\(aqas\\(aq they \\(dqare\\(dq,")) << text;
}

}  // namespace
}  // namespace sluice::client
