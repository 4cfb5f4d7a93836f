// PostgreSQL does what every engine's store must, under a role that may no more than a gateway
// needs.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/gateway_rights.h"
#include "server/store/held_database.h"
#include "server/store/migration.h"
#include "server/store/postgres_store.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

// A test's database is named in its directory, and goes some time after it.
std::string DatabaseOf(const TestDirectory& directory) {
  const std::string file = directory.Path("database");
  std::string name;
  if (std::ifstream(file) >> name) return name;
  static std::vector<std::pair<std::string, std::string>> databases;
  PostgresServer& server = PostgresServer::Shared();
  std::erase_if(databases, [&](const auto& old) {
    return !std::filesystem::exists(old.first) && server.DropDatabase(old.second).ok();
  });
  name = server.CreateDatabase().value();
  const HeldDatabase owned = HoldDatabase({.postgres = server.SocketSettings(name)}, true).value();
  EXPECT_TRUE(Migrate(*owned.database, {}).ok());
  EXPECT_TRUE(GrantGatewayRights(*owned.database, PostgresServer::kGatewayRole).ok());
  std::ofstream(file) << name;
  databases.emplace_back(file, name);
  return name;
}

std::unique_ptr<Store> OpenPostgres(const TestDirectory& directory) {
  PostgresStoreOptions options;
  options.settings = PostgresServer::Shared().GatewaySettings(DatabaseOf(directory));
  options.hash_key = policy::Secret::Copy(std::string(32, 'k'));
  options.keks = std::make_shared<KeksForTest>();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenPostgresStore(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreState,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres}),
                         [](const auto& info) { return info.param.name; });

absl::Status RunPostgres(const TestDirectory& directory, const std::string& sql) {
  return PostgresServer::Shared().Run(DatabaseOf(directory), sql);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreSeals,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres, RunPostgres}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreIdentity,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreErasing,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Engines, StoreOptOuts,
                         testing::Values(StoreEngine{"Postgres", OpenPostgres}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::server
