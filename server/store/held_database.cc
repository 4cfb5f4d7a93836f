#include "server/store/held_database.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/postgres.h"
#include "server/store/postgres_database.h"
#include "server/store/postgres_settings.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_database.h"
#include "server/store/store_file.h"

namespace sluice::server {
namespace {

namespace fs = std::filesystem;

// How long a gateway that has just ended may have it yet.
constexpr absl::Duration kWaitForDatabase = absl::Seconds(5);
constexpr int64_t kCacheKib = 64 << 10;

absl::StatusOr<HeldDatabase> HoldSqlite(const DatabaseAddress& address, bool make, bool look) {
  std::error_code error;
  const std::string path = fs::absolute(address.sqlite, error).string();
  if (!make && !fs::exists(path, error)) {
    return absl::FailedPreconditionError(absl::StrCat("there is no ", path));
  }
  HeldDatabase held;
  if (!look) {
    absl::StatusOr<std::unique_ptr<StoreFile>> file = StoreFile::Open(path);
    if (!file.ok()) return file.status();
    held.file = std::shared_ptr<StoreFile>(*std::move(file));
  }
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection = SqliteConnection::Open(
      {.path = path, .read_only = look, .cache_kib = kCacheKib, .vfs = address.vfs});
  if (!connection.ok()) return connection.status();
  held.database = std::make_unique<SqliteDatabase>(connection->get(), path);
  held.connection = *std::move(connection);
  return held;
}

// Without what the server's address is of no use for.
std::string PlaceOf(const PostgresSettings& settings) {
  std::string place = "PostgreSQL";
  for (const auto& [name, value] : settings) {
    if (name == "host" || name == "hostaddr" || name == "port" || name == "dbname" ||
        name == "service") {
      absl::StrAppend(&place, " ", name, "=", value);
    }
  }
  return place;
}

absl::StatusOr<HeldDatabase> HoldPostgres(const DatabaseAddress& address, bool look) {
  const absl::StatusOr<PostgresSettings> settings = CompletePostgresSettings(address.postgres);
  if (!settings.ok()) return settings.status();
  absl::StatusOr<std::unique_ptr<PostgresConnection>> connection = PostgresConnection::Open(
      {.settings = address.postgres, .read_only = look, .patience = address.patience});
  if (!connection.ok()) return connection.status();
  if (!look) {
    absl::Status taken = TakeDatabase(connection->get(), DatabaseUse::kAlone, kWaitForDatabase);
    if (!taken.ok()) return taken;
  }
  HeldDatabase held;
  held.database = std::make_unique<PostgresDatabase>(connection->get(), PlaceOf(*settings));
  held.connection = *std::move(connection);
  return held;
}

}  // namespace

absl::StatusOr<HeldDatabase> HoldDatabase(const DatabaseAddress& address, bool make) {
  return address.postgres.empty() ? HoldSqlite(address, make, /*look=*/false)
                                  : HoldPostgres(address, /*look=*/false);
}

absl::StatusOr<HeldDatabase> LookIntoDatabase(const DatabaseAddress& address) {
  return address.postgres.empty() ? HoldSqlite(address, /*make=*/false, /*look=*/true)
                                  : HoldPostgres(address, /*look=*/true);
}

}  // namespace sluice::server
