// Runs the command `sluice` as a user does: a process of its own, to its end.
#ifndef SLUICE_TESTS_BENCH_RUN_COMMAND_H_
#define SLUICE_TESTS_BENCH_RUN_COMMAND_H_

#include <string>
#include <utility>
#include <vector>

namespace sluice::bench {

struct Run {
  double seconds = 0;
  double peak_mebibytes = 0;
};

// With these variables beside this process's own; what it prints goes to standard error. One that
// fails ends the benchmark.
Run RunCommand(const std::vector<std::pair<std::string, std::string>>& environment,
               const std::vector<std::string>& arguments);

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_RUN_COMMAND_H_
