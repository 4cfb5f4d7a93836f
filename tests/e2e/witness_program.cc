#include "tests/e2e/witness_program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/pki.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {

namespace fs = std::filesystem;

WitnessProgram::WitnessProgram(fs::path directory, absl::string_view name)
    : directory_(std::move(directory)) {
  fs::create_directory(directory_);
  const pki::Validity validity{absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
  const pki::Credential root =
      Must(pki::MakeRoot(pki::CaSpec("witness", "witness.example", validity)));
  const pki::Credential server = Must(pki::MakeCertificate(
      pki::ServerSpec("spiffe://witness.example/witness", {"localhost"}, {}, validity), root));
  WriteFile(directory_ / "ca.pem", root.certificate);
  WriteFile(directory_ / "server.pem", server.certificate);
  WriteFile(directory_ / "server.key", Must(server.key.ToPem()));
  const std::string init =
      absl::StrCat(SLUICE_BINARY, " witness init --directory ", (directory_ / "state").string(),
                   " --name ", name, " >", (directory_ / "vkey").string());
  if (std::system(init.c_str()) != 0) Must(absl::InternalError("the witness has no key"));
}

WitnessProgram::~WitnessProgram() {
  if (process_ > 0) End(SIGKILL);
}

void WitnessProgram::Start(const fs::path& log) {
  const std::string lines = directory_ / "lines";
  const std::string listen = absl::StrCat("127.0.0.1:", port_);
  const std::string state = directory_ / "state";
  const std::string certificate = directory_ / "server.pem";
  const std::string key = directory_ / "server.key";
  const std::string trusted = log;
  WriteFile(lines, "");
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open(lines.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC), STDERR_FILENO);
    execl(SLUICE_BINARY, "sluice", "witness", "serve", "--directory", state.c_str(), "--listen",
          listen.c_str(), "--tls-certificate", certificate.c_str(), "--tls-key", key.c_str(),
          "--log", trusted.c_str(), nullptr);
    _exit(127);
  }
  WaitFor("the witness to serve", [&] { return absl::StrContains(Lines(), "\"port\":"); });
  const std::string said = Lines();
  const size_t at = said.find("\"port\":") + 7;
  if (!absl::SimpleAtoi(said.substr(at, said.find_first_of(",}", at) - at), &port_)) {
    Must(absl::InternalError(said));
  }
}

int WitnessProgram::End(int signal) {
  kill(process_, signal);
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string WitnessProgram::vkey() const {
  return std::string(absl::StripAsciiWhitespace(ReadFile(directory_ / "vkey")));
}

std::string WitnessProgram::Configuration() const {
  return absl::StrCat("{vkey: \"", vkey(), "\", url: \"https://localhost:", port_,
                      "\", ca_file: ", (directory_ / "ca.pem").string(), "}");
}

std::string WitnessProgram::Lines() const { return ReadFile(directory_ / "lines"); }

}  // namespace sluice::tests
