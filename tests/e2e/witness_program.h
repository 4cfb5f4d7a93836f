// `sluice witness serve` as a process, for one test: with a key, a directory and a CA of its own.
//
// Killed with its life; not thread-safe.
#ifndef SLUICE_TESTS_E2E_WITNESS_PROGRAM_H_
#define SLUICE_TESTS_E2E_WITNESS_PROGRAM_H_

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::tests {

class WitnessProgram {
 public:
  // Makes the directory and in it the key. `name`: the witness's.
  WitnessProgram(std::filesystem::path directory, absl::string_view name);
  ~WitnessProgram();
  WitnessProgram(const WitnessProgram&) = delete;
  WitnessProgram& operator=(const WitnessProgram&) = delete;

  // Serves the log of this verifier key's file, from the first time on at the same port.
  void Start(const std::filesystem::path& log);
  // The exit status, or minus the signal that ended it.
  int End(int signal);

  std::string vkey() const;
  // As a member of `witnesses:`; once it was started.
  std::string Configuration() const;
  // What it said since it was started.
  std::string Lines() const;

 private:
  const std::filesystem::path directory_;
  pid_t process_ = -1;
  int port_ = 0;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_WITNESS_PROGRAM_H_
