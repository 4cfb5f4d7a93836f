// What a start learns from the log's tail, that is from the last START entry on: the newest time,
// releases that a crash left without an outcome, and counters that are missing. Where gateways
// share the log, of its own writer alone: what others have open may be under way.
#ifndef SLUICE_SERVER_AUDIT_LOG_RECOVERY_H_
#define SLUICE_SERVER_AUDIT_LOG_RECOVERY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/entry.h"
#include "server/store/store.h"

namespace sluice::server {

struct LogTail {
  int64_t newest_ms = 0;
  std::vector<OutcomeEntry> unknown;  // to be appended, in order of their decision
  std::vector<GapEntry> gaps;         // the same
};

// Of one writer's entries, or of all if `writer` is empty.
// DATA_LOSS if a row does not hold what its leaf hash and index say.
absl::StatusOr<LogTail> ReadLogTail(const Store& store, absl::string_view writer, uint64_t size);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_LOG_RECOVERY_H_
