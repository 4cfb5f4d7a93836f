#include "tests/bench/psql.h"

#include <sys/wait.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {

void RunPsql(const std::string& settings, const std::string& command) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/usr/lib/postgresql/15/bin/psql", "psql", "--no-psqlrc", "--quiet",
          "--set=ON_ERROR_STOP=1", "-c", command.c_str(), settings.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    tests::Must(absl::InternalError("psql has failed"));
  }
}

std::string AdminSettings(const server::PostgresServer& server, const std::string& database) {
  return absl::StrCat("host=", server.socket_directory(), " port=", server.port(),
                      " user=admin dbname=", database);
}

}  // namespace sluice::bench
