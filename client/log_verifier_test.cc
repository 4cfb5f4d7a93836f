#include "client/log_verifier.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

class LogVerifierTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 40; ++i) gateway_.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  }
  absl::StatusOr<LogReport> Verify(const std::optional<LogCheckpoint>& held = std::nullopt,
                                   int64_t start = 0) {
    return VerifyLog(
        gateway_, gateway_.log.key(), held, start,
        [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  }
  void ExpectLost(absl::string_view why, const std::optional<LogCheckpoint>& held = std::nullopt) {
    const absl::Status status = Verify(held).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  }

  FakeGateway gateway_;
};

TEST_F(LogVerifierTest, DerivesTheWholeTreeForWhoSeesAll) {
  const auto report = Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->whole);
  EXPECT_EQ(report->entries, 40);
  EXPECT_FALSE(report->continued);
}

TEST_F(LogVerifierTest, ProvesEachEntryForAParty) {
  gateway_.shown = [](size_t i) { return i % 3 == 0; };
  const auto report = Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->whole);
  EXPECT_EQ(report->entries, 14);
}

TEST_F(LogVerifierTest, StartsWhereItIsTold) {
  const auto report = Verify(std::nullopt, 30);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entries, 10);
}

TEST_F(LogVerifierTest, LeavesEntriesAsideThatNoCheckpointCoversYet) {
  gateway_.checkpoint_size = 25;
  const auto report = Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->whole);
  EXPECT_EQ(report->entries, 25);
}

TEST_F(LogVerifierTest, VerifiesAnEmptyLog) {
  gateway_.entries.clear();
  EXPECT_TRUE(Verify().ok());
}

TEST_F(LogVerifierTest, NamesTheEntryThatIsNotInTheTree) {
  gateway_.checkpoint_entries = gateway_.entries;
  gateway_.entries[6] = "{\"n\":\"changed\"}";
  gateway_.shown = [](size_t i) { return i % 3 == 0; };
  ExpectLost("entry 6: the inclusion proof leads to another root");
}

TEST_F(LogVerifierTest, FindsAChangedEntryInTheWhole) {
  gateway_.checkpoint_entries = gateway_.entries;
  gateway_.entries[6] = "{\"n\":\"changed\"}";
  ExpectLost("root is not that of the 40 entries");
}

TEST_F(LogVerifierTest, ProvesThatTheLogContinuesTheOneHeld) {
  const LogCheckpoint held = gateway_.log.Open(17, gateway_.Tree().Root(17));
  const auto report = Verify(held);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->continued);
}

TEST_F(LogVerifierTest, FindsAForkARollbackAndARewriteOfTheSameSize) {
  const SlowTree before = gateway_.Tree();
  gateway_.entries[6] = "{\"n\":\"changed\"}";
  ExpectLost("does not continue the checkpoint of 17", gateway_.log.Open(17, before.Root(17)));
  ExpectLost("does not continue the checkpoint of 40", gateway_.log.Open(40, before.Root(40)));
  gateway_.entries.pop_back();
  ExpectLost("rolled back", gateway_.log.Open(40, before.Root(40)));
}

TEST_F(LogVerifierTest, TurnsPagesThatShowNothing) {
  gateway_.lie = [](v1::ListEntriesResponse& page) {
    if (page.next_index() != 14) return;
    page.clear_entries();
  };
  const auto report = Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entries, 33);
}

TEST_F(LogVerifierTest, IsNotTurnedInARing) {
  const std::vector<std::function<void(v1::ListEntriesResponse&)>> lies = {
      // The same page for ever, as it is and shown as empty.
      [](v1::ListEntriesResponse& page) { page.set_next_page_token("0"); },
      [](v1::ListEntriesResponse& page) {
        page.clear_entries();
        page.set_next_page_token("0");
      },
      // Other tokens, but pages that lead nowhere.
      [](v1::ListEntriesResponse& page) {
        page.clear_entries();
        page.set_next_index(0);
      },
      [](v1::ListEntriesResponse& page) {
        page.clear_entries();
        page.set_next_page_token("7");
        page.set_next_index(7);
      },
      // Back, behind what was shown.
      [](v1::ListEntriesResponse& page) { page.set_next_index(page.next_index() - 1); },
      [](v1::ListEntriesResponse& page) { page.clear_next_index(); },
  };
  for (size_t i = 0; i < lies.size(); ++i) {
    gateway_.lie = lies[i];
    gateway_.pages = 0;
    const absl::Status status = Verify().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << i << " " << status;
    EXPECT_LE(gateway_.pages, 3) << i;
  }
  ExpectLost("the gateway's page from entry 0 on names a next one that begins no further");
}

TEST_F(LogVerifierTest, LooksNoFurtherThanTheCheckpoint) {
  gateway_.checkpoint_size = 14;
  gateway_.shown = [](size_t i) { return i == 3; };
  gateway_.lie = [](v1::ListEntriesResponse& page) {
    // A page a look at 14 entries, and a log that grows as fast as it is read.
    page.set_next_page_token("14");
    page.set_next_index(14);
  };
  const auto report = Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entries, 1);
  EXPECT_LE(gateway_.pages, 2);
}

TEST_F(LogVerifierTest, RefusesACheckpointOfAnotherKey) {
  const LogForTest other("gateway.example/log/1", 'o');
  const auto report = VerifyLog(
      gateway_, other.key(), std::nullopt, 0,
      [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  EXPECT_TRUE(absl::IsDataLoss(report.status()));
}

class HeldCheckpointsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "held-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(HeldCheckpointsTest, GivesBackWhatItHeld) {
  const LogForTest log;
  const HeldCheckpoints checkpoints(directory_ + "/new");
  EXPECT_FALSE(checkpoints.Load("gateway.example/log/1")->has_value());
  ASSERT_TRUE(checkpoints.Save(log.key(), log.Open(3, LeafHash("x"))).ok());
  const auto held = checkpoints.Load("gateway.example/log/1");
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ((**held).checkpoint.size, 3u);
  EXPECT_EQ((**held).key.text(), log.vkey());
  EXPECT_FALSE(checkpoints.Load("gateway.example/log-1")->has_value());
}

TEST_F(HeldCheckpointsTest, RefusesADamagedFile) {
  const LogForTest log;
  const HeldCheckpoints checkpoints(directory_);
  ASSERT_TRUE(checkpoints.Save(log.key(), log.Open(3, LeafHash("x"))).ok());
  const std::string path = std::filesystem::directory_iterator(directory_)->path();
  const auto bytes = ReadFile(path);
  for (size_t i = 0; i < bytes->size(); ++i) {
    std::string changed = *bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    ASSERT_TRUE(ReplaceFile(path, changed).ok());
    EXPECT_FALSE(checkpoints.Load("gateway.example/log/1").ok()) << i;
  }
}

}  // namespace
}  // namespace sluice::client
