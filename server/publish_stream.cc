#include "server/publish_stream.h"

#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/bounded_message.h"
#include "server/error.h"
#include "server/json_log.h"
#include "server/request_id.h"

namespace sluice::server {

absl::Status PublishStream::Run() {
  std::thread writer([this] { WriteAnswers(); });
  absl::Status status = TakeIn();
  {
    absl::MutexLock lock(&queue_->mutex);
    queue_->all_taken_in = true;
  }
  // Whatever was taken in is answered before the stream ends.
  writer.join();
  return status;
}

// False when the client is done. What is not read yet holds the client up, not the gateway.
bool PublishStream::Read(grpc::ByteBuffer& bytes) {
  {
    const auto room = [this]() ABSL_SHARED_LOCKS_REQUIRED(queue_->mutex) {
      return queue_->unanswered.size() < kUnanswered;
    };
    absl::MutexLock lock(&queue_->mutex);
    queue_->mutex.Await(absl::Condition(&room));
  }
  share_.WaitForRoom();
  return watch_.Hear([&] { return stream_->Read(&bytes); });
}

absl::Status PublishStream::Charge(const v1::PublishRecordsRequest& request, int64_t bytes) {
  const absl::StatusOr<absl::Time> now = parts_.clock->Now();
  if (!now.ok()) return now.status();
  if (request.validate_only()) {
    return parts_.quotas->Validate(call_->caller().spiffe_id(), bytes, *now);
  }
  return parts_.quotas->Publish(call_->caller().spiffe_id(), bytes, *now);
}

absl::Status PublishStream::TakeIn() {
  // One decision a record type, however often types take turns.
  absl::flat_hash_map<std::string, OwnerAdmitted> admitted;
  while (true) {
    v1::PublishRecordsRequest request;  // anew each time: what a large one took is given back
    Parsed parsed = Parsed::kWhole;
    {
      grpc::ByteBuffer bytes_in;
      if (!Read(bytes_in)) break;
      parsed = ParseBounded(bytes_in, Publication::kMaxFields, request);
    }
    if (parsed == Parsed::kGarbled) return Invalid("request", "is no PublishRecordsRequest");
    const std::string what = absl::StrCat(request.parent(), "/", request.record_type());
    auto found = admitted.find(what);
    if (found == admitted.end()) {
      absl::StatusOr<OwnerAdmitted> now_admitted =
          parts_.admission->AdmitOwner(call_->caller(), call_->request_id(), call_->rpc(),
                                       request.parent(), request.record_type());
      if (!now_admitted.ok()) return now_admitted.status();
      found = admitted.emplace(what, *std::move(now_admitted)).first;
    }
    if (const absl::Status valid = parts_.admission->StillValid(call_->caller()); !valid.ok()) {
      return valid;
    }
    auto batch = std::make_shared<Batch>();
    batch->request_id = request.request_id();
    batch->call_id = call_->request_id();
    {
      absl::MutexLock lock(&queue_->mutex);
      queue_->unanswered.push_back(batch);
    }
    const auto bytes = static_cast<int64_t>(request.ByteSizeLong());
    share_.Take(bytes);
    // The stream ends when it has the last result: until then `this` may be used.
    const auto done = [this, queue = queue_, batch,
                       bytes](absl::StatusOr<v1::PublishRecordsResponse> result) {
      share_.Give(bytes);
      absl::MutexLock lock(&queue->mutex);
      batch->result = std::move(result);
    };
    if (parsed == Parsed::kCut) {
      done(TooManyRecords("records"));
    } else if (const absl::Status quota = Charge(request, bytes); quota.ok()) {
      publication_->Publish(found->second.permit, request, parts_.quotas->rows_owned(), done);
    } else {
      done(quota);
    }
  }
  return absl::OkStatus();
}

v1::PublishRecordsResponse PublishStream::AnswerOf(Batch& batch) {
  absl::StatusOr<v1::PublishRecordsResponse>& result = *batch.result;
  if (result.ok()) {
    if (result->state() == v1::PUBLISH_STATE_COMMITTED) {
      parts_.metrics->CountRecordsPublished(result->new_count() + result->changed_count() +
                                            result->unchanged_count());
    }
    return *std::move(result);
  }
  absl::Status status = result.status();
  if (absl::IsResourceExhausted(status)) {
    // An entry of its own: the call's id stays that of its permit.
    absl::StatusOr<RequestId> refusal = NewRequestId();
    if (refusal.ok()) {
      batch.call_id = *std::move(refusal);
      status = parts_.admission->Refuse(call_->caller(), batch.call_id, call_->rpc(), status);
    } else {
      status = refusal.status();
    }
  }
  if (!MayLeave(status)) {
    LogLine(LogLine::Level::kError, "publish")
        .With("request", batch.call_id)
        .With("cause", status.message());
  }
  v1::PublishRecordsResponse answer;
  answer.set_request_id(batch.request_id);
  answer.set_state(v1::PUBLISH_STATE_REFUSED);
  *answer.mutable_error() = Outward(status, batch.call_id);
  return answer;
}

void PublishStream::WriteAnswers() {
  while (true) {
    std::shared_ptr<Batch> batch;
    {
      const auto next = [this]() ABSL_SHARED_LOCKS_REQUIRED(queue_->mutex) {
        return queue_->unanswered.empty() ? queue_->all_taken_in
                                          : queue_->unanswered.front()->result.has_value();
      };
      absl::MutexLock lock(&queue_->mutex);
      queue_->mutex.Await(absl::Condition(&next));
      if (queue_->unanswered.empty()) return;
      batch = std::move(queue_->unanswered.front());
      queue_->unanswered.pop_front();
    }
    // If the client is gone its batches are still taken to their end; it can ask again by their
    // ids.
    const v1::PublishRecordsResponse answer = AnswerOf(*batch);
    watch_.Hear([&] { return stream_->Write(answer); });
  }
}

}  // namespace sluice::server
