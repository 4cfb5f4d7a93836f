// The gRPC side of a publish stream: answers go out in the order of the batches, while later
// batches are taken in.
//
// One a request. The request's thread takes batches in; a second one writes the answers.
#ifndef SLUICE_SERVER_PUBLISH_STREAM_H_
#define SLUICE_SERVER_PUBLISH_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/call.h"
#include "server/client_watch.h"
#include "server/publication.h"
#include "server/publish_budget.h"
#include "sluice/v1/exchange_service.grpc.pb.h"

namespace sluice::server {

class PublishStream {
 public:
  using Stream = grpc::ServerReaderWriter<v1::PublishRecordsResponse, grpc::ByteBuffer>;
  // So many batches may stand unanswered; beyond it, or without room in the budget, none is read.
  static constexpr size_t kUnanswered = 16;

  PublishStream(const CallParts& parts, Publication* publication, PublishBudget* budget, Call* call,
                Stream* stream, grpc::ServerContext* context, absl::Duration patience)
      : parts_(parts),
        publication_(publication),
        call_(call),
        stream_(stream),
        watch_([context] { context->TryCancel(); }, patience),
        share_(budget) {}

  // Until the client is done, or may not go on.
  absl::Status Run();

 private:
  struct Batch {
    std::string request_id;  // the client's name for it
    RequestId call_id;       // what the log knows the call by, or this batch's refusal
    std::optional<absl::StatusOr<v1::PublishRecordsResponse>> result;
  };
  struct Queue {
    absl::Mutex mutex;
    std::deque<std::shared_ptr<Batch>> unanswered ABSL_GUARDED_BY(mutex);
    bool all_taken_in ABSL_GUARDED_BY(mutex) = false;
  };

  bool Read(grpc::ByteBuffer& bytes);
  absl::Status Charge(const v1::PublishRecordsRequest& request, int64_t bytes);
  absl::Status TakeIn();
  void WriteAnswers();
  // Has a refusal for want of quota in the log first.
  v1::PublishRecordsResponse AnswerOf(Batch& batch);

  const CallParts parts_;
  Publication* const publication_;
  Call* const call_;
  Stream* const stream_;
  ClientWatch watch_;
  PublishBudget::Share share_;

  // Shared with the store's thread, whose last touch may come after the stream's end.
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PUBLISH_STREAM_H_
