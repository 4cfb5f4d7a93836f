// The one place where an absl::Status becomes a grpc::Status, with its google.rpc details.
#ifndef SLUICE_SERVER_GRPC_ERROR_H_
#define SLUICE_SERVER_GRPC_ERROR_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/error.h"

namespace sluice::server {

inline grpc::Status ToGrpc(const absl::Status& status, absl::string_view request_id) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status outward = Outward(status, request_id);
  return grpc::Status(static_cast<grpc::StatusCode>(outward.code()), outward.message(),
                      outward.SerializeAsString());
}

}  // namespace sluice::server

#endif  // SLUICE_SERVER_GRPC_ERROR_H_
