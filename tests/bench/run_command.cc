#include "tests/bench/run_command.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {

Run RunCommand(const std::vector<std::pair<std::string, std::string>>& environment,
               const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  std::string program = SLUICE_BINARY;
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const absl::Time begin = absl::Now();
  const pid_t child = fork();
  if (child == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    // Its page is not the benchmark's output.
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  int status = 0;
  struct rusage usage = {};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
      WEXITSTATUS(status) != 0) {
    tests::Must(absl::InternalError("the command failed"));
  }
  return {absl::ToDoubleSeconds(absl::Now() - begin), static_cast<double>(usage.ru_maxrss) / 1024};
}

}  // namespace sluice::bench
