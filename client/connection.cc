#include "client/connection.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/certificate.h"
#include "client/error.h"
#include "client/file.h"
#include "sluice/v1/audit_service.grpc.pb.h"
#include "sluice/v1/exchange_service.grpc.pb.h"
#include "sluice/v1/key_service.grpc.pb.h"
#include "sluice/v1/mou_service.grpc.pb.h"
#include "sluice/v1/operator_service.grpc.pb.h"
#include "sluice/v1/opt_out_service.grpc.pb.h"

namespace sluice::client {
namespace {

// A batch of rows is at most some MiB; a single record at most one.
constexpr int kMaxMessageBytes = 16 << 20;
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

// What the channel knows of both ends, for its errors.
struct Ends {
  std::string target;
  std::string server_name;
  std::string ca_file;
  CertificateFacts certificate;
  // Whether a call was ever answered: then a connection that closes was not refused.
  mutable std::atomic<bool> answered = false;
};

// gRPC says little of why no connection stands; the text is all there is to tell the cases apart.
std::string ExplainUnavailable(const Ends& ends, const std::string& message) {
  const std::string start = absl::StrCat("can't reach the gateway at ", ends.target, ": ");
  if (absl::StrContains(message, "Connection refused")) {
    return absl::StrCat(start, "nothing listens there");
  }
  if (absl::StrContains(message, "DNS resolution failed") ||
      absl::StrContains(message, "Domain name not found")) {
    return absl::StrCat(start, "the name can't be resolved");
  }
  if (absl::StrContains(message, "CERTIFICATE_VERIFY_FAILED") ||
      absl::StrContains(message, "certificate verify failed")) {
    return absl::StrCat(start, "its certificate does not stand under a CA of ", ends.ca_file,
                        ", or has expired");
  }
  if (absl::StrContains(message, "Hostname Verification") ||
      absl::StrContains(message, "not match peer")) {
    return absl::StrCat(start, "its certificate is for another name than ",
                        ends.server_name.empty() ? ends.target : ends.server_name,
                        " (set server_name if that is right)");
  }
  if (absl::StrContains(message, "WRONG_VERSION_NUMBER")) {
    return absl::StrCat(start, "it does not speak TLS");
  }
  if (ends.answered) return absl::StrCat(start, "the connection was lost");
  if (absl::StrContains(message, "Socket closed") || absl::StrContains(message, "andshake") ||
      absl::StrContains(message, "Connection reset") || absl::StrContains(message, "SSL") ||
      absl::StrContains(message, "recvmsg")) {
    return absl::StrCat(start, "the connection was closed; ",
                        ExplainRefusal(ends.certificate, absl::Now()));
  }
  return absl::StrCat(start, message);
}

absl::Status FromGrpc(const Ends& ends, const grpc::Status& status) {
  if (status.ok() || !status.error_details().empty()) ends.answered = true;
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // The gateway's own UNAVAILABLE has details and speaks for itself.
  if (code == absl::StatusCode::kUnavailable && status.error_details().empty()) {
    return absl::UnavailableError(ExplainUnavailable(ends, status.error_message()));
  }
  if (code == absl::StatusCode::kDeadlineExceeded && status.error_details().empty()) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer from the gateway at ", ends.target, " in time"));
  }
  return MakeStatus(code, status.error_message(), status.error_details());
}

class GrpcReadStream final : public ReadStream {
 public:
  GrpcReadStream(const Ends& ends, v1::ExchangeService::Stub& stub,
                 const v1::ReadRecordsRequest& request)
      : ends_(ends), reader_(stub.ReadRecords(&context_, request)) {}
  ~GrpcReadStream() override {
    if (finished_) return;
    context_.TryCancel();
    reader_->Finish();
  }

  bool Read(v1::ReadRecordsResponse* response) override {
    const bool read = reader_->Read(response);
    if (read) ends_.answered = true;
    return read;
  }
  absl::Status Finish() override {
    finished_ = true;
    return FromGrpc(ends_, reader_->Finish());
  }

 private:
  const Ends& ends_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReader<v1::ReadRecordsResponse>> reader_;
  bool finished_ = false;
};

class GrpcOwnReadStream final : public OwnReadStream {
 public:
  GrpcOwnReadStream(const Ends& ends, v1::ExchangeService::Stub& stub,
                    const v1::ReadOwnRecordsRequest& request)
      : ends_(ends), reader_(stub.ReadOwnRecords(&context_, request)) {}
  ~GrpcOwnReadStream() override {
    if (finished_) return;
    context_.TryCancel();
    reader_->Finish();
  }

  bool Read(v1::ReadOwnRecordsResponse* response) override {
    const bool read = reader_->Read(response);
    if (read) ends_.answered = true;
    return read;
  }
  absl::Status Finish() override {
    finished_ = true;
    return FromGrpc(ends_, reader_->Finish());
  }

 private:
  const Ends& ends_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReader<v1::ReadOwnRecordsResponse>> reader_;
  bool finished_ = false;
};

class GrpcPublishStream final : public PublishStream {
 public:
  GrpcPublishStream(const Ends& ends, v1::ExchangeService::Stub& stub)
      : ends_(ends), stream_(stub.PublishRecords(&context_)) {}
  ~GrpcPublishStream() override {
    if (finished_) return;
    context_.TryCancel();
    stream_->Finish();
  }

  bool Write(const v1::PublishRecordsRequest& request) override { return stream_->Write(request); }
  void WritesDone() override { stream_->WritesDone(); }
  bool Read(v1::PublishRecordsResponse* response) override {
    const bool read = stream_->Read(response);
    if (read) ends_.answered = true;
    return read;
  }
  absl::Status Finish() override {
    finished_ = true;
    return FromGrpc(ends_, stream_->Finish());
  }

 private:
  const Ends& ends_;
  grpc::ClientContext context_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::PublishRecordsRequest, v1::PublishRecordsResponse>>
      stream_;
  bool finished_ = false;
};

class GrpcGateway final : public Gateway {
 public:
  GrpcGateway(const ConnectionOptions& options, CertificateFacts certificate,
              std::shared_ptr<grpc::Channel> channel)
      : ends_{options.target, options.server_name, options.ca_file, std::move(certificate)},
        deadline_(options.deadline),
        exchange_(v1::ExchangeService::NewStub(channel)),
        audit_(v1::AuditService::NewStub(channel)),
        operator_(v1::OperatorService::NewStub(channel)),
        keys_(v1::KeyService::NewStub(channel)),
        mous_(v1::MouService::NewStub(channel)),
        opt_outs_(v1::OptOutService::NewStub(channel)) {}

  std::unique_ptr<PublishStream> PublishRecords() override {
    return std::make_unique<GrpcPublishStream>(ends_, *exchange_);
  }
  std::unique_ptr<ReadStream> ReadRecords(const v1::ReadRecordsRequest& request) override {
    return std::make_unique<GrpcReadStream>(ends_, *exchange_, request);
  }
  std::unique_ptr<OwnReadStream> ReadOwnRecords(const v1::ReadOwnRecordsRequest& request) override {
    return std::make_unique<GrpcOwnReadStream>(ends_, *exchange_, request);
  }
  absl::StatusOr<v1::DeleteRecordsResponse> DeleteRecords(
      const v1::DeleteRecordsRequest& request) override {
    return Unary<v1::DeleteRecordsResponse>(*exchange_, &v1::ExchangeService::Stub::DeleteRecords,
                                            request);
  }
  absl::StatusOr<v1::GetRecordResponse> GetRecord(const v1::GetRecordRequest& request) override {
    return Unary<v1::GetRecordResponse>(*exchange_, &v1::ExchangeService::Stub::GetRecord, request);
  }
  absl::StatusOr<v1::ListGrantsResponse> ListGrants(const v1::ListGrantsRequest& request) override {
    return Unary<v1::ListGrantsResponse>(*exchange_, &v1::ExchangeService::Stub::ListGrants,
                                         request);
  }
  absl::StatusOr<v1::ExplainDecisionResponse> ExplainDecision(
      const v1::ExplainDecisionRequest& request) override {
    return Unary<v1::ExplainDecisionResponse>(*exchange_,
                                              &v1::ExchangeService::Stub::ExplainDecision, request);
  }
  absl::StatusOr<v1::GetRecordStatusResponse> GetRecordStatus(
      const v1::GetRecordStatusRequest& request) override {
    return Unary<v1::GetRecordStatusResponse>(*exchange_,
                                              &v1::ExchangeService::Stub::GetRecordStatus, request);
  }
  absl::StatusOr<v1::WithdrawRecordsResponse> WithdrawRecords(
      const v1::WithdrawRecordsRequest& request) override {
    return Unary<v1::WithdrawRecordsResponse>(*exchange_,
                                              &v1::ExchangeService::Stub::WithdrawRecords, request);
  }
  absl::StatusOr<v1::PreviewGrantResponse> PreviewGrant(
      const v1::PreviewGrantRequest& request) override {
    return Unary<v1::PreviewGrantResponse>(*exchange_, &v1::ExchangeService::Stub::PreviewGrant,
                                           request);
  }
  absl::StatusOr<v1::ExplainRowResponse> ExplainRow(const v1::ExplainRowRequest& request) override {
    return Unary<v1::ExplainRowResponse>(*exchange_, &v1::ExchangeService::Stub::ExplainRow,
                                         request);
  }
  absl::StatusOr<v1::ListOrganizationsResponse> ListOrganizations(
      const v1::ListOrganizationsRequest& request) override {
    return Unary<v1::ListOrganizationsResponse>(
        *operator_, &v1::OperatorService::Stub::ListOrganizations, request);
  }
  absl::StatusOr<v1::GetOrganizationResponse> GetOrganization(
      const v1::GetOrganizationRequest& request) override {
    return Unary<v1::GetOrganizationResponse>(*operator_,
                                              &v1::OperatorService::Stub::GetOrganization, request);
  }
  absl::StatusOr<v1::CreateOrganizationResponse> CreateOrganization(
      const v1::CreateOrganizationRequest& request) override {
    return Unary<v1::CreateOrganizationResponse>(
        *operator_, &v1::OperatorService::Stub::CreateOrganization, request);
  }
  absl::StatusOr<v1::UpdateOrganizationResponse> UpdateOrganization(
      const v1::UpdateOrganizationRequest& request) override {
    return Unary<v1::UpdateOrganizationResponse>(
        *operator_, &v1::OperatorService::Stub::UpdateOrganization, request);
  }
  absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) override {
    return Unary<v1::ListKeysResponse>(*keys_, &v1::KeyService::Stub::ListKeys, request);
  }
  absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest& request) override {
    return Unary<v1::GetKeyResponse>(*keys_, &v1::KeyService::Stub::GetKey, request);
  }
  absl::StatusOr<v1::RotateKeyResponse> RotateKey(const v1::RotateKeyRequest& request) override {
    return Unary<v1::RotateKeyResponse>(*keys_, &v1::KeyService::Stub::RotateKey, request);
  }
  absl::StatusOr<v1::DestroyKeyResponse> DestroyKey(const v1::DestroyKeyRequest& request) override {
    return Unary<v1::DestroyKeyResponse>(*keys_, &v1::KeyService::Stub::DestroyKey, request);
  }
  absl::StatusOr<v1::ListMousResponse> ListMous(const v1::ListMousRequest& request) override {
    return Unary<v1::ListMousResponse>(*mous_, &v1::MouService::Stub::ListMous, request);
  }
  absl::StatusOr<v1::GetMouResponse> GetMou(const v1::GetMouRequest& request) override {
    return Unary<v1::GetMouResponse>(*mous_, &v1::MouService::Stub::GetMou, request);
  }
  absl::StatusOr<v1::ProposeMouResponse> ProposeMou(const v1::ProposeMouRequest& request) override {
    return Unary<v1::ProposeMouResponse>(*mous_, &v1::MouService::Stub::ProposeMou, request);
  }
  absl::StatusOr<v1::SignMouResponse> SignMou(const v1::SignMouRequest& request) override {
    return Unary<v1::SignMouResponse>(*mous_, &v1::MouService::Stub::SignMou, request);
  }
  absl::StatusOr<v1::AttestDestructionResponse> AttestDestruction(
      const v1::AttestDestructionRequest& request) override {
    return Unary<v1::AttestDestructionResponse>(*mous_, &v1::MouService::Stub::AttestDestruction,
                                                request);
  }
  absl::StatusOr<v1::SuspendMouResponse> SuspendMou(const v1::SuspendMouRequest& request) override {
    return Unary<v1::SuspendMouResponse>(*mous_, &v1::MouService::Stub::SuspendMou, request);
  }
  absl::StatusOr<v1::ResumeMouResponse> ResumeMou(const v1::ResumeMouRequest& request) override {
    return Unary<v1::ResumeMouResponse>(*mous_, &v1::MouService::Stub::ResumeMou, request);
  }
  absl::StatusOr<v1::TerminateMouResponse> TerminateMou(
      const v1::TerminateMouRequest& request) override {
    return Unary<v1::TerminateMouResponse>(*mous_, &v1::MouService::Stub::TerminateMou, request);
  }
  absl::StatusOr<v1::WithdrawGrantResponse> WithdrawGrant(
      const v1::WithdrawGrantRequest& request) override {
    return Unary<v1::WithdrawGrantResponse>(*mous_, &v1::MouService::Stub::WithdrawGrant, request);
  }
  absl::StatusOr<v1::ListEntriesResponse> ListEntries(
      const v1::ListEntriesRequest& request) override {
    return Unary<v1::ListEntriesResponse>(*audit_, &v1::AuditService::Stub::ListEntries, request);
  }
  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint() override {
    return Unary<v1::GetCheckpointResponse>(*audit_, &v1::AuditService::Stub::GetCheckpoint,
                                            v1::GetCheckpointRequest());
  }
  absl::StatusOr<v1::GetInclusionProofResponse> GetInclusionProof(
      const v1::GetInclusionProofRequest& request) override {
    return Unary<v1::GetInclusionProofResponse>(*audit_, &v1::AuditService::Stub::GetInclusionProof,
                                                request);
  }
  absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) override {
    return Unary<v1::GetConsistencyProofResponse>(
        *audit_, &v1::AuditService::Stub::GetConsistencyProof, request);
  }
  absl::StatusOr<v1::ListSubjectDisclosuresResponse> ListSubjectDisclosures(
      const v1::ListSubjectDisclosuresRequest& request) override {
    return Unary<v1::ListSubjectDisclosuresResponse>(
        *audit_, &v1::AuditService::Stub::ListSubjectDisclosures, request);
  }
  absl::StatusOr<v1::ListOpeningsResponse> ListOpenings(
      const v1::ListOpeningsRequest& request) override {
    return Unary<v1::ListOpeningsResponse>(*audit_, &v1::AuditService::Stub::ListOpenings, request);
  }
  absl::StatusOr<v1::EraseSubjectResponse> EraseSubject(
      const v1::EraseSubjectRequest& request) override {
    return Unary<v1::EraseSubjectResponse>(*audit_, &v1::AuditService::Stub::EraseSubject, request);
  }
  absl::StatusOr<v1::OptOutResponse> OptOut(const v1::OptOutRequest& request) override {
    return Unary<v1::OptOutResponse>(*opt_outs_, &v1::OptOutService::Stub::OptOut, request);
  }
  absl::StatusOr<v1::OptInResponse> OptIn(const v1::OptInRequest& request) override {
    return Unary<v1::OptInResponse>(*opt_outs_, &v1::OptOutService::Stub::OptIn, request);
  }
  absl::StatusOr<v1::CheckOptOutsResponse> CheckOptOuts(
      const v1::CheckOptOutsRequest& request) override {
    return Unary<v1::CheckOptOutsResponse>(*opt_outs_, &v1::OptOutService::Stub::CheckOptOuts,
                                           request);
  }

 private:
  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Unary(Stub& stub,
                                 grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&,
                                                            Response*),
                                 const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline_));
    Response response;
    const absl::Status status = FromGrpc(ends_, (stub.*call)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  const Ends ends_;
  const absl::Duration deadline_;
  const std::unique_ptr<v1::ExchangeService::Stub> exchange_;
  const std::unique_ptr<v1::AuditService::Stub> audit_;
  const std::unique_ptr<v1::OperatorService::Stub> operator_;
  const std::unique_ptr<v1::KeyService::Stub> keys_;
  const std::unique_ptr<v1::MouService::Stub> mous_;
  const std::unique_ptr<v1::OptOutService::Stub> opt_outs_;
};

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Connect(ConnectionOptions options) {
  if (options.target.empty()) return absl::InvalidArgumentError("no gateway is named");
  absl::StatusOr<std::string> ca = ReadFile(options.ca_file);
  if (!ca.ok()) return ca.status();
  if (auto facts = ReadCertificate(*ca); !facts.ok()) {
    return InFile(options.ca_file, facts.status());
  }
  absl::StatusOr<std::string> certificate = ReadFile(options.certificate_file);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<CertificateFacts> facts = ReadCertificate(*certificate);
  if (!facts.ok()) return InFile(options.certificate_file, facts.status());
  absl::StatusOr<policy::Secret> key = ReadSecretFile(options.key_file);
  if (!key.ok()) return key.status();
  if (const absl::Status match = CheckKeyMatches(*certificate, *key); !match.ok()) {
    return InFile(options.key_file, match);
  }

  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = *std::move(ca);
  tls.pem_cert_chain = *std::move(certificate);
  tls.pem_private_key.assign(reinterpret_cast<const char*>(key->bytes().data()), key->size());
  const std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::SslCredentials(tls);
  OPENSSL_cleanse(tls.pem_private_key.data(), tls.pem_private_key.size());

  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Retry (retry.h) decides when to ask again; gRPC's own would repeat what is not safe to repeat.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetUserAgentPrefix("sluice-client");
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  auto channel = grpc::CreateCustomChannel(options.target, credentials, arguments);
  return std::make_unique<GrpcGateway>(options, *std::move(facts), std::move(channel));
}

}  // namespace sluice::client
