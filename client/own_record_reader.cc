#include "client/own_record_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::client {

absl::StatusOr<std::optional<v1::OwnRecordBatch>> OwnRecordReader::Next() {
  while (!ended_) {
    if (stream_ == nullptr) {
      stream_ = gateway_->ReadOwnRecords(request_);
      in_stream_ = 0;
    }
    v1::ReadOwnRecordsResponse response;
    if (stream_->Read(&response)) {
      switch (response.part_case()) {
        case v1::ReadOwnRecordsResponse::kHeader:
          header_ = std::move(*response.mutable_header());
          continue;
        case v1::ReadOwnRecordsResponse::kBatch:
          retry_.Progress();
          count_ += response.batch().records_size();
          in_stream_ += response.batch().records_size();
          // One record that was asked for by its key comes without: there is nothing to resume.
          only_ = response.batch().next_page_token().empty();
          if (!only_) request_.set_page_token(response.batch().next_page_token());
          return std::move(*response.mutable_batch());
        case v1::ReadOwnRecordsResponse::kTrailer:
          if (response.trailer().record_count() != in_stream_) {
            return absl::DataLossError(absl::StrCat("the gateway sent ", in_stream_,
                                                    " records and counts ",
                                                    response.trailer().record_count()));
          }
          ended_ = true;
          continue;
        case v1::ReadOwnRecordsResponse::PART_NOT_SET:
          return absl::DataLossError("the gateway sent a message of no kind that is known here");
      }
    }
    absl::Status status = stream_->Finish();
    stream_.reset();
    if (status.ok()) status = absl::DataLossError("the records end without their trailer");
    if (only_) return std::nullopt;
    if (const absl::Status again = retry_.Again(status); !again.ok()) return again;
  }
  // What the call itself ends with counts, too.
  if (stream_ != nullptr) {
    const absl::Status status = stream_->Finish();
    stream_.reset();
    if (!status.ok()) return status;
  }
  return std::nullopt;
}

}  // namespace sluice::client
