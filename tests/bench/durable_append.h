// What a durable entry of the log costs: a log on a store of its own, on the disk of a directory,
// to which some callers append, each waiting for its entry.
//
// One a benchmark; not thread-safe.
#ifndef SLUICE_TESTS_BENCH_DURABLE_APPEND_H_
#define SLUICE_TESTS_BENCH_DURABLE_APPEND_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/audit/log_key.h"
#include "server/store/store.h"

namespace sluice::bench {

class DurableAppends {
 public:
  // Makes the directory if it is absent.
  explicit DurableAppends(const std::string& directory);
  ~DurableAppends();

  // Adds the milliseconds of each append; appends a second.
  double Run(int callers, absl::Duration length, std::vector<double>& took);

 private:
  const std::unique_ptr<const server::LogKey> key_;
  std::unique_ptr<server::Store> store_;
  std::unique_ptr<server::AuditLog> log_;
  std::atomic<uint64_t> next_ = 0;
};

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_DURABLE_APPEND_H_
