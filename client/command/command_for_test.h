// `sluice` as it is run, in a directory of its own, with a gateway in memory behind real mTLS.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_COMMAND_FOR_TEST_H_
#define SLUICE_CLIENT_COMMAND_COMMAND_FOR_TEST_H_

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/exit_code.h"
#include "client/fake_service_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "command-XXXXXX";
    directory_ = mkdtemp(name.data());
    service_ = std::make_unique<ServiceForTest>(directory_);
    WriteProfile(service_->target());
  }
  void TearDown() override {
    service_.reset();
    std::filesystem::remove_all(directory_);
  }
  void WriteProfile(const std::string& target) {
    service_->Write("config.yaml",
                    absl::StrCat("profiles:\n  default:\n    gateway: ", target,
                                 "\n    ca: ca.pem\n    certificate: system.pem\n    key: "
                                 "system.key\n    organization: river-unified\n"));
  }
  // `arguments` is shell text; files are those of the test's directory.
  Outcome Run(const std::string& arguments) {
    return RunProgram(absl::StrCat(SLUICE_BINARY, " ", arguments));
  }
  // Any command, to which `sluice` is this one.
  Outcome RunProgram(const std::string& text) {
    const std::string command =
        absl::StrCat("cd ", directory_, " && env -u SLUICE_PROFILE SLUICE_CONFIG=", directory_,
                     "/config.yaml XDG_STATE_HOME=", directory_,
                     "/state PATH=", std::filesystem::path(SLUICE_BINARY).parent_path().string(),
                     ":$PATH ", text, " 2>err");
    Outcome outcome;
    std::FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.out.append(buffer, n);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.err = *ReadFile(directory_ + "/err");
    return outcome;
  }
  void ExpectError(const std::string& arguments, int code, absl::string_view text) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.err, text)) << arguments << "\n" << outcome.err;
  }
  void WriteRecords(const std::string& name, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) absl::StrAppend(&lines, "{\"candidate_id\":\"C-", i, "\"}\n");
    service_->Write(name, lines);
  }
  std::string directory_;
  std::unique_ptr<ServiceForTest> service_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_COMMAND_FOR_TEST_H_
