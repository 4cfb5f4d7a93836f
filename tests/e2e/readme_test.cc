// Clients in other languages that know only the proto files: the README's own examples, run as they
// stand there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::Test;

// The README's one block of code in `language` that has `word` in it.
std::string Block(absl::string_view language, absl::string_view word) {
  const std::string readme = ReadFile(fs::path(SLUICE_SOURCE_DIR) / "README.md");
  const std::string fence = absl::StrCat("\n```", language, "\n");
  std::vector<std::string> found;
  for (size_t at = readme.find(fence); at != std::string::npos; at = readme.find(fence, at + 1)) {
    const size_t begin = at + fence.size();
    const std::string block = readme.substr(begin, readme.find("\n```\n", begin) + 1 - begin);
    if (absl::StrContains(block, word)) found.push_back(block);
  }
  EXPECT_EQ(found.size(), 1) << language << " with " << word;
  return found.empty() ? "" : found.front();
}

// The examples' folder: `proto`, and `build/demo` as the quickstart leaves it.
class ReadmeExample : public Test {
 protected:
  ReadmeExample() {
    deployment_.ProposeSigned("stem-pipeline");
    deployment_.As(kProgram, "system", "sis");
    deployment_.As(kDistrict, "system", "hr");
    deployment_.Start();
    fs::create_directories(folder_ / "build");
    fs::create_directory_symlink(fs::path(SLUICE_SOURCE_DIR) / "proto", folder_ / "proto");
    fs::create_directory_symlink(deployment_.Path("."), folder_ / "build/demo");
  }

  // Runs a command in the folder, with Debian's programs: what it prints, errors included.
  std::string Run(absl::string_view command) {
    const fs::path out = folder_ / "out";
    EXPECT_EQ(std::system(absl::StrCat("cd ", folder_.string(), " && PATH=/usr/bin:/bin && { ",
                                       command, "\n} >out 2>&1")
                              .c_str()),
              0)
        << ReadFile(out);
    return ReadFile(out);
  }

  static constexpr char kPrinted[] =
      "published: PUBLISH_STATE_COMMITTED 1\n"
      "received: 1 rows, complete\n"
      "denied: PURPOSE_NOT_GRANTED\n";

  Deployment deployment_;
  const fs::path folder_ = deployment_.Path("readme");
};

TEST_F(ReadmeExample, InPythonPublishesReadsAndIsToldOfADenial) {
  Run(Block("sh", "grpc_python_plugin"));
  WriteFile(folder_ / "example.py", Block("python", "ReadRecords"));
  const std::string printed = Run("PYTHONPATH=build/python python3 example.py");
  EXPECT_TRUE(absl::StartsWith(printed, kPrinted)) << printed;
  EXPECT_TRUE(absl::StrContains(printed, "expected-completers")) << printed;
}

TEST_F(ReadmeExample, InNodePublishesReadsAndIsToldOfADenial) {
  fs::create_directory_symlink(std::getenv("SLUICE_NODE_MODULES"), folder_ / "node_modules");
  WriteFile(folder_ / "example.js", Block("js", "ReadRecords"));
  const std::string printed = Run("node example.js");
  EXPECT_TRUE(absl::StartsWith(printed, kPrinted)) << printed;
  EXPECT_TRUE(absl::StrContains(printed, "expected-completers")) << printed;
}

}  // namespace
}  // namespace sluice::tests
