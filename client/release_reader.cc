#include "client/release_reader.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"

namespace sluice::client {
namespace {

// Whether a resumed stream continues the same release.
bool SameRelease(v1::ReleaseHeader a, v1::ReleaseHeader b) {
  for (v1::ReleaseHeader* header : {&a, &b}) {
    header->clear_decision_id();
    header->clear_as_of_time();
    header->clear_as_of_position();
  }
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

}  // namespace

RowsDigest::RowsDigest() : context_(EVP_MD_CTX_new()) {
  ok_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
}

void RowsDigest::Update(absl::string_view bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  const uint8_t length[4] = {static_cast<uint8_t>(size >> 24), static_cast<uint8_t>(size >> 16),
                             static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
  ok_ = ok_ && EVP_DigestUpdate(context_.get(), length, sizeof(length)) == 1 &&
        EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
}

void RowsDigest::Add(absl::string_view row_id, absl::string_view record) {
  Update(row_id);
  Update(record);
}

std::string RowsDigest::Finish() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // An empty text equals no trailer's digest, so a failed hash fails the release.
  if (!ok_ || EVP_DigestFinal_ex(context_.get(), bytes, &size) != 1) return "";
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(bytes), size)));
}

ReleaseReader::ReleaseReader(Gateway* gateway, v1::ReadRecordsRequest request, RetryPolicy policy,
                             RetryEnvironment environment)
    : gateway_(gateway), request_(std::move(request)), retry_(policy, std::move(environment)) {}

absl::StatusOr<v1::ReleaseHeader> ReleaseReader::ReadHeader() {
  if (header_.has_value()) return *header_;
  const absl::Status opened = Open();
  if (!opened.ok()) return opened;
  return *header_;
}

// One stream, up to its header; again while that is worth it.
absl::Status ReleaseReader::Open() {
  while (true) {
    stream_ = gateway_->ReadRecords(request_);
    v1::ReadRecordsResponse response;
    if (!stream_->Read(&response)) {
      const absl::Status status = stream_->Finish();
      if (status.ok()) return absl::DataLossError("the release ended before its header");
      if (const absl::Status again = retry_.Again(status); !again.ok()) return again;
      continue;
    }
    if (!response.has_header()) {
      return absl::DataLossError("the release does not begin with its header");
    }
    if (header_.has_value() && !SameRelease(*header_, response.header())) {
      return absl::DataLossError(
          "the release that was resumed is another than the one that was interrupted: read it "
          "from its beginning");
    }
    if (!header_.has_value()) header_ = response.header();
    digest_.emplace();
    summary_.rows_in_last_stream = 0;
    return absl::OkStatus();
  }
}

absl::Status ReleaseReader::Resume(const absl::Status& broken) {
  if (const absl::Status again = retry_.Again(broken); !again.ok()) return again;
  ++summary_.resumptions;
  return Open();
}

absl::StatusOr<std::optional<v1::RowBatch>> ReleaseReader::ReadBatch() {
  if (ended_) return std::nullopt;
  if (stream_ == nullptr) return absl::FailedPreconditionError("the header was not read");
  while (true) {
    v1::ReadRecordsResponse response;
    if (!stream_->Read(&response)) {
      const absl::Status status = stream_->Finish();
      if (status.ok()) return absl::DataLossError("the release ended without its trailer");
      if (const absl::Status resumed = Resume(status); !resumed.ok()) return resumed;
      continue;
    }
    switch (response.part_case()) {
      case v1::ReadRecordsResponse::kBatch: {
        v1::RowBatch batch = std::move(*response.mutable_batch());
        if (batch.row_ids_size() != batch.records_size()) {
          return absl::DataLossError("a batch has more records than row ids, or fewer");
        }
        for (int i = 0; i < batch.records_size(); ++i) {
          digest_->Add(batch.row_ids(i), batch.records(i));
        }
        summary_.rows += batch.records_size();
        summary_.rows_in_last_stream += batch.records_size();
        request_.set_page_token(batch.next_page_token());
        retry_.Progress();
        return batch;
      }
      case v1::ReadRecordsResponse::kTrailer: {
        if (const absl::Status checked = Check(response.trailer()); !checked.ok()) return checked;
        ended_ = true;
        return std::nullopt;
      }
      case v1::ReadRecordsResponse::kHeader:
        return absl::DataLossError("the release has a second header");
      case v1::ReadRecordsResponse::PART_NOT_SET:
        return absl::DataLossError("the release has a part that this client does not know");
    }
  }
}

absl::Status ReleaseReader::Check(const v1::ReleaseTrailer& trailer) {
  if (trailer.row_count() != summary_.rows_in_last_stream) {
    return absl::DataLossError(absl::StrCat("the trailer tells of ", trailer.row_count(),
                                            " rows, and ", summary_.rows_in_last_stream, " came"));
  }
  if (trailer.rows_digest() != digest_->Finish()) {
    return absl::DataLossError("the rows that came are not those that the trailer's digest is of");
  }
  summary_.trailer = trailer;
  // What follows the trailer must be the end, and a good one.
  v1::ReadRecordsResponse more;
  if (stream_->Read(&more)) return absl::DataLossError("the release goes on after its trailer");
  return stream_->Finish();
}

}  // namespace sluice::client
