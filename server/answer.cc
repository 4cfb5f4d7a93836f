#include "server/answer.h"

#include <endian.h>

#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/error.h"

namespace sluice::server {
namespace {

using google::protobuf::io::CodedOutputStream;

// The tags of the fields that are written by hand, with wire type 2.
constexpr uint8_t kBatchTag = v1::ReadRecordsResponse::kBatchFieldNumber << 3 | 2;
constexpr uint8_t kRowIdTag = v1::RowBatch::kRowIdsFieldNumber << 3 | 2;
constexpr uint8_t kRecordTag = v1::RowBatch::kRecordsFieldNumber << 3 | 2;
constexpr uint8_t kTokenTag = v1::RowBatch::kNextPageTokenFieldNumber << 3 | 2;
constexpr size_t kRowIdSize = sizeof(ReleasedRow::row_id);

size_t FieldSize(size_t content) {
  return 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(content)) + content;
}

uint8_t* PutHead(uint8_t tag, size_t content, uint8_t* out) {
  *out++ = tag;
  return CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(content), out);
}

uint8_t* PutField(uint8_t tag, absl::string_view content, uint8_t* out) {
  out = PutHead(tag, content.size(), out);
  std::memcpy(out, content.data(), content.size());
  return out + content.size();
}

uint8_t* PutFramed(absl::string_view content, uint8_t* out) {
  const uint32_t length = htobe32(static_cast<uint32_t>(content.size()));
  std::memcpy(out, &length, sizeof length);
  std::memcpy(out + sizeof length, content.data(), content.size());
  return out + sizeof length + content.size();
}

}  // namespace

Answer::Answer(MessageSink* sink) : sink_(sink), digest_(EVP_MD_CTX_new()) {}

absl::Status Answer::WriteMessage(const v1::ReadRecordsResponse& message) {
  if (const absl::Status room = sink_->WaitForRoom(); !room.ok()) return room;
  return sink_->Write(message.ByteSizeLong(), [&message](char* out) {
    message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out));
  });
}

absl::Status Answer::Begin(const v1::ReleaseHeader& header) {
  if (digest_ == nullptr || EVP_DigestInit_ex2(digest_.get(), EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("SHA-256 is not to be had");
  }
  v1::ReadRecordsResponse message;
  *message.mutable_header() = header;
  return WriteMessage(message);
}

absl::Status Answer::Send(Releasable chunk, AuditReceipt receipt,
                          absl::FunctionRef<absl::Status()> still_permitted,
                          absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view)> token) {
  if (!receipt.IsFor(chunk.id())) return absl::InternalError("a chunk without its receipt");
  log_index_ = static_cast<int64_t>(receipt.index());
  const ReleasedRows& rows = chunk.rows();
  size_t begin = 0;
  while (begin < rows.rows.size()) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < rows.rows.size() && end - begin < kBatchRows && bytes < kBatchBytes) {
      bytes += rows.rows[end++].size;
    }
    if (const absl::Status room = sink_->WaitForRoom(); !room.ok()) return room;
    if (const absl::Status permitted = still_permitted(); !permitted.ok()) return permitted;
    const absl::StatusOr<std::string> page_token =
        token(absl::string_view(rows.rows[end - 1].row_id, kRowIdSize));
    if (!page_token.ok()) return page_token.status();
    if (const absl::Status sent = SendBatch(rows, begin, end, *page_token); !sent.ok()) return sent;
    begin = end;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Row> Answer::SendOne(Releasable chunk, AuditReceipt receipt) {
  const ReleasedRows& rows = chunk.rows();
  if (!receipt.IsFor(chunk.id()) || rows.rows.size() != 1) {
    return absl::InternalError("a row without its receipt");
  }
  v1::Row row;
  row.set_row_id(rows.rows[0].row_id, kRowIdSize);
  row.set_record(rows.bytes);
  return row;
}

absl::Status Answer::SendBatch(const ReleasedRows& rows, size_t begin, size_t end,
                               absl::string_view page_token) {
  size_t batch_size = FieldSize(page_token.size()) + (end - begin) * FieldSize(kRowIdSize);
  size_t digest_size = (end - begin) * (2 * sizeof(uint32_t) + kRowIdSize);
  for (size_t i = begin; i < end; ++i) {
    batch_size += FieldSize(rows.rows[i].size);
    digest_size += rows.rows[i].size;
  }
  if (digest_input_.size() < digest_size) digest_input_.resize(digest_size);
  auto* input = reinterpret_cast<uint8_t*>(digest_input_.data());
  for (size_t i = begin; i < end; ++i) {
    const ReleasedRow& row = rows.rows[i];
    input = PutFramed(absl::string_view(row.row_id, kRowIdSize), input);
    input = PutFramed(absl::string_view(rows.bytes).substr(row.begin, row.size), input);
  }
  if (EVP_DigestUpdate(digest_.get(), digest_input_.data(), digest_size) != 1) {
    return absl::InternalError("SHA-256 failed");
  }
  const absl::Status sent = sink_->Write(FieldSize(batch_size), [&](char* buffer) {
    uint8_t* out = PutHead(kBatchTag, batch_size, reinterpret_cast<uint8_t*>(buffer));
    for (size_t i = begin; i < end; ++i) {
      out = PutField(kRowIdTag, absl::string_view(rows.rows[i].row_id, kRowIdSize), out);
    }
    for (size_t i = begin; i < end; ++i) {
      const ReleasedRow& row = rows.rows[i];
      out = PutField(kRecordTag, absl::string_view(rows.bytes).substr(row.begin, row.size), out);
    }
    PutField(kTokenTag, page_token, out);
  });
  if (!sent.ok()) return sent;
  rows_ += static_cast<int64_t>(end - begin);
  bytes_ += static_cast<int64_t>(batch_size);
  return absl::OkStatus();
}

absl::Status Answer::End() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(digest_.get(), digest, &size) != 1) {
    return absl::InternalError("SHA-256 failed");
  }
  v1::ReadRecordsResponse message;
  auto* trailer = message.mutable_trailer();
  trailer->set_row_count(rows_);
  trailer->set_rows_digest(absl::StrCat(
      "sha256:",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size))));
  trailer->set_log_index(log_index_);
  return WriteMessage(message);
}

}  // namespace sluice::server
