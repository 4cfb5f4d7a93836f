// What an owner asks of its own records and takes back of them: counts, the records as they are
// stored, a wrong publish. Each begins with an OwnerPermit and its receipt; nothing of it is
// another's to ask, and nothing of it is a disclosure.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OWNER_RECORDS_H_
#define SLUICE_SERVER_OWNER_RECORDS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admission.h"
#include "server/answer.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/clock.h"
#include "server/page_token.h"
#include "server/quotas.h"
#include "server/store/store.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

class OwnerRecords {
 public:
  // A batch ends with the record that fills it.
  static constexpr size_t kBatchRecords = 1024;
  static constexpr size_t kBatchBytes = 256 << 10;
  // So many records are looked at between two looks at whether the caller is still there.
  static constexpr size_t kVisitRecords = 64 << 10;

  struct Parts {
    Admission* admission;
    AuditLog* log;
    Store* store;
    Clock* clock;
    const PageTokens* page_tokens;
    Quotas* quotas;
  };
  explicit OwnerRecords(const Parts& parts) : parts_(parts) {}

  absl::StatusOr<v1::GetRecordStatusResponse> Status(const Caller& caller, RequestId& request_id,
                                                     const v1::GetRecordStatusRequest& request);
  // Streams the owner's records into `sink`, in short snapshots of a batch each.
  absl::Status Read(const Caller& caller, RequestId& request_id,
                    const v1::ReadOwnRecordsRequest& request, MessageSink& sink);
  // The withdraw and its entry are one transaction.
  absl::StatusOr<v1::WithdrawRecordsResponse> Withdraw(const Caller& caller, RequestId& request_id,
                                                       const v1::WithdrawRecordsRequest& request);

 private:
  class Reading;

  const Parts parts_;
};

// The canonical key of a serialized message of which only the key is looked at. INVALID_ARGUMENT,
// with the field, if it has none.
absl::StatusOr<std::string> CanonicalKey(const policy::RecordType& type, absl::string_view key);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_RECORDS_H_
