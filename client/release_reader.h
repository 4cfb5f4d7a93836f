// Reads a release: its header, its rows, its trailer. An interrupted stream is resumed after the
// last batch that came whole; a release that ends without its trailer is an error and never a short
// success.
//
// What is checked: the trailer's row count and digest cover the stream that carried them, so they
// are compared with the rows of that stream; rows of an earlier, interrupted stream were held
// together by TLS alone. The header of each resumed stream must say the same as the first (decision
// and time apart), or the release would be a mixture.
//
// One a release; not thread-safe.
#ifndef SLUICE_CLIENT_RELEASE_READER_H_
#define SLUICE_CLIENT_RELEASE_READER_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/gateway.h"
#include "client/retry.h"

namespace sluice::client {

// `sha256:` over rows as a trailer states it.
class RowsDigest {
 public:
  RowsDigest();
  void Add(absl::string_view row_id, absl::string_view record);
  // Once.
  std::string Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  void Update(absl::string_view bytes);

  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool ok_;
};

// What a release was, once it was read to its end.
struct ReleaseSummary {
  int64_t rows = 0;                 // all of them
  int64_t rows_in_last_stream = 0;  // those that the trailer's digest covers
  int resumptions = 0;
  v1::ReleaseTrailer trailer;  // of the last stream
};

class ReleaseReader {
 public:
  // `gateway` must outlive it. `request.page_token` may resume an earlier release.
  ReleaseReader(Gateway* gateway, v1::ReadRecordsRequest request, RetryPolicy policy,
                RetryEnvironment environment);

  // Opens the release. DATA_LOSS where the gateway breaks the protocol.
  absl::StatusOr<v1::ReleaseHeader> ReadHeader();
  // After the header: the next batch, or nothing at the end, when all checks were passed. DATA_LOSS
  // if the rows are not those that the trailer tells of: what came before must not be used.
  absl::StatusOr<std::optional<v1::RowBatch>> ReadBatch();

  // Of use after the end.
  const ReleaseSummary& summary() const { return summary_; }
  // Resumes after the last batch; empty before the first.
  const std::string& page_token() const { return request_.page_token(); }

 private:
  absl::Status Open();
  absl::Status Resume(const absl::Status& broken);
  absl::Status Check(const v1::ReleaseTrailer& trailer);

  Gateway* const gateway_;
  v1::ReadRecordsRequest request_;
  Retry retry_;
  std::unique_ptr<ReadStream> stream_;
  std::optional<v1::ReleaseHeader> header_;
  std::optional<RowsDigest> digest_;
  ReleaseSummary summary_;
  bool ended_ = false;
};

// A typed row.
template <typename Record>
struct Row {
  std::string row_id;
  Record record;
};

// Gives a release's rows one by one, as messages of their type.
//
//   RowReader<v1::Candidate> rows(&release);
//   while (true) {
//     absl::StatusOr<std::optional<Row<v1::Candidate>>> row = rows.Next();
//     if (!row.ok()) return row.status();
//     if (!row->has_value()) break;
//     Use((*row)->record);
//   }
template <typename Record>
class RowReader {
 public:
  // `release` must outlive it; its header was read.
  explicit RowReader(ReleaseReader* release) : release_(release) {}

  absl::StatusOr<std::optional<Row<Record>>> Next() {
    while (next_ == batch_.records_size()) {
      absl::StatusOr<std::optional<v1::RowBatch>> batch = release_->ReadBatch();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) return std::nullopt;
      batch_ = **std::move(batch);
      next_ = 0;
    }
    Row<Record> row;
    row.row_id = batch_.row_ids(next_);
    if (!row.record.ParseFromString(batch_.records(next_))) {
      return absl::DataLossError("a row is not a message of its record type");
    }
    ++next_;
    return row;
  }

 private:
  ReleaseReader* const release_;
  v1::RowBatch batch_;
  int next_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_RELEASE_READER_H_
