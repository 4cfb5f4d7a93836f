// gRPC as the gateway serves by it: its bounds, TLS that lets in whoever some organization's CA
// stands behind, health, and the gateway's own listener in front.
//
// Thread-safe.
#ifndef SLUICE_SERVER_GRPC_SERVER_H_
#define SLUICE_SERVER_GRPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"
#include "server/gateway.h"
#include "server/listener.h"

namespace sluice::server {

class GrpcServer {
 public:
  // Serves when it returns, under the certificates that stand in the files by then and later.
  // `services` must outlive it. FAILED_PRECONDITION with a sentence for the operator.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Config& config, const Gateway::Options& options, const std::string& client_cas,
      const std::vector<grpc::Service*>& services);
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  int port() const { return listener_->port(); }
  void SetMostConnections(int most) { listener_->SetMost(most); }
  // What health answers.
  void SetServing(bool serving);
  // Takes no new calls, lets those that run end within `drain`, cancels the rest.
  void Shutdown(absl::Duration drain);
  // Until all calls have ended, after Shutdown.
  void Wait() { server_->Wait(); }

 private:
  GrpcServer() = default;

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_GRPC_SERVER_H_
