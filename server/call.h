// One RPC under way, as every RPC begins and ends: who calls, whether its quota allows it, how it
// ended. RPC classes adapt; this is what they have in common.
//
// One a request; not thread-safe.
#ifndef SLUICE_SERVER_CALL_H_
#define SLUICE_SERVER_CALL_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/admission.h"
#include "server/caller.h"
#include "server/metrics.h"
#include "server/quotas.h"

namespace sluice::server {

// What all calls stand on.
struct CallParts {
  Admission* admission;
  Quotas* quotas;
  Clock* clock;
  Metrics* metrics;
};

class Call {
 public:
  // `rpc`: its name, "ReadRecords".
  Call(const CallParts& parts, absl::string_view rpc);

  // Identifies the caller and asks its quota. Call once, first.
  absl::Status Begin(const grpc::AuthContext& auth);
  // A place among the streams, held until the call ends.
  absl::Status BeginStream();
  // How it ended: counted, written as a line, and turned outward.
  grpc::Status End(const absl::Status& status);

  const Caller& caller() const { return *caller_; }
  // The id that the log knows the call by; a step that logs may set it.
  RequestId& request_id() { return request_id_; }
  absl::string_view rpc() const { return rpc_; }

 private:
  const CallParts parts_;
  const std::string rpc_;
  const absl::Time began_;
  RequestId request_id_;
  std::optional<Caller> caller_;
  std::optional<Quotas::Stream> stream_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_CALL_H_
