// strace, attached to a process: it writes down the process's system calls, and makes one of them
// fail, or send a signal, where it is told to.
//
// One thread.
#ifndef SLUICE_TESTS_E2E_TRACER_H_
#define SLUICE_TESTS_E2E_TRACER_H_

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::tests {

class Tracer {
 public:
  // Attached to all threads of `process` when it returns. `options` are strace's. Fails where there
  // is no strace, or this process may trace nobody; `trace` is the file for what it writes down.
  static absl::StatusOr<std::unique_ptr<Tracer>> Attach(pid_t process,
                                                        std::vector<std::string> options,
                                                        std::filesystem::path trace);
  // Detaches: the process goes on.
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  std::string Written() const;

 private:
  Tracer(pid_t strace, std::filesystem::path trace) : strace_(strace), trace_(std::move(trace)) {}

  const pid_t strace_;
  const std::filesystem::path trace_;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_TRACER_H_
