#include "client/publisher.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/error.h"

namespace sluice::client {

std::string RandomRequestPrefix() {
  absl::BitGen random;
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(random));
}

Publisher::Publisher(Gateway* gateway, PublisherOptions options, RetryPolicy policy,
                     RetryEnvironment environment,
                     std::function<void(const BatchAnswer&)> on_answer)
    : gateway_(gateway),
      options_(std::move(options)),
      on_answer_(std::move(on_answer)),
      retry_(policy, std::move(environment)) {
  filling_.first_index = 0;
}

absl::Status Publisher::Add(std::string record) {
  const bool full =
      filling_.request.records_size() >= std::clamp(options_.batch_size, 1, kMaxBatchRecords) ||
      filling_bytes_ + record.size() > kMaxBatchBytes;
  if (full && filling_.request.records_size() > 0) {
    if (const absl::Status sent = SendBatch(); !sent.ok()) return sent;
  }
  filling_bytes_ += record.size();
  filling_.request.add_records(std::move(record));
  ++next_index_;
  return absl::OkStatus();
}

absl::StatusOr<PublishSummary> Publisher::Finish() {
  if (filling_.request.records_size() > 0) {
    if (const absl::Status sent = SendBatch(); !sent.ok()) return sent;
  }
  while (!unanswered_.empty()) {
    if (const absl::Status read = ReadAnswer(); !read.ok()) return read;
  }
  if (stream_ == nullptr) return summary_;  // nothing was published
  stream_->WritesDone();
  // Every batch is answered: how the stream ends changes nothing of it.
  v1::PublishRecordsResponse more;
  if (stream_->Read(&more)) return absl::DataLossError("an answer came to no batch");
  stream_->Finish().IgnoreError();
  return summary_;
}

absl::Status Publisher::SendBatch() {
  while (static_cast<int>(unanswered_.size()) >= kMaxUnanswered) {
    if (const absl::Status read = ReadAnswer(); !read.ok()) return read;
  }
  filling_.request.set_parent(options_.parent);
  filling_.request.set_record_type(options_.record_type);
  filling_.request.set_validate_only(options_.validate_only);
  if (!options_.validate_only) {
    filling_.request.set_request_id(
        absl::StrCat(options_.request_prefix, "-", filling_.first_index));
  }
  unanswered_.push_back(std::exchange(filling_, Batch{next_index_, {}}));
  filling_bytes_ = 0;
  if (stream_ == nullptr) stream_ = gateway_->PublishRecords();
  if (stream_->Write(unanswered_.back().request)) return absl::OkStatus();
  return Reopen();
}

absl::Status Publisher::ReadAnswer() {
  v1::PublishRecordsResponse response;
  if (stream_->Read(&response)) return Take(response);
  return Reopen();
}

// The stream is broken: takes the answers that still came, asks why it broke, and sends all that is
// unanswered again on a new one.
absl::Status Publisher::Reopen() {
  while (true) {
    v1::PublishRecordsResponse response;
    while (stream_->Read(&response)) {
      if (const absl::Status taken = Take(response); !taken.ok()) return taken;
    }
    absl::Status status = stream_->Finish();
    if (status.ok()) status = absl::UnavailableError("the gateway ended the stream");
    if (const absl::Status again = retry_.Again(status); !again.ok()) return again;
    stream_ = gateway_->PublishRecords();
    bool sent = true;
    for (const Batch& batch : unanswered_) {
      sent = stream_->Write(batch.request);
      if (!sent) break;
    }
    if (sent) return absl::OkStatus();
  }
}

absl::Status Publisher::Take(const v1::PublishRecordsResponse& response) {
  if (unanswered_.empty() || unanswered_.front().request.request_id() != response.request_id()) {
    return absl::DataLossError("the gateway answered another batch than the one it was sent");
  }
  const Batch& batch = unanswered_.front();
  if (response.has_error()) {
    // Not sent again: what follows may be committed by now, and an older value must not come after
    // a newer one. Whoever publishes the whole anew gets the order right.
    const google::rpc::Status& error = response.error();
    return MakeStatus(static_cast<absl::StatusCode>(error.code()),
                      absl::StrCat("records ", batch.first_index, " to ",
                                   batch.first_index + batch.request.records_size() - 1,
                                   " of the publish: ", error.message()),
                      error.SerializeAsString());
  }
  BatchAnswer answer;
  answer.first_index = batch.first_index;
  answer.records = batch.request.records_size();
  answer.position = response.position();
  if (options_.validate_only && response.state() == v1::PUBLISH_STATE_COMMITTED) {
    return absl::DataLossError("the gateway published what it was only to check");
  }
  if (!options_.validate_only && response.state() == v1::PUBLISH_STATE_VALIDATED) {
    return absl::DataLossError("the gateway only checked what it was to publish");
  }
  switch (response.state()) {
    case v1::PUBLISH_STATE_COMMITTED:
    case v1::PUBLISH_STATE_VALIDATED:
      answer.committed = true;
      summary_.records += answer.records;
      summary_.added += response.new_count();
      summary_.changed += response.changed_count();
      summary_.unchanged += response.unchanged_count();
      summary_.position = std::max(summary_.position, response.position());
      break;
    case v1::PUBLISH_STATE_REFUSED:
      for (const v1::BadRecord& bad : response.bad_records()) {
        answer.refused.push_back(
            {batch.first_index + bad.index(), bad.field(), bad.reason(), bad.description()});
      }
      ++summary_.refused_batches;
      summary_.refused_records += answer.records;
      break;
    case v1::PUBLISH_STATE_UNSPECIFIED:
    case v1::PublishState_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::PublishState_INT_MAX_SENTINEL_DO_NOT_USE_:
      return absl::DataLossError("the gateway's answer does not say what became of the batch");
  }
  ++summary_.batches;
  unanswered_.pop_front();
  retry_.Progress();
  if (on_answer_) on_answer_(answer);
  return absl::OkStatus();
}

}  // namespace sluice::client
