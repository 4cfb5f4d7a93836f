#include "client/error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace sluice::client {
namespace {

constexpr char kPayload[] = "type.googleapis.com/google.rpc.Status";
constexpr char kDomain[] = "sluice";

void AddNear(const google::rpc::PreconditionFailure::Violation& violation, ErrorDetail& detail) {
  if (violation.type() == "SIGNATURE") {  // its subject is a party, not a grant
    detail.unsigned_parties.push_back(violation.subject());
    return;
  }
  NearGrant* grant = nullptr;
  for (NearGrant& known : detail.nearest) {
    if (known.grant == violation.subject()) grant = &known;
  }
  if (grant == nullptr) {
    detail.nearest.push_back({violation.subject(), {}});
    grant = &detail.nearest.back();
  }
  grant->failed.push_back({violation.type(), violation.description()});
}

}  // namespace

absl::Status MakeStatus(absl::StatusCode code, absl::string_view message,
                        absl::string_view details) {
  absl::Status status(code, message);
  google::rpc::Status wire;
  if (!details.empty() && wire.ParseFromArray(details.data(), static_cast<int>(details.size()))) {
    status.SetPayload(kPayload, absl::Cord(details));
  }
  return status;
}

ErrorDetail ErrorOf(const absl::Status& status) {
  ErrorDetail detail;
  const auto payload = status.GetPayload(kPayload);
  google::rpc::Status wire;
  if (!payload.has_value() || !wire.ParseFromString(std::string(*payload))) return detail;
  for (const google::protobuf::Any& any : wire.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RequestInfo request;
    google::rpc::PreconditionFailure precondition;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      if (info.domain() == kDomain) detail.reason = info.reason();
    } else if (any.UnpackTo(&request)) {
      detail.decision_id = request.request_id();
    } else if (any.UnpackTo(&precondition)) {
      for (const auto& violation : precondition.violations()) AddNear(violation, detail);
    } else if (any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        detail.fields.push_back({violation.field(), violation.description()});
      }
    } else if (any.UnpackTo(&retry)) {
      detail.retry_delay = absl::Seconds(retry.retry_delay().seconds()) +
                           absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return detail;
}

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    changed.SetPayload(type, payload);
  });
  return changed;
}

bool IsDenial(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
}

}  // namespace sluice::client
