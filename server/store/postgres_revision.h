// The revision of what gateways share, read over a connection of its own: nobody's scan is waited
// for, and a server that hangs is given up soon.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_POSTGRES_REVISION_H_
#define SLUICE_SERVER_STORE_POSTGRES_REVISION_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/store/postgres.h"

namespace sluice::server {

class PostgresRevision {
 public:
  // `options` as of a reader's connection. `lost` is set from a failed read until the next one that
  // succeeds.
  PostgresRevision(PostgresConnection::Options options, std::shared_ptr<std::atomic<bool>> lost);

  // UNAVAILABLE: the server does not answer; the next call looks for it anew.
  absl::StatusOr<int64_t> Read() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<int64_t> Ask() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PostgresConnection::Options options_;
  const std::shared_ptr<std::atomic<bool>> lost_;
  absl::Mutex mutex_;
  std::unique_ptr<PostgresConnection> connection_ ABSL_GUARDED_BY(mutex_);
  SqlStatement select_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_REVISION_H_
