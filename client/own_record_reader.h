// Reads an owner's own records back: batch by batch to the trailer. An interrupted stream is
// resumed after the last batch that came whole; one that ends without its trailer is an error and
// never a short success.
//
// One a read; not thread-safe.
#ifndef SLUICE_CLIENT_OWN_RECORD_READER_H_
#define SLUICE_CLIENT_OWN_RECORD_READER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/gateway.h"
#include "client/retry.h"

namespace sluice::client {

class OwnRecordReader {
 public:
  // `gateway` must outlive it.
  OwnRecordReader(Gateway* gateway, v1::ReadOwnRecordsRequest request, RetryPolicy policy,
                  RetryEnvironment environment)
      : gateway_(gateway), request_(std::move(request)), retry_(policy, std::move(environment)) {}

  // The next batch, or nothing at the end. DATA_LOSS where records are missing.
  absl::StatusOr<std::optional<v1::OwnRecordBatch>> Next();

  int64_t count() const { return count_; }
  const v1::OwnRecordsHeader& header() const { return header_; }

 private:
  Gateway* const gateway_;
  v1::ReadOwnRecordsRequest request_;
  Retry retry_;
  std::unique_ptr<OwnReadStream> stream_;
  v1::OwnRecordsHeader header_;  // of the last stream
  int64_t count_ = 0;
  int64_t in_stream_ = 0;
  bool only_ = false;  // the one batch that there is has come
  bool ended_ = false;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_OWN_RECORD_READER_H_
