// The command as a program's data officer runs it: against a gateway of its own, in a directory of
// files.
//
// One a test; not thread-safe.
#ifndef SLUICE_TESTS_E2E_IMPORT_FIXTURE_H_
#define SLUICE_TESTS_E2E_IMPORT_FIXTURE_H_

#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/deployment.h"

namespace sluice::tests {

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
  void TearDown() override {
    if (deployment_.process() > 0) deployment_.End(SIGTERM);
  }

  // What the command says on both streams. `arguments` is shell text.
  Outcome Run(absl::string_view arguments) {
    const std::string command =
        absl::StrCat("cd ", deployment_.Path("").string(), " && SLUICE_CONFIG=command.yaml ",
                     SLUICE_BINARY, " ", arguments, " 2>&1");
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }
  // How many records of each type are there, as `record status` says.
  std::map<std::string, int64_t> Live() {
    const nlohmann::json status = nlohmann::json::parse(Run("record status --output json").out);
    std::map<std::string, int64_t> live;
    for (const auto& type : status.at("record_types")) {
      live[type.at("record_type")] = std::stoll(type.at("live_count").get<std::string>());
    }
    return live;
  }
  // One's own records, read back: a line of JSON each.
  std::string Own(absl::string_view type) {
    const Outcome outcome = Run(absl::StrCat("record read ", type, " --own --quiet"));
    EXPECT_EQ(outcome.code, 0) << type;
    return outcome.out;
  }
  // How many lines hold the text.
  static int64_t CountLines(absl::string_view lines, absl::string_view text) {
    int64_t count = 0;
    while (!lines.empty()) {
      const absl::string_view line = lines.substr(0, lines.find('\n'));
      count += line.find(text) != absl::string_view::npos;
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    }
    return count;
  }

  Deployment deployment_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_IMPORT_FIXTURE_H_
