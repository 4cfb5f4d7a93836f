// What is sealed under versions of keys that others have replaced is sealed anew, in the background
// and in small groups, among everybody's reads and publishes. Nothing is kept of how far that is:
// each row says what it is sealed under. So a start begins again where the rows say, and gateways
// on one database share the work. A version counts as empty when a whole walk over the store finds
// nothing under it.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_KEY_RENEWAL_H_
#define SLUICE_SERVER_STORE_KEY_RENEWAL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/store/store.h"

namespace sluice::server {

class KeyRenewal {
 public:
  struct Limits {
    // Of one group, which others wait for.
    size_t rows = 256;
    int64_t bytes = 256 << 10;
    // Looked at in one short snapshot.
    int64_t looked_at = 8192;
  };
  // What is still sealed under a version.
  struct Remaining {
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  // The same, by what holds it.
  struct Counted {
    int64_t records = 0;
    int64_t replaced_records = 0;
    int64_t log_openings = 0;
    int64_t dictionary_openings = 0;
    int64_t bytes = 0;

    int64_t rows() const { return records + replaced_records + log_openings + dictionary_openings; }
  };

  // `failed` is told, on the thread, why a turn has failed; there is another. `store` must outlive
  // it.
  KeyRenewal(Store* store, Limits limits, std::function<void(const absl::Status&)> failed)
      : store_(*store), limits_(limits), failed_(std::move(failed)) {}
  ~KeyRenewal() { Stop(); }

  // Begins the thread, which looks at once what there is to do.
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // A key may have a new version.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

  // All that there is to do now. On the thread, or where there is none.
  absl::Status Turn() ABSL_LOCKS_EXCLUDED(mutex_);
  // nullopt: not counted yet, or nothing to count. What others wrote over since is counted still.
  std::optional<Remaining> RemainingUnder(const KekName& name) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Walks over all that is sealed under one version. CANCELLED when `given_up`, which is asked
  // after each stretch of the walk, says so.
  absl::StatusOr<Counted> Count(const StoredKeyVersion& version,
                                const std::function<bool()>& given_up = nullptr) const;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Versions of one key that others have replaced; at least one. Each walk is for all of them.
  absl::Status Renew(const std::vector<StoredKeyVersion>& replaced) ABSL_LOCKS_EXCLUDED(mutex_);
  // A whole walk. `visit` may end it by an error.
  absl::Status Walk(KekScope scope, absl::string_view owner, absl::Span<const int64_t> versions,
                    absl::FunctionRef<absl::Status(std::vector<SealedRow>)> visit) const;
  absl::StatusOr<int64_t> CountAll(const std::vector<StoredKeyVersion>& replaced)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // How many it sealed.
  absl::StatusOr<int64_t> SealAll(const std::vector<StoredKeyVersion>& replaced)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<int64_t> SealGroup(absl::Span<const SealedRow> rows, int64_t bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mutex_);

  Store& store_;
  const Limits limits_;
  const std::function<void(const absl::Status&)> failed_;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = true;
  std::map<KekName, Remaining> remaining_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_KEY_RENEWAL_H_
