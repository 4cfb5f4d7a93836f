// One log that several gateways write: each follows the others, and halts at what it can't follow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/audit_log.h"
#include "server/audit/checkpoint.h"
#include "server/audit/merkle.h"
#include "tests/support/log_fixture.h"
#include "tests/support/permit_for_test.h"
#include "tests/support/shared_memory_store.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A gateway with tiles of its own.
class Gateway {
 public:
  Gateway(std::string name, MemoryStore* store, const LogKey* key, const TurnedClock* clock)
      : key_(*key), clock_(*clock), store_(store) {
    options_.origin = kTestOrigin;
    options_.writer = std::move(name);
    options_.tile_directory = FreshDirectory();
    options_.min_free_bytes = 0;
    options_.background_thread = false;
    Start();
  }

  void Start() {
    log_.reset();
    log_ = AuditLog::Open(options_, &store_, &key_, [this] { return clock_.Now(); }).value();
  }
  AuditLog& log() { return *log_; }
  SharedMemoryStore& store() { return store_; }
  std::string Published() const {
    std::ifstream in(options_.tile_directory + "/checkpoint");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  uint64_t Append() {
    const absl::StatusOr<uint64_t> index = log_->Append(HeartbeatEntry());
    EXPECT_TRUE(index.ok()) << index.status();
    return index.value_or(~uint64_t{0});
  }

 private:
  AuditLogOptions options_;
  const LogKey& key_;
  const TurnedClock& clock_;
  SharedMemoryStore store_;
  std::unique_ptr<AuditLog> log_;
};

class SharedLogTest : public testing::Test {
 protected:
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

  std::unique_ptr<const LogKey> key_ = MakeLogKey();
  TurnedClock clock_;
  MemoryStore store_;
  Gateway first_{"gateway-1", &store_, key_.get(), &clock_};
  Gateway second_{"gateway-2", &store_, key_.get(), &clock_};
};

TEST_F(SharedLogTest, GatewaysAppendInTurnsToOneTree) {
  for (uint64_t i = 0; i < 600; i += 3) {
    EXPECT_EQ(first_.Append(), i);
    EXPECT_EQ(second_.Append(), i + 1);
    EXPECT_EQ(second_.Append(), i + 2);
  }
  first_.log().Tick();
  const std::vector<Hash> leaves = store_.ReadLeafHashes(0, 600).value();
  for (AuditLog* const log : {&first_.log(), &second_.log()}) {
    EXPECT_EQ(log->size(), 600u);
    EXPECT_TRUE(log->Health().ok());
    const Checkpoint checkpoint =
        OpenCheckpoint(log->Checkpoint(), NoteVerifier::Create(key_->vkey()).value()).value();
    EXPECT_EQ(checkpoint.root, slow::Root(leaves));
    // Of its own entries and of the other's.
    for (const uint64_t index : {0, 1, 300, 599}) {
      const std::vector<Hash> proof = log->InclusionProof(index, 600).value();
      EXPECT_EQ(proof, slow::Inclusion(index, leaves));
    }
  }
}

TEST_F(SharedLogTest, FollowsAtEachTurnWhatAnotherAppended) {
  for (int i = 0; i < 300; ++i) first_.Append();
  clock_.Turn(absl::Seconds(1));
  first_.Append();
  EXPECT_EQ(second_.log().size(), 0u);
  second_.log().Tick();
  EXPECT_EQ(second_.log().size(), 301u);
  EXPECT_EQ(second_.log().Checkpoint(), first_.log().Checkpoint());
  EXPECT_EQ(second_.log().NewestEntryTime(), first_.log().NewestEntryTime());
  EXPECT_EQ(second_.Published(), first_.log().Checkpoint());
  EXPECT_EQ(Bodies().size(), 301u) << "following is no entry";
}

TEST_F(SharedLogTest, FollowsTheWorkOfDaysABlockAtATime) {
  constexpr uint64_t kMany = 4200;
  for (uint64_t i = 0; i < kMany; ++i) first_.Append();
  second_.log().Tick();
  EXPECT_EQ(second_.log().size(), kMany);
  EXPECT_EQ(second_.log().Checkpoint(), first_.log().Checkpoint());
  EXPECT_LE(second_.store().most_leaves_read(), 4096u);
  const std::vector<Hash> leaves = store_.ReadLeafHashes(0, kMany).value();
  for (const uint64_t index : {uint64_t{0}, uint64_t{4095}, uint64_t{4096}, kMany - 1}) {
    EXPECT_EQ(second_.log().InclusionProof(index, kMany).value(), slow::Inclusion(index, leaves));
  }
  second_.Append();
  EXPECT_EQ(second_.log().size(), kMany + 1);
}

TEST_F(SharedLogTest, GoesOnWhereItStoppedReadingTheWorkOfDays) {
  constexpr uint64_t kMany = 8300;
  for (uint64_t i = 0; i < kMany; ++i) first_.Append();
  for (int reads = 0; second_.log().size() < kMany; ++reads) {
    ASSERT_LT(reads, 20);
    second_.store().FailLeafReadsAfter(reads);
    second_.log().Tick();
  }
  EXPECT_EQ(second_.log().Checkpoint(), first_.log().Checkpoint());
  const std::vector<Hash> leaves = store_.ReadLeafHashes(0, kMany).value();
  EXPECT_EQ(second_.log().InclusionProof(5000, kMany).value(), slow::Inclusion(5000, leaves));
}

TEST_F(SharedLogTest, HaltsWhenTheSharedLogIsRolledBack) {
  first_.Append();
  const LogHead before = store_.ReadLogHead().value();
  second_.Append();
  store_.RollBackLog(1, before);
  EXPECT_FALSE(second_.log().Append(HeartbeatEntry()).ok());
  EXPECT_TRUE(absl::IsDataLoss(second_.log().Health())) << second_.log().Health();
  // Who saw no more than that goes on.
  EXPECT_TRUE(first_.log().Append(HeartbeatEntry()).ok());
  EXPECT_FALSE(second_.log().Append(HeartbeatEntry()).ok()) << "what halted stays halted";
}

TEST_F(SharedLogTest, HaltsWhenItsEntriesWereExchanged) {
  first_.Append();
  second_.Append();
  store_.RollBackLog(0, MemoryStore().ReadLogHead().value());
  Gateway third("gateway-3", &store_, key_.get(), &clock_);
  third.Append();
  third.Append();
  EXPECT_FALSE(second_.log().Append(HeartbeatEntry()).ok()) << "as long, and another log";
  EXPECT_TRUE(absl::IsDataLoss(second_.log().Health()));
  third.Append();
  EXPECT_FALSE(first_.log().Append(HeartbeatEntry()).ok()) << "longer, and not grown from its own";
  EXPECT_TRUE(absl::IsDataLoss(first_.log().Health()));
}

TEST_F(SharedLogTest, HaltsAtAnEntryThatIsNotWhatWasHashed) {
  first_.Append();
  store_.MutableLogRow(0).body[5] ^= 1;
  EXPECT_FALSE(second_.log().Append(HeartbeatEntry()).ok());
  EXPECT_TRUE(absl::IsDataLoss(second_.log().Health()));
}

TEST_F(SharedLogTest, HaltsAtACheckpointOfAnotherKey) {
  second_.Append();
  const LogHead before = store_.ReadLogHead().value();
  first_.Append();
  LogHead forged = store_.ReadLogHead().value();
  Checkpoint checkpoint;
  checkpoint.origin = kTestOrigin;
  checkpoint.size = forged.size;
  checkpoint.root = forged.root;
  forged.checkpoint = MakeLogKey('x')->SignNote(checkpoint.Body()).value();
  store_.RollBackLog(2, forged);
  EXPECT_FALSE(second_.log().Append(HeartbeatEntry()).ok());
  EXPECT_TRUE(absl::IsDataLoss(second_.log().Health()));
}

TEST_F(SharedLogTest, CountsOnAfterAGroupOfWhichNoAnswerCame) {
  first_.Append();
  first_.store().LoseNextAnswer();
  EXPECT_FALSE(first_.log().Append(HeartbeatEntry()).ok());
  EXPECT_EQ(first_.Append(), 2u) << "the group was durable, and its entry stays";
  std::vector<uint64_t> counters;
  ASSERT_TRUE(store_
                  .ReadLogRows(0, 3,
                               [&](const LogRow& row) {
                                 counters.push_back(row.wseq);
                                 return true;
                               })
                  .ok());
  EXPECT_THAT(counters, testing::ElementsAre(0, 1, 2));
  first_.Start();
  EXPECT_THAT(Bodies(), Not(Contains(HasSubstr("\"type\":\"gap\""))));
}

TEST_F(SharedLogTest, ClosesAtAStartWhatItLeftOpenItselfAndNothingElse) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  ASSERT_TRUE(first_.log().Append(AdminEntry{"START", "", ""}).ok());
  ASSERT_TRUE(second_.log().Append(AdminEntry{"START", "", ""}).ok());
  ASSERT_TRUE(first_.log().AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).ok());
  ASSERT_TRUE(second_.log().AppendPermit(permit, PermitEntry(2), DecisionOf(PermitEntry(2))).ok());
  second_.Start();
  std::vector<std::string> bodies = Bodies();
  ASSERT_EQ(bodies.size(), 5u);
  EXPECT_THAT(bodies[4], HasSubstr("\"request\":\"" + RequestNumber(2) + "\""));
  EXPECT_THAT(bodies[4], HasSubstr("\"status\":\"unknown\""));
  // However many starts of others lie between.
  first_.Start();
  bodies = Bodies();
  ASSERT_EQ(bodies.size(), 6u);
  EXPECT_THAT(bodies[5], HasSubstr("\"request\":\"" + RequestNumber(1) + "\""));
}

}  // namespace
}  // namespace sluice::server
