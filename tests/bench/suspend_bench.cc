// How soon nothing more leaves: fifty releases run when a party suspends their MOU. From the moment
// its call is sent to the last batch that each reader gets, what was on its way to it included. (It
// is told why a moment later: fifty denials of one window share an entry of the log.)
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "tests/bench/bench_gateway.h"
#include "tests/bench/figure.h"
#include "tests/bench/workload.h"

namespace sluice::bench {
namespace {

constexpr char kSuspend[] = "suspend_latency";
constexpr int kStreams = 50;
constexpr int kRounds = 5;
constexpr double kAllowedMs = 1000;

// One reader of one release after the other, until one is denied.
struct Reader {
  std::vector<absl::Time> batches;  // when each of the last release came
  std::string reason;               // why it ended
  absl::Time end;
};

void ReadUntilDenied(client::Gateway& gateway, absl::BlockingCounter& running, Reader& reader) {
  bool counted = false;
  for (;;) {
    reader.batches.clear();
    const std::unique_ptr<client::ReadStream> stream = gateway.ReadRecords(ReadRequest());
    v1::ReadRecordsResponse message;
    while (stream->Read(&message)) {
      reader.batches.push_back(absl::Now());
      if (!counted && reader.batches.size() == 3) {
        running.DecrementCount();
        counted = true;
      }
    }
    const absl::Status status = stream->Finish();
    reader.end = absl::Now();
    if (status.ok()) continue;
    reader.reason = tests::Reason(status);
    return;
  }
}

int Main(const Flags& flags) {
  const int64_t records = flags.RecordsOf(kSuspend);
  BenchGateway gateway;
  gateway.Publish(records);
  const auto admin =
      gateway.deployment().Connect(gateway.deployment().As(tests::kProgram, "admin", "registrar"));
  std::vector<std::unique_ptr<client::Gateway>> connections;
  for (int i = 0; i < kStreams; ++i) connections.push_back(gateway.ConnectReader());

  std::vector<double> last_byte, told, batches, answers;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Reader> readers(kStreams);
    std::vector<std::thread> threads;
    absl::BlockingCounter running(kStreams);
    for (int i = 0; i < kStreams; ++i) {
      threads.emplace_back([&, i] { ReadUntilDenied(*connections[i], running, readers[i]); });
    }
    running.Wait();
    v1::SuspendMouRequest suspend;
    suspend.set_name(absl::StrCat("mous/", kMou));
    const absl::Time asked = absl::Now();
    tests::Must(admin->SuspendMou(suspend).status());
    const absl::Time answered = absl::Now();
    answers.push_back(absl::ToDoubleMilliseconds(answered - asked));
    for (std::thread& thread : threads) thread.join();
    for (const Reader& reader : readers) {
      if (reader.reason != "SUSPENDED") {
        tests::Must(absl::InternalError(absl::StrCat("a release ended with ", reader.reason)));
      }
      // Of none since: the release had ended before, and the next one was denied.
      const absl::Time last = reader.batches.empty() ? asked : reader.batches.back();
      last_byte.push_back(std::max(0.0, absl::ToDoubleMilliseconds(last - asked)));
      told.push_back(absl::ToDoubleMilliseconds(reader.end - asked));
      batches.push_back(
          static_cast<double>(std::count_if(reader.batches.begin(), reader.batches.end(),
                                            [&](absl::Time time) { return time > answered; })));
    }
    v1::ResumeMouRequest resume;
    resume.set_name(suspend.name());
    tests::Must(admin->ResumeMou(resume).status());
    Say(absl::StrFormat("answered in %.1f ms", answers.back()));
  }
  Print({.name = kSuspend,
         .records = records,
         .value = Quantile(last_byte, 1),
         .unit = "ms",
         .baseline = "what is allowed",
         .baseline_value = kAllowedMs,
         .ratio = Quantile(last_byte, 1) / kAllowedMs,
         .details = {{"last_byte_median_ms", Median(last_byte)},
                     {"told_median_ms", Median(told)},
                     {"told_max_ms", Quantile(told, 1)},
                     {"batches_after_answer_median", Median(batches)},
                     {"batches_after_answer_max", Quantile(batches, 1)},
                     {"answer_median_ms", Median(answers)},
                     {"answer_max_ms", Quantile(answers, 1)},
                     {"streams", kStreams}}});
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  return Main(ParseFlags(argc, argv, "Suspends an MOU under fifty running releases.",
                         {{kSuspend, 200'000}}));
}
