// Statements on PostgreSQL: what is bound, what comes back, whole, by pages, for many sets at once.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/store/postgres_many.h"
#include "tests/support/postgres_fixture.h"

namespace sluice::server {
namespace {

TEST_F(PostgresTest, GivesBackWhatWasBound) {
  const std::string bytes("\0'; DROP TABLE t; --", 20);
  SqlStatement insert = Prepare("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
  ASSERT_TRUE(insert.Bind(-7, "it's", SqlBlob(bytes)).Finish().ok());
  EXPECT_EQ(connection_->changes(), 1);
  SqlStatement select = Prepare("SELECT a, b, c, a = $1, a::integer, a::smallint FROM t");
  SqlRun run = select.Bind(-7);
  ASSERT_TRUE(run.Next().value());
  EXPECT_EQ(run.Int(0), -7);
  EXPECT_EQ(run.Bytes(1), "it's");
  EXPECT_EQ(run.Bytes(2), bytes);
  EXPECT_EQ(run.Int(3), 1);
  EXPECT_EQ(run.Int(4), -7);
  EXPECT_EQ(run.Int(5), -7);
  EXPECT_TRUE(run.Array<20>(2).ok());
  EXPECT_TRUE(absl::IsDataLoss(run.Array<19>(2).status()));
  EXPECT_FALSE(run.Next().value());
}

TEST_F(PostgresTest, TakesSqlInEveryStringAsText) {
  SqlStatement insert = Prepare("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
  SqlStatement find = Prepare("SELECT c FROM t WHERE b = $1");
  int64_t number = 0;
  for (const char* text :
       {"'); DROP TABLE t; --", "$1", "\\'; SELECT 1", "' OR ''='", "$$;$$", "E'\\\\x27'", "\"t\"",
        "%s%n", "\xc3\xa9\xe2\x80\x94", "COPY t FROM STDIN"}) {
    ASSERT_TRUE(insert.Bind(++number, text, SqlBlob(absl::string_view(text))).Finish().ok());
    SqlRun run = find.Bind(text);
    ASSERT_TRUE(run.Next().value());
    EXPECT_EQ(run.Bytes(0), text);
    EXPECT_FALSE(run.Next().value());
  }
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), number);
}

TEST_F(PostgresTest, KeepsEmptyApartFromNothing) {
  ASSERT_TRUE(Prepare("INSERT INTO t (a, b, c) VALUES (NULL, $1, $2)")
                  .Bind(absl::string_view(), SqlBlob(absl::string_view()))
                  .Finish()
                  .ok());
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t WHERE b IS NOT NULL AND c IS NOT NULL"), 1);
  EXPECT_EQ(One(*connection_, "SELECT a FROM t"), 0);
}

TEST_F(PostgresTest, RefusesOtherValuesThanAStatementTakes) {
  SqlStatement insert = Prepare("INSERT INTO t (a, b) VALUES ($1, $2)");
  EXPECT_FALSE(insert.Bind(1).Finish().ok());
  EXPECT_TRUE(connection_->TakeFailed());
  EXPECT_FALSE(insert.Bind(1, "x", 2).Finish().ok());
  EXPECT_FALSE(insert.Bind("x", "x").Finish().ok());
  EXPECT_FALSE(insert.Bind(1, SqlBlob(absl::string_view("x"))).Finish().ok());
  EXPECT_FALSE(Prepare("SELECT $1::integer").Bind(int64_t{1} << 40).Next().ok());
  EXPECT_TRUE(connection_->TakeFailed());
  // What failed is no matter of the next run's.
  EXPECT_TRUE(insert.Bind(1, "x").Finish().ok());
  EXPECT_FALSE(connection_->TakeFailed());
}

TEST_F(PostgresTest, RefusesWhatIsNotOneStatementOrHasOtherTypes) {
  EXPECT_FALSE(connection_->Prepare("").ok() && Prepare("").Bind().Next().ok());
  EXPECT_FALSE(connection_->Prepare("SELECT 1; SELECT 2").ok());
  EXPECT_FALSE(connection_->Prepare("SELEKT 1").ok());
  EXPECT_FALSE(Prepare("SELECT 1.5").Bind().Next().ok());
}

TEST_F(PostgresTest, FinishesOnlyWhatHasNoRows) {
  EXPECT_FALSE(Prepare("SELECT 1").Bind().Finish().ok());
  EXPECT_TRUE(Prepare("UPDATE t SET a = 1").Bind().Finish().ok());
}

TEST_F(PostgresTest, ScansAllRowsInOrder) {
  Fill(20'000);
  SqlStatement scan = connection_->PrepareScan("SELECT a FROM t WHERE a > $1 ORDER BY a").value();
  for (int round = 0; round < 2; ++round) {
    SqlRun run = scan.Bind(10);
    for (int64_t expected = 11; expected <= 20'000; ++expected) {
      ASSERT_TRUE(run.Next().value());
      ASSERT_EQ(run.Int(0), expected);
    }
    EXPECT_FALSE(run.Next().value());
    EXPECT_FALSE(run.Next().value());
  }
}

TEST_F(PostgresTest, LeavesAScanAtAnyRow) {
  Fill(5'000);
  SqlStatement scan = connection_->PrepareScan("SELECT a FROM t ORDER BY a").value();
  for (const int rows : {0, 1, 63, 64, 65, 300, 5'000}) {
    SqlRun run = scan.Bind();
    for (int row = 0; row < rows; ++row) ASSERT_TRUE(run.Next().value());
  }
  EXPECT_FALSE(connection_->in_transaction());
  EXPECT_FALSE(connection_->TakeFailed());
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM pg_cursors WHERE name <> ''"), 0);
}

// The most that this process ever had.
int64_t ResidentKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kib = 0;
  while (status >> word && word != "VmHWM:") continue;
  status >> kib;
  return kib;
}

TEST_F(PostgresTest, HoldsFewOfAScansRows) {
#ifdef __SANITIZE_ADDRESS__
  constexpr int64_t kMostKib = 1 << 20;  // the sanitizer keeps what is freed for a while
#else
  constexpr int64_t kMostKib = 32 << 10;
#endif
  SqlStatement scan = connection_
                          ->PrepareScan(
                              "SELECT convert_to(repeat('x', 1 << 20), 'UTF8') FROM "
                              "generate_series(1, 200)")
                          .value();
  const int64_t before = ResidentKib();
  {
    SqlRun run = scan.Bind();
    for (int row = 0; row < 200; ++row) {
      ASSERT_TRUE(run.Next().value());
      ASSERT_EQ(run.Bytes(0).size(), 1u << 20);
    }
  }
  EXPECT_LT(ResidentKib() - before, kMostKib);
}

// A page is made by the rows that came before it; these are far larger. Another statement in
// between keeps a part of them, and the rest comes again.
TEST_F(PostgresTest, HoldsFewOfAScansRowsThoughAnotherStatementComesBetween) {
#ifdef __SANITIZE_ADDRESS__
  constexpr int64_t kMostKib = 1 << 20;
#else
  constexpr int64_t kMostKib = 32 << 10;
#endif
  ASSERT_TRUE(connection_
                  ->Execute("INSERT INTO t SELECT n, '', CASE WHEN n < 5000 THEN '\\x00' ELSE "
                            "convert_to(repeat('x', 1 << 20), 'UTF8') END FROM "
                            "generate_series(1, 5060) n")
                  .ok());
  SqlStatement scan = connection_->PrepareScan("SELECT a, c FROM t ORDER BY a").value();
  SqlStatement one = Prepare("SELECT a * 2 FROM t WHERE a = $1");
  const int64_t before = ResidentKib();
  SqlRun run = scan.Bind();
  for (int64_t row = 1; row <= 5060; ++row) {
    ASSERT_TRUE(run.Next().value());
    ASSERT_EQ(run.Int(0), row);
    ASSERT_EQ(run.Bytes(1).size(), row < 5000 ? 1u : 1u << 20);
    if (row % 1000 == 1 || row >= 5000) {
      SqlRun doubled = one.Bind(row);
      ASSERT_TRUE(doubled.Next().value());
      ASSERT_EQ(doubled.Int(0), 2 * row);
    }
  }
  EXPECT_FALSE(run.Next().value());
  EXPECT_LT(ResidentKib() - before, kMostKib);
}

TEST_F(PostgresTest, RunsStatementsAndScansWithinAScan) {
  Fill(1'000);
  SqlStatement outer = connection_->PrepareScan("SELECT a FROM t ORDER BY a").value();
  SqlStatement inner =
      connection_->PrepareScan("SELECT a FROM t WHERE a < $1 ORDER BY a DESC").value();
  SqlStatement one = Prepare("SELECT a * 2 FROM t WHERE a = $1");
  SqlRun run = outer.Bind();
  for (int64_t row = 1; row <= 1'000; ++row) {
    ASSERT_TRUE(run.Next().value());
    ASSERT_EQ(run.Int(0), row);
    if (row % 7 == 0) {
      SqlRun doubled = one.Bind(row);
      ASSERT_TRUE(doubled.Next().value());
      ASSERT_EQ(doubled.Int(0), 2 * row);
    }
    if (row % 100 == 0) {
      SqlRun below = inner.Bind(row);
      for (int64_t left = row - 1; left > row - 90; --left) {
        ASSERT_TRUE(below.Next().value());
        ASSERT_EQ(below.Int(0), left);
      }
    }
    ASSERT_EQ(run.Int(0), row);
  }
  EXPECT_FALSE(run.Next().value());
}

TEST_F(PostgresTest, SaysThatAScanFailedWhereItDid) {
  SqlStatement scan =
      connection_->PrepareScan("SELECT 1 / (400 - n) FROM generate_series(1, 1000) n").value();
  SqlStatement other = Prepare("SELECT 1");
  for (const bool meanwhile : {false, true}) {
    SqlRun run = scan.Bind();
    int rows = 0;
    absl::StatusOr<bool> row = run.Next();
    for (; row.ok() && *row; row = run.Next()) {
      ++rows;
      // The page that fails is taken by the other's doing.
      if (meanwhile && rows == 300) (void)other.Bind().Next();
    }
    EXPECT_EQ(row.status().code(), absl::StatusCode::kInternal) << rows;
    EXPECT_FALSE(run.Next().ok());
  }
  EXPECT_TRUE(connection_->TakeFailed());
  EXPECT_FALSE(connection_->in_transaction());
  EXPECT_TRUE(other.Bind().Next().ok());
}

TEST_F(PostgresTest, SeesOneStateDuringAScan) {
  Fill(300);
  const auto reader = Open(/*read_only=*/true);
  SqlStatement scan = reader->PrepareScan("SELECT a FROM t ORDER BY a").value();
  SqlStatement count = reader->Prepare("SELECT count(*) FROM t").value();
  {
    SqlRun run = scan.Bind();
    ASSERT_TRUE(run.Next().value());
    ASSERT_TRUE(connection_->Execute("INSERT INTO t (a) VALUES (5000)").ok());
    SqlRun counted = count.Bind();
    ASSERT_TRUE(counted.Next().value());
    EXPECT_EQ(counted.Int(0), 300);
    int rows = 1;
    while (run.Next().value()) ++rows;
    EXPECT_EQ(rows, 300);
  }
  EXPECT_EQ(One(*reader, "SELECT count(*) FROM t"), 301);
}

TEST_F(PostgresTest, WritesNothingThroughAReader) {
  const auto reader = Open(/*read_only=*/true);
  EXPECT_FALSE(reader->Execute("INSERT INTO t (a) VALUES (1)").ok());
}

TEST_F(PostgresTest, RunsAStatementForManySetsOfValues) {
  SqlMany insert = connection_->PrepareMany("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)").value();
  constexpr int64_t kSets = 20'000;  // more than go at once
  for (int64_t from : {int64_t{0}, kSets}) {
    SqlManyRun run = insert.Start();
    for (int64_t i = from; i < from + kSets; ++i) {
      const std::string text = absl::StrCat("'); DROP TABLE t; -- $1 ", i);
      ASSERT_TRUE(run.Add(i, text, SqlBlob(absl::string_view("\0\xff", i % 3))).ok());
    }
    ASSERT_TRUE(run.Finish().ok());
  }
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), 2 * kSets);
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t WHERE length(c) = 2"), 2 * kSets / 3);

  SqlMany find = connection_->PrepareMany("SELECT b, a FROM t WHERE a = $1").value();
  std::vector<std::pair<size_t, int64_t>> found;
  SqlManyRun run = find.Start([&](size_t set, const SqlRow& row) {
    EXPECT_EQ(row.Bytes(0), absl::StrCat("'); DROP TABLE t; -- $1 ", row.Int(1)));
    found.emplace_back(set, row.Int(1));
    return absl::OkStatus();
  });
  for (int64_t i = 0; i < kSets; ++i) ASSERT_TRUE(run.Add(7 * i).ok());
  ASSERT_TRUE(run.Finish().ok());
  ASSERT_EQ(found.size(), static_cast<size_t>((2 * kSets + 6) / 7));
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i], (std::pair<size_t, int64_t>(i, 7 * static_cast<int64_t>(i))));
  }
}

TEST_F(PostgresTest, ChangesManyRowsAtOnce) {
  Fill(10);
  SqlMany update = connection_->PrepareMany("UPDATE t SET b = $1 WHERE a = $2").value();
  SqlMany erase = connection_->PrepareMany("DELETE FROM t WHERE a = $1 AND b = $2").value();
  SqlMany keep =
      connection_->PrepareMany("INSERT INTO t (a, b) VALUES ($1, 'new') ON CONFLICT (a) DO NOTHING")
          .value();
  {
    SqlManyRun run = update.Start();
    for (int64_t i = 1; i <= 4; ++i) ASSERT_TRUE(run.Add(absl::StrCat("now ", i), i).ok());
    ASSERT_TRUE(run.Finish().ok());
  }
  {
    SqlManyRun run = erase.Start();
    ASSERT_TRUE(run.Add(1, "now 1").ok());
    ASSERT_TRUE(run.Add(2, "now 1").ok());
    ASSERT_TRUE(run.Add(10, "row").ok());
    ASSERT_TRUE(run.Finish().ok());
  }
  {
    SqlManyRun run = keep.Start();
    for (int64_t i = 10; i <= 12; ++i) ASSERT_TRUE(run.Add(i).ok());
    ASSERT_TRUE(run.Add(12).ok());
    ASSERT_TRUE(run.Finish().ok());
  }
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), 11);
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t WHERE b LIKE 'now%'"), 3);
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t WHERE b = 'new'"), 3);
}

TEST_F(PostgresTest, ForgetsManySetsThatAreNotFinished) {
  SqlMany insert = connection_->PrepareMany("INSERT INTO t (a) VALUES ($1)").value();
  ASSERT_TRUE(insert.Start().Add(1).ok());
  EXPECT_FALSE(insert.Start().Add("one").ok());
  EXPECT_FALSE(insert.Start().Add(1, 2).ok());
  EXPECT_FALSE(insert.Start().Add().ok());
  {
    SqlManyRun run = insert.Start();
    EXPECT_FALSE(run.Add("one").ok());
    EXPECT_FALSE(run.Add(5).ok());
  }
  {
    SqlManyRun run = insert.Start();
    ASSERT_TRUE(run.Add(7).ok());
    ASSERT_TRUE(run.Add(7).ok());
    ASSERT_TRUE(run.Finish().ok());
  }
  EXPECT_TRUE(connection_->TakeFailed());
  {
    SqlManyRun run = insert.Start();
    ASSERT_TRUE(run.Add(9).ok());
    ASSERT_TRUE(run.Finish().ok());
  }
  EXPECT_EQ(One(*connection_, "SELECT sum(a)::bigint FROM t"), 9);
}

TEST_F(PostgresTest, CopiesWhatAnInsertDoesAndNothingElse) {
  EXPECT_EQ(AsCopy("INSERT INTO t (a, b) VALUES ($1, $2)", 2),
            "COPY t (a, b) FROM STDIN (FORMAT binary)");
  for (const char* sql :
       {"INSERT INTO t (a, b) VALUES ($2, $1)", "INSERT INTO t (a, b) VALUES ($1, $1)",
        "INSERT INTO t (a, b, c) VALUES ($1, $2, 1)", "UPDATE t SET a = $1 WHERE b = $2",
        "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING"}) {
    EXPECT_EQ(AsCopy(sql, 2), "") << sql;
  }
}

TEST_F(PostgresTest, SaysByTheNextStatementWhatManyRowsFailedWith) {
  SqlMany insert = connection_->PrepareMany("INSERT INTO t (a) VALUES ($1)").value();
  for (const int64_t rows : {2, 1000}) {  // over arrays, and as a copy
    ASSERT_TRUE(connection_->Execute("BEGIN").ok());
    SqlManyRun run = insert.Start();
    for (int64_t i = 0; i < rows; ++i) ASSERT_TRUE(run.Add(i / 2).ok());
    ASSERT_TRUE(run.Finish().ok());
    EXPECT_TRUE(absl::IsAlreadyExists(connection_->Execute("SELECT 1")));
    EXPECT_TRUE(connection_->TakeFailed());
    EXPECT_TRUE(connection_->Rollback());
    EXPECT_FALSE(connection_->TakeFailed());
    EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), 0);
  }
}

TEST_F(PostgresTest, RollsBackThoughManyRowsHaveFailedThatNobodyAskedAbout) {
  SqlMany insert = connection_->PrepareMany("INSERT INTO t (a) VALUES ($1)").value();
  ASSERT_TRUE(connection_->Execute("BEGIN").ok());
  SqlManyRun run = insert.Start();
  for (int64_t i = 0; i < 100; ++i) ASSERT_TRUE(run.Add(1).ok());
  ASSERT_TRUE(run.Finish().ok());
  EXPECT_TRUE(connection_->Rollback());
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), 0);
}

TEST_F(PostgresTest, TakesNoOtherStatementForManySets) {
  EXPECT_FALSE(connection_->PrepareMany("SELECT a FROM t").ok());
  EXPECT_FALSE(connection_->PrepareMany("INSERT INTO t SELECT $1").ok());
  EXPECT_FALSE(connection_->PrepareMany("DELETE FROM t").ok());
  EXPECT_FALSE(connection_->PrepareMany("SELECT $1::numeric").ok());
}

TEST_F(PostgresTest, MakesPlansForIndexesHoweverFewRowsThereAre) {
  SqlStatement explain = Prepare("EXPLAIN SELECT b FROM t WHERE a > 1");
  SqlRun run = explain.Bind();
  ASSERT_TRUE(run.Next().value());
  EXPECT_TRUE(absl::StrContains(run.Bytes(0), "Index Scan")) << run.Bytes(0);
}

}  // namespace
}  // namespace sluice::server
