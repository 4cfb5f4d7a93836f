// The gateway as the client library uses it: its calls as plain functions over messages, one
// attempt each. `Connect` (connection.h) gives one that speaks gRPC; everything else here knows
// this interface only.
//
// Thread-safe; its streams are not, and must end before it.
#ifndef SLUICE_CLIENT_GATEWAY_H_
#define SLUICE_CLIENT_GATEWAY_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sluice/v1/audit_service.pb.h"
#include "sluice/v1/exchange_service.pb.h"
#include "sluice/v1/key_service.pb.h"
#include "sluice/v1/mou_service.pb.h"
#include "sluice/v1/operator_service.pb.h"
#include "sluice/v1/opt_out_service.pb.h"

namespace sluice::client {

// A release under way. Dropped early, the call is cancelled.
class ReadStream {
 public:
  virtual ~ReadStream() = default;
  // False at the stream's end: Finish says why.
  virtual bool Read(v1::ReadRecordsResponse* response) = 0;
  virtual absl::Status Finish() = 0;
};

// One's own records on their way back. Dropped early, the call is cancelled.
class OwnReadStream {
 public:
  virtual ~OwnReadStream() = default;
  // False at the stream's end: Finish says why.
  virtual bool Read(v1::ReadOwnRecordsResponse* response) = 0;
  virtual absl::Status Finish() = 0;
};

// A publish under way. Dropped early, the call is cancelled.
class PublishStream {
 public:
  virtual ~PublishStream() = default;
  // False once the stream is broken: Finish says why.
  virtual bool Write(const v1::PublishRecordsRequest& request) = 0;
  virtual void WritesDone() = 0;
  virtual bool Read(v1::PublishRecordsResponse* response) = 0;
  virtual absl::Status Finish() = 0;
};

class Gateway {
 public:
  virtual ~Gateway() = default;

  virtual std::unique_ptr<PublishStream> PublishRecords() = 0;
  virtual std::unique_ptr<ReadStream> ReadRecords(const v1::ReadRecordsRequest& request) = 0;

  virtual std::unique_ptr<OwnReadStream> ReadOwnRecords(
      const v1::ReadOwnRecordsRequest& request) = 0;

  virtual absl::StatusOr<v1::DeleteRecordsResponse> DeleteRecords(
      const v1::DeleteRecordsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetRecordResponse> GetRecord(const v1::GetRecordRequest& request) = 0;
  virtual absl::StatusOr<v1::ListGrantsResponse> ListGrants(
      const v1::ListGrantsRequest& request) = 0;
  virtual absl::StatusOr<v1::ExplainDecisionResponse> ExplainDecision(
      const v1::ExplainDecisionRequest& request) = 0;

  virtual absl::StatusOr<v1::GetRecordStatusResponse> GetRecordStatus(
      const v1::GetRecordStatusRequest& request) = 0;
  virtual absl::StatusOr<v1::WithdrawRecordsResponse> WithdrawRecords(
      const v1::WithdrawRecordsRequest& request) = 0;
  virtual absl::StatusOr<v1::PreviewGrantResponse> PreviewGrant(
      const v1::PreviewGrantRequest& request) = 0;
  virtual absl::StatusOr<v1::ExplainRowResponse> ExplainRow(
      const v1::ExplainRowRequest& request) = 0;

  virtual absl::StatusOr<v1::ListOrganizationsResponse> ListOrganizations(
      const v1::ListOrganizationsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetOrganizationResponse> GetOrganization(
      const v1::GetOrganizationRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateOrganizationResponse> CreateOrganization(
      const v1::CreateOrganizationRequest& request) = 0;
  virtual absl::StatusOr<v1::UpdateOrganizationResponse> UpdateOrganization(
      const v1::UpdateOrganizationRequest& request) = 0;

  virtual absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) = 0;
  virtual absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::RotateKeyResponse> RotateKey(const v1::RotateKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::DestroyKeyResponse> DestroyKey(
      const v1::DestroyKeyRequest& request) = 0;

  virtual absl::StatusOr<v1::ListMousResponse> ListMous(const v1::ListMousRequest& request) = 0;
  virtual absl::StatusOr<v1::GetMouResponse> GetMou(const v1::GetMouRequest& request) = 0;
  virtual absl::StatusOr<v1::ProposeMouResponse> ProposeMou(
      const v1::ProposeMouRequest& request) = 0;
  virtual absl::StatusOr<v1::SignMouResponse> SignMou(const v1::SignMouRequest& request) = 0;
  virtual absl::StatusOr<v1::AttestDestructionResponse> AttestDestruction(
      const v1::AttestDestructionRequest& request) = 0;
  virtual absl::StatusOr<v1::SuspendMouResponse> SuspendMou(
      const v1::SuspendMouRequest& request) = 0;
  virtual absl::StatusOr<v1::ResumeMouResponse> ResumeMou(const v1::ResumeMouRequest& request) = 0;
  virtual absl::StatusOr<v1::TerminateMouResponse> TerminateMou(
      const v1::TerminateMouRequest& request) = 0;
  virtual absl::StatusOr<v1::WithdrawGrantResponse> WithdrawGrant(
      const v1::WithdrawGrantRequest& request) = 0;

  virtual absl::StatusOr<v1::ListEntriesResponse> ListEntries(
      const v1::ListEntriesRequest& request) = 0;
  virtual absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint() = 0;
  virtual absl::StatusOr<v1::GetInclusionProofResponse> GetInclusionProof(
      const v1::GetInclusionProofRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) = 0;
  virtual absl::StatusOr<v1::ListSubjectDisclosuresResponse> ListSubjectDisclosures(
      const v1::ListSubjectDisclosuresRequest& request) = 0;
  virtual absl::StatusOr<v1::ListOpeningsResponse> ListOpenings(
      const v1::ListOpeningsRequest& request) = 0;
  virtual absl::StatusOr<v1::EraseSubjectResponse> EraseSubject(
      const v1::EraseSubjectRequest& request) = 0;

  virtual absl::StatusOr<v1::OptOutResponse> OptOut(const v1::OptOutRequest& request) = 0;
  virtual absl::StatusOr<v1::OptInResponse> OptIn(const v1::OptInRequest& request) = 0;
  virtual absl::StatusOr<v1::CheckOptOutsResponse> CheckOptOuts(
      const v1::CheckOptOutsRequest& request) = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_GATEWAY_H_
