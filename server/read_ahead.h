// The next chunk of a release, made on a second core while the one before it is logged and sent. So
// one reader has the use of two cores; where there are more readers than cores each makes its own
// chunks. A reader never has more than two of them in memory.
//
// One a request; not thread-safe. `next` runs on another thread, but never twice at once.
#ifndef SLUICE_SERVER_READ_AHEAD_H_
#define SLUICE_SERVER_READ_AHEAD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>

#include "absl/status/statusor.h"
#include "server/audit/releasable.h"

namespace sluice::server {

// How many chunks may be in the making ahead of their turn, of all readers together. Thread-safe.
class SpareCores {
 public:
  explicit SpareCores(int count) : left_(count) {}
  bool TryTake();
  void GiveBack() { left_.fetch_add(1); }

 private:
  std::atomic<int> left_;
};

class ReadAhead {
 public:
  struct Made {
    absl::StatusOr<std::optional<Releasable>> chunk;
    // Of the release until now.
    int64_t considered = 0;
    int64_t withheld = 0;
  };

  // `cores` must outlive it.
  ReadAhead(SpareCores* cores, std::function<Made()> next)
      : cores_(cores), next_(std::move(next)) {}
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  // Waits for what is in the making.
  ~ReadAhead() = default;

  // The next chunk; where a core is to spare, the one after it is begun.
  Made Next();

 private:
  SpareCores* const cores_;
  const std::function<Made()> next_;
  std::future<Made> made_;  // last: it waits when it goes
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_READ_AHEAD_H_
