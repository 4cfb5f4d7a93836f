// The answer to a read, as it goes out: a header, batches, a trailer. Rows get in by `Send` alone,
// and `Send` takes a chunk together with the receipt of its disclosure.
//
// One a request; not thread-safe.
#ifndef SLUICE_SERVER_ANSWER_H_
#define SLUICE_SERVER_ANSWER_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/audit_receipt.h"
#include "server/audit/releasable.h"
#include "sluice/v1/exchange_service.pb.h"

namespace sluice::server {

// Where the answer's messages go.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Blocks while the reader is slow, so that its pace reaches the store; CANCELLED when the caller
  // has gone. What may leave is asked after the wait, not before it.
  virtual absl::Status WaitForRoom() = 0;
  // Takes one message of `size` bytes, which `fill` writes. Only with room.
  virtual absl::Status Write(size_t size, absl::FunctionRef<void(char*)> fill) = 0;
  virtual bool cancelled() const = 0;
};

class Answer {
 public:
  // A batch ends with the row that fills it. Together with a chunk's bounds (Release) this keeps a
  // chunk within 64 batches.
  static constexpr size_t kBatchRows = 1024;
  static constexpr size_t kBatchBytes = 128 << 10;

  explicit Answer(MessageSink* sink);

  absl::Status Begin(const v1::ReleaseHeader& header);
  // Before each batch asks `still_permitted`, and sends nothing more when that is not OK. `token`
  // gives the batch's page token from its last row id.
  absl::Status Send(Releasable chunk, AuditReceipt receipt,
                    absl::FunctionRef<absl::Status()> still_permitted,
                    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view)> token);
  absl::Status End();

  // The one row of a chunk of one, for an answer that is no stream.
  static absl::StatusOr<v1::Row> SendOne(Releasable chunk, AuditReceipt receipt);

  bool cancelled() const { return sink_->cancelled(); }
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }

 private:
  absl::Status SendBatch(const ReleasedRows& rows, size_t begin, size_t end,
                         absl::string_view page_token);
  absl::Status WriteMessage(const v1::ReadRecordsResponse& message);

  struct DigestFree {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  MessageSink* const sink_;
  std::unique_ptr<EVP_MD_CTX, DigestFree> digest_;
  std::string digest_input_;  // reused
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t log_index_ = -1;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ANSWER_H_
