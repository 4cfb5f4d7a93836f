// What the gateway's own log says of the documents in the inbox: what was not said of them before.
//
// Thread-safe.
#ifndef SLUICE_SERVER_INBOX_LOG_H_
#define SLUICE_SERVER_INBOX_LOG_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/mou_registry.h"

namespace sluice::server {

class InboxLog {
 public:
  void Say(const InboxReport& report) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> said_ ABSL_GUARDED_BY(mutex_);  // at the last look
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_INBOX_LOG_H_
