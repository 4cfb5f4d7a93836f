// The way of a read, from a verified caller to the bytes that leave: read `Exchange::Read` first.
// Each step takes what only the step before can make, so that none can be left out.
//
// Thread-safe.
#ifndef SLUICE_SERVER_EXCHANGE_H_
#define SLUICE_SERVER_EXCHANGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admission.h"
#include "server/answer.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/read_ahead.h"
#include "server/release.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

class Exchange {
 public:
  Exchange(Admission* admission, AuditLog* log, SpareCores* spare_cores, Release::Parts parts)
      : admission_(admission), log_(log), spare_cores_(spare_cores), parts_(parts) {}

  // Streams a release into `answer`. `request_id` becomes the id that the log knows the outcome by.
  absl::Status Read(const Caller& caller, RequestId& request_id,
                    const v1::ReadRecordsRequest& request, Answer& answer);
  // One row.
  absl::StatusOr<v1::GetRecordResponse> Get(const Caller& caller, RequestId& request_id,
                                            const v1::GetRecordRequest& request);

 private:
  Admission* const admission_;
  AuditLog* const log_;
  SpareCores* const spare_cores_;
  const Release::Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_EXCHANGE_H_
