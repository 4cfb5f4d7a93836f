#include "server/publication.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "policy/record_validator.h"
#include "server/error.h"

namespace sluice::server {
namespace {

bool IsRequestId(absl::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  for (char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') return false;
  }
  return true;
}

// What "the same request" means: the operation, the record type and the bytes, each by its length.
absl::StatusOr<Hash> ContentDigest(absl::string_view operation, absl::string_view record_type,
                                   const google::protobuf::RepeatedPtrField<std::string>& records) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("SHA-256 is not to be had");
  }
  bool good = true;
  const auto add = [&](absl::string_view part) {
    const std::string length = absl::StrCat(part.size(), ":");
    good = good && EVP_DigestUpdate(context.get(), length.data(), length.size()) == 1 &&
           EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  };
  add(operation);
  add(record_type);
  for (const std::string& record : records) add(record);
  Hash hash;
  unsigned int size = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), hash.data(), &size) != 1 || size != hash.size()) {
    return absl::InternalError("SHA-256 failed");
  }
  return hash;
}

absl::Status CheckRecords(const google::protobuf::RepeatedPtrField<std::string>& records,
                          absl::string_view records_field) {
  if (records.empty() || records.size() > Publication::kMaxRecords) {
    return TooManyRecords(records_field);
  }
  size_t bytes = 0;
  for (const std::string& record : records) bytes += record.size();
  if (bytes > Publication::kMaxBatchBytes) {
    return Invalid(records_field, absl::StrCat("must be ", Publication::kMaxBatchBytes,
                                               " bytes at most together"));
  }
  return absl::OkStatus();
}

absl::Status CheckBatch(const v1::PublishRecordsRequest& request) {
  // A name that is not kept would promise what is not held.
  const absl::Status named = !request.validate_only() ? CheckRequestId(request.request_id())
                             : request.request_id().empty()
                                 ? absl::OkStatus()
                                 : Invalid("request_id", "must be empty with validate_only");
  return named.ok() ? CheckRecords(request.records(), "records") : named;
}

// False, and the last one says so, if there is no room for it.
bool AddBad(int index, const policy::RecordProblem& problem, v1::PublishRecordsResponse& response) {
  if (response.bad_records_size() == Publication::kMaxBadRecords) {
    auto* last = response.mutable_bad_records(Publication::kMaxBadRecords - 1);
    last->Clear();
    last->set_index(index);
    last->set_reason("TOO_MANY");
    last->set_description("there are more problems, from this record on; mend those told first");
    return false;
  }
  auto* bad = response.add_bad_records();
  bad->set_index(index);
  bad->set_field(problem.field);
  bad->set_reason(problem.reason);
  bad->set_description(problem.description);
  return true;
}

// A status of the store as an outsider may see it.
absl::Status StoreError(const absl::Status& status) {
  if (absl::IsAlreadyExists(status)) return RequestIdReused();
  if (absl::IsNotFound(status)) return NotFound("record");
  if (absl::IsOutOfRange(status)) return JoinTooLarge(status.message());
  if (absl::IsUnavailable(status)) return AuditUnavailable();
  if (absl::IsResourceExhausted(status)) return Exhausted("rows_owned", std::nullopt);
  return status;
}

// Identities may move many records: so that nothing else shares their transaction.
size_t RejoinedBytes(const policy::RecordType& type) {
  return type.joins_ids() ? kMaxRejoinedBytes : 0;
}

}  // namespace

absl::Status CheckRequestId(absl::string_view request_id) {
  if (IsRequestId(request_id)) return absl::OkStatus();
  return Invalid("request_id", "must be 1 to 64 characters of [A-Za-z0-9_-]");
}

absl::Status TooManyRecords(absl::string_view records_field) {
  return Invalid(records_field, absl::StrCat("must be 1 to ", Publication::kMaxRecords));
}

void Publication::Publish(const OwnerPermit& permit, const v1::PublishRecordsRequest& request,
                          int64_t most_rows, Done done) {
  // What is taken in must find room in the log, too: asked of each batch, for a stream is long.
  if (!log_->Health().ok()) return done(AuditUnavailable());
  if (const absl::Status s = CheckBatch(request); !s.ok()) return done(s);
  v1::PublishRecordsResponse response;
  response.set_request_id(request.request_id());

  auto batch = std::make_shared<PublishBatch>();
  absl::flat_hash_map<std::string, int> first_with_key;
  bool room = true;
  for (int i = 0; room && i < request.records_size(); ++i) {
    policy::Validation validation = policy::ValidateRecord(*permit.type(), request.records(i));
    for (const policy::RecordProblem& problem : validation.problems) {
      room = room && AddBad(i, problem, response);
    }
    if (!validation.problems.empty()) continue;
    const auto [first, inserted] = first_with_key.emplace(validation.record.key, i);
    if (!inserted) {
      room = AddBad(
          i,
          {"", "DUPLICATE_KEY",
           absl::StrCat("record ", first->second, " of this batch has the same key; keep one")},
          response);
      continue;
    }
    batch->records.push_back(std::move(validation.record));
  }
  if (response.bad_records_size() > 0) {
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    return done(std::move(response));
  }

  const absl::StatusOr<absl::Time> now = clock_->Now();
  if (!now.ok()) return done(now.status());
  const absl::StatusOr<Hash> digest =
      ContentDigest("publish", request.record_type(), request.records());
  if (!digest.ok()) return done(digest.status());
  batch->owner = permit.owner();
  batch->record_type = permit.type()->name();
  batch->principal = permit.principal();
  batch->request_id = request.request_id();
  batch->content_digest = *digest;
  batch->time = *now;
  batch->most_rows = most_rows;
  batch->validate_only = request.validate_only();

  auto outcome = std::make_shared<PublishOutcome>();
  Work work;
  for (const std::string& record : request.records()) work.bytes += record.size();
  work.bytes += RejoinedBytes(*permit.type());
  work.apply = [this, batch, outcome](Transaction& transaction) -> absl::Status {
    absl::StatusOr<PublishOutcome> published = transaction.Publish(*batch);
    if (!published.ok()) return published.status();
    *outcome = *std::move(published);
    if (outcome->new_subjects.empty()) return absl::OkStatus();
    return log_->GrowDictionaryIn(transaction, batch->owner, outcome->new_subjects);
  };
  work.done = [outcome, validated = batch->validate_only, response = std::move(response),
               done = std::move(done)](absl::Status status) mutable {
    if (!status.ok()) return done(StoreError(status));
    response.set_state(validated ? v1::PUBLISH_STATE_VALIDATED : v1::PUBLISH_STATE_COMMITTED);
    response.set_position(outcome->position);
    response.set_new_count(outcome->new_count);
    response.set_changed_count(outcome->changed_count);
    response.set_unchanged_count(outcome->unchanged_count);
    done(std::move(response));
  };
  store_->Submit(std::move(work));
}

absl::StatusOr<v1::DeleteRecordsResponse> Publication::Delete(
    const OwnerPermit& permit, const v1::DeleteRecordsRequest& request) {
  if (const absl::Status s = CheckRequestId(request.request_id()); !s.ok()) return s;
  if (const absl::Status s = CheckRecords(request.keys(), "keys"); !s.ok()) return s;
  DeleteBatch batch;
  for (int i = 0; i < request.keys_size(); ++i) {
    policy::Validation validation =
        policy::ValidateRecord(*permit.type(), request.keys(i), /*key_only=*/true);
    if (!validation.problems.empty()) {
      const policy::RecordProblem& problem = validation.problems.front();
      return Invalid(absl::StrCat("keys[", i, "]", problem.field.empty() ? "" : ".", problem.field),
                     absl::StrCat(problem.reason, ": ", problem.description));
    }
    batch.keys.push_back(std::move(validation.record.key));
  }
  const absl::StatusOr<absl::Time> now = clock_->Now();
  if (!now.ok()) return now.status();
  const absl::StatusOr<Hash> digest =
      ContentDigest(request.allow_missing() ? "delete, missing allowed" : "delete",
                    request.record_type(), request.keys());
  if (!digest.ok()) return digest.status();
  batch.owner = permit.owner();
  batch.record_type = permit.type()->name();
  batch.principal = permit.principal();
  batch.request_id = request.request_id();
  batch.content_digest = *digest;
  batch.time = *now;
  batch.allow_missing = request.allow_missing();

  DeleteOutcome outcome;
  Work work;
  work.bytes = RejoinedBytes(*permit.type());
  work.apply = [&](Transaction& transaction) -> absl::Status {
    absl::StatusOr<DeleteOutcome> deleted = transaction.Delete(batch);
    if (!deleted.ok()) return deleted.status();
    outcome = *std::move(deleted);
    if (outcome.new_subjects.empty()) return absl::OkStatus();
    return log_->GrowDictionaryIn(transaction, batch.owner, outcome.new_subjects);
  };
  if (const absl::Status s = store_->Commit(std::move(work)); !s.ok()) return StoreError(s);
  v1::DeleteRecordsResponse response;
  response.set_position(outcome.position);
  response.set_deleted_count(outcome.deleted_count);
  response.set_missing_count(outcome.missing_count);
  return response;
}

}  // namespace sluice::server
