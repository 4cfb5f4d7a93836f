// A release in the middle, held up by its reader: what is done to it now it feels at its next
// batch.
#ifndef SLUICE_TESTS_E2E_HELD_READ_H_
#define SLUICE_TESTS_E2E_HELD_READ_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "client/error.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {

// A release that its reader holds up in the middle, with a window that does not grow: what is on
// its way is far less than the whole, however fast the rest of the machine is.
class HeldRead {
 public:
  HeldRead(const Deployment& gateway, const Identity& identity) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ReadFile(gateway.Path("pki/operator/ca.pem"));
    tls.pem_cert_chain = ReadFile(identity.certificate);
    tls.pem_private_key = ReadFile(identity.key);
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::ExchangeService::NewStub(
        grpc::CreateCustomChannel(gateway.target(), grpc::SslCredentials(tls), arguments));
    stream_ = stub_->ReadRecords(&context_, ReadRequest("pipeline"));
    while (rows_ == 0) {
      if (!stream_->Read(&message_)) Must(End());
      rows_ += message_.batch().records_size();
    }
  }
  // Reads what comes; how it ended.
  absl::Status GoOn() {
    while (stream_->Read(&message_)) {
      rows_ += message_.batch().records_size();
      complete_ = complete_ || message_.has_trailer();
    }
    return End();
  }
  int rows() const { return rows_; }
  bool complete() const { return complete_; }

 private:
  absl::Status End() {
    const grpc::Status status = stream_->Finish();
    return client::MakeStatus(static_cast<absl::StatusCode>(status.error_code()),
                              status.error_message(), status.error_details());
  }

  std::unique_ptr<v1::ExchangeService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ReadRecordsResponse>> stream_;
  v1::ReadRecordsResponse message_;
  int rows_ = 0;
  bool complete_ = false;
};

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_HELD_READ_H_
