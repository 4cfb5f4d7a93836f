// The way of an owner's records into the store: batches that are all or nothing, each in one
// transaction with the growth of the subject dictionary that it brings and the log's entry of that.
//
// Thread-safe.
#ifndef SLUICE_SERVER_PUBLICATION_H_
#define SLUICE_SERVER_PUBLICATION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_log.h"
#include "server/clock.h"
#include "server/owner_permit.h"
#include "server/store/store.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

// INVALID_ARGUMENT unless it is a client's name for a request.
absl::Status CheckRequestId(absl::string_view request_id);

// INVALID_ARGUMENT: a request has more records in this field than it may.
absl::Status TooManyRecords(absl::string_view records_field);

class Publication {
 public:
  static constexpr int kMaxRecords = 10000;
  // Of a whole request.
  static constexpr int kMaxFields = kMaxRecords + 16;
  static constexpr size_t kMaxBatchBytes = 4 << 20;
  // Of one answer. Where there are more, the last one says so.
  static constexpr int kMaxBadRecords = 1000;

  Publication(Store* store, AuditLog* log, Clock* clock)
      : store_(store), log_(log), clock_(clock) {}

  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::PublishRecordsResponse>)>;
  // Checks a batch and submits it; `done` runs once, here or on the store's thread: with the answer
  // when it is durable, or refused with the bad records. RESOURCE_EXHAUSTED if the owner would have
  // more than `most_rows` records.
  void Publish(const OwnerPermit& permit, const v1::PublishRecordsRequest& request,
               int64_t most_rows, Done done);

  absl::StatusOr<v1::DeleteRecordsResponse> Delete(const OwnerPermit& permit,
                                                   const v1::DeleteRecordsRequest& request);

 private:
  Store* const store_;
  AuditLog* const log_;
  Clock* const clock_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PUBLICATION_H_
