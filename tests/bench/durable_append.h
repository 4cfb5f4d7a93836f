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

  struct Rate {
    double per_second = 0;  // appends
    // Appends that one commit held: the sizes that the callers saw the durable log at tell the
    // commits. Of two that nobody was quick enough to tell apart one is counted.
    double batch = 0;
    double entry_bytes = 0;
  };
  // Adds the milliseconds of each append.
  Rate Run(int callers, absl::Duration length, std::vector<double>& took);
  // Appends until the log has so many entries.
  void Fill(int callers, uint64_t entries);
  // Publishes what is committed, and takes no more.
  void Stop();
  std::string Vkey() const { return log_->Vkey(); }

 private:
  // A decision, with what ExplainDecision keeps, and a disclosure's outcome, in turn.
  void Append();

  const std::unique_ptr<const server::LogKey> key_;
  std::unique_ptr<server::Store> store_;
  std::unique_ptr<server::AuditLog> log_;
  std::atomic<uint64_t> next_ = 0;
};

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_DURABLE_APPEND_H_
