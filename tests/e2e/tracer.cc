#include "tests/e2e/tracer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {

namespace fs = std::filesystem;

absl::StatusOr<std::unique_ptr<Tracer>> Tracer::Attach(pid_t process,
                                                       std::vector<std::string> options,
                                                       fs::path trace) {
  options.insert(options.begin(), {"strace", "-f", "-o", trace.string()});
  options.insert(options.end(), {"-p", absl::StrCat(process)});
  const fs::path says = trace.string() + ".says";
  WriteFile(trace, "");
  WriteFile(says, "");
  const pid_t strace = fork();
  if (strace == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = open(says.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& option : options) arguments.push_back(option.data());
    arguments.push_back(nullptr);
    execvp("strace", arguments.data());
    _exit(127);
  }
  if (strace < 0) return absl::ErrnoToStatus(errno, "fork");
  bool ended = false;
  WaitFor("strace to attach", [&] {
    int status = 0;
    ended = waitpid(strace, &status, WNOHANG) == strace;
    return ended || absl::StrContains(ReadFile(says), " attached");
  });
  if (ended) {
    const std::string why = ReadFile(says);
    return absl::UnavailableError(why.empty() ? "strace can't be run" : why);
  }
  return absl::WrapUnique(new Tracer(strace, std::move(trace)));
}

Tracer::~Tracer() {
  kill(strace_, SIGTERM);
  waitpid(strace_, nullptr, 0);
}

std::string Tracer::Written() const { return ReadFile(trace_); }

}  // namespace sluice::tests
