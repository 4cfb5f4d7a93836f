#include "server/read_ahead.h"

#include <system_error>

namespace sluice::server {

bool SpareCores::TryTake() {
  int left = left_.load();
  while (left > 0) {
    if (left_.compare_exchange_weak(left, left - 1)) return true;
  }
  return false;
}

ReadAhead::Made ReadAhead::Next() {
  Made made = made_.valid() ? made_.get() : next_();
  const bool more = made.chunk.ok() && made.chunk->has_value() && !(*made.chunk)->rows().last;
  if (!more || !cores_->TryTake()) return made;
  // The library speaks by an exception when the system has no thread to give.
  try {
    made_ = std::async(std::launch::async, [this] {
      Made ahead = next_();
      cores_->GiveBack();
      return ahead;
    });
  } catch (const std::system_error&) {
    cores_->GiveBack();
  }
  return made;
}

}  // namespace sluice::server
