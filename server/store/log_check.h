// The log of a store, looked at whole: each entry is what its leaf hash says, the tree over them is
// the head's, and the head is what its signed checkpoint says.
//
// Pure but for what it reads.
#ifndef SLUICE_SERVER_STORE_LOG_CHECK_H_
#define SLUICE_SERVER_STORE_LOG_CHECK_H_

#include <functional>

#include "absl/status/statusor.h"
#include "server/audit/checkpoint.h"
#include "server/audit/signed_note.h"
#include "server/store/sql.h"

namespace sluice::server {

// The checkpoint's own size and root; DATA_LOSS says what does not fit. `progress` is told how many
// entries were looked at, now and then. Memory holds an entry at a time.
absl::StatusOr<Checkpoint> CheckWholeLog(SqlConnection* connection, const NoteVerifier& verifier,
                                         const std::function<void(int64_t)>& progress);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_LOG_CHECK_H_
