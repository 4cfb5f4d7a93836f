// Files of another system's making, through the command and the gateway.
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

struct Outcome {
  int code = -1;
  std::string out;
};

class ImportE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    deployment_.Start();
    const Identity system = deployment_.As(kProgram, "system", "sis");
    WriteFile(deployment_.Path("command.yaml"),
              absl::StrCat("profiles:\n  default:\n    gateway: ", deployment_.target(),
                           "\n    ca: ", deployment_.Path("pki/operator/ca.pem").string(),
                           "\n    certificate: ", system.certificate, "\n    key: ", system.key,
                           "\n    organization: ", kProgram, "\n"));
  }
  void TearDown() override { deployment_.End(SIGTERM); }
  // What the command says on both streams.
  Outcome Publish(absl::string_view arguments) {
    const std::string command =
        absl::StrCat("cd ", deployment_.Path("").string(), " && SLUICE_CONFIG=command.yaml ",
                     SLUICE_BINARY, " record publish --format ed-fi-csv ", arguments, " 2>&1");
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }

  Deployment deployment_;
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

TEST_F(ImportE2eTest, EveryEncodingOfAFileIsTheSameRecords) {
  WriteFile(deployment_.Path("candidate.csv"), Candidates(2500));
  Outcome outcome = Publish("candidate.csv");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "2,500  2,500    2,500  0        0")) << outcome.out;
  WriteFile(deployment_.Path("candidate.csv"), Utf16(Candidates(2500)));
  outcome = Publish("candidate.csv");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "2,500  2,500    0    0        2,500")) << outcome.out;
}

TEST_F(ImportE2eTest, ADamagedFileStoresNothing) {
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

}  // namespace
}  // namespace sluice::tests
