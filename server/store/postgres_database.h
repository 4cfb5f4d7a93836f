// The database of a store on PostgreSQL as a whole: the tables of one schema of it, and the
// writers' marks.
#ifndef SLUICE_SERVER_STORE_POSTGRES_DATABASE_H_
#define SLUICE_SERVER_STORE_POSTGRES_DATABASE_H_

#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/store/postgres.h"
#include "server/store/store_database.h"

namespace sluice::server {

// How a session has the database. Gateways that can do with one another share it; who migrates or
// copies it is alone.
enum class DatabaseUse { kShared, kAlone };

// Takes it until the connection ends. FAILED_PRECONDITION, with a sentence for the operator, if
// somebody who is in the way has it for longer than that.
absl::Status TakeDatabase(PostgresConnection* connection, DatabaseUse use, absl::Duration patience);

// The same of the name under which a gateway writes: it is one gateway's.
absl::Status TakeWriterName(PostgresConnection* connection, absl::string_view writer,
                            absl::Duration patience);

class PostgresDatabase final : public StoreDatabase {
 public:
  // The connection must outlive it.
  explicit PostgresDatabase(PostgresConnection* connection, std::string place = "")
      : connection_(connection), place_(std::move(place)) {}

  SqlConnection* connection() override { return connection_; }
  absl::Status Begin() override;
  absl::StatusOr<std::set<std::string>> Tables() override;
  absl::StatusOr<bool> IsOurs() override;
  std::string InDialect(absl::string_view sql) const override;
  absl::string_view OwnTables() const override;
  absl::Status GoOnNumbering(absl::string_view table, absl::string_view column) override;
  std::string place() const override { return place_; }

 private:
  PostgresConnection* const connection_;
  const std::string place_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_DATABASE_H_
