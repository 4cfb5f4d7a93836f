// What one principal may take of the gateway: concurrent streams, calls a second, bytes published a
// day. Beyond it: RESOURCE_EXHAUSTED with the time to wait. The rows that an organization owns are
// counted by the store; here is how many they may be.
//
// Thread-safe. Times are given by the caller and never go back.
#ifndef SLUICE_SERVER_QUOTAS_H_
#define SLUICE_SERVER_QUOTAS_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::server {

struct QuotaLimits {
  int concurrent_streams = 8;     // of one principal
  int total_streams = 64;         // of the gateway; half of them at most of one organization
  int connections = 12'000;       // of the gateway, whoever they are of
  double calls_per_second = 200;  // refilled evenly; a second's worth may come at once
  int64_t bytes_published_per_day = 10ll << 30;  // from the first byte of a 24 hours' span
  int64_t rows_owned = 10'000'000;               // of one organization, of all its record types
  // Of batches that were read and not answered yet, of all streams together (PublishBudget).
  int64_t publish_bytes_outstanding = 256ll << 20;
};

class Quotas {
 public:
  explicit Quotas(QuotaLimits limits) : limits_(limits) {}

  // A place among the concurrent streams, for as long as it lives.
  class Stream {
   public:
    Stream(Stream&& other) noexcept
        : quotas_(std::exchange(other.quotas_, nullptr)), principal_(std::move(other.principal_)) {}
    Stream& operator=(Stream&&) = delete;
    ~Stream() {
      if (quotas_ != nullptr) quotas_->EndStream(principal_);
    }

   private:
    friend class Quotas;
    Stream(Quotas* quotas, std::string principal)
        : quotas_(quotas), principal_(std::move(principal)) {}
    Quotas* quotas_;
    std::string principal_;
  };

  absl::Status Call(absl::string_view principal, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Stream> BeginStream(absl::string_view principal) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Publish(absl::string_view principal, int64_t bytes, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What is only asked about is compared with all that is there, as a publish is: a principal has
  // as many bytes of it again.
  absl::Status Validate(absl::string_view principal, int64_t bytes, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t rows_owned() const ABSL_LOCKS_EXCLUDED(mutex_);
  // From the next call on.
  void SetLimits(QuotaLimits limits) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Bytes since a span of 24 hours began.
  struct Day {
    int64_t bytes = 0;
    absl::Time begins = absl::InfinitePast();
  };
  struct Use {
    int streams = 0;
    double calls = 0;  // tokens left
    absl::Time calls_at = absl::InfinitePast();
    Day published;
    Day validated;
  };

  // Principals that are remembered before idle ones are dropped: a CA can mint them at will.
  static constexpr size_t kPrincipals = 4096;

  // Whose principals share: a SPIFFE id but for the kind and the name.
  static absl::string_view OrganizationOf(absl::string_view principal);
  static int64_t Spent(const Day& day, absl::Time now);
  absl::Status Charge(Day Use::*day, absl::string_view principal, int64_t bytes, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndStream(absl::string_view principal) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  QuotaLimits limits_ ABSL_GUARDED_BY(mutex_);
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, int> streams_of_ ABSL_GUARDED_BY(mutex_);  // organizations
  absl::flat_hash_map<std::string, Use> uses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_QUOTAS_H_
