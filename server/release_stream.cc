#include "server/release_stream.h"

#include <grpcpp/support/slice.h>

#include <thread>
#include <utility>

#include "server/error.h"

namespace sluice::server {

void RequestThreads::Run(std::function<void()> request) {
  {
    absl::MutexLock lock(&count_->mutex);
    ++count_->running;
  }
  std::thread([count = count_, request = std::move(request)] {
    request();
    absl::MutexLock lock(&count->mutex);
    --count->running;
  }).detach();
}

void RequestThreads::Wait() {
  const auto none = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(count_->mutex) { return count_->running == 0; };
  absl::MutexLock lock(&count_->mutex);
  count_->mutex.Await(absl::Condition(&none));
}

ReleaseStream* ReleaseStream::Start(RequestThreads& threads,
                                    std::function<grpc::Status(MessageSink&)> serve) {
  auto* stream = new ReleaseStream;
  threads.Run([stream, serve = std::move(serve)] {
    const grpc::Status status = serve(*stream);
    // From here on the stream belongs to gRPC, which ends with OnDone.
    stream->Finish(status);
  });
  return stream;
}

absl::Status ReleaseStream::Write(size_t size, absl::FunctionRef<void(char*)> fill) {
  grpc::Slice slice(size);
  fill(const_cast<char*>(reinterpret_cast<const char*>(slice.begin())));
  {
    const auto free = [this]()
                          ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !writing_now_ || gone_; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&free));
    if (gone_) return Cancelled();
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
