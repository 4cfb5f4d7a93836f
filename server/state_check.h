// Holds what decisions rest on (MOU versions, signatures, organizations) against the log: at start
// before any of it is used, and while the gateway runs. What the rows say of themselves the store
// looks at (Store::CheckState); that the log says nothing beyond it is looked at here.
//
// Functions; thread-safe.
#ifndef SLUICE_SERVER_STATE_CHECK_H_
#define SLUICE_SERVER_STATE_CHECK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/audit/audit_log.h"
#include "server/store/store.h"

namespace sluice::server {

// Whether an entry says something of a version of an MOU or of an organization that was added.
bool IsOfState(absl::string_view body);

// At start, after the log was recovered. DATA_LOSS, with a sentence for the operator, if a version
// or an organization was taken out, changed or put back.
absl::Status CheckStateAtStart(Store& store, const AuditLog& log);

// While it runs, now and then. DATA_LOSS as above; then the store's health says so, too, and the
// log halts. Moves the seal on where the log has grown, so that the next start has little to read.
absl::Status CheckStateNow(Store& store, const AuditLog& log);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STATE_CHECK_H_
