// Persons' opt-outs, as their owner's administrators tell the gateway of them: in the store, and in
// the log by their number.
//
// Thread-safe.
#ifndef SLUICE_SERVER_OPT_OUTS_H_
#define SLUICE_SERVER_OPT_OUTS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "policy/catalog.h"
#include "policy/record_validator.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/caller.h"
#include "server/store/store.h"
#include "sluice/v1/opt_out_service.pb.h"

namespace sluice::server {

class OptOuts {
 public:
  static constexpr int kMaxSubjects = 1000;

  struct Parts {
    std::shared_ptr<const policy::Catalog> catalog;
    Admission* admission;
    AuditLog* log;
    Store* store;
  };
  explicit OptOuts(Parts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<v1::OptOutResponse> OptOut(const Caller& caller, RequestId& request_id,
                                            const v1::OptOutRequest& request);
  absl::StatusOr<v1::OptInResponse> OptIn(const Caller& caller, RequestId& request_id,
                                          const v1::OptInRequest& request);
  absl::StatusOr<v1::CheckOptOutsResponse> Check(const Caller& caller, RequestId& request_id,
                                                 const v1::CheckOptOutsRequest& request);

 private:
  using Subjects = google::protobuf::RepeatedPtrField<v1::SubjectId>;
  // Each one's names.
  absl::StatusOr<std::vector<std::vector<policy::SubjectName>>> NamesOfAll(
      const Subjects& subjects) const;
  template <typename Response, typename Request>
  absl::StatusOr<Response> Put(const Caller& caller, RequestId& request_id, const char* rpc,
                               const Request& request, bool opted_out);

  const Parts parts_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OPT_OUTS_H_
