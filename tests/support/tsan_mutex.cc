// What the thread sanitizer has to know of Abseil's synchronization: Debian's library is not built
// with it, so that it would see no lock at all and call every guarded access a race. The linker
// sends our calls through here (`--wrap`, tests/CMakeLists.txt). The symbols are those of Debian
// 12's Abseil; with another one the build does not link.
//
// A condition is also evaluated by threads that unlock, which tests/tsan.suppressions names.
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

// NOLINTBEGIN: the names are the linker's.
#define SLUICE_WRAP(result, symbol, ...)          \
  extern "C" result __real_##symbol(__VA_ARGS__); \
  extern "C" result __wrap_##symbol(__VA_ARGS__)

namespace {

void BeforeUnlock(const void* mutex, unsigned flags) {
  __tsan_mutex_pre_unlock(const_cast<void*>(mutex), flags);
  __tsan_mutex_post_unlock(const_cast<void*>(mutex), flags);
}
void AfterLock(const void* mutex, unsigned flags) {
  __tsan_mutex_pre_lock(const_cast<void*>(mutex), flags);
  __tsan_mutex_post_lock(const_cast<void*>(mutex), flags, 0);
}

}  // namespace

SLUICE_WRAP(void, _ZN4absl7debian35Mutex4LockEv, absl::Mutex* mutex) {
  __real__ZN4absl7debian35Mutex4LockEv(mutex);
  AfterLock(mutex, 0);
}
SLUICE_WRAP(void, _ZN4absl7debian35Mutex6UnlockEv, absl::Mutex* mutex) {
  BeforeUnlock(mutex, 0);
  __real__ZN4absl7debian35Mutex6UnlockEv(mutex);
}
SLUICE_WRAP(void, _ZN4absl7debian35Mutex10ReaderLockEv, absl::Mutex* mutex) {
  __real__ZN4absl7debian35Mutex10ReaderLockEv(mutex);
  AfterLock(mutex, __tsan_mutex_read_lock);
}
SLUICE_WRAP(void, _ZN4absl7debian35Mutex12ReaderUnlockEv, absl::Mutex* mutex) {
  BeforeUnlock(mutex, __tsan_mutex_read_lock);
  __real__ZN4absl7debian35Mutex12ReaderUnlockEv(mutex);
}
SLUICE_WRAP(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE, absl::Mutex* mutex,
            const absl::Condition& condition) {
  BeforeUnlock(mutex, 0);
  __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mutex, condition);
  AfterLock(mutex, 0);
}
SLUICE_WRAP(bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
            absl::Mutex* mutex, const absl::Condition& condition, absl::Duration timeout) {
  BeforeUnlock(mutex, 0);
  const bool holds =
      __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
          mutex, condition, timeout);
  AfterLock(mutex, 0);
  return holds;
}
SLUICE_WRAP(void, _ZN4absl7debian35MutexD1Ev, absl::Mutex* mutex) {
  __real__ZN4absl7debian35MutexD1Ev(mutex);
  __tsan_mutex_destroy(mutex, 0);
}
SLUICE_WRAP(void, _ZN4absl7debian312Notification6NotifyEv, absl::Notification* notification) {
  __tsan_release(notification);
  __real__ZN4absl7debian312Notification6NotifyEv(notification);
}
SLUICE_WRAP(void, _ZNK4absl7debian312Notification19WaitForNotificationEv,
            absl::Notification* notification) {
  __real__ZNK4absl7debian312Notification19WaitForNotificationEv(notification);
  __tsan_acquire(notification);
}
SLUICE_WRAP(bool, _ZN4absl7debian315BlockingCounter14DecrementCountEv,
            absl::BlockingCounter* counter) {
  __tsan_release(counter);
  return __real__ZN4absl7debian315BlockingCounter14DecrementCountEv(counter);
}
SLUICE_WRAP(void, _ZN4absl7debian315BlockingCounter4WaitEv, absl::BlockingCounter* counter) {
  __real__ZN4absl7debian315BlockingCounter4WaitEv(counter);
  __tsan_acquire(counter);
}
// NOLINTEND
