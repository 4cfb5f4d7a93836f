// What a gateway's role may do on PostgreSQL, and no more: of each table what its statements need.
// It makes nothing, owns nothing, and can neither change nor delete an entry of the log.
#ifndef SLUICE_SERVER_STORE_GATEWAY_RIGHTS_H_
#define SLUICE_SERVER_STORE_GATEWAY_RIGHTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/store_database.h"

namespace sluice::server {

// Of a table, as GRANT takes them. INTERNAL for one that nobody has thought of.
absl::StatusOr<absl::string_view> GatewayRights(absl::string_view table);

// Gives the role its rights, takes from it what else it was given, and looks whether that is all it
// may do. FAILED_PRECONDITION, with a sentence for the operator: there is no such role, it may do
// more by another way, or who asks owns the tables not. Nothing has changed then.
absl::Status GrantGatewayRights(StoreDatabase& database, absl::string_view role);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_GATEWAY_RIGHTS_H_
