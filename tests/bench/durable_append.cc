#include "tests/bench/durable_append.h"

#include <filesystem>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "server/store/sqlite_store.h"
#include "tests/e2e/deployment.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/log_fixture.h"

namespace sluice::bench {

using server::AuditLog;
using tests::Must;

DurableAppends::DurableAppends(const std::string& directory) : key_(server::MakeLogKey()) {
  std::filesystem::create_directories(directory);
  server::SqliteStoreOptions store_options;
  store_options.path = directory + "/store.db";
  store_options.hash_key = policy::Secret::Copy(std::string(32, 'h'));
  store_options.keks = std::make_shared<server::KeksForTest>();
  store_ = Must(server::OpenSqliteStore(std::move(store_options)));
  server::AuditLogOptions options;
  options.origin = server::kTestOrigin;
  options.writer = "gateway-1";
  options.tile_directory = directory + "/tiles";
  options.append_timeout = absl::Seconds(60);
  log_ = Must(AuditLog::Open(options, store_.get(), key_.get(), [] { return absl::Now(); }));
  next_ = log_->size();
}

DurableAppends::~DurableAppends() {
  store_->Stop();
  log_->Stop();
}

double DurableAppends::Run(int callers, absl::Duration length, std::vector<double>& took) {
  std::vector<std::vector<double>> of_caller(callers);
  std::vector<std::thread> threads;
  const absl::Time begin = absl::Now();
  for (int c = 0; c < callers; ++c) {
    threads.emplace_back([&, c] {
      for (absl::Time before = absl::Now(); before - begin < length;) {
        // A decision, with what ExplainDecision keeps, and a disclosure's outcome, in turn.
        const uint64_t n = next_++;
        if (n % 2 == 0) {
          const server::DecisionEntry entry = server::DenialEntry(n);
          Must(log_->AppendDenial(entry, server::DecisionOf(entry)));
        } else {
          Must(log_->Append(server::OutcomeOf(n, 0)).status());
        }
        const absl::Time after = absl::Now();
        of_caller[c].push_back(absl::ToDoubleMilliseconds(after - before));
        before = after;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  size_t appends = 0;
  for (const std::vector<double>& some : of_caller) {
    appends += some.size();
    took.insert(took.end(), some.begin(), some.end());
  }
  return static_cast<double>(appends) / seconds;
}

}  // namespace sluice::bench
