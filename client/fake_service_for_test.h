// A FakeGateway behind real mTLS on loopback, with certificates made for the test.
//
// The service takes one call at a time.
#ifndef SLUICE_CLIENT_FAKE_SERVICE_FOR_TEST_H_
#define SLUICE_CLIENT_FAKE_SERVICE_FOR_TEST_H_

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/connection.h"
#include "client/fake_gateway_for_test.h"
#include "client/file.h"
#include "client/pki.h"
#include "sluice/v1/audit_service.grpc.pb.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "sluice/v1/key_service.grpc.pb.h"
#include "sluice/v1/mou_service.grpc.pb.h"
#include "sluice/v1/operator_service.grpc.pb.h"
#include "sluice/v1/opt_out_service.grpc.pb.h"

namespace sluice::client {

inline grpc::Status ToGrpcForTest(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.Status");
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      payload.has_value() ? std::string(*payload) : "");
}

class FakeExchangeService final : public v1::ExchangeService::Service {
 public:
  explicit FakeExchangeService(FakeGateway* gateway) : gateway_(gateway) {}

  grpc::Status PublishRecords(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::PublishRecordsResponse, v1::PublishRecordsRequest>* stream)
      override {
    const absl::MutexLock lock(&mutex_);
    const std::unique_ptr<PublishStream> fake = gateway_->PublishRecords();
    v1::PublishRecordsRequest request;
    while (stream->Read(&request)) {
      v1::PublishRecordsResponse response;
      if (!fake->Write(request) || !fake->Read(&response)) {
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream broke");
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }
  grpc::Status ReadRecords(grpc::ServerContext*, const v1::ReadRecordsRequest* request,
                           grpc::ServerWriter<v1::ReadRecordsResponse>* writer) override {
    const absl::MutexLock lock(&mutex_);
    const std::unique_ptr<ReadStream> fake = gateway_->ReadRecords(*request);
    v1::ReadRecordsResponse response;
    while (fake->Read(&response)) writer->Write(response);
    return ToGrpcForTest(fake->Finish());
  }
  grpc::Status ReadOwnRecords(grpc::ServerContext*, const v1::ReadOwnRecordsRequest* request,
                              grpc::ServerWriter<v1::ReadOwnRecordsResponse>* writer) override {
    const absl::MutexLock lock(&mutex_);
    const std::unique_ptr<OwnReadStream> fake = gateway_->ReadOwnRecords(*request);
    v1::ReadOwnRecordsResponse response;
    while (fake->Read(&response)) writer->Write(response);
    return ToGrpcForTest(fake->Finish());
  }
  grpc::Status GetRecordStatus(grpc::ServerContext*, const v1::GetRecordStatusRequest* request,
                               v1::GetRecordStatusResponse* response) override {
    return Take(gateway_->GetRecordStatus(*request), response);
  }
  grpc::Status WithdrawRecords(grpc::ServerContext*, const v1::WithdrawRecordsRequest* request,
                               v1::WithdrawRecordsResponse* response) override {
    return Take(gateway_->WithdrawRecords(*request), response);
  }
  grpc::Status PreviewGrant(grpc::ServerContext*, const v1::PreviewGrantRequest* request,
                            v1::PreviewGrantResponse* response) override {
    return Take(gateway_->PreviewGrant(*request), response);
  }
  grpc::Status ExplainRow(grpc::ServerContext*, const v1::ExplainRowRequest* request,
                          v1::ExplainRowResponse* response) override {
    return Take(gateway_->ExplainRow(*request), response);
  }
  grpc::Status DeleteRecords(grpc::ServerContext*, const v1::DeleteRecordsRequest* request,
                             v1::DeleteRecordsResponse* response) override {
    return Take(gateway_->DeleteRecords(*request), response);
  }
  grpc::Status GetRecord(grpc::ServerContext*, const v1::GetRecordRequest* request,
                         v1::GetRecordResponse* response) override {
    return Take(gateway_->GetRecord(*request), response);
  }
  grpc::Status ListGrants(grpc::ServerContext*, const v1::ListGrantsRequest* request,
                          v1::ListGrantsResponse* response) override {
    return Take(gateway_->ListGrants(*request), response);
  }
  grpc::Status ExplainDecision(grpc::ServerContext*, const v1::ExplainDecisionRequest* request,
                               v1::ExplainDecisionResponse* response) override {
    return Take(gateway_->ExplainDecision(*request), response);
  }

 private:
  template <typename Response>
  static grpc::Status Take(absl::StatusOr<Response> answer, Response* response) {
    if (answer.ok()) *response = *std::move(answer);
    return ToGrpcForTest(answer.status());
  }

  FakeGateway* const gateway_;
  absl::Mutex mutex_;
};

class FakeAuditService final : public v1::AuditService::Service {
 public:
  explicit FakeAuditService(FakeGateway* gateway) : gateway_(gateway) {}

  grpc::Status ListEntries(grpc::ServerContext*, const v1::ListEntriesRequest* request,
                           v1::ListEntriesResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    absl::StatusOr<v1::ListEntriesResponse> page = gateway_->ListEntries(*request);
    if (page.ok()) *response = *std::move(page);
    return ToGrpcForTest(page.status());
  }
  grpc::Status GetCheckpoint(grpc::ServerContext*, const v1::GetCheckpointRequest*,
                             v1::GetCheckpointResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->GetCheckpoint();
    return grpc::Status::OK;
  }
  grpc::Status GetInclusionProof(grpc::ServerContext*, const v1::GetInclusionProofRequest* request,
                                 v1::GetInclusionProofResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->GetInclusionProof(*request);
    return grpc::Status::OK;
  }
  grpc::Status GetConsistencyProof(grpc::ServerContext*,
                                   const v1::GetConsistencyProofRequest* request,
                                   v1::GetConsistencyProofResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->GetConsistencyProof(*request);
    return grpc::Status::OK;
  }
  grpc::Status ListOpenings(grpc::ServerContext*, const v1::ListOpeningsRequest* request,
                            v1::ListOpeningsResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->ListOpenings(*request);
    return grpc::Status::OK;
  }
  grpc::Status EraseSubject(grpc::ServerContext*, const v1::EraseSubjectRequest* request,
                            v1::EraseSubjectResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    const absl::StatusOr<v1::EraseSubjectResponse> erased = gateway_->EraseSubject(*request);
    if (!erased.ok()) {
      return {static_cast<grpc::StatusCode>(erased.status().code()),
              std::string(erased.status().message())};
    }
    *response = *erased;
    return grpc::Status::OK;
  }
  grpc::Status ListSubjectDisclosures(grpc::ServerContext*,
                                      const v1::ListSubjectDisclosuresRequest* request,
                                      v1::ListSubjectDisclosuresResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    const auto page = gateway_->ListSubjectDisclosures(*request);
    if (!page.ok()) {
      return {grpc::StatusCode::NOT_FOUND, std::string(page.status().message())};
    }
    *response = *page;
    return grpc::Status::OK;
  }
  // What a test looks at or changes while a command is under way.
  void WhileNoCall(absl::FunctionRef<void()> look) {
    const absl::MutexLock lock(&mutex_);
    look();
  }

 private:
  FakeGateway* const gateway_;
  absl::Mutex mutex_;
};

class FakeOperatorService final : public v1::OperatorService::Service {
 public:
  explicit FakeOperatorService(FakeGateway* gateway) : gateway_(gateway) {}

  grpc::Status ListOrganizations(grpc::ServerContext*, const v1::ListOrganizationsRequest* request,
                                 v1::ListOrganizationsResponse* response) override {
    return Take(gateway_->ListOrganizations(*request), response);
  }
  grpc::Status GetOrganization(grpc::ServerContext*, const v1::GetOrganizationRequest* request,
                               v1::GetOrganizationResponse* response) override {
    return Take(gateway_->GetOrganization(*request), response);
  }
  grpc::Status CreateOrganization(grpc::ServerContext*,
                                  const v1::CreateOrganizationRequest* request,
                                  v1::CreateOrganizationResponse* response) override {
    return Take(gateway_->CreateOrganization(*request), response);
  }
  grpc::Status UpdateOrganization(grpc::ServerContext*,
                                  const v1::UpdateOrganizationRequest* request,
                                  v1::UpdateOrganizationResponse* response) override {
    return Take(gateway_->UpdateOrganization(*request), response);
  }

 private:
  template <typename Response>
  static grpc::Status Take(absl::StatusOr<Response> answer, Response* response) {
    if (answer.ok()) *response = *std::move(answer);
    return ToGrpcForTest(answer.status());
  }

  FakeGateway* const gateway_;
};

class FakeKeyService final : public v1::KeyService::Service {
 public:
  explicit FakeKeyService(FakeGateway* gateway) : gateway_(gateway) {}

  grpc::Status ListKeys(grpc::ServerContext*, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override {
    return Take(gateway_->ListKeys(*request), response);
  }
  grpc::Status GetKey(grpc::ServerContext*, const v1::GetKeyRequest* request,
                      v1::GetKeyResponse* response) override {
    return Take(gateway_->GetKey(*request), response);
  }
  grpc::Status RotateKey(grpc::ServerContext*, const v1::RotateKeyRequest* request,
                         v1::RotateKeyResponse* response) override {
    return Take(gateway_->RotateKey(*request), response);
  }
  grpc::Status DestroyKey(grpc::ServerContext*, const v1::DestroyKeyRequest* request,
                          v1::DestroyKeyResponse* response) override {
    return Take(gateway_->DestroyKey(*request), response);
  }

 private:
  template <typename Response>
  static grpc::Status Take(absl::StatusOr<Response> answer, Response* response) {
    if (answer.ok()) *response = *std::move(answer);
    return ToGrpcForTest(answer.status());
  }

  FakeGateway* const gateway_;
};

class FakeOptOutService final : public v1::OptOutService::Service {
 public:
  explicit FakeOptOutService(FakeGateway* gateway) : gateway_(gateway) {}
  grpc::Status OptOut(grpc::ServerContext*, const v1::OptOutRequest* request,
                      v1::OptOutResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->OptOut(*request);
    return grpc::Status::OK;
  }
  grpc::Status OptIn(grpc::ServerContext*, const v1::OptInRequest* request,
                     v1::OptInResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->OptIn(*request);
    return grpc::Status::OK;
  }
  grpc::Status CheckOptOuts(grpc::ServerContext*, const v1::CheckOptOutsRequest* request,
                            v1::CheckOptOutsResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    *response = *gateway_->CheckOptOuts(*request);
    return grpc::Status::OK;
  }

 private:
  absl::Mutex mutex_;
  FakeGateway* const gateway_;
};

class FakeMouService final : public v1::MouService::Service {
 public:
  explicit FakeMouService(FakeGateway* gateway) : gateway_(gateway) {}

  grpc::Status ListMous(grpc::ServerContext*, const v1::ListMousRequest* request,
                        v1::ListMousResponse* response) override {
    return Take(gateway_->ListMous(*request), response);
  }
  grpc::Status GetMou(grpc::ServerContext*, const v1::GetMouRequest* request,
                      v1::GetMouResponse* response) override {
    return Take(gateway_->GetMou(*request), response);
  }
  grpc::Status ProposeMou(grpc::ServerContext*, const v1::ProposeMouRequest* request,
                          v1::ProposeMouResponse* response) override {
    return Take(gateway_->ProposeMou(*request), response);
  }
  grpc::Status SignMou(grpc::ServerContext*, const v1::SignMouRequest* request,
                       v1::SignMouResponse* response) override {
    return Take(gateway_->SignMou(*request), response);
  }
  grpc::Status AttestDestruction(grpc::ServerContext*, const v1::AttestDestructionRequest* request,
                                 v1::AttestDestructionResponse* response) override {
    return Take(gateway_->AttestDestruction(*request), response);
  }
  grpc::Status SuspendMou(grpc::ServerContext*, const v1::SuspendMouRequest* request,
                          v1::SuspendMouResponse* response) override {
    return Take(gateway_->SuspendMou(*request), response);
  }
  grpc::Status ResumeMou(grpc::ServerContext*, const v1::ResumeMouRequest* request,
                         v1::ResumeMouResponse* response) override {
    return Take(gateway_->ResumeMou(*request), response);
  }
  grpc::Status TerminateMou(grpc::ServerContext*, const v1::TerminateMouRequest* request,
                            v1::TerminateMouResponse* response) override {
    return Take(gateway_->TerminateMou(*request), response);
  }
  grpc::Status WithdrawGrant(grpc::ServerContext*, const v1::WithdrawGrantRequest* request,
                             v1::WithdrawGrantResponse* response) override {
    return Take(gateway_->WithdrawGrant(*request), response);
  }

 private:
  template <typename Response>
  static grpc::Status Take(absl::StatusOr<Response> answer, Response* response) {
    if (answer.ok()) *response = *std::move(answer);
    return ToGrpcForTest(answer.status());
  }

  FakeGateway* const gateway_;
};

// A directory with the certificates of one organization, and a service that trusts it.
class ServiceForTest {
 public:
  explicit ServiceForTest(const std::string& directory)
      : directory_(directory),
        ca_(Root("gateway CA")),
        client_ca_(Root("organization CA")),
        exchange_(&gateway),
        audit_(&gateway),
        operator_(&gateway),
        keys_(&gateway),
        mous_(&gateway),
        opt_outs_(&gateway) {
    Write("ca.pem", ca_.certificate);
    WriteClient("system", client_ca_, Lasting());
    const pki::Credential server =
        *pki::MakeCertificate(pki::ServerSpec(pki::GatewaySpiffeId("sluice.example", "g"),
                                              {"localhost"}, {"127.0.0.1"}, Lasting()),
                              ca_);
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = client_ca_.certificate;
    tls.pem_key_cert_pairs.push_back({*server.key.ToPem(), server.certificate});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(&exchange_);
    builder.RegisterService(&audit_);
    builder.RegisterService(&operator_);
    builder.RegisterService(&keys_);
    builder.RegisterService(&mous_);
    builder.RegisterService(&opt_outs_);
    server_ = builder.BuildAndStart();
  }
  ~ServiceForTest() { Stop(); }

  void WhileNoCall(absl::FunctionRef<void()> look) { audit_.WhileNoCall(look); }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
  }

  static pki::Validity Lasting() {
    return {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)};
  }
  static pki::Credential Root(const std::string& name) {
    return *pki::MakeRoot(pki::CaSpec(name, "sluice.example", Lasting()));
  }
  // {name}.pem and {name}.key, of a system of river-unified.
  void WriteClient(const std::string& name, const pki::Credential& ca, pki::Validity validity) {
    const pki::Credential client = *pki::MakeCertificate(
        pki::ClientSpec(
            pki::OrganizationSpiffeId("sluice.example", "river-unified", "system", name), validity),
        ca);
    Write(name + ".pem", client.certificate);
    Write(name + ".key", *client.key.ToPem());
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(ReplaceFile(Path(name), text).ok());
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string target() const { return absl::StrCat("127.0.0.1:", port_); }
  const pki::Credential& client_ca() const { return client_ca_; }

  ConnectionOptions Options(const std::string& client = "system") const {
    ConnectionOptions options;
    options.target = target();
    options.ca_file = Path("ca.pem");
    options.certificate_file = Path(client + ".pem");
    options.key_file = Path(client + ".key");
    return options;
  }

  FakeGateway gateway;

 private:
  const std::string directory_;
  const pki::Credential ca_;
  const pki::Credential client_ca_;
  FakeExchangeService exchange_;
  FakeAuditService audit_;
  FakeOperatorService operator_;
  FakeKeyService keys_;
  FakeMouService mous_;
  FakeOptOutService opt_outs_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_FAKE_SERVICE_FOR_TEST_H_
