// What the store's SQL demands of each engine's statements, shown on SQLite.
#include "server/store/sql.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/store/sqlite.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

class SqlTest : public testing::Test {
 protected:
  SqlTest() {
    const std::string path = directory_.Path("sql.db");
    std::fclose(std::fopen(path.c_str(), "w"));
    connection_ = SqliteConnection::Open({.path = path}).value();
    EXPECT_TRUE(connection_->Execute("CREATE TABLE t (a INTEGER, b TEXT, c BLOB)").ok());
  }

  SqlStatement Prepare(absl::string_view sql) { return connection_->Prepare(sql).value(); }

  TestDirectory directory_;
  std::unique_ptr<SqliteConnection> connection_;
};

TEST_F(SqlTest, GivesBackWhatWasBound) {
  const std::string bytes("\0'; DROP TABLE t; --", 20);
  SqlStatement insert = Prepare("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
  ASSERT_TRUE(insert.Bind(-7, "it's", SqlBlob(bytes)).Finish().ok());
  EXPECT_EQ(connection_->changes(), 1);
  SqlStatement select = Prepare("SELECT a, b, c, a = $1 FROM t");
  SqlRun run = select.Bind(-7);
  ASSERT_TRUE(run.Next().value());
  EXPECT_EQ(run.Int(0), -7);
  EXPECT_EQ(run.Bytes(1), "it's");
  EXPECT_EQ(run.Bytes(2), bytes);
  EXPECT_EQ(run.Int(3), 1);
  EXPECT_TRUE(run.Array<20>(2).ok());
  EXPECT_TRUE(absl::IsDataLoss(run.Array<19>(2).status()));
  EXPECT_FALSE(run.Next().value());
}

TEST_F(SqlTest, KeepsEmptyApartFromNothing) {
  ASSERT_TRUE(Prepare("INSERT INTO t (a, b, c) VALUES (1, $1, $2)")
                  .Bind(absl::string_view(), SqlBlob(absl::string_view()))
                  .Finish()
                  .ok());
  SqlStatement select = Prepare("SELECT count(*) FROM t WHERE b IS NOT NULL AND c IS NOT NULL");
  SqlRun run = select.Bind();
  ASSERT_TRUE(run.Next().value());
  EXPECT_EQ(run.Int(0), 1);
}

TEST_F(SqlTest, RefusesAnotherNumberOfValuesThanParameters) {
  SqlStatement insert = Prepare("INSERT INTO t (a, b) VALUES ($1, $2)");
  EXPECT_FALSE(insert.Bind(1).Finish().ok());
  EXPECT_TRUE(connection_->TakeFailed());
  EXPECT_FALSE(insert.Bind(1, "x", 2).Finish().ok());
  EXPECT_TRUE(connection_->TakeFailed());
  // What failed is no matter of the next run's.
  EXPECT_TRUE(insert.Bind(1, "x").Finish().ok());
}

TEST_F(SqlTest, TakesAParameterThatStandsTwiceOnce) {
  SqlStatement select = Prepare("SELECT $1 - $2, $1");
  SqlRun run = select.Bind(10, 2);
  ASSERT_TRUE(run.Next().value());
  EXPECT_EQ(run.Int(0), 8);
  EXPECT_EQ(run.Int(1), 10);
}

TEST_F(SqlTest, RefusesParametersThatEnginesWouldNumberInDifferentWays) {
  EXPECT_FALSE(connection_->Prepare("SELECT $2 - $1").ok());
  EXPECT_FALSE(connection_->Prepare("SELECT ?").ok());
}

TEST_F(SqlTest, FinishesOnlyWhatHasNoRows) {
  EXPECT_FALSE(Prepare("SELECT 1").Bind().Finish().ok());
  EXPECT_TRUE(Prepare("UPDATE t SET a = 1").Bind().Finish().ok());
}

TEST_F(SqlTest, PreparesAllOrSaysWhy) {
  SqlStatement one, two;
  EXPECT_TRUE(PrepareAll(connection_.get(), {{&one, "SELECT 1"}, {&two, "SELECT 2"}}).ok());
  EXPECT_FALSE(PrepareAll(connection_.get(), {{&one, "SELECT 1"}, {&two, "SELEKT 2"}}).ok());
}

TEST_F(SqlTest, RunsAStatementForManySetsOfValues) {
  SqlMany insert = connection_->PrepareMany("INSERT INTO t (a, b) VALUES ($1, $2)").value();
  SqlMany find = connection_->PrepareMany("SELECT b FROM t WHERE a = $1").value();
  for (int round = 0; round < 2; ++round) {
    SqlManyRun run = insert.Start();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(run.Add(i, std::string(i, 'x')).ok());
    ASSERT_TRUE(run.Finish().ok());
    std::vector<std::pair<size_t, std::string>> found;
    SqlManyRun look = find.Start([&](size_t set, const SqlRow& row) {
      found.emplace_back(set, row.Bytes(0));
      return absl::OkStatus();
    });
    for (const int a : {7, 3, 1}) ASSERT_TRUE(look.Add(a).ok());
    ASSERT_TRUE(look.Finish().ok());
    EXPECT_EQ(found, (std::vector<std::pair<size_t, std::string>>{{1, "xxx"}, {2, "x"}}));
    ASSERT_TRUE(connection_->Execute("DELETE FROM t").ok());
  }
  SqlManyRun stopped = find.Start([](size_t, const SqlRow&) { return absl::AbortedError(""); });
  ASSERT_TRUE(insert.Start().Add(1, "x").ok());
  absl::Status status = stopped.Add(1);
  if (status.ok()) status = stopped.Finish();
  EXPECT_TRUE(absl::IsAborted(status));
}

}  // namespace
}  // namespace sluice::server
