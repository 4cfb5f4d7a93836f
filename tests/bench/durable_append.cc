#include "tests/bench/durable_append.h"

#include <filesystem>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
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

DurableAppends::~DurableAppends() { Stop(); }

void DurableAppends::Stop() {
  store_->Stop();
  log_->Stop();
}

void DurableAppends::Append() {
  const uint64_t n = next_++;
  if (n % 2 == 0) {
    const server::DecisionEntry entry = server::DenialEntry(n);
    Must(log_->AppendDenial(entry, server::DecisionOf(entry)));
  } else {
    Must(log_->Append(server::OutcomeOf(n, 0)).status());
  }
}

DurableAppends::Rate DurableAppends::Run(int callers, absl::Duration length,
                                         std::vector<double>& took) {
  std::vector<std::vector<double>> of_caller(callers);
  std::vector<absl::flat_hash_set<uint64_t>> sizes(callers);
  std::vector<std::thread> threads;
  const uint64_t first = log_->size();
  const absl::Time begin = absl::Now();
  for (int c = 0; c < callers; ++c) {
    threads.emplace_back([&, c] {
      for (absl::Time before = absl::Now(); before - begin < length;) {
        Append();
        const absl::Time after = absl::Now();
        of_caller[c].push_back(absl::ToDoubleMilliseconds(after - before));
        sizes[c].insert(log_->size());
        before = after;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  for (const std::vector<double>& some : of_caller) {
    took.insert(took.end(), some.begin(), some.end());
  }
  absl::flat_hash_set<uint64_t> commits;
  for (const auto& some : sizes) commits.insert(some.begin(), some.end());

  const uint64_t size = log_->size();
  const auto appended = static_cast<double>(size - first);
  size_t bytes = 0;
  Must(store_->ReadLogRows(first, size, [&](const server::LogRow& row) {
    bytes += row.body.size();
    return true;
  }));
  return {.per_second = appended / seconds,
          .batch = appended / static_cast<double>(commits.size()),
          .entry_bytes = static_cast<double>(bytes) / appended};
}

void DurableAppends::Fill(int callers, uint64_t entries) {
  std::vector<std::thread> threads;
  for (int c = 0; c < callers; ++c) {
    threads.emplace_back([&] {
      while (next_ < entries) Append();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace sluice::bench
