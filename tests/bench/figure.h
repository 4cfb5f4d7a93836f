// What a benchmark program measured: a value beside its baseline of the same minute, as one JSON
// object a line on standard output, for `tests/bench/run`. What is wanted of a figure stands in
// figures.json, not here.
//
// Values and functions over them.
#ifndef SLUICE_TESTS_BENCH_FIGURE_H_
#define SLUICE_TESTS_BENCH_FIGURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::bench {

struct Figure {
  std::string name;
  int64_t records = 0;  // at how many it was measured; 0: it has no size
  double value = 0;
  std::string unit;
  std::string baseline;  // what it is
  double baseline_value = 0;
  double ratio = 0;
  std::vector<std::pair<std::string, double>> details;  // further numbers, by names with their unit
};

void Print(const Figure& figure);

// A line of progress, on standard error.
void Say(absl::string_view what);

double Median(std::vector<double> values);
// `part` of 1: 0.99. `values` must not be empty.
double Quantile(std::vector<double> values, double part);

// A figure that a program measures, and at how many records unless `--records` says otherwise; 0:
// it has no size.
struct Measured {
  std::string name;
  int64_t records = 0;
};

// The flags of a benchmark program.
struct Flags {
  bool Wants(absl::string_view figure) const;
  // At how many records: of a figure that the program knows, wanted or not.
  int64_t RecordsOf(absl::string_view figure) const;

  std::vector<Measured> known;
  std::vector<std::string> only;  // none: all
};

// `--help` prints and ends the process, as does, with 2, whatever the program does not know.
Flags ParseFlags(int argc, char** argv, const std::string& description,
                 std::vector<Measured> figures);

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_FIGURE_H_
