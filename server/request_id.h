// A request's id: 128 random bits as 32 hexadecimal digits. The log's entries carry it, so that
// nobody guesses a leaf from its hash.
#ifndef SLUICE_SERVER_REQUEST_ID_H_
#define SLUICE_SERVER_REQUEST_ID_H_

#include "absl/status/statusor.h"
#include "server/audit/entry.h"

namespace sluice::server {

// Fails rather than be weak.
absl::StatusOr<RequestId> NewRequestId();

}  // namespace sluice::server

#endif  // SLUICE_SERVER_REQUEST_ID_H_
