// What an operator may do to a gateway's files by mistake, and a disk or somebody else without one:
// the gateway says what is wrong and starts again when it is mended, or goes on without what is
// damaged. Nothing is lost in silence, and nothing leaves that should not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/stored_deployment.h"

namespace sluice::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kRecords = 200;

class Faults : public OnBothEngines {
 protected:
  Faults() {
    deployment_.Start();
    Must(Publish(*deployment_.Program(), "first", 0, kRecords).status());
    EXPECT_EQ(deployment_.CountReleased(), size_t{kRecords});
  }

  // Stopped, and started again when `mend` has undone what `spoil` did: in between it says why not,
  // within half a minute, and changes nothing.
  template <typename Spoil, typename Mend>
  void RefusesUntilMended(Spoil spoil, Mend mend, const std::string& says) {
    EXPECT_EQ(deployment_.End(SIGTERM), 0);
    spoil();
    EXPECT_NE(deployment_.RunAnother(), 0);
    EXPECT_THAT(deployment_.AnothersLines(), HasSubstr(says));
    mend();
    deployment_.Start();
    EXPECT_EQ(deployment_.CountReleased(), size_t{kRecords});
    const auto again = Publish(*deployment_.Program(), "first", 0, kRecords);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->state(), v1::PUBLISH_STATE_COMMITTED);
    EXPECT_EQ(again->new_count(), kRecords) << "answered as before";
  }
  // Of the owners' data, in the order of their names.
  std::vector<fs::path> KeyEncryptionKeys() const {
    std::set<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(deployment_.Path("keys"))) {
      if (entry.path().extension() == ".kek" &&
          absl::StrContains(entry.path().filename().string(), kProgram)) {
        found.insert(entry.path());
      }
    }
    EXPECT_FALSE(found.empty());
    return {found.begin(), found.end()};
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Faults, ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         EngineName);

TEST_P(Faults, AWrongKeyEncryptionKeyStopsTheStartUntilItIsBack) {
  const fs::path kek = KeyEncryptionKeys().front();
  const std::string right = ReadFile(kek);
  std::string wrong = right;
  // A key's file, and not this one's key, whatever its form.
  for (size_t i = wrong.size() / 2; i < wrong.size(); ++i) wrong[i] = right[i] == 'a' ? 'b' : 'a';
  RefusesUntilMended([&] { WriteFile(kek, wrong); }, [&] { WriteFile(kek, right); }, "key");
}

TEST_P(Faults, AMissingKeyEncryptionKeyStopsTheStartUntilItIsBack) {
  const fs::path kek = KeyEncryptionKeys().front(), away = deployment_.Path("away.kek");
  RefusesUntilMended([&] { fs::rename(kek, away); }, [&] { fs::rename(away, kek); },
                     kek.filename().string());
}

TEST_P(Faults, AnotherGatewaysKeyringStopsTheStart) {
  Deployment other;
  other.ProposeSigned("pipeline");
  other.Start();
  Must(Publish(*other.Connect(other.As(kProgram, "system", "sis")), "first", 0, 1).status());
  other.End(SIGTERM);
  const fs::path own = deployment_.Path("keys"), kept = deployment_.Path("own-keys");
  RefusesUntilMended(
      [&] {
        fs::rename(own, kept);
        fs::copy(other.Path("keys"), own, fs::copy_options::recursive);
      },
      [&] {
        fs::remove_all(own);
        fs::rename(kept, own);
      },
      "key");
}

TEST_P(Faults, ANewerSchemaStopsTheStart) {
  RefusesUntilMended(
      [&] { deployment_.Sql("UPDATE store SET schema_version = schema_version + 1"); },
      [&] { deployment_.Sql("UPDATE store SET schema_version = schema_version - 1"); },
      "schema version");
}

// Under the running gateway.
TEST_P(Faults, ASwappedRowIsNotReleasedAndNothingOfItIsTold) {
  deployment_.Sql(
      "CREATE TABLE kept AS SELECT record_id, bytes FROM record ORDER BY record_id LIMIT 2");
  deployment_.Sql(
      "UPDATE record SET bytes = (SELECT k.bytes FROM kept k WHERE k.record_id <> "
      "record.record_id) WHERE record_id IN (SELECT record_id FROM kept)");
  ReadRows rows;
  const absl::Status status = Read(*deployment_.District(), ReadRequest("pipeline"), rows);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_FALSE(rows.complete);
  for (const char* inside : {"record_id", "sealed", "Meyer", "AES", "database"}) {
    EXPECT_FALSE(absl::StrContains(status.ToString(), inside)) << status;
  }
  // Others' calls and the owner's other records are as good as before.
  Must(Publish(*deployment_.Program(), "second", kRecords, kRecords + 1).status());
  deployment_.Sql(
      "UPDATE record SET bytes = (SELECT k.bytes FROM kept k WHERE k.record_id = "
      "record.record_id) WHERE record_id IN (SELECT record_id FROM kept)");
  EXPECT_EQ(deployment_.CountReleased(), size_t{kRecords} + 1);
}

// SQLite's files, cut.
class CutFiles : public ::testing::Test {
 protected:
  CutFiles() {
    deployment_.Start();
    const std::unique_ptr<client::Gateway> program = deployment_.Program();
    for (int batch = 0; batch < 20; ++batch) {
      Must(Publish(*program, absl::StrCat("batch-", batch), batch * 10, batch * 10 + 10).status());
    }
    EXPECT_EQ(deployment_.CountReleased(), size_t{kRecords});
    // What the directory says of the log is what a start holds the database against.
    WaitFor("the log's directory", [&] {
      return ReadFile(deployment_.Path("log/checkpoint")).size() > 0 &&
             SizeInTheDirectory() >= LogSize();
    });
  }
  // The second line of a checkpoint is the log's size.
  int64_t SizeInTheDirectory() const {
    const std::string text = ReadFile(deployment_.Path("log/checkpoint"));
    return std::stoll(text.substr(text.find('\n') + 1));
  }
  int64_t LogSize() { return std::stoll(deployment_.Ask("SELECT size FROM log_head")); }

  static uint32_t Seed() {
    const char* const text = std::getenv("SLUICE_SEED");
    return text == nullptr ? 1 : static_cast<uint32_t>(std::stoul(text));
  }

  StoredDeployment deployment_{Engine::kSqlite};
};

TEST_F(CutFiles, AreRefusedAtTheStartOrHoldAllThatWasAcknowledged) {
  deployment_.End(SIGKILL);
  const std::vector<std::string> names = {"sluice.db", "sluice.db-wal"};
  std::vector<std::string> whole;
  for (const std::string& name : names) whole.push_back(ReadFile(deployment_.Path(name)));
  ASSERT_GT(whole[1].size(), 32u) << "all stands in the database: nothing to cut";
  const auto restore = [&] {
    fs::remove(deployment_.Path("sluice.db-shm"));
    for (size_t i = 0; i < names.size(); ++i) WriteFile(deployment_.Path(names[i]), whole[i]);
  };
  const uint32_t seed = Seed();
  std::mt19937 random(seed);
  int refused = 0;
  for (int cut = 0; cut < 8; ++cut) {
    restore();
    // The database's own cut is no loss where the log beside it has all of its pages: that comes
    // second.
    const size_t file = 1 - cut % 2;
    const size_t size = random() % whole[file].size();
    SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed, ": ", names[file], " cut to ", size, " of ",
                              whole[file].size()));
    fs::resize_file(deployment_.Path(names[file]), size);
    if (deployment_.TryStart().ok()) {
      EXPECT_EQ(deployment_.CountReleased(), size_t{kRecords});
      deployment_.End(SIGKILL);
      // What it wrote since is not in what is put back.
      break;
    }
    ++refused;
  }
  EXPECT_GT(refused, 0);
  restore();
}

TEST_F(CutFiles, UnderARunningGatewayGiveNothingWrongAndItStartsWhenTheyArePutBack) {
  deployment_.End(SIGTERM);  // all of the WAL is in the database
  fs::copy_file(deployment_.Path("sluice.db"), deployment_.Path("whole.db"));
  deployment_.Start();
  const std::unique_ptr<client::Gateway> program = deployment_.Program();
  const std::unique_ptr<client::Gateway> district = deployment_.District();
  fs::resize_file(deployment_.Path("sluice.db"), 4096);
  ReadRows rows;
  const absl::Status read = Read(*district, ReadRequest("pipeline"), rows);
  const auto published = Publish(*program, "later", kRecords, kRecords + 10);
  // Either it has all in memory, or it says that it has not.
  if (read.ok()) {
    EXPECT_EQ(rows.row_ids.size(), size_t{kRecords});
  } else {
    EXPECT_TRUE(absl::IsUnavailable(read) || absl::IsInternal(read)) << read;
  }
  if (deployment_.process() > 0) deployment_.End(SIGKILL);
  const std::string wal = ReadFile(deployment_.Path("sluice.db-wal"));
  EXPECT_NE(deployment_.RunAnother(), 0);
  WriteFile(deployment_.Path("sluice.db"), ReadFile(deployment_.Path("whole.db")));
  WriteFile(deployment_.Path("sluice.db-wal"), wal);
  fs::remove(deployment_.Path("sluice.db-shm"));
  deployment_.Start();
  const bool acknowledged = published.ok() && published->state() == v1::PUBLISH_STATE_COMMITTED;
  EXPECT_GE(deployment_.CountReleased(), static_cast<size_t>(kRecords + (acknowledged ? 10 : 0)));
}

}  // namespace
}  // namespace sluice::tests
