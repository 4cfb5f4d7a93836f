// psql, as a person at a database uses it.
#ifndef SLUICE_TESTS_BENCH_PSQL_H_
#define SLUICE_TESTS_BENCH_PSQL_H_

#include <string>

#include "tests/support/postgres_server.h"

namespace sluice::bench {

// Runs one command to its end; ends the benchmark if it fails.
void RunPsql(const std::string& settings, const std::string& command);
// Of the superuser.
std::string AdminSettings(const server::PostgresServer& server, const std::string& database);

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_PSQL_H_
