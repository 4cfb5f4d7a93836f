// Durable appends a second to the log on SQLite, by 8 and 32 callers at once, each waiting for its
// entry, beside one caller's.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/bench/durable_append.h"
#include "tests/bench/figure.h"

namespace sluice::bench {
namespace {

constexpr absl::Duration kLength = absl::Seconds(3);

std::string NameOf(int callers) { return absl::StrCat("audit_append_", callers); }

int Main(const Flags& flags) {
  std::string directory = (std::filesystem::temp_directory_path() / "audit-bench-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return 1;
  {
    DurableAppends appends(directory);
    std::vector<double> warm, alone;
    appends.Run(1, kLength / 10, warm);
    const double alone_per_second = appends.Run(1, kLength, alone);
    for (const int callers : {8, 32}) {
      if (!flags.Wants(NameOf(callers))) continue;
      std::vector<double> took;
      const double per_second = appends.Run(callers, kLength, took);
      Print({.name = NameOf(callers),
             .value = per_second,
             .unit = "entries/s",
             .baseline = "one caller",
             .baseline_value = alone_per_second,
             .ratio = per_second / alone_per_second,
             .details = {{"median_ms", Median(took)},
                         {"99th_ms", Quantile(took, 0.99)},
                         {"alone_median_ms", Median(alone)}}});
    }
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  return Main(ParseFlags(argc, argv,
                         "Appends to a log on SQLite; TMPDIR is on the disk that is measured.",
                         {{NameOf(8)}, {NameOf(32)}}));
}
