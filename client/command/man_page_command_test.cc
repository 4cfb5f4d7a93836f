// The man pages of the command itself, read by others' programs.
#include <regex>
#include <set>

#include "absl/strings/str_split.h"
#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

class ManPageTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    std::filesystem::create_directory(directory_ + "/man");
    const Outcome written =
        RunProgram(absl::StrCat("SOURCE_DATE_EPOCH=0 ", SLUICE_BINARY, " manual man"));
    ASSERT_EQ(written.code, kDone) << written.err;
  }
  std::string HelpOf(const std::string& command) {
    const Outcome help = Run(command + " --help");
    EXPECT_EQ(help.code, kDone) << command;
    return help.out;
  }
  std::string PageOf(const std::string& name) {
    // Wide, so that no line is folded inside a flag.
    return RunProgram("mandoc -T utf8 -O width=1000 man/" + name + ".1 | col -b").out;
  }
  // The names at the beginning of the indented lines of a section of help.
  static std::vector<std::string> Section(const std::string& help, const std::string& title) {
    std::vector<std::string> names;
    bool inside = false;
    for (const absl::string_view line : absl::StrSplit(help, '\n')) {
      if (line == title + ":") {
        inside = true;
      } else if (line.empty()) {
        inside = false;
      } else if (inside && line.substr(0, 2) == "  " && line[2] != ' ') {
        names.emplace_back(line.substr(2, line.find(' ', 2) - 2));
      }
    }
    return names;
  }
  static std::set<std::string> Flags(const std::string& text) {
    static const std::regex kFlag("(^|[ ,])(--[a-z][a-z-]*)");
    std::set<std::string> flags;
    for (std::sregex_iterator at(text.begin(), text.end(), kFlag), end; at != end; ++at) {
      flags.insert((*at)[2]);
    }
    return flags;
  }
};

TEST_F(ManPageTest, ToldEveryCommandAndFlagOfHelp) {
  const std::string help = HelpOf("");
  const std::string page = PageOf("sluice");
  for (const std::string& flag : Flags(help)) {
    EXPECT_TRUE(absl::StrContains(page, flag)) << flag;
  }
  const std::vector<std::string> nouns = Section(help, "Commands");
  EXPECT_GE(nouns.size(), 9u) << help;
  size_t verbs = 0;
  for (const std::string& noun : nouns) {
    EXPECT_TRUE(absl::StrContains(page, "sluice " + noun)) << noun;
    const std::string noun_page = PageOf("sluice-" + noun);
    for (const std::string& verb : Section(HelpOf(noun), "Commands")) {
      ++verbs;
      const std::string command = absl::StrCat(noun, " ", verb);
      const size_t begin = noun_page.find(absl::StrCat("\n   sluice ", command, "\n"));
      ASSERT_NE(begin, std::string::npos) << command << noun_page;
      const std::string section =
          noun_page.substr(begin, noun_page.find("\n   sluice ", begin + 1) - begin);
      const std::string verb_help = HelpOf(command);
      for (const std::string& flag : Flags(verb_help)) {
        if (flag == "--help") continue;
        EXPECT_TRUE(absl::StrContains(section, flag)) << command << " " << flag << section;
      }
      for (const std::string& argument : Section(verb_help, "Arguments")) {
        EXPECT_TRUE(absl::StrContains(section, argument)) << command << " " << argument;
      }
      EXPECT_TRUE(absl::StrContains(section, "Example:")) << command;
    }
  }
  EXPECT_GE(verbs, 26u);
}

TEST_F(ManPageTest, NobodyFindsFaultWithThem) {
  const Outcome lint = RunProgram("sh -c 'mandoc -T lint -W all man/*.1'");
  EXPECT_EQ(lint.code, 0) << lint.out;
  EXPECT_EQ(lint.out, "");
  const Outcome groff = RunProgram("groff -man -ww -K utf8 -T utf8 -z man/*.1");
  EXPECT_EQ(groff.code, 0);
  EXPECT_EQ(groff.err, "");
}

TEST_F(ManPageTest, AreTheSameWheneverTheyAreBuilt) {
  std::filesystem::create_directory(directory_ + "/again");
  RunProgram(absl::StrCat("SOURCE_DATE_EPOCH=0 ", SLUICE_BINARY, " manual again"));
  EXPECT_EQ(RunProgram("diff -r man again").code, 0);
  EXPECT_TRUE(absl::StrContains(PageOf("sluice"), "1970-01-01"));
  ExpectError("manual config.yaml", kFailed, "config.yaml");
}

}  // namespace
}  // namespace sluice::client
