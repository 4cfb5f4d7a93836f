// A store's database, held alone, for who migrates or copies it while no gateway is at it.
//
// One thread at a time.
#ifndef SLUICE_SERVER_STORE_HELD_DATABASE_H_
#define SLUICE_SERVER_STORE_HELD_DATABASE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/sql.h"
#include "server/store/store_database.h"

namespace sluice::server {

// Where a database is, as a configuration says it: one of the two.
struct DatabaseAddress {
  std::string sqlite;    // path
  std::string postgres;  // libpq's connection settings
  std::string vfs = "";  // SQLite's VFS; empty: its own
  // How long the work that is asked of a server may take at a time.
  absl::Duration patience = absl::Hours(24);
};

struct HeldDatabase {
  std::shared_ptr<void> file;  // the embedded one's, locked
  std::unique_ptr<SqlConnection> connection;
  std::unique_ptr<StoreDatabase> database;

  StoreDatabase* operator->() const { return database.get(); }
};

// FAILED_PRECONDITION, with a sentence for the operator: a gateway is at it, or, unless `make`,
// there is no such file.
absl::StatusOr<HeldDatabase> HoldDatabase(const DatabaseAddress& address, bool make);
// The same to read from alone, beside a gateway.
absl::StatusOr<HeldDatabase> LookIntoDatabase(const DatabaseAddress& address);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_HELD_DATABASE_H_
