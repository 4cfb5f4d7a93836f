// Durable appends a second to the log on SQLite, by 8, 32 and 256 callers at once, each waiting for
// its entry, beside the plainest durable log: a file to which as many bytes are written in groups
// as large, each with fdatasync.
#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/durable_append.h"
#include "tests/bench/figure.h"

namespace sluice::bench {
namespace {

constexpr absl::Duration kLength = absl::Seconds(1);
constexpr int kRounds = 3;
constexpr int kCallers[] = {8, 32, 256};

std::string NameOf(int callers) { return absl::StrCat("audit_append_", callers); }

// Entries a second.
double AppendAndSync(const std::string& path, const DurableAppends::Rate& rate) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const std::string group(static_cast<size_t>(std::lround(rate.batch * rate.entry_bytes)), 'e');
  const absl::Time begin = absl::Now();
  double groups = 0;
  for (; absl::Now() - begin < kLength; ++groups) {
    if (write(file, group.data(), group.size()) != static_cast<ssize_t>(group.size()) ||
        fdatasync(file) != 0) {
      std::abort();
    }
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  close(file);
  return groups * rate.batch / seconds;
}

int Main(const Flags& flags) {
  std::string directory = (std::filesystem::temp_directory_path() / "audit-bench-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return 1;
  {
    DurableAppends appends(directory);
    std::vector<double> warm;
    appends.Run(1, kLength / 4, warm);
    for (const int callers : kCallers) {
      if (!flags.Wants(NameOf(callers))) continue;
      std::vector<double> took, ours, plain, batch;
      for (int round = 0; round < kRounds; ++round) {
        const DurableAppends::Rate rate = appends.Run(callers, kLength, took);
        ours.push_back(rate.per_second);
        batch.push_back(rate.batch);
        plain.push_back(AppendAndSync(directory + "/plain", rate));
      }
      Print({.name = NameOf(callers),
             .value = Median(ours),
             .unit = "entries/s",
             .baseline = "write and fdatasync, same bytes, same groups",
             .baseline_value = Median(plain),
             .ratio = Median(ours) / Median(plain),
             .details = {{"median_ms", Median(took)},
                         {"99th_ms", Quantile(took, 0.99)},
                         {"entries_a_group", Median(batch)}}});
    }
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  std::vector<Measured> figures;
  for (const int callers : kCallers) figures.push_back({NameOf(callers)});
  return Main(ParseFlags(
      argc, argv, "Appends to a log on SQLite; TMPDIR is on the disk that is measured.", figures));
}
