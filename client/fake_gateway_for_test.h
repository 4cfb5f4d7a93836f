// A gateway in memory whose streams break where a test says.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_FAKE_GATEWAY_FOR_TEST_H_
#define SLUICE_CLIENT_FAKE_GATEWAY_FOR_TEST_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/gateway.h"
#include "client/log_for_test.h"
#include "client/release_reader.h"
#include "google/protobuf/any.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace sluice::client {

// A denial as the gateway sends one.
inline absl::Status DenialForTest() {
  google::rpc::Status wire;
  wire.set_code(7);
  google::rpc::ErrorInfo info;
  info.set_domain("sluice");
  info.set_reason("PURPOSE_NOT_GRANTED");
  wire.add_details()->PackFrom(info);
  google::rpc::PreconditionFailure failure;
  for (const char* description : {"purpose, hiring_pipeline is granted", "period, expired"}) {
    auto* violation = failure.add_violations();
    violation->set_type("PURPOSE_NOT_GRANTED");
    violation->set_subject("expected-completers");
    violation->set_description(description);
  }
  wire.add_details()->PackFrom(failure);
  google::rpc::RequestInfo request;
  request.set_request_id("00112233445566778899aabbccddeeff");
  wire.add_details()->PackFrom(request);
  return MakeStatus(absl::StatusCode::kPermissionDenied, "no grant is for this purpose",
                    wire.SerializeAsString());
}

// One stream of a release.
struct ScriptForTest {
  std::vector<v1::ReadRecordsResponse> messages;
  absl::Status end;
};

// Rows begin to end, in batches, as a gateway would stream them from a page token on.
inline ScriptForTest ReleaseForTest(const std::vector<v1::Row>& rows, size_t batch_size,
                                    size_t begin = 0) {
  ScriptForTest script;
  v1::ReleaseHeader& header = *script.messages.emplace_back().mutable_header();
  header.set_decision_id(absl::StrCat("decision-", begin));
  header.set_mou("stem-pipeline");
  header.set_version(1);
  header.set_purpose("hiring_pipeline");
  header.set_record_type("Candidate");
  for (const char* path : {"subject_area", "expected_completion_year"}) {
    v1::ReleasedField& field = *header.add_fields();
    field.set_path(path);
    field.mutable_rule()->mutable_pass();
  }
  RowsDigest digest;
  for (size_t i = begin; i < rows.size(); i += batch_size) {
    v1::RowBatch& batch = *script.messages.emplace_back().mutable_batch();
    const size_t end = std::min(rows.size(), i + batch_size);
    for (size_t r = i; r < end; ++r) {
      batch.add_row_ids(rows[r].row_id());
      batch.add_records(rows[r].record());
      digest.Add(rows[r].row_id(), rows[r].record());
    }
    batch.set_next_page_token(absl::StrCat(end));
  }
  v1::ReleaseTrailer& trailer = *script.messages.emplace_back().mutable_trailer();
  trailer.set_row_count(static_cast<int64_t>(rows.size() - begin));
  trailer.set_rows_digest(digest.Finish());
  trailer.set_log_index(42);
  return script;
}

class FakeGateway : public Gateway {
 public:
  // --- Releases: each call takes the next script. ---
  std::deque<ScriptForTest> scripts;
  std::vector<v1::ReadRecordsRequest> reads;

  std::unique_ptr<ReadStream> ReadRecords(const v1::ReadRecordsRequest& request) override {
    reads.push_back(request);
    ScriptForTest script = {{}, absl::InternalError("no script is left")};
    if (!scripts.empty()) {
      script = std::move(scripts.front());
      scripts.pop_front();
    }
    return std::make_unique<ScriptedRead>(std::move(script));
  }

  // --- Publishes: a stream breaks after so many batches were taken; then the next. ---
  std::deque<int> breaks;
  bool answers_before_break = true;  // or the answers are lost with the stream
  // By request id: what was committed; a request that comes again is answered as before.
  std::map<std::string, v1::PublishRecordsResponse> committed;
  std::vector<std::string> written;  // request ids in the order in which they came
  std::function<void(const v1::PublishRecordsRequest&, v1::PublishRecordsResponse&)> judge;
  size_t most_unanswered = 0;

  std::unique_ptr<PublishStream> PublishRecords() override {
    int left = -1;
    if (!breaks.empty()) {
      left = breaks.front();
      breaks.pop_front();
    }
    return std::make_unique<FakePublish>(*this, left);
  }

  // --- Unary: what is asked is answered by `unary_error`, or an empty response. ---
  absl::Status unary_error;
  v1::ListGrantsResponse grants;
  v1::GetRecordResponse row;
  std::vector<v1::GetRecordRequest> gets;

  absl::StatusOr<v1::DeleteRecordsResponse> DeleteRecords(
      const v1::DeleteRecordsRequest& request) override {
    if (!unary_error.ok()) return unary_error;
    v1::DeleteRecordsResponse response;
    response.set_deleted_count(request.keys_size());
    return response;
  }
  absl::StatusOr<v1::GetRecordResponse> GetRecord(const v1::GetRecordRequest& request) override {
    gets.push_back(request);
    if (!unary_error.ok()) return unary_error;
    return row;
  }
  absl::StatusOr<v1::ListGrantsResponse> ListGrants(const v1::ListGrantsRequest&) override {
    if (!unary_error.ok()) return unary_error;
    return grants;
  }
  absl::StatusOr<v1::ExplainDecisionResponse> ExplainDecision(
      const v1::ExplainDecisionRequest&) override {
    if (!unary_error.ok()) return unary_error;
    return v1::ExplainDecisionResponse();
  }

  // --- The owner's own ---
  std::vector<v1::ReadOwnRecordsRequest> own_reads;                 // as they were asked
  std::deque<std::vector<v1::ReadOwnRecordsResponse>> own_streams;  // one a read; then UNAVAILABLE
  v1::GetRecordStatusResponse record_status;
  v1::WithdrawRecordsResponse withdrawn;
  std::vector<v1::WithdrawRecordsRequest> withdraws;
  v1::PreviewGrantResponse preview;
  v1::ExplainRowResponse explanation;

  std::unique_ptr<OwnReadStream> ReadOwnRecords(const v1::ReadOwnRecordsRequest& request) override {
    own_reads.push_back(request);
    std::vector<v1::ReadOwnRecordsResponse> messages;
    if (!own_streams.empty()) {
      messages = std::move(own_streams.front());
      own_streams.pop_front();
    }
    const bool whole = !messages.empty() && messages.back().has_trailer();
    return std::make_unique<ScriptedOwnRead>(
        std::move(messages), whole ? unary_error : absl::UnavailableError("the stream broke"));
  }
  absl::StatusOr<v1::GetRecordStatusResponse> GetRecordStatus(
      const v1::GetRecordStatusRequest&) override {
    if (!unary_error.ok()) return unary_error;
    return record_status;
  }
  absl::StatusOr<v1::WithdrawRecordsResponse> WithdrawRecords(
      const v1::WithdrawRecordsRequest& request) override {
    withdraws.push_back(request);
    if (!unary_error.ok()) return unary_error;
    return withdrawn;
  }
  absl::StatusOr<v1::PreviewGrantResponse> PreviewGrant(const v1::PreviewGrantRequest&) override {
    if (!unary_error.ok()) return unary_error;
    return preview;
  }
  absl::StatusOr<v1::ExplainRowResponse> ExplainRow(const v1::ExplainRowRequest&) override {
    if (!unary_error.ok()) return unary_error;
    return explanation;
  }

  // --- Keys: one a page. ---
  std::vector<v1::Key> keys;
  std::vector<v1::RotateKeyRequest> rotations;
  std::vector<v1::DestroyKeyRequest> destructions;
  v1::DestroyKeyResponse destroyed;

  absl::StatusOr<v1::ListKeysResponse> ListKeys(const v1::ListKeysRequest& request) override {
    if (!unary_error.ok()) return unary_error;
    v1::ListKeysResponse response;
    const size_t at = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    if (at < keys.size()) *response.add_keys() = keys[at];
    if (at + 1 < keys.size()) response.set_next_page_token(absl::StrCat(at + 1));
    return response;
  }
  // Each time it is asked for, what is left becomes less.
  absl::StatusOr<v1::GetKeyResponse> GetKey(const v1::GetKeyRequest& request) override {
    v1::GetKeyResponse response;
    for (v1::Key& key : keys) {
      if (key.name() != request.name()) continue;
      v1::KeyVersion& last = *key.mutable_versions(key.versions_size() - 1);
      last.set_remaining_rows(last.remaining_rows() / 2);
      if (last.remaining_rows() == 0) last.set_state(v1::KEY_VERSION_STATE_EMPTY);
      *response.mutable_key() = key;
    }
    return response;
  }
  absl::StatusOr<v1::RotateKeyResponse> RotateKey(const v1::RotateKeyRequest& request) override {
    rotations.push_back(request);
    if (!unary_error.ok()) return unary_error;
    v1::RotateKeyResponse response;
    for (const v1::Key& key : keys) {
      if (key.name() == request.name()) *response.mutable_key() = key;
    }
    return response;
  }
  absl::StatusOr<v1::DestroyKeyResponse> DestroyKey(const v1::DestroyKeyRequest& request) override {
    destructions.push_back(request);
    if (!unary_error.ok()) return unary_error;
    return destroyed;
  }

  // --- MOUs ---
  std::vector<v1::MouStatus> mous;              // by name; one a page
  std::vector<google::protobuf::Any> mou_acts;  // their requests

  absl::StatusOr<v1::ListMousResponse> ListMous(const v1::ListMousRequest& request) override {
    if (!unary_error.ok()) return unary_error;
    v1::ListMousResponse response;
    const size_t at = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    if (at < mous.size()) *response.add_mous() = mous[at];
    if (at + 1 < mous.size()) response.set_next_page_token(absl::StrCat(at + 1));
    return response;
  }
  absl::StatusOr<v1::GetMouResponse> GetMou(const v1::GetMouRequest& request) override {
    return OfMou<v1::GetMouResponse>(request);
  }
  absl::StatusOr<v1::ProposeMouResponse> ProposeMou(const v1::ProposeMouRequest& request) override {
    mou_acts.emplace_back().PackFrom(request);
    if (!unary_error.ok()) return unary_error;
    v1::ProposeMouResponse response;
    if (!mous.empty()) *response.mutable_mou() = mous.front();
    return response;
  }
  absl::StatusOr<v1::SignMouResponse> SignMou(const v1::SignMouRequest& request) override {
    return Acted<v1::SignMouResponse>(request);
  }
  absl::StatusOr<v1::AttestDestructionResponse> AttestDestruction(
      const v1::AttestDestructionRequest& request) override {
    return Acted<v1::AttestDestructionResponse>(request);
  }
  absl::StatusOr<v1::SuspendMouResponse> SuspendMou(const v1::SuspendMouRequest& request) override {
    return Acted<v1::SuspendMouResponse>(request);
  }
  absl::StatusOr<v1::ResumeMouResponse> ResumeMou(const v1::ResumeMouRequest& request) override {
    return Acted<v1::ResumeMouResponse>(request);
  }
  absl::StatusOr<v1::TerminateMouResponse> TerminateMou(
      const v1::TerminateMouRequest& request) override {
    return Acted<v1::TerminateMouResponse>(request);
  }
  absl::StatusOr<v1::WithdrawGrantResponse> WithdrawGrant(
      const v1::WithdrawGrantRequest& request) override {
    return Acted<v1::WithdrawGrantResponse>(request);
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> OfMou(const Request& request) {
    if (!unary_error.ok()) return unary_error;
    Response response;
    for (const v1::MouStatus& mou : mous) {
      const std::string& name = request.name();
      if (mou.name() == name.substr(0, name.find("/versions/"))) *response.mutable_mou() = mou;
    }
    return response;
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Acted(const Request& request) {
    mou_acts.emplace_back().PackFrom(request);
    return OfMou<Response>(request);
  }

  // --- The operator's ---
  std::vector<v1::TrustedOrganization> organizations;  // by name; one a page
  std::vector<v1::CreateOrganizationRequest> creates;
  std::vector<v1::UpdateOrganizationRequest> updates;

  absl::StatusOr<v1::ListOrganizationsResponse> ListOrganizations(
      const v1::ListOrganizationsRequest& request) override {
    if (!unary_error.ok()) return unary_error;
    v1::ListOrganizationsResponse response;
    const size_t i = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    if (i < organizations.size()) *response.add_organizations() = organizations[i];
    if (i + 1 < organizations.size()) response.set_next_page_token(absl::StrCat(i + 1));
    return response;
  }
  absl::StatusOr<v1::GetOrganizationResponse> GetOrganization(
      const v1::GetOrganizationRequest& request) override {
    v1::GetOrganizationResponse response;
    for (const v1::TrustedOrganization& organization : organizations) {
      if (organization.name() == request.name()) *response.mutable_organization() = organization;
    }
    if (!response.has_organization()) return absl::NotFoundError("no such organization");
    return response;
  }
  absl::StatusOr<v1::CreateOrganizationResponse> CreateOrganization(
      const v1::CreateOrganizationRequest& request) override {
    creates.push_back(request);
    if (!unary_error.ok()) return unary_error;
    v1::CreateOrganizationResponse response;
    *response.mutable_organization() = request.organization();
    response.mutable_organization()->set_name("organizations/" + request.organization_id());
    return response;
  }
  absl::StatusOr<v1::UpdateOrganizationResponse> UpdateOrganization(
      const v1::UpdateOrganizationRequest& request) override {
    updates.push_back(request);
    if (!unary_error.ok()) return unary_error;
    v1::UpdateOrganizationResponse response;
    *response.mutable_organization() = request.organization();
    return response;
  }

  // --- The log: `shown` says which entries this caller may see, `lie` changes a page. ---
  LogForTest log;
  std::vector<std::string> entries;
  std::function<bool(size_t)> shown = [](size_t) { return true; };
  std::function<void(v1::ListEntriesResponse&)> lie;
  int pages = 0;                                 // asked for
  std::vector<v1::ListEntriesRequest> listings;  // what each of them asked for
  int checkpoints = 0;                           // asked for
  std::string cosigned_checkpoint;
  // Each answers one call; the last one all that follow.
  std::vector<v1::ListSubjectDisclosuresResponse> subject_pages;
  std::vector<v1::ListSubjectDisclosuresRequest> subject_requests;
  absl::StatusOr<v1::EraseSubjectResponse> erased = v1::EraseSubjectResponse();
  std::vector<v1::EraseSubjectRequest> erase_requests;
  int64_t destroyed_openings = 0;
  std::vector<v1::Opening> openings;      // in order
  std::optional<size_t> checkpoint_size;  // absent: all
  std::optional<std::vector<std::string>>
      checkpoint_entries;  // what the root is made of, if others

  size_t TreeSize() const { return checkpoint_size.value_or(entries.size()); }
  SlowTree Tree() const { return SlowTree(checkpoint_entries.value_or(entries)); }

  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint() override {
    ++checkpoints;
    v1::GetCheckpointResponse response;
    response.set_checkpoint(log.Checkpoint(TreeSize(), Tree().Root(TreeSize())));
    response.set_vkey(log.vkey());
    response.set_cosigned_checkpoint(cosigned_checkpoint);
    return response;
  }
  absl::StatusOr<v1::ListEntriesResponse> ListEntries(
      const v1::ListEntriesRequest& request) override {
    listings.push_back(request);
    v1::ListEntriesResponse response;
    size_t i = static_cast<size_t>(request.start_index());
    if (!request.page_token().empty()) i = std::stoul(request.page_token());
    for (; i < entries.size() && response.entries_size() < 7; ++i) {
      if (!shown(i)) continue;
      v1::LogEntry& entry = *response.add_entries();
      entry.set_index(static_cast<int64_t>(i));
      entry.set_body(entries[i]);
    }
    if (i < entries.size()) response.set_next_page_token(absl::StrCat(i));
    response.set_log_size(static_cast<int64_t>(entries.size()));
    response.set_next_index(static_cast<int64_t>(i));
    if (lie) lie(response);
    // Whoever asks so often is turned in a ring, and the test would never end.
    if (++pages > 1000) return absl::ResourceExhaustedError("a thousand pages");
    return response;
  }
  absl::StatusOr<v1::GetInclusionProofResponse> GetInclusionProof(
      const v1::GetInclusionProofRequest& request) override {
    v1::GetInclusionProofResponse response;
    for (const TreeHash& hash : Tree().Inclusion(static_cast<size_t>(request.index()),
                                                 static_cast<size_t>(request.tree_size()))) {
      response.add_hashes(hash.data(), hash.size());
    }
    return response;
  }
  absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) override {
    v1::GetConsistencyProofResponse response;
    for (const TreeHash& hash : Tree().Consistency(static_cast<size_t>(request.old_size()),
                                                   static_cast<size_t>(request.new_size()))) {
      response.add_hashes(hash.data(), hash.size());
    }
    return response;
  }
  absl::StatusOr<v1::ListSubjectDisclosuresResponse> ListSubjectDisclosures(
      const v1::ListSubjectDisclosuresRequest& request) override {
    subject_requests.push_back(request);
    if (subject_pages.empty()) return absl::NotFoundError("there is no such subject");
    v1::ListSubjectDisclosuresResponse page = subject_pages.front();
    if (subject_pages.size() > 1) subject_pages.erase(subject_pages.begin());
    return page;
  }
  // Whoever it is told of changes, at entry 7; of each the status is `opt_out`.
  v1::OptOutStatus opt_out;
  std::vector<v1::OptOutRequest> opt_out_requests;
  std::vector<v1::OptInRequest> opt_in_requests;
  absl::StatusOr<v1::OptOutResponse> OptOut(const v1::OptOutRequest& request) override {
    opt_out_requests.push_back(request);
    v1::OptOutResponse response;
    response.set_changed_count(request.subjects_size());
    response.set_index(7);
    return response;
  }
  absl::StatusOr<v1::OptInResponse> OptIn(const v1::OptInRequest& request) override {
    opt_in_requests.push_back(request);
    v1::OptInResponse response;
    response.set_index(-1);
    return response;
  }
  absl::StatusOr<v1::CheckOptOutsResponse> CheckOptOuts(
      const v1::CheckOptOutsRequest& request) override {
    v1::CheckOptOutsResponse response;
    for (int i = 0; i < request.subjects_size(); ++i) *response.add_statuses() = opt_out;
    return response;
  }
  absl::StatusOr<v1::EraseSubjectResponse> EraseSubject(
      const v1::EraseSubjectRequest& request) override {
    erase_requests.push_back(request);
    return erased;
  }
  // Those of `openings` from the asked index on, two a page.
  absl::StatusOr<v1::ListOpeningsResponse> ListOpenings(
      const v1::ListOpeningsRequest& request) override {
    v1::ListOpeningsResponse response;
    int64_t from = request.start_index();
    if (!request.page_token().empty()) from = std::stoll(request.page_token());
    for (const v1::Opening& opening : openings) {
      if (opening.index() < from || opening.field() != request.field()) continue;
      if (response.openings_size() == 2) {
        response.set_next_page_token(std::to_string(opening.index()));
        break;
      }
      *response.add_openings() = opening;
    }
    if (response.next_page_token().empty()) response.set_destroyed_count(destroyed_openings);
    return response;
  }

 private:
  class ScriptedRead : public ReadStream {
   public:
    explicit ScriptedRead(ScriptForTest script) : script_(std::move(script)) {}
    bool Read(v1::ReadRecordsResponse* response) override {
      if (next_ == script_.messages.size()) return false;
      *response = script_.messages[next_++];
      return true;
    }
    absl::Status Finish() override { return script_.end; }

   private:
    const ScriptForTest script_;
    size_t next_ = 0;
  };

  class ScriptedOwnRead : public OwnReadStream {
   public:
    ScriptedOwnRead(std::vector<v1::ReadOwnRecordsResponse> messages, absl::Status end)
        : messages_(std::move(messages)), end_(std::move(end)) {}
    bool Read(v1::ReadOwnRecordsResponse* response) override {
      if (next_ == messages_.size()) return false;
      *response = messages_[next_++];
      return true;
    }
    absl::Status Finish() override { return end_; }

   private:
    const std::vector<v1::ReadOwnRecordsResponse> messages_;
    const absl::Status end_;
    size_t next_ = 0;
  };

  class FakePublish : public PublishStream {
   public:
    FakePublish(FakeGateway& gateway, int left) : gateway_(gateway), left_(left) {}

    bool Write(const v1::PublishRecordsRequest& request) override {
      if (left_ == 0) return false;
      --left_;
      gateway_.written.push_back(request.request_id());
      v1::PublishRecordsResponse response;
      if (request.validate_only()) {
        response.set_state(v1::PUBLISH_STATE_VALIDATED);
        response.set_new_count(request.records_size());
        if (gateway_.judge) gateway_.judge(request, response);
      } else if (const auto known = gateway_.committed.find(request.request_id());
                 known != gateway_.committed.end()) {
        response = known->second;
      } else {
        response.set_request_id(request.request_id());
        response.set_state(v1::PUBLISH_STATE_COMMITTED);
        response.set_new_count(request.records_size());
        response.set_position(static_cast<int64_t>(gateway_.committed.size()) + 1);
        if (gateway_.judge) gateway_.judge(request, response);
        gateway_.committed[request.request_id()] = response;
      }
      answers_.push_back(response);
      gateway_.most_unanswered = std::max(gateway_.most_unanswered, answers_.size());
      return true;
    }
    void WritesDone() override { done_ = true; }
    bool Read(v1::PublishRecordsResponse* response) override {
      if (left_ == 0 && !gateway_.answers_before_break) return false;
      if (answers_.empty()) return false;
      *response = answers_.front();
      answers_.pop_front();
      return true;
    }
    absl::Status Finish() override {
      return done_ ? absl::OkStatus() : absl::UnavailableError("the stream broke");
    }

   private:
    FakeGateway& gateway_;
    int left_;
    bool done_ = false;
    std::deque<v1::PublishRecordsResponse> answers_;
  };
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_FAKE_GATEWAY_FOR_TEST_H_
