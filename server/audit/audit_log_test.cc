#include "server/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "server/audit/checkpoint.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/permit_for_test.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {

// Stands in for the projection step, which alone makes what may be released.
class Release {
 public:
  static Releasable Of(std::vector<uint32_t> subjects, size_t rows) {
    auto released = std::make_unique<ReleasedRows>();
    released->rows.resize(rows);
    released->subjects = std::move(subjects);
    return Releasable(std::move(released));
  }
};

namespace {

using ::testing::HasSubstr;

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() { Open(); }

  void Open() { ASSERT_TRUE(TryOpen().ok()); }

  absl::Status TryOpen() {
    log_.reset();
    store_.Restart();
    absl::StatusOr<std::unique_ptr<AuditLog>> log =
        AuditLog::Open(options_, &store_, key_.get(), [this] { return clock_.Now(); });
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return absl::OkStatus();
  }

  static AuditLogOptions Options() {
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = FreshDirectory();
    options.background_thread = false;
    return options;
  }

  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    EXPECT_TRUE(store_
                    .ReadLogRows(0, ~uint64_t{0},
                                 [&](const LogRow& row) {
                                   bodies.push_back(row.body);
                                   return true;
                                 })
                    .ok());
    return bodies;
  }

  std::vector<Hash> Leaves() const { return store_.ReadLeafHashes(0, log_->size()).value(); }

  // That the log's checkpoint is of exactly the entries that the store holds.
  void ExpectCheckpointOfStore() const {
    const NoteVerifier verifier = NoteVerifier::Create(key_->vkey()).value();
    absl::StatusOr<Checkpoint> checkpoint = OpenCheckpoint(log_->Checkpoint(), verifier);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    std::vector<Hash> leaves;
    for (const std::string& body : Bodies()) leaves.push_back(LeafHash(body));
    EXPECT_EQ(checkpoint->size, leaves.size());
    EXPECT_EQ(checkpoint->root, slow::Root(leaves));
  }

  AuditLogOptions options_ = Options();
  TurnedClock clock_;
  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  MemoryStore store_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditLogTest, BeginsWithASignedCheckpointOfNothing) {
  EXPECT_EQ(log_->size(), 0u);
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, GivesAPermitAReceiptForItsPlanAlone) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  const policy::Permit other = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  absl::StatusOr<AuditReceipt> receipt =
      log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1)));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->index(), 1u);
  EXPECT_TRUE(receipt->IsFor(&permit.plan()));
  EXPECT_FALSE(receipt->IsFor(&other.plan()));
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, RemembersADecisionWithTheIndexOfItsEntry) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  ASSERT_TRUE(log_->AppendDenial(DenialEntry(2), DecisionOf(DenialEntry(2))).ok());
  absl::StatusOr<StoredDecision> stored = store_.FindDecision(RequestNumber(2));
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->log_index, 1u);
  EXPECT_EQ(stored->principal, "/org/river-unified/system/hiring");
  v1::Decision decision;
  ASSERT_TRUE(decision.ParseFromString(stored->decision));
  EXPECT_EQ(decision.code(), v1::DENIAL_CODE_OUTSIDE_PERIOD);
}

TEST_F(AuditLogTest, EntersTheChunksOwnSubjectsAndRows) {
  const Releasable chunk = Release::Of({3, 4, 9}, 5);
  DisclosureEntry entry = DisclosureOf(1, 0);
  entry.subjects = {1};  // whatever the caller says
  entry.rows = 77;
  absl::StatusOr<AuditReceipt> receipt = log_->AppendDisclosure(chunk, entry);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(receipt->IsFor(chunk.id()));
  EXPECT_THAT(Bodies()[0], HasSubstr("\"rows\":{\"released\":5}"));
  const std::vector<LogRow::Opening> openings = store_.ReadOpenings(0).value();
  ASSERT_EQ(openings.size(), 2u);
  EXPECT_EQ(openings[0].field, "subjects.n");
  EXPECT_EQ(openings[0].value, "3");
  EXPECT_EQ(openings[0].owner, "state-university");
}

TEST_F(AuditLogTest, SignsOneCheckpointForAGroup) {
  store_.Hold();
  for (int i = 0; i < 8; ++i) log_->AppendLater(HeartbeatEntry());
  EXPECT_EQ(log_->size(), 0u);
  store_.Release();
  EXPECT_EQ(log_->size(), 8u);
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, GivesConcurrentCallersDistinctIndicesWithoutAGap) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::vector<std::vector<uint64_t>> indices(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        indices[t].push_back(log_->Append(OutcomeOf(t * kEach + i, 0)).value());
        log_->Checkpoint();
        log_->InclusionProof(0, log_->size()).IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const std::vector<uint64_t>& some : indices) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  for (uint64_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, ProvesItsEntries) {
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  const std::vector<Hash> leaves = Leaves();
  EXPECT_EQ(log_->InclusionProof(17, 290).value(),
            slow::Inclusion(17, absl::MakeSpan(leaves).subspan(0, 290)));
  EXPECT_EQ(log_->ConsistencyProof(100, 300).value(), slow::Consistency(100, leaves));
  EXPECT_TRUE(absl::IsInvalidArgument(log_->InclusionProof(0, 301).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(log_->ConsistencyProof(1, 301).status()));
}

TEST_F(AuditLogTest, IsUnavailableWhenTheStoreDoesNotAnswerInTime) {
  options_.append_timeout = absl::Milliseconds(1);
  Open();
  store_.Hold();
  const absl::Status status = log_->AppendDenial(DenialEntry(1), DecisionOf(DenialEntry(1)));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("AUDIT_UNAVAILABLE"));
  store_.DropHeld();
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(AuditLogTest, IsUnavailableAndHaltedAfterAFailedCommit) {
  store_.FailNextCommit(/*persisted=*/false);
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  EXPECT_TRUE(absl::IsUnavailable(
      log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).status()));
  EXPECT_FALSE(log_->Health().ok());
  EXPECT_TRUE(absl::IsUnavailable(
      log_->AppendPermit(permit, PermitEntry(2), DecisionOf(PermitEntry(2))).status()));
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(AuditLogTest, GoesOnFromWhatIsThereWhenAFailedCommitPersisted) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  store_.FailNextCommit(/*persisted=*/true);
  EXPECT_FALSE(log_->Append(HeartbeatEntry()).ok());
  Open();
  EXPECT_EQ(log_->size(), 2u);
  EXPECT_EQ(log_->Append(HeartbeatEntry()).value(), 2u);
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, RefusesToSignWhatChangedBetweenHashAndStore) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  const std::string checkpoint = log_->Checkpoint();
  store_.FlipNextRow();
  EXPECT_TRUE(absl::IsUnavailable(log_->Append(HeartbeatEntry()).status()));
  EXPECT_EQ(log_->Checkpoint(), checkpoint);
  EXPECT_FALSE(log_->Health().ok());
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, TimeNeverGoesBackInTheLog) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  const absl::Time first = log_->NewestEntryTime();
  EXPECT_EQ(first, clock_.Now());
  clock_.Turn(-absl::Hours(1));
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  EXPECT_EQ(log_->NewestEntryTime(), first);
  Open();
  EXPECT_EQ(log_->NewestEntryTime(), first);
}

}  // namespace
}  // namespace sluice::server
