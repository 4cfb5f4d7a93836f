// A deployment whose store is on one of the engines, for tests of what holds on both. It has one
// signed MOU, "pipeline".
//
// One a test; not thread-safe.
#ifndef SLUICE_TESTS_E2E_STORED_DEPLOYMENT_H_
#define SLUICE_TESTS_E2E_STORED_DEPLOYMENT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/e2e/deployment.h"
#include "tests/support/postgres_server.h"

namespace sluice::tests {

enum class Engine { kSqlite, kPostgres };

class StoredDeployment : public Deployment {
 public:
  // `server`: of a database for it alone, where the engine is PostgreSQL; null: the program's own.
  explicit StoredDeployment(Engine engine, server::PostgresServer* server = nullptr);
  ~StoredDeployment();

  // Writes the configuration again, with more in it.
  void Configure(const std::string& more);
  // Runs statements on the store, beside the gateway if it runs.
  void Sql(const std::string& statements);
  // The first column of the first row.
  std::string Ask(const std::string& question);
  const std::string& database() const { return database_; }

  std::unique_ptr<client::Gateway> Program() { return Connect(As(kProgram, "system", "sis")); }
  std::unique_ptr<client::Gateway> District() { return Connect(As(kDistrict, "system", "hr")); }
  // How many rows a whole read gives; its failure is the test's.
  size_t CountReleased();

 private:
  server::PostgresServer* const server_;  // null: SQLite
  std::string database_;
};

class OnBothEngines : public ::testing::TestWithParam<Engine> {
 protected:
  StoredDeployment deployment_{GetParam()};
};

inline std::string EngineName(const ::testing::TestParamInfo<Engine>& info) {
  switch (info.param) {
    case Engine::kSqlite:
      return "Sqlite";
    case Engine::kPostgres:
      return "Postgres";
  }
  return "";
}

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_STORED_DEPLOYMENT_H_
