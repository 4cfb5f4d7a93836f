// The README's walk through the life of an MOU, run as it stands there: two organizations whose
// keys the `openssl` command made, at a gateway that knows nothing of them before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

struct Block {
  std::string commands;
  std::vector<std::string> told;  // lines of what they print, "…" for anything
};

// Of the section, in order.
std::vector<Block> Walk() {
  const std::string readme = ReadFile(fs::path(SLUICE_SOURCE_DIR) / "README.md");
  const size_t begin = readme.find("\n## From draft to signed to stopped\n");
  const size_t end = readme.find("\n## ", begin + 1);
  std::vector<Block> blocks;
  bool in_commands = false;
  bool in_told = false;
  for (absl::string_view line :
       absl::StrSplit(absl::string_view(readme).substr(begin, end - begin), '\n')) {
    if (line == "```") {
      in_commands = in_told = false;
    } else if (line == "```sh") {
      in_commands = true;
      blocks.emplace_back();
    } else if (line == "```text") {
      in_told = true;
    } else if (in_commands) {
      absl::StrAppend(&blocks.back().commands, line, "\n");
    } else if (in_told) {
      blocks.back().told.emplace_back(line);
    }
  }
  return blocks;
}

std::string WithoutRuns(absl::string_view line) {
  std::string text(line);
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

// Whether the line is what the README says: its pieces between "…", in order, from end to end.
bool IsLike(const std::string& line, const std::string& said) {
  const std::vector<std::string> pieces = absl::StrSplit(said, "…");
  size_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string piece = WithoutRuns(pieces[i]);
    const size_t found = line.find(piece, at);
    if (found == std::string::npos || (i == 0 && found != 0)) return false;
    at = found + piece.size();
    if (i + 1 == pieces.size() && !piece.empty() && !line.ends_with(piece)) return false;
  }
  return pieces.size() > 1 || at == line.size();
}

TEST(ReadmeWalk, FromDraftToSignedToStoppedRunsAsItStands) {
  Deployment deployment;
  deployment.Start();
  const Identity ops = deployment.As("operator", "operator", "ops");
  const fs::path folder = deployment.Path("readme");
  fs::create_directories(folder / "build");
  fs::create_directory_symlink(deployment.Path("."), folder / "build/demo");
  WriteFile(deployment.Path("config.yaml"),
            absl::StrCat("profiles:\n  operator:\n    gateway: ", deployment.target(),
                         "\n    ca: pki/operator/ca.pem\n    certificate: ", ops.certificate,
                         "\n    key: ", ops.key, "\n"));

  const std::vector<Block> walk = Walk();
  ASSERT_EQ(walk.size(), 9u);
  std::string script = "set -euo pipefail\n";
  for (size_t i = 0; i < walk.size(); ++i) {
    absl::StrAppend(&script, "exec >", folder.string(), "/told-", i, " 2>&1\n", walk[i].commands);
  }
  WriteFile(folder / "walk.sh", script);
  EXPECT_EQ(
      std::system(absl::StrCat("cd ", folder.string(), " && env -u SLUICE_PROFILE SLUICE_CONFIG=",
                               deployment.Path("config.yaml").string(),
                               " XDG_STATE_HOME=", folder.string(),
                               "/state PATH=", fs::path(SLUICE_BINARY).parent_path().string(),
                               ":/usr/bin:/bin bash walk.sh")
                      .c_str()),
      0);
  for (size_t i = 0; i < walk.size(); ++i) {
    const fs::path path = folder / absl::StrCat("told-", i);
    ASSERT_TRUE(fs::exists(path)) << "the walk ended before block " << i;
    const std::string told = ReadFile(path);
    const std::vector<std::string> lines = absl::StrSplit(told, '\n');
    size_t at = 0;
    for (const std::string& said : walk[i].told) {
      while (at < lines.size() && !IsLike(WithoutRuns(lines[at]), WithoutRuns(said))) ++at;
      EXPECT_LT(at, lines.size()) << "block " << i << " does not say: " << said << "\n" << told;
      ++at;
    }
  }
  deployment.End(SIGTERM);
  EXPECT_EQ(deployment.Verify(), 0) << ReadFile(deployment.Path("verified"));
}

}  // namespace
}  // namespace sluice::tests
