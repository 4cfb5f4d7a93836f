#include "server/release_stream.h"

#include <grpcpp/support/slice.h>

#include <system_error>
#include <thread>
#include <utility>

#include "server/error.h"
#include "server/grpc_error.h"

namespace sluice::server {

bool RequestThreads::TryRun(std::function<void()> request) {
  {
    absl::MutexLock lock(&count_->mutex);
    if (count_->running >= most_) return false;
    ++count_->running;
  }
  // The library speaks by an exception when the system has no thread to give.
  try {
    std::thread([count = count_, request = std::move(request)] {
      request();
      absl::MutexLock lock(&count->mutex);
      --count->running;
    }).detach();
    return true;
  } catch (const std::system_error&) {
    absl::MutexLock lock(&count_->mutex);
    --count_->running;
    return false;
  }
}

void RequestThreads::Wait() {
  const auto none = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(count_->mutex) { return count_->running == 0; };
  absl::MutexLock lock(&count_->mutex);
  count_->mutex.Await(absl::Condition(&none));
}

ReleaseStream* ReleaseStream::Start(RequestThreads& threads, grpc::CallbackServerContext* context,
                                    absl::Duration patience,
                                    std::function<grpc::Status(MessageSink&)> serve) {
  auto* stream = new ReleaseStream(context, patience);
  const bool runs = threads.TryRun([stream, serve = std::move(serve)] {
    const grpc::Status status = serve(*stream);
    // From here on the stream belongs to gRPC, which ends with OnDone.
    stream->Finish(status);
  });
  if (!runs) stream->Finish(ToGrpc(Exhausted("total_streams", absl::Seconds(1)), ""));
  return stream;
}

ReleaseStream* ReleaseStream::Refuse(const grpc::Status& status) {
  auto* stream = new ReleaseStream(nullptr, absl::ZeroDuration());
  stream->Finish(status);
  return stream;
}

absl::Status ReleaseStream::WaitForRoom() {
  const auto room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !writing_now_ || gone_; };
  {
    absl::MutexLock lock(&mutex_);
    const bool soon = mutex_.AwaitWithTimeout(absl::Condition(&room), patience_);
    if (soon) return gone_ ? Cancelled() : absl::OkStatus();
    gone_ = true;
  }
  context_->TryCancel();
  return Cancelled();
}

absl::Status ReleaseStream::Write(size_t size, absl::FunctionRef<void(char*)> fill) {
  grpc::Slice slice(size);
  fill(const_cast<char*>(reinterpret_cast<const char*>(slice.begin())));
  {
    absl::MutexLock lock(&mutex_);
    if (gone_) return Cancelled();
    if (writing_now_) return absl::InternalError("a message without room");
    writing_now_ = true;
  }
  writing_ = grpc::ByteBuffer(&slice, 1);
  StartWrite(&writing_);
  return absl::OkStatus();
}

bool ReleaseStream::cancelled() const {
  absl::MutexLock lock(&mutex_);
  return gone_;
}

void ReleaseStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_now_ = false;
  if (!ok) gone_ = true;
}

void ReleaseStream::OnCancel() {
  absl::MutexLock lock(&mutex_);
  gone_ = true;
}

}  // namespace sluice::server
