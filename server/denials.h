// How denials get into the log: each as an entry of its own, until one principal collects too many
// of one code; then those of a window share an entry with their count, so that nobody floods the
// log. The first of those waits for the window's end and is answered when the entry is durable; the
// others are counted and answered at once. An entry is shared by all principals of an organization,
// which may make as many as it likes: so its refusals of a code take one of the gateway's threads.
// From Stop on none waits.
//
// Thread-safe.
#ifndef SLUICE_SERVER_DENIALS_H_
#define SLUICE_SERVER_DENIALS_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/audit/entry.h"
#include "sluice/v1/decision.pb.h"

namespace sluice::server {

class Denials {
 public:
  // So many of one principal and code have an entry of their own in each window.
  static constexpr int kOwnEntries = 10;

  Denials(AuditLog* log, absl::Duration window) : log_(log), window_(window) {}

  // Returns the request id that the entry stands under: the given one, or that
  // of the first denial that shares it. `principal` may be empty: nobody who was authenticated. An
  // entry that several principals share names their organization alone.
  // `own_entries` is kOwnEntries, or 0 for what is always counted by the window (quotas, failed
  // authentication).
  absl::StatusOr<RequestId> Append(const std::string& principal, DecisionEntry entry,
                                   const v1::Decision& decision, int own_entries = kOwnEntries)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Windows that are open end now.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Windows that are remembered before idle ones are dropped: a CA can mint principals at will.
  static constexpr size_t kWindows = 1024;

  // Of whom, and the code.
  using Key = std::pair<std::string, int>;
  // Denials of one entry, while it is open.
  struct Shared {
    int64_t count = 0;
    RequestId request;
    std::string principal;  // the first one's
    bool several = false;   // principals
  };
  // How many a principal had entries of its own for.
  struct Window {
    absl::Time begins = absl::InfinitePast();
    int own = 0;
  };

  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  AuditLog* const log_;
  const absl::Duration window_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<Key, Window> windows_ ABSL_GUARDED_BY(mutex_);  // principals
  absl::flat_hash_map<Key, Shared> shared_ ABSL_GUARDED_BY(mutex_);   // organizations
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_DENIALS_H_
