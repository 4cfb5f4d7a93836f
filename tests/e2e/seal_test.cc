// Somebody can write the gateway's database, and has none of its keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kFindings = 3;

class SealedGateway : public ::testing::Test {
 protected:
  void SetUp() override {
    deployment_.ProposeSigned("pipeline");
    deployment_.Start();
    Must(Publish(*Program(), "r1", 0, 100));
    ReadRows rows;
    Must(Read(*District(), ReadRequest("pipeline"), rows));
    ASSERT_TRUE(rows.complete);
  }

  std::unique_ptr<client::Gateway> Program() {
    return deployment_.Connect(deployment_.As(kProgram, "system", "sis"));
  }
  std::unique_ptr<client::Gateway> District() {
    return deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  }

  void Tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(deployment_.Path("sluice.db").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10'000);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db) << "\n"
        << sql;
    sqlite3_close(db);
  }

  int Verify() {
    const int status = deployment_.Verify();
    said_ = ReadFile(deployment_.Path("verified"));
    return status;
  }

  Deployment deployment_;
  std::string said_;
};

TEST_F(SealedGateway, IsFoundSoundBesideItAndWithoutIt) {
  EXPECT_EQ(Verify(), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("all as they were sealed and logged"));
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_EQ(Verify(), 0) << said_;
  deployment_.Start();
  EXPECT_EQ(Verify(), 0) << said_;
}

TEST_F(SealedGateway, EndsAReadThatMissesARecordAndHalts) {
  Tamper("DELETE FROM record WHERE ordinal = 7");
  ReadRows rows;
  const absl::Status read = Read(*District(), ReadRequest("pipeline"), rows);
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
  EXPECT_EQ(Reason(read), "NOT_AS_SEALED");
  EXPECT_FALSE(rows.complete);
  EXPECT_TRUE(rows.row_ids.empty()) << "the last chunk is held back";
  deployment_.WaitForLine("halted");
  EXPECT_EQ(Reason(Read(*District(), ReadRequest("pipeline"), rows)), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(Verify(), kFindings);
  EXPECT_THAT(said_, HasSubstr("owner state-university; type Candidate"));
}

TEST_F(SealedGateway, HaltsAndDoesNotStartWithAStateThatNobodySet) {
  Tamper("UPDATE mou_version SET state = 'SIGNED'");
  deployment_.WaitForLine("halted");
  ReadRows rows;
  EXPECT_EQ(Reason(Read(*District(), ReadRequest("pipeline"), rows)), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  EXPECT_NE(deployment_.RunAnother(), 0);
  EXPECT_EQ(Verify(), kFindings);
}

TEST_F(SealedGateway, DoesNotStartWithoutAVersionThatIsInItsLog) {
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  Tamper(
      "DELETE FROM mou_version; DELETE FROM mou_signature; UPDATE state_seal SET through = 0, "
      "members = 0, seal = x''");
  EXPECT_NE(deployment_.RunAnother(), 0);
}

TEST_F(SealedGateway, DoesNotStartWithACollectionAsItWas) {
  for (const char* const table : {"record", "record_key", "collection"}) {
    Tamper(absl::StrCat("CREATE TABLE kept_", table, " AS SELECT * FROM ", table));
  }
  Must(Publish(*Program(), "r2", 100, 150));
  ASSERT_EQ(deployment_.End(SIGTERM), 0);
  for (const char* const table : {"record", "record_key", "collection"}) {
    Tamper(absl::StrCat("DELETE FROM ", table, "; INSERT INTO ", table, " SELECT * FROM kept_",
                        table, "; DROP TABLE kept_", table));
  }
  EXPECT_NE(deployment_.RunAnother(), 0);
}

}  // namespace
}  // namespace sluice::tests
