#include "server/owner_records.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/filter.h"
#include "policy/record_validator.h"
#include "server/error.h"
#include "server/publication.h"

namespace sluice::server {
namespace {

// A page token says after which row of a chunk to go on; records of one's own are in no chunk.
constexpr size_t kRowIdLength = 26;

void SetTime(const LastPublish& last, google::protobuf::Timestamp* time) {
  time->set_seconds(absl::ToUnixSeconds(last.time));
}

absl::Status Write(const v1::ReadOwnRecordsResponse& message, MessageSink& sink) {
  return sink.Write(message.ByteSizeLong(), [&](char* out) {
    message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out));
  });
}

absl::Status WithdrawError(const absl::Status& status) {
  if (absl::IsAlreadyExists(status)) return RequestIdReused();
  if (absl::IsNotFound(status)) return NotFound("change");
  if (status.GetPayload(kHistoryForgotten).has_value()) return HistoryForgotten(status.message());
  if (absl::IsFailedPrecondition(status) && !MayLeave(status)) {
    return absl::InternalError("the store can't do it");  // why is for the operator alone
  }
  if (absl::IsOutOfRange(status)) return WithdrawTooLarge(status.message());
  if (absl::IsResourceExhausted(status)) return Exhausted("rows_owned", std::nullopt);
  if (absl::IsUnavailable(status)) return AuditUnavailable();
  return status;
}

// Two positions as what "the same request" means.
Hash DigestOf(int64_t first, int64_t last) {
  Hash hash{};
  for (int i = 0; i < 8; ++i) {
    hash[i] = static_cast<uint8_t>(first >> (8 * i));
    hash[8 + i] = static_cast<uint8_t>(last >> (8 * i));
  }
  return hash;
}

}  // namespace

absl::StatusOr<std::string> CanonicalKey(const policy::RecordType& type, absl::string_view key) {
  policy::Validation validation = policy::ValidateRecord(type, key, /*key_only=*/true);
  if (validation.problems.empty()) return std::move(validation.record.key);
  const policy::RecordProblem& problem = validation.problems.front();
  return Invalid(absl::StrCat("key", problem.field.empty() ? "" : ".", problem.field),
                 absl::StrCat(problem.reason, ": ", problem.description));
}

absl::StatusOr<v1::GetRecordStatusResponse> OwnerRecords::Status(
    const Caller& caller, RequestId& request_id, const v1::GetRecordStatusRequest& request) {
  const absl::StatusOr<OwnerAdmitted> admitted = parts_.admission->AdmitOwner(
      caller, request_id, "GetRecordStatus", request.parent(), std::nullopt);
  if (!admitted.ok()) return admitted.status();
  const absl::StatusOr<OwnerStatus> status =
      parts_.store->StatusOf(admitted->permit, admitted->receipt);
  if (!status.ok()) return status.status();
  v1::GetRecordStatusResponse response;
  for (const CollectionStatus& collection : status->collections) {
    v1::RecordTypeStatus& type = *response.add_record_types();
    type.set_record_type(collection.record_type);
    type.set_live_count(collection.live);
    type.set_tombstone_count(collection.tombstones);
    type.set_last_publish_position(collection.last_publish.position);
    SetTime(collection.last_publish, type.mutable_last_publish_time());
  }
  response.set_subject_count(status->subjects);
  response.set_log_index(static_cast<int64_t>(admitted->receipt.index()));
  return response;
}

// Records of one's own on their way back.
class OwnerRecords::Reading {
 public:
  Reading(const Parts& parts, const Caller& caller, const OwnerAdmitted& admitted,
          MessageSink& sink)
      : parts_(parts), caller_(caller), admitted_(admitted), sink_(sink) {}

  absl::Status Prepare(const v1::ReadOwnRecordsRequest& request) {
    const policy::RecordType& type = *admitted_.permit.type();
    binding_ = absl::StrCat("own:", caller_.spiffe_id(), ":", type.digest(), ":", type.name(), ":",
                            request.filter());
    if (!request.filter().empty()) {
      std::vector<policy::PlanField> fields;
      for (const policy::Field* leaf : type.leaves()) {
        fields.push_back({leaf, policy::FieldRule::Pass()});
      }
      absl::StatusOr<std::unique_ptr<const policy::Filter>> filter =
          policy::Filter::Parse(request.filter(), type, fields);
      if (!filter.ok()) {
        return absl::IsInvalidArgument(filter.status())
                   ? Invalid("filter", filter.status().message())
                   : filter.status();
      }
      filter_ = *std::move(filter);
    }
    if (!request.page_token().empty()) {
      const absl::StatusOr<ResumePoint> point =
          parts_.page_tokens->Open(request.page_token(), binding_);
      if (!point.ok()) return point.status();
      next_ = point->from;
    }
    if (request.key().empty()) return absl::OkStatus();
    if (filter_ != nullptr || next_.has_value()) {
      return Invalid("key", "stands alone: without filter and page_token");
    }
    const absl::StatusOr<std::string> key = CanonicalKey(type, request.key());
    if (!key.ok()) return key.status();
    const absl::Status read =
        parts_.store->ReadOwnOne(admitted_.permit, admitted_.receipt, *key,
                                 [this](const StoredRecord& record) { Take(record); });
    ended_ = true;
    return absl::IsNotFound(read) ? NotFound("record") : read;
  }

  absl::Status Run() {
    if (const absl::Status s = WriteHeader(); !s.ok()) return s;
    while (true) {
      if (const absl::Status s = Fill(); !s.ok()) return s;
      if (response_.batch().records_size() == 0) break;
      if (next_.has_value()) {  // not for one record by its key
        const absl::StatusOr<std::string> token = parts_.page_tokens->Seal(
            {*next_, std::nullopt, std::string(kRowIdLength, '0')}, binding_);
        if (!token.ok()) return token.status();
        response_.mutable_batch()->set_next_page_token(*token);
      }
      count_ += response_.batch().records_size();
      if (const absl::Status s = Send(response_); !s.ok()) return s;
      response_.Clear();
      bytes_ = 0;
    }
    v1::ReadOwnRecordsResponse last;
    last.mutable_trailer()->set_record_count(count_);
    return Send(last);
  }

 private:
  absl::Status WriteHeader() {
    const policy::RecordType& type = *admitted_.permit.type();
    const absl::StatusOr<LastPublish> as_of =
        parts_.store->LastPublishOf(admitted_.permit.owner(), type.name());
    if (!as_of.ok()) return as_of.status();
    v1::ReadOwnRecordsResponse first;
    v1::OwnRecordsHeader& header = *first.mutable_header();
    header.set_catalog_digest(type.digest());
    header.set_as_of_position(as_of->position);
    if (as_of->position > 0) SetTime(*as_of, header.mutable_as_of_time());
    header.set_log_index(static_cast<int64_t>(admitted_.receipt.index()));
    return Send(first);
  }

  // The next batch; empty at the end.
  absl::Status Fill() {
    if (!next_ && !ended_ && scan_ == nullptr) {
      absl::StatusOr<std::unique_ptr<CollectionScan>> scan =
          parts_.store->StartScan(admitted_.permit.owner(), admitted_.permit.type()->name());
      if (!scan.ok()) return absl::IsDataLoss(scan.status()) ? NotAsSealed() : scan.status();
      scan_ = *std::move(scan);
    }
    while (!ended_) {
      if (sink_.cancelled()) return Cancelled();
      size_t visited = 0;
      bool full = false;
      const absl::Status read = parts_.store->ReadOwn(
          admitted_.permit, admitted_.receipt, next_, [&](const StoredRecord& record) {
            next_ = PlaceAfter(record.place);
            if (scan_ != nullptr) scan_->Add(record);
            Take(record);
            full = response_.batch().records_size() >= static_cast<int>(kBatchRecords) ||
                   bytes_ >= kBatchBytes;
            return !full && ++visited < kVisitRecords;
          });
      if (!read.ok()) return read;
      ended_ = !full && visited < kVisitRecords;
      const absl::Status whole = ended_ && scan_ ? scan_->Finish() : absl::OkStatus();
      if (!whole.ok()) return absl::IsDataLoss(whole) ? NotAsSealed() : whole;
      if (full) break;
    }
    return absl::OkStatus();
  }

  void Take(const StoredRecord& record) {
    if (filter_ != nullptr && !filter_->Matches(record.bytes)) return;
    response_.mutable_batch()->add_records(std::string(record.bytes));
    bytes_ += record.bytes.size();
  }

  // What may leave is asked after the wait for a slow reader.
  absl::Status Send(const v1::ReadOwnRecordsResponse& message) {
    if (const absl::Status s = sink_.WaitForRoom(); !s.ok()) return s;
    if (const absl::Status s = parts_.admission->StillValid(caller_); !s.ok()) return s;
    return Write(message, sink_);
  }

  const Parts& parts_;
  const Caller& caller_;
  const OwnerAdmitted& admitted_;
  MessageSink& sink_;
  std::string binding_;  // of page tokens
  std::unique_ptr<const policy::Filter> filter_;
  std::unique_ptr<CollectionScan> scan_;  // of all, from the first record on
  std::optional<ScanPlace> next_;
  bool ended_ = false;
  v1::ReadOwnRecordsResponse response_;  // the batch that is being filled
  size_t bytes_ = 0;                     // in it
  int64_t count_ = 0;
};

absl::Status OwnerRecords::Read(const Caller& caller, RequestId& request_id,
                                const v1::ReadOwnRecordsRequest& request, MessageSink& sink) {
  const absl::StatusOr<OwnerAdmitted> admitted =
      parts_.admission->AdmitOwner(caller, request_id, "ReadOwnRecords", request.parent(),
                                   request.record_type(), request.filter());
  if (!admitted.ok()) return admitted.status();
  Reading reading(parts_, caller, *admitted, sink);
  if (const absl::Status s = reading.Prepare(request); !s.ok()) return s;
  return reading.Run();
}

absl::StatusOr<v1::WithdrawRecordsResponse> OwnerRecords::Withdraw(
    const Caller& caller, RequestId& request_id, const v1::WithdrawRecordsRequest& request) {
  const absl::StatusOr<OwnerAdmitted> admitted = parts_.admission->AdmitOwner(
      caller, request_id, "WithdrawRecords", request.parent(), std::nullopt);
  if (!admitted.ok()) return admitted.status();
  if (const absl::Status s = CheckRequestId(request.request_id()); !s.ok()) return s;
  if (request.first_position() < 1) return Invalid("first_position", "must be 1 or more");
  if (request.last_position() < request.first_position()) {
    return Invalid("last_position", "must be first_position or more");
  }
  const absl::StatusOr<absl::Time> now = parts_.clock->Now();
  if (!now.ok()) return now.status();
  WithdrawBatch batch;
  batch.owner = admitted->permit.owner();
  batch.principal = admitted->permit.principal();
  batch.request_id = request.request_id();
  batch.content_digest = DigestOf(request.first_position(), request.last_position());
  batch.time = *now;
  batch.first = request.first_position();
  batch.last = request.last_position();
  batch.most_rows = parts_.quotas->rows_owned();
  batch.validate_only = request.validate_only();

  WithdrawEntry entry;
  entry.request = request_id;
  entry.caller = {caller.principal(), caller.spki()};
  entry.owner = batch.owner;
  entry.decision_index = admitted->receipt.index();
  entry.first = batch.first;
  entry.last = batch.last;
  uint64_t log_index = admitted->receipt.index();
  WithdrawOutcome outcome;
  absl::Status spent;
  Work work;
  work.bytes = kMaxWithdrawBytes;  // so that no other publish shares its transaction
  work.apply = [&](Transaction& transaction) -> absl::Status {
    absl::StatusOr<WithdrawOutcome> withdrawn = transaction.Withdraw(batch);
    if (!withdrawn.ok()) return withdrawn.status();
    outcome = *std::move(withdrawn);
    // It is published again, as it were; a dry run costs the store as much.
    spent = parts_.quotas->Publish(caller.spiffe_id(), outcome.bytes, *now);
    if (!spent.ok()) return spent;
    if (outcome.position == 0 || outcome.replayed) return absl::OkStatus();
    if (!outcome.new_subjects.empty()) {
      absl::Status grown =
          parts_.log->GrowDictionaryIn(transaction, batch.owner, outcome.new_subjects);
      if (!grown.ok()) return grown;
    }
    entry.position = outcome.position;
    entry.deleted = outcome.deleted_count;
    entry.restored = outcome.restored_count;
    entry.undeleted = outcome.undeleted_count;
    entry.unchanged = outcome.unchanged_count;
    entry.kept = outcome.kept_count;
    const absl::StatusOr<uint64_t> index = parts_.log->AppendIn(transaction, entry);
    if (index.ok()) log_index = *index;
    return index.status();
  };
  if (const absl::Status s = parts_.store->Commit(std::move(work)); !s.ok()) {
    return spent.ok() ? WithdrawError(s) : spent;
  }
  v1::WithdrawRecordsResponse response;
  response.set_position(outcome.position);
  response.set_deleted_count(outcome.deleted_count);
  response.set_restored_count(outcome.restored_count);
  response.set_undeleted_count(outcome.undeleted_count);
  response.set_unchanged_count(outcome.unchanged_count);
  response.set_kept_count(outcome.kept_count);
  response.set_log_index(static_cast<int64_t>(log_index));
  return response;
}

}  // namespace sluice::server
