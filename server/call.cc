#include "server/call.h"

#include <grpc/grpc_security_constants.h>

#include <utility>

#include "absl/time/clock.h"
#include "server/error.h"
#include "server/grpc_error.h"
#include "server/json_log.h"
#include "server/request_id.h"

namespace sluice::server {

Call::Call(const CallParts& parts, absl::string_view rpc)
    : parts_(parts), rpc_(rpc), began_(absl::Now()) {}

absl::Status Call::Begin(const grpc::AuthContext& auth) {
  absl::StatusOr<RequestId> request_id = NewRequestId();
  if (!request_id.ok()) return request_id.status();
  request_id_ = *std::move(request_id);
  std::string leaf;
  const std::vector<grpc::string_ref> found =
      auth.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (found.size() == 1) leaf.assign(found[0].data(), found[0].size());
  absl::StatusOr<Caller> caller = parts_.admission->Identify(leaf);
  if (!caller.ok()) return caller.status();
  caller_.emplace(*std::move(caller));
  const absl::StatusOr<absl::Time> now = parts_.clock->Now();
  if (!now.ok()) return now.status();
  const absl::Status quota = parts_.quotas->Call(caller_->spiffe_id(), *now);
  return quota.ok() ? quota : parts_.admission->Refuse(*caller_, request_id_, rpc_, quota);
}

absl::Status Call::BeginStream() {
  absl::StatusOr<Quotas::Stream> stream = parts_.quotas->BeginStream(caller_->spiffe_id());
  if (!stream.ok()) {
    return parts_.admission->Refuse(*caller_, request_id_, rpc_, stream.status());
  }
  stream_.emplace(*std::move(stream));
  return absl::OkStatus();
}

grpc::Status Call::End(const absl::Status& status) {
  const std::string reason = status.ok() ? "OK" : ReasonOf(status);
  const absl::Duration took = absl::Now() - began_;
  parts_.metrics->CountCall(rpc_, reason, took);
  LogLine line(status.ok() || MayLeave(status) ? LogLine::Level::kInfo : LogLine::Level::kError,
               "call");
  line.With("rpc", rpc_).With("request", request_id_).With("code", reason);
  if (caller_) {
    // A system's name stands in the clear; a person's certificate is known by its organization.
    line.With("organization", caller_->organization());
    if (caller_->kind() == policy::PrincipalKind::kSystem) {
      line.With("system", caller_->principal().name);
    }
  }
  line.With("ms", absl::ToInt64Milliseconds(took));
  // Statuses that may not leave are made of code, not of records: the operator needs the sentence.
  if (!status.ok() && !MayLeave(status)) line.With("cause", status.message());
  return ToGrpc(status, request_id_);
}

}  // namespace sluice::server
