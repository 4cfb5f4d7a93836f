#include "server/grpc_server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <utility>

namespace sluice::server {
namespace {

// Above a batch's 4 MiB, for what stands around it.
constexpr int kMaxMessageBytes = 5 << 20;
// Threads of calls that are not release streams: beyond them callers wait.
constexpr int kMaxThreads = 256;
// Of those, kept waiting for calls.
constexpr int kMaxPollers = 16;
constexpr int kMaxStreamsOfConnection = 100;
constexpr int kMinPingMs = 10'000;
// A connection without calls goes; a client makes another when it has one.
constexpr absl::Duration kIdleConnection = absl::Minutes(10);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const Config& config, const Gateway::Options& options, const std::string& client_cas,
    const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  auto certificates = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      config.tls_key, config.tls_certificate, client_cas, /*refresh_interval_sec=*/1);
  grpc::experimental::TlsServerCredentialsOptions tls(certificates);
  tls.watch_root_certs();
  tls.watch_identity_key_cert_pairs();
  // TLS lets in whoever some organization's CA stands behind; which, each call looks at anew.
  tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);

  grpc::ServerBuilder builder;
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::experimental::TlsServerCredentials(tls));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // gRPC inflates a message whole before it finds that it is too large.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             Milliseconds(options.handshake_within));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(kIdleConnection));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
  // A client that waits may ask now and then whether the connection still stands.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.ping_every));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.ping_timeout));
  grpc::ResourceQuota quota("sluiced");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  // Of its own gRPC keeps two threads for unary calls, and makes one anew for each call beyond.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, kMaxPollers);
  for (grpc::Service* const service : services) builder.RegisterService(service);
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Open(config.listen);
  if (!listener.ok()) return listener.status();
  std::unique_ptr<GrpcServer> made(new GrpcServer());
  made->listener_ = *std::move(listener);
  made->listener_->SetMost(config.quotas.connections);
  made->server_ = builder.BuildAndStart();
  if (made->server_ == nullptr) {
    return absl::FailedPreconditionError(
        "can't serve; do tls.certificate and tls.key belong together?");
  }
  made->acceptor_ = std::move(acceptor);
  made->listener_->Start([acceptor = made->acceptor_.get()](int connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.fd = connection;
    acceptor->HandleNewConnection(&parameters);
  });
  return made;
}

void GrpcServer::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void GrpcServer::Shutdown(absl::Duration drain) {
  listener_->Stop();
  SetServing(false);
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(drain));
}

}  // namespace sluice::server
