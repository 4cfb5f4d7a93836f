// What `sluiced` does with a whole store: makes its schema and brings it forward, and moves it from
// one database to another, while no gateway serves from it; and looks at all of it at any time.
//
// One thread.
#ifndef SLUICE_SERVER_STORE_COMMAND_H_
#define SLUICE_SERVER_STORE_COMMAND_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config.h"

namespace sluice::server {

// Makes or migrates the schema of the configuration's store, and tells each step. On PostgreSQL as
// `owner` says, connection settings in the place of the configuration's own; then the
// configuration's role is granted what a gateway needs.
absl::Status MigrateStore(const Config& config, const std::string& owner, bool dry_run);

// Moves the store of `from` to that of `to`, which are the same gateway's, and tells how far it is.
// On PostgreSQL the target is made and filled as `owner` says.
absl::Status CopyStore(const Config& from, const Config& to, const std::string& owner);

// Prints what is wrong with the store, a finding a line: whether nothing is.
absl::StatusOr<bool> TellOfStore(const Config& config);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_COMMAND_H_
