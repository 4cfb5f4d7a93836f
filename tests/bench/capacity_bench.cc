// What a gateway is at its size: how soon it is ready with five million records and a thousand
// MOUs, and what it holds in memory while eight readers, of whom four are slow, read all of that.
#include <signal.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/bench/bench_gateway.h"
#include "tests/bench/figure.h"
#include "tests/bench/workload.h"

namespace sluice::bench {
namespace {

constexpr char kStart[] = "start";
constexpr char kMemory[] = "rss_slow_readers";
constexpr int64_t kMous = 1000;
constexpr double kSecondsAllowed = 2;
constexpr double kMebibytesAllowed = 256;
constexpr int kStarts = 3;
constexpr int kReaders = 8;
constexpr int kSlowReaders = 4;
constexpr absl::Duration kSlowness = absl::Milliseconds(5);  // a message

// Seconds until the gateway has answered a call.
double Start(BenchGateway& gateway) {
  const absl::Time begin = absl::Now();
  gateway.deployment().Start();
  tests::Must(gateway.ConnectReader()->ListGrants({}).status());
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

void MeasureStart(BenchGateway& gateway, int64_t records) {
  std::vector<double> after_stop, after_kill;
  for (int i = 0; i < kStarts; ++i) {
    gateway.deployment().End(SIGTERM);
    after_stop.push_back(Start(gateway));
    gateway.deployment().End(SIGKILL);
    after_kill.push_back(Start(gateway));
    Say(absl::StrFormat("started in %.2f s, after a kill in %.2f s", after_stop.back(),
                        after_kill.back()));
  }
  const double worse = std::max(Median(after_stop), Median(after_kill));
  Print({.name = kStart,
         .records = records,
         .value = worse,
         .unit = "s",
         .baseline = "what is allowed, with 1,000 MOUs",
         .baseline_value = kSecondsAllowed,
         .ratio = worse / kSecondsAllowed,
         .details = {{"after_stop_s", Median(after_stop)},
                     {"after_kill_s", Median(after_kill)},
                     {"mous", static_cast<double>(kMous + 1)}}});
}

void MeasureMemory(BenchGateway& gateway, int64_t records, double publishing) {
  const double before = gateway.Memory("VmRSS");
  gateway.ForgetPeak();
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&gateway, records, slow = i < kSlowReaders] {
      ReadAll(*gateway.ConnectReader(), ReadRequest(), records,
              [slow](const v1::ReadRecordsResponse&) {
                if (slow) absl::SleepFor(kSlowness);
              });
    });
  }
  for (std::thread& reader : readers) reader.join();
  const double peak = gateway.Memory("VmHWM");
  Print(
      {.name = kMemory,
       .records = records,
       .value = peak,
       .unit = "MiB",
       .baseline = "what is allowed, 8 readers of whom 4 are slow",
       .baseline_value = kMebibytesAllowed,
       .ratio = peak / kMebibytesAllowed,
       .details = {{"before_the_readers_mib", before}, {"peak_while_publishing_mib", publishing}}});
}

int Main(const Flags& flags) {
  const int64_t records = flags.RecordsOf(kStart);
  BenchGateway gateway(kMous);
  gateway.Publish(records);
  const double publishing = gateway.Memory("VmHWM");
  if (flags.Wants(kStart)) MeasureStart(gateway, records);
  if (flags.Wants(kMemory)) MeasureMemory(gateway, records, publishing);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  return Main(ParseFlags(argc, argv,
                         "Starts a gateway of many records and 1,000 MOUs, and has eight read it.",
                         {{kStart, 5'000'000}, {kMemory, 5'000'000}}));
}
