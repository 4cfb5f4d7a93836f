// SQLite does what every engine's store must.
#include <memory>
#include <string>
#include <utility>

#include "server/store/sqlite.h"
#include "server/store/sqlite_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/memory_store.h"
#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

std::unique_ptr<Store> OpenSqlite(const TestDirectory& directory) {
  SqliteStoreOptions options;
  options.path = directory.Path("store.db");
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite}),
                         [](const auto& info) { return info.param.name; });

absl::Status RunSqlite(const TestDirectory& directory, const std::string& sql) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open({.path = directory.Path("store.db")});
  if (!connection.ok()) return connection.status();
  return (*connection)->Execute(sql);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreSeals,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite, RunSqlite}),
                         [](const auto& info) { return info.param.name; });

const StoreEngine kMemory = {"Memory",
                             [](const TestDirectory&) { return std::make_unique<MemoryStore>(); }};

INSTANTIATE_TEST_SUITE_P(Engines, StoreState,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite}, kMemory),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreIdentity,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite}, kMemory),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreErasing,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite}, kMemory),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreOptOuts,
                         testing::Values(StoreEngine{"Sqlite", OpenSqlite}, kMemory),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::server
