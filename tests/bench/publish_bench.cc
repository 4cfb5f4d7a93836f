// How fast new records are published through a gateway, each batch durable before it is answered,
// beside bare SQLite that is given the finished rows: the same bytes, keys and hashes, into the
// same tables and indexes, in the same transactions.
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/bench/bench_gateway.h"
#include "tests/bench/figure.h"
#include "tests/bench/sqlite_replay.h"
#include "tests/bench/workload.h"

namespace sluice::bench {
namespace {

constexpr char kPublish[] = "publish_vs_sqlite";
constexpr int kRuns = 2;

int Main(const Flags& flags) {
  std::vector<double> ours, theirs, again, changed;
  const int64_t count = flags.RecordsOf(kPublish);
  Replayed replayed;
  for (int run = 0; run < kRuns; ++run) {
    BenchGateway gateway;
    ours.push_back(gateway.PublishMade(count));
    gateway.deployment().End(SIGTERM);
    replayed = ReplayStore(gateway.deployment().Path("sluice.db").string(),
                           gateway.deployment().Path("bare.db").string());
    theirs.push_back(replayed.seconds);
    gateway.deployment().Start();
    again.push_back(gateway.PublishMade(count, {.night = 1}));
    changed.push_back(gateway.PublishMade(count, {.night = 2, .version = 1}));
    Say(absl::StrFormat("bare SQLite inserted %d rows in %.1f s, %d transactions", replayed.rows,
                        replayed.seconds, replayed.transactions));
  }
  const auto records = static_cast<double>(count);
  Print({.name = kPublish,
         .records = count,
         .value = records / Median(ours),
         .unit = "records/s",
         .baseline = "bare SQLite, the same rows, tables and transactions",
         .baseline_value = records / Median(theirs),
         .ratio = Median(theirs) / Median(ours),
         .details = {{"again_unchanged_records_per_s", records / Median(again)},
                     {"again_changed_records_per_s", records / Median(changed)},
                     {"rows_a_record", static_cast<double>(replayed.rows) / records},
                     {"transactions", static_cast<double>(replayed.transactions)}}});
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  return Main(
      ParseFlags(argc, argv, "Publishes new records through a gateway.", {{kPublish, 1'000'000}}));
}
