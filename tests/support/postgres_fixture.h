// A connection to a database of its own on the program's PostgreSQL, with one table.
#ifndef SLUICE_TESTS_SUPPORT_POSTGRES_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_POSTGRES_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/postgres.h"
#include "tests/support/postgres_server.h"

namespace sluice::server {

class PostgresTest : public testing::Test {
 protected:
  PostgresTest() : connection_(Open()) {
    EXPECT_TRUE(
        connection_->Execute("CREATE TABLE t (a bigint UNIQUE, b text COLLATE \"C\", c bytea)")
            .ok());
  }
  ~PostgresTest() override {
    connection_.reset();
    EXPECT_TRUE(server_.DropDatabase(database_).ok());
  }

  std::unique_ptr<PostgresConnection> Open(bool read_only = false,
                                           absl::Duration patience = absl::Seconds(30)) {
    auto connection = PostgresConnection::Open({.settings = server_.SocketSettings(database_),
                                                .read_only = read_only,
                                                .patience = patience});
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }

  SqlStatement Prepare(absl::string_view sql) { return connection_->Prepare(sql).value(); }
  int64_t One(PostgresConnection& connection, absl::string_view sql) {
    SqlStatement statement = connection.Prepare(sql).value();
    SqlRun run = statement.Bind();
    EXPECT_TRUE(run.Next().value());
    return run.Int(0);
  }
  void Fill(int64_t rows) {
    ASSERT_TRUE(connection_
                    ->Execute(absl::StrCat("INSERT INTO t SELECT n, 'row', '\\x00' FROM "
                                           "generate_series(1, ",
                                           rows, ") n"))
                    .ok());
  }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
  std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_POSTGRES_FIXTURE_H_
