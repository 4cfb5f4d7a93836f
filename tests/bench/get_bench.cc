// How long eight callers wait for one row each, beside a bare unary call of the same size over the
// same mTLS, without the two entries of the log that must be durable before the row leaves: those
// are measured beside it, by eight callers, on the same disk.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/bench/bare_server.h"
#include "tests/bench/bench_gateway.h"
#include "tests/bench/durable_append.h"
#include "tests/bench/figure.h"
#include "tests/bench/workload.h"

namespace sluice::bench {
namespace {

constexpr char kGet[] = "get_vs_bare_unary";
constexpr int kCallers = 8;
constexpr int kRounds = 3;
constexpr absl::Duration kRound = absl::Seconds(4);
// Of which the callers ask one after the other: far more than a cache of one row.
constexpr size_t kRows = 50'000;
constexpr double kAppends = 2;  // the decision's, the disclosure's

v1::GetRecordRequest RequestOf(const std::string& row_id) {
  v1::GetRecordRequest request;
  request.set_mou(kMou);
  request.set_purpose("hiring_pipeline");
  request.set_record_type(kRecordType);
  request.set_row_id(row_id);
  return request;
}

// Adds the milliseconds of each call.
void Call(const std::vector<std::unique_ptr<client::Gateway>>& callers,
          const std::vector<std::string>& rows, std::vector<double>& took) {
  std::vector<std::vector<double>> of_caller(callers.size());
  std::vector<std::thread> threads;
  const absl::Time end = absl::Now() + kRound;
  for (size_t c = 0; c < callers.size(); ++c) {
    threads.emplace_back([&, c] {
      size_t next = c * 6151;
      for (absl::Time before = absl::Now(); before < end;) {
        tests::Must(callers[c]->GetRecord(RequestOf(rows[next % rows.size()])));
        next += 7919;
        const absl::Time after = absl::Now();
        of_caller[c].push_back(absl::ToDoubleMilliseconds(after - before));
        before = after;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<double>& some : of_caller) {
    took.insert(took.end(), some.begin(), some.end());
  }
}

int Main(const Flags& flags) {
  const int64_t records = flags.RecordsOf(kGet);
  BenchGateway gateway;
  gateway.Publish(records);
  std::vector<std::string> rows;
  ReadAll(*gateway.ConnectReader(), ReadRequest(), records,
          [&](const v1::ReadRecordsResponse& message) {
            const auto& ids = message.batch().row_ids();
            if (rows.size() < kRows) rows.insert(rows.end(), ids.begin(), ids.end());
          });

  const std::string path = gateway.deployment().Path("message").string();
  MessageFile(path).Add(
      tests::Must(gateway.ConnectReader()->GetRecord(RequestOf(rows[0]))).SerializeAsString());
  const BareServer bare(gateway.deployment(), path);
  DurableAppends appends(gateway.deployment().Path("appends").string());
  std::vector<std::unique_ptr<client::Gateway>> callers, bare_callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(gateway.ConnectReader());
    bare_callers.push_back(gateway.ConnectReaderTo(bare.target()));
  }

  std::vector<double> ours, theirs, append, append_alone;
  for (int round = 0; round < kRounds; ++round) {
    Call(bare_callers, rows, theirs);
    Call(callers, rows, ours);
    appends.Run(kCallers, kRound / 2, append);
    appends.Run(1, kRound / 4, append_alone);
    Say(absl::StrFormat("a row in %.3f ms, bare in %.3f ms, an append in %.3f ms (alone %.3f ms)",
                        Median(ours), Median(theirs), Median(append), Median(append_alone)));
  }
  const double beside = Median(ours) - kAppends * Median(append);
  const double seconds = absl::ToDoubleSeconds(kRound) * kRounds;
  Print({.name = kGet,
         .records = records,
         .value = beside,
         .unit = "ms",
         .baseline = "bare unary call, mTLS, same size, median",
         .baseline_value = Median(theirs),
         .ratio = beside / Median(theirs),
         .details = {{"get_median_ms", Median(ours)},
                     {"get_99th_ms", Quantile(ours, 0.99)},
                     {"bare_99th_ms", Quantile(theirs, 0.99)},
                     {"append_median_ms", Median(append)},
                     {"append_alone_median_ms", Median(append_alone)},
                     {"ratio_less_two_appends_alone",
                      (Median(ours) - kAppends * Median(append_alone)) / Median(theirs)},
                     {"get_calls_per_s", static_cast<double>(ours.size()) / seconds},
                     {"bare_calls_per_s", static_cast<double>(theirs.size()) / seconds}}});
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  if (const std::optional<int> served = BareServer::Serve(argc, argv)) return *served;
  return Main(ParseFlags(argc, argv, "Calls GetRecord of a gateway, eight callers at once.",
                         {{kGet, 1'000'000}}));
}
