// Durable appends a second to the log on SQLite, by 1, 8 and 32 callers at once, each waiting for
// its entry: audit_bench DIRECTORY [SECONDS]. The database stands in DIRECTORY, whose disk is what
// is measured. One JSON object a line; the baseline is one caller in the same run.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/audit/audit_log.h"
#include "server/store/sqlite_store.h"
#include "tests/support/log_fixture.h"

namespace sluice::server {
namespace {

struct Figures {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

// Alternates a decision (with what ExplainDecision keeps) and a disclosure's outcome.
Figures Run(AuditLog& log, int callers, absl::Duration length, std::atomic<uint64_t>& next) {
  std::vector<std::vector<double>> latencies(callers);
  std::vector<std::thread> threads;
  const absl::Time begin = absl::Now();
  for (int t = 0; t < callers; ++t) {
    threads.emplace_back([&, t] {
      absl::Time before = absl::Now();
      while (before - begin < length) {
        const uint64_t n = next++;
        if (n % 2 == 0) {
          const DecisionEntry entry = DenialEntry(n);
          if (!log.AppendDenial(entry, DecisionOf(entry)).ok()) std::abort();
        } else if (!log.Append(OutcomeOf(n, 0)).ok()) {
          std::abort();
        }
        const absl::Time after = absl::Now();
        latencies[t].push_back(absl::ToDoubleMilliseconds(after - before));
        before = after;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::vector<double> all;
  for (const std::vector<double>& some : latencies) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  return {static_cast<double>(all.size()) / seconds, all[all.size() / 2],
          all[all.size() * 99 / 100]};
}

int Main(const std::string& directory, absl::Duration length) {
  SqliteStoreOptions store_options;
  store_options.path = directory + "/store.db";
  store_options.hash_key = policy::Secret::Copy(std::string(32, 'h'));
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(store_options));
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  AuditLogOptions options;
  options.origin = kTestOrigin;
  options.writer = "gateway-1";
  options.tile_directory = directory + "/tiles";
  options.append_timeout = absl::Seconds(60);
  std::unique_ptr<const LogKey> key = MakeLogKey();
  absl::StatusOr<std::unique_ptr<AuditLog>> log =
      AuditLog::Open(options, store->get(), key.get(), [] { return absl::Now(); });
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  std::atomic<uint64_t> next = (*log)->size();
  double alone = 0;
  for (int callers : {1, 8, 32}) {
    const Figures figures = Run(**log, callers, length, next);
    if (callers == 1) alone = figures.per_second;
    std::printf(
        "{\"name\":\"audit_append_%d\",\"value\":%.0f,\"unit\":\"entries/s\",\"baseline\":\"one "
        "caller\",\"baseline_value\":%.0f,\"ratio\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
        callers, figures.per_second, alone, figures.per_second / alone, figures.p50_ms,
        figures.p99_ms);
    std::fflush(stdout);
  }
  (*store)->Stop();
  (*log)->Stop();
  return (*log)->Health().ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::server

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: audit_bench DIRECTORY [SECONDS]\n");
    return 2;
  }
  const int seconds = argc == 3 ? std::max(1, std::atoi(argv[2])) : 3;
  return sluice::server::Main(argv[1], absl::Seconds(seconds));
}
