// Files of another system's making, through the command and the gateway.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/import_fixture.h"

namespace sluice::tests {
namespace {

class ImportedFile : public ImportE2eTest {
 protected:
  Outcome Publish(absl::string_view arguments) {
    return Run(absl::StrCat("record publish --format ed-fi-csv ", arguments));
  }
};

std::string Candidates(int count) {
  std::string text = "CandidateIdentifier,FirstName,LastSurname,BirthDate,RaceDescriptor1\n";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "C-", i, ",First,Last,", i % 2 == 0 ? "2001-05-03" : "2001",
                    ",uri://local/RaceDescriptor#Never seen\n");
  }
  return text;
}

// UTF-16 with a mark, and CRLF at each line's end.
std::string Utf16(absl::string_view text) {
  std::string wide = "\xFF\xFE";
  for (const char c : text) {
    if (c == '\n') wide += std::string("\r\0", 2);
    wide += c;
    wide += '\0';
  }
  return wide;
}

TEST_F(ImportedFile, IsTheSameRecordsInEveryEncoding) {
  WriteFile(deployment_.Path("candidate.csv"), Candidates(2500));
  Outcome outcome = Publish("candidate.csv");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "2,500  2,500    2,500  0        0")) << outcome.out;
  WriteFile(deployment_.Path("candidate.csv"), Utf16(Candidates(2500)));
  outcome = Publish("candidate.csv");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "2,500  2,500    0    0        2,500")) << outcome.out;
}

TEST_F(ImportedFile, StoresNothingWhereItIsDamaged) {
  std::string text = Candidates(2500);
  text[text.size() / 2] = '\0';
  WriteFile(deployment_.Path("candidate.csv"), text);
  Outcome outcome = Publish("candidate.csv");
  EXPECT_EQ(outcome.code, 3) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "there is a NUL byte")) << outcome.out;
  // All of it is new: nothing was stored before.
  WriteFile(deployment_.Path("candidate.csv"), Candidates(2500));
  outcome = Publish("candidate.csv");
  EXPECT_TRUE(absl::StrContains(outcome.out, "2,500  2,500    2,500")) << outcome.out;
}

TEST_F(ImportedFile, IsComparedWithWhatIsThereAndChangesNothing) {
  WriteFile(deployment_.Path("candidate.csv"), Candidates(2500));
  ASSERT_EQ(Publish("candidate.csv").code, 0);
  std::string text = Candidates(3000);
  text.replace(text.find("C-7,First"), 9, "C-7,Other");
  WriteFile(deployment_.Path("candidate.csv"), text);
  Outcome outcome = Publish("candidate.csv --dry-run --batch-size 700");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "3,000  3,000    500  1        2,499 "))
      << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "would be published")) << outcome.out;
  EXPECT_EQ(Live()["Candidate"], 2500);
  outcome = Publish("candidate.csv");
  EXPECT_TRUE(absl::StrContains(outcome.out, "3,000  3,000    500  1        2,499 "))
      << "what was foretold: " << outcome.out;
}

}  // namespace
}  // namespace sluice::tests
