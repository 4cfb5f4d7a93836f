// The rows that were not taken, written out to be mended: whole, in their source's form, and only
// where something was taken.
#include "client/import/rejects.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/import/import_for_test.h"

namespace sluice::client {
namespace {

constexpr char kPeople[] =
    "mapping: people\nrecord: Candidate\nformat: csv\nfields:\n"
    "  candidate_id: {column: Id, required: true}\n  last_surname: Name\n";

class RejectsTest : public ImportTest {
 protected:
  int64_t Files() const {
    return std::distance(std::filesystem::directory_iterator(directory_), {});
  }
};

TEST_F(RejectsTest, ARefusedFileLeavesNone) {
  const Mapping people = MappingOf(kPeople);
  Begin({.skip_invalid = true, .rejects = Path("bad.csv")});
  Write("f.csv", "Id,Name\n,Ann\n2,\"never closed\n");
  EXPECT_TRUE(Stage(Path("f.csv"), people).refused);
  Publish();
  importer_ = nullptr;
  EXPECT_EQ(Files(), 1) << "nor one that was begun";
}

TEST_F(RejectsTest, OneThatNobodyKeepsLeavesNothing) {
  auto rejects = Rejects::Create(Path("bad.csv"), "begin\n", "end\n");
  ASSERT_TRUE(rejects.ok()) << rejects.status();
  ASSERT_TRUE((*rejects)->Add(std::string(1 << 20, 'x')).ok());
  *rejects = nullptr;
  EXPECT_EQ(Files(), 0);
}

TEST_F(RejectsTest, LeaveNothingWhenTheProcessIsEnded) {
  for (const int signal : {SIGINT, SIGKILL}) {
    const pid_t child = fork();
    if (child == 0) {
      auto rejects = Rejects::Create(Path("bad.csv"), "begin\n", "end\n");
      if (!rejects.ok() || !(*rejects)->Add(std::string(1 << 20, 'x')).ok()) _exit(1);
      kill(getpid(), signal);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    EXPECT_EQ(Files(), 0);
  }
}

TEST_F(RejectsTest, TakeTheirFormersPlace) {
  Write("bad.csv", "of before");
  auto rejects = Rejects::Create(Path("bad.csv"), "begin\n", "end\n");
  ASSERT_TRUE(rejects.ok()) << rejects.status();
  EXPECT_EQ(*ReadFile(Path("bad.csv")), "of before");
  ASSERT_TRUE((*rejects)->Keep().ok());
  EXPECT_EQ(*ReadFile(Path("bad.csv")), "begin\nend\n");
  EXPECT_EQ(Files(), 1);
}

TEST_F(RejectsTest, AreWholeWhateverTheirSize) {
  const std::string row(3 << 20, 'x');
  auto rejects = Rejects::Create(Path("bad.csv"), "begin\n", "end\n");
  ASSERT_TRUE(rejects.ok()) << rejects.status();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*rejects)->Add(row).ok());
  EXPECT_FALSE(std::filesystem::exists(Path("bad.csv"))) << "it appears when it is whole";
  ASSERT_TRUE((*rejects)->Keep().ok());
  *rejects = nullptr;
  EXPECT_EQ(*ReadFile(Path("bad.csv")), absl::StrCat("begin\n", row, row, row, "end\n"));
  EXPECT_EQ(Files(), 1);
  EXPECT_FALSE(Rejects::Create(Path("nowhere/bad.csv"), "", "").ok());
}

TEST_F(RejectsTest, OfADirectoryStandUnderTheNamesOfTheirFiles) {
  const Mapping people = MappingOf(kPeople);
  std::filesystem::create_directory(Path("out"));
  Begin({.skip_invalid = true, .rejects = Path("out"), .rejects_directory = true});
  Write("f.csv", "Id,Name\n1,Ann\n,Bo\n");
  Write("g.csv", "Id,Name\n2,Cy\n,Di\n");
  for (const char* name : {"f.csv", "g.csv"}) Stage(Path(name), people);
  Publish();
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(absl::StrContains(*ReadFile(Path("out/f.csv")), ",,Bo\n"));
  EXPECT_TRUE(absl::StrContains(*ReadFile(Path("out/g.csv")), ",,Di\n"));
}

TEST_F(RejectsTest, OfAnInterchangeAreADocumentThatIsTakenOnceItIsMended) {
  const Mapping* programs = Library().Find("ed-fi-xml-post-secondary-institution");
  ASSERT_NE(programs, nullptr);
  const auto college = [](absl::string_view id) {
    return absl::StrCat(
        "<PostSecondaryInstitution><NameOfInstitution>A &amp; B</NameOfInstitution>"
        "<PostSecondaryInstitutionId>",
        id, "</PostSecondaryInstitutionId></PostSecondaryInstitution>\n");
  };
  Write("f.xml",
        absl::StrCat("<InterchangeEducationOrganization xmlns=\"http://ed-fi.org/5.2.0\">\n",
                     college("7"), college("seven"), college("eight"),
                     "</InterchangeEducationOrganization>\n"));
  Begin({.skip_invalid = true, .rejects = Path("bad.xml")});
  EXPECT_EQ(Stage(Path("f.xml"), *programs).bad_rows, 2);
  Publish();
  EXPECT_EQ(sent_.size(), 1u);
  Write("mended.xml",
        absl::StrReplaceAll(*ReadFile(Path("bad.xml")), {{"seven", "17"}, {"eight", "8"}}));
  Begin({});
  const ImportOutcome& outcome = Stage(Path("mended.xml"), *programs);
  EXPECT_FALSE(outcome.refused) << outcome.reason;
  Publish();
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(absl::StrContains(sent_[0], "A & B")) << sent_[0];
}

TEST_F(RejectsTest, TakeNoDevicesPlace) {
  std::filesystem::create_symlink("/dev/full", Path("bad.csv"));
  EXPECT_FALSE(Rejects::Create(Path("bad.csv"), "", "").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(Path("bad.csv")));
}

TEST_F(RejectsTest, OfAFileUnderTwoMappingsAreAFileEach) {
  Begin({.skip_invalid = true, .rejects = Path("bad.csv")});
  Write("f.csv", "Id,Name\n1,Ann\n,Bo\n");
  for (const char* name : {"first", "second"}) {
    const Mapping people = MappingOf(
        absl::StrReplaceAll(kPeople, {{"mapping: people", absl::StrCat("mapping: ", name)}}));
    Stage(Path("f.csv"), people);
  }
  Publish();
  EXPECT_TRUE(absl::StrContains(*ReadFile(Path("bad.csv")), ",,Bo\n"));
  EXPECT_TRUE(absl::StrContains(*ReadFile(Path("bad.csv.second")), ",,Bo\n"));
}

}  // namespace
}  // namespace sluice::client
