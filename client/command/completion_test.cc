#include "client/command/completion.h"

#include <CLI/CLI.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class CompletionTest : public testing::Test {
 protected:
  CompletionTest() : app_("Records", "sluice") {
    app_.add_option("--profile", text_, "The profile")->type_name(kProfileValue);
    CLI::App* record = app_.add_subcommand("record", "Records");
    CLI::App* read = record->add_subcommand("read", "Read a release");
    read->add_option("TYPE", text_, "The record type")->required();
    read->add_option("FILE", files_, "The files");
    read->add_option("--mou", text_, "The MOU")->type_name(kMouValue);
    read->add_option("--key", files_, "Again and again")->type_name(kKeyValue);
    read->add_option("--output", text_, "What is printed")->check(CLI::IsMember({"text", "csv"}));
    read->add_flag("--own", own_, "One's own");
    record->add_subcommand("secret", "Of no concern")->group("");
    app_.add_subcommand("grant", "Grants");
  }

  CompletionPoint At(const std::vector<std::string>& words) {
    return PointOf(Describe(app_), words);
  }
  std::vector<std::string> Candidates(const std::vector<std::string>& words) {
    std::vector<std::string> names;
    for (const ManualEntry& candidate : At(words).candidates) names.push_back(candidate.name);
    return names;
  }

  CLI::App app_;
  std::string text_;
  std::vector<std::string> files_;
  bool own_ = false;
};

TEST_F(CompletionTest, OffersTheCommandsThatBeginAsTyped) {
  EXPECT_THAT(Candidates({""}), ElementsAre("record", "grant"));
  EXPECT_THAT(Candidates({"gr"}), ElementsAre("grant"));
  EXPECT_THAT(Candidates({"record", ""}), ElementsAre("read"));
  EXPECT_THAT(Candidates({"nothing", ""}), IsEmpty());
  EXPECT_THAT(Candidates({}), ElementsAre("record", "grant"));
}

TEST_F(CompletionTest, OffersFlagsOfTheCommandAndOfThoseAboveEachOnce) {
  EXPECT_THAT(Candidates({"record", "read", "--"}),
              UnorderedElementsAre("--help", "--mou", "--key", "--output", "--own", "--profile"));
  EXPECT_THAT(Candidates({"record", "read", "--own", "--key", "a=b", "--o"}),
              ElementsAre("--output"));
  EXPECT_THAT(Candidates({"record", "read", "--key", "a=b", "--k"}), ElementsAre("--key"));
}

TEST_F(CompletionTest, ACommandsOwnFlagStandsBeforeTheSameOfOneAbove) {
  app_.get_subcommand("record")->get_subcommand("read")->add_option("--profile", text_, "Another");
  const std::vector<ManualEntry> candidates = At({"record", "read", "--prof"}).candidates;
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].meaning, "Another");
}

TEST_F(CompletionTest, OffersWhatAnOptionTakesWhereverItStands) {
  EXPECT_THAT(Candidates({"record", "read", "--output", ""}), ElementsAre("text", "csv"));
  EXPECT_THAT(Candidates({"record", "read", "--output=c"}), ElementsAre("--output=csv"));
  const CompletionPoint mou = At({"--profile", "p", "record", "read", "Candidate", "--mou=st"});
  EXPECT_EQ(mou.value, kMouValue);
  EXPECT_EQ(mou.before, "--mou=");
  EXPECT_EQ(mou.typed, "st");
  EXPECT_EQ(mou.given.at("--profile"), "p");
  EXPECT_EQ(mou.given.at("TYPE"), "Candidate");
  EXPECT_EQ(At({"--profile", ""}).value, kProfileValue);
}

TEST_F(CompletionTest, CountsArgumentsAndStopsAtFlagsAfterTwoHyphens) {
  EXPECT_EQ(At({"record", "read", "C"}).value, kTypeValue);
  EXPECT_EQ(At({"record", "read", "--own", "C", "f1", "f2", "f"}).value, kFileValue);
  EXPECT_EQ(At({"record", "read", "C", "--", "-"}).value, kFileValue);
  EXPECT_THAT(Candidates({"record", "read", "C", "--", "--"}), IsEmpty());
}

TEST_F(CompletionTest, LeavesOutNamesThatAShellCouldTakeForMoreThanAWord) {
  CompletionPoint point;
  point.before = "--mou=";
  EXPECT_EQ(CompletionLines(point, {{"stem-pipeline", "a\tb\x1b[2J\nc"},
                                    {"x;id", ""},
                                    {"$(id)", ""},
                                    {"`id`", ""},
                                    {"a b", ""},
                                    {"a\nb", ""},
                                    {"-rf", ""},
                                    {"=id", ""},
                                    {"*", ""},
                                    {"", ""}}),
            "--mou=stem-pipeline\ta\\tb\\x1b[2J\\nc\n");
  point.typed = "other";
  EXPECT_EQ(CompletionLines(point, {{"stem-pipeline", ""}}), "");
}

TEST_F(CompletionTest, AsksTheShellForPaths) {
  EXPECT_EQ(CompletionLines(At({"record", "read", "C", ""}), {}), ":files\n");
  CompletionPoint point;
  point.value = kDirectoryValue;
  EXPECT_EQ(CompletionLines(point, {}), ":directories\n");
}

}  // namespace
}  // namespace sluice::client
