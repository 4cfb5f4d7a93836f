// Publishes an owner's records: gathers them into batches, keeps at most 16 unanswered, and hands
// each answer on with the place of its records in the whole. A broken stream is opened again and
// what stands unanswered is sent again under the same `request_id`s, which changes nothing that was
// committed already.
//
// One a publish; not thread-safe.
#ifndef SLUICE_CLIENT_PUBLISHER_H_
#define SLUICE_CLIENT_PUBLISHER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/gateway.h"
#include "client/retry.h"

namespace sluice::client {

struct PublisherOptions {
  std::string parent;       // `organizations/{organization}`
  std::string record_type;  // "Candidate"
  // Begins the request ids of this publish: 1 to 48 of [A-Za-z0-9_-], its own for each publish.
  std::string request_prefix;
  int batch_size = 1000;  // records, at most 10,000
  // To be told what each batch would change, and to change nothing. No request ids are used.
  bool validate_only = false;
};

// 64 random bits: request ids are a publisher's own, and are looked at for 7 days.
std::string RandomRequestPrefix();

// A record that the gateway refused, and with it the batch it came in.
struct RefusedRecord {
  int64_t index = 0;  // in the whole publish, from 0
  std::string field;
  std::string reason;
  std::string description;
};

// The answer to one batch.
struct BatchAnswer {
  int64_t first_index = 0;  // of its first record in the whole publish
  int64_t records = 0;
  bool committed = false;  // with validate_only: would be
  int64_t position = 0;
  std::vector<RefusedRecord> refused;
};

struct PublishSummary {
  int64_t batches = 0;
  int64_t refused_batches = 0;
  int64_t records = 0;          // committed; with validate_only: would be
  int64_t refused_records = 0;  // in refused batches, the good ones among them included
  int64_t added = 0;
  int64_t changed = 0;
  int64_t unchanged = 0;
  int64_t position = 0;  // of the last commit
};

class Publisher {
 public:
  static constexpr int kMaxUnanswered = 16;
  static constexpr int kMaxBatchRecords = 10'000;
  // Under the protocol's 4 MiB, with room for the framing.
  static constexpr size_t kMaxBatchBytes = size_t{4} << 20;

  // `gateway` must outlive it. `on_answer` is called once a batch, in order.
  Publisher(Gateway* gateway, PublisherOptions options, RetryPolicy policy,
            RetryEnvironment environment, std::function<void(const BatchAnswer&)> on_answer);

  // Sends when a batch is full; waits while 16 are unanswered. An error is final.
  absl::Status Add(std::string record);
  // Sends what is left and waits for every answer. Without it nothing is known of the last batches.
  absl::StatusOr<PublishSummary> Finish();

  const PublishSummary& summary() const { return summary_; }

 private:
  struct Batch {
    int64_t first_index;
    v1::PublishRecordsRequest request;
  };

  absl::Status SendBatch();
  absl::Status ReadAnswer();
  absl::Status Reopen();
  absl::Status Take(const v1::PublishRecordsResponse& response);

  Gateway* const gateway_;
  const PublisherOptions options_;
  const std::function<void(const BatchAnswer&)> on_answer_;
  Retry retry_;
  std::unique_ptr<PublishStream> stream_;
  std::deque<Batch> unanswered_;
  Batch filling_;
  size_t filling_bytes_ = 0;
  int64_t next_index_ = 0;
  PublishSummary summary_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_PUBLISHER_H_
