// What an owner asks about a recipient's view of its records: what would they be sent, and why not
// this row? Decided as the recipient's own read, computed by what a release is made by, shown to
// the owner alone.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OWNER_VIEW_H_
#define SLUICE_SERVER_OWNER_VIEW_H_

#include "absl/status/statusor.h"
#include "server/admission.h"
#include "server/caller.h"
#include "server/keys.h"
#include "server/projection.h"
#include "server/store/store.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

class OwnerView {
 public:
  static constexpr int kDefaultRows = 10;
  static constexpr int kMaxRows = 100;
  // A preview that finds few rows, or has these bytes of rows, looks no further.
  static constexpr int64_t kMaxConsidered = 64 << 10;
  static constexpr size_t kMaxConsideredBytes = 16 << 20;
  static constexpr size_t kMaxRowBytes = 1 << 20;  // but for the row that reaches it

  struct Parts {
    Admission* admission;
    const Store* store;
    Keys* keys;
  };
  explicit OwnerView(const Parts& parts) : parts_(parts) {}

  absl::StatusOr<v1::PreviewGrantResponse> Preview(const Caller& caller, RequestId& request_id,
                                                   const v1::PreviewGrantRequest& request);
  absl::StatusOr<v1::ExplainRowResponse> Explain(const Caller& caller, RequestId& request_id,
                                                 const v1::ExplainRowRequest& request);

 private:
  // Of a permit: adds the rows.
  absl::Status AddRows(const OwnerAdmitted& owner, const v1::PreviewGrantRequest& request,
                       Projection& projection, v1::PreviewGrantResponse& response);
  // Of a permit: what its plan says of the record of the request's key.
  absl::StatusOr<v1::RowExplanation> ExplainKey(const ViewAdmitted& admitted,
                                                const v1::ExplainRowRequest& request);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OWNER_VIEW_H_
