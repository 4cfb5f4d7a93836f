// The gRPC side of a release's stream: messages go out as buffers that are filled once and not
// copied again, one at a time, so that a slow reader's pace reaches the store.
//
// One a request. The request runs on a thread of its own; gRPC's callbacks only wake it.
#ifndef SLUICE_SERVER_RELEASE_STREAM_H_
#define SLUICE_SERVER_RELEASE_STREAM_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/answer.h"

namespace sluice::server {

// Counts threads that run requests, so that a gateway that stops waits for them.
class RequestThreads {
 public:
  explicit RequestThreads(int most) : most_(most) {}

  // Runs `request` on a thread of its own; false if as many run as may, or the system has no more.
  bool TryRun(std::function<void()> request);
  // Waits until none runs.
  void Wait();

 private:
  const int most_;
  struct Count {
    absl::Mutex mutex;
    int running ABSL_GUARDED_BY(mutex) = 0;
  };
  // Shared with the threads, whose last touch may come after the wait for them.
  const std::shared_ptr<Count> count_ = std::make_shared<Count>();
};

class ReleaseStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>, public MessageSink {
 public:
  // `serve` runs once, on a thread of `threads`, and gives the stream's status. Where there is no
  // thread to be had the stream ends with RESOURCE_EXHAUSTED. A reader that takes no message for as
  // long as `patience` is cancelled: it has the place of others.
  static ReleaseStream* Start(RequestThreads& threads, grpc::CallbackServerContext* context,
                              absl::Duration patience,
                              std::function<grpc::Status(MessageSink&)> serve);
  // A stream that ends at once.
  static ReleaseStream* Refuse(const grpc::Status& status);

  absl::Status WaitForRoom() override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(size_t size, absl::FunctionRef<void(char*)> fill) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool cancelled() const override ABSL_LOCKS_EXCLUDED(mutex_);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  // gRPC is done with the stream.
  void OnDone() override { delete this; }

 private:
  ReleaseStream(grpc::CallbackServerContext* context, absl::Duration patience)
      : context_(context), patience_(patience) {}
  ~ReleaseStream() override = default;

  grpc::CallbackServerContext* const context_;  // null: of one that is refused
  const absl::Duration patience_;
  grpc::ByteBuffer writing_;  // while gRPC writes it

  mutable absl::Mutex mutex_;
  bool writing_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_RELEASE_STREAM_H_
