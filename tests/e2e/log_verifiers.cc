#include "tests/e2e/log_verifiers.h"

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kMostAttempts = 20;

// Runs a command: what it says is its error, unless it ends well and says `expected`.
absl::Status Ask(const std::string& command, const std::string& expected, const fs::path& said) {
  const int status = std::system(absl::StrCat(command, " >", said.string(), " 2>&1").c_str());
  const std::string text = ReadFile(said);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && absl::StrContains(text, expected)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(command, ": ", text));
}

// Of a directory that has so many entries.
absl::Status VerifyLogOf(int64_t size, const fs::path& log, const fs::path& state) {
  const fs::path said = state / "said";
  const std::string directory = log.string();
  absl::Status ours =
      Ask(absl::StrCat("env -u SLUICE_PROFILE SLUICE_CONFIG=/dev/null ", SLUICE_BINARY,
                       " audit verify --output json --state ", state.string(), " --vkey ",
                       directory, "/vkey --directory ", directory),
          absl::StrCat("\"size\":", size), said);
  ours.Update(Ask(absl::StrCat(TLOG_VERIFY, " ", directory),
                  absl::StrCat(": ", size, " entries verified"), said));
  return ours;
}

}  // namespace

absl::Status VerifyLog(const fs::path& log, const fs::path& state) {
  fs::create_directories(state);
  for (int attempt = 0;; ++attempt) {
    const int64_t size = PublishedSize(log);
    const absl::Status verified = VerifyLogOf(size, log, state);
    // A gateway that runs publishes meanwhile what it owed.
    if (PublishedSize(log) == size || attempt == kMostAttempts) return verified;
  }
}

int64_t PublishedSize(const fs::path& log) {
  if (!fs::exists(log / "checkpoint")) return 0;
  const std::vector<std::string> lines = absl::StrSplit(ReadFile(log / "checkpoint"), '\n');
  int64_t size = 0;
  return lines.size() > 1 && absl::SimpleAtoi(lines[1], &size) ? size : 0;
}

}  // namespace sluice::tests
