#include "server/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/audit/checkpoint.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/permit_for_test.h"
#include "tests/support/releasable_for_test.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

  std::string PublishedCheckpoint() const {
    std::ifstream in(options_.tile_directory + "/checkpoint");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  // Signs what the store holds now, as somebody with the key could.
  void SignHeadOfStore() {
    CompactRange range;
    const std::vector<Hash> leaves = store_.ReadLeafHashes(0, ~uint64_t{0}).value();
    for (const Hash& leaf : leaves) range.Append(leaf);
    Checkpoint checkpoint;
    checkpoint.origin = kTestOrigin;
    checkpoint.size = range.size();
    checkpoint.root = range.Root();
    LogHead head;
    head.size = range.size();
    head.root = range.Root();
    head.compact_range = range.roots();
    head.checkpoint = key_->SignNote(checkpoint.Body()).value();
    store_.RollBackLog(range.size(), head);
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
  absl::StatusOr<StoredDecision> stored =
      store_.FindDecision(RequestNumber(2), "/org/river-unified/system/hiring");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->log_index, 1u);
  v1::Decision decision;
  ASSERT_TRUE(decision.ParseFromString(stored->decision));
  EXPECT_EQ(decision.code(), v1::DENIAL_CODE_OUTSIDE_PERIOD);
}

TEST_F(AuditLogTest, EntersTheChunksOwnSubjectsAndRows) {
  const Releasable chunk = ReleasableForTest::Of({3, 4, 9}, 5);
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

TEST_F(AuditLogTest, WritesUnknownOutcomesForWhatACrashLeftOpen) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  ASSERT_TRUE(log_->Append(AdminEntry{"START", "", ""}).ok());
  ASSERT_TRUE(log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).ok());  // 1
  ASSERT_TRUE(log_->AppendDisclosure(ReleasableForTest::Of({1}, 1), DisclosureOf(1, 1)).ok());
  ASSERT_TRUE(log_->Append(OutcomeOf(1, 1)).ok());
  ASSERT_TRUE(log_->AppendPermit(permit, PermitEntry(2), DecisionOf(PermitEntry(2))).ok());  // 4
  ASSERT_TRUE(log_->AppendDisclosure(ReleasableForTest::Of({1}, 1), DisclosureOf(2, 4)).ok());
  ASSERT_TRUE(log_->AppendPermit(permit, PermitEntry(3), DecisionOf(PermitEntry(3))).ok());  // 6
  ASSERT_TRUE(log_->AppendDenial(DenialEntry(4), DecisionOf(DenialEntry(4))).ok());
  DecisionEntry publish = PermitEntry(5);
  publish.terms = EntryTerms();
  publish.operation = "PublishRecords";
  ASSERT_TRUE(log_->Append(publish).ok());
  Open();
  const std::vector<std::string> bodies = Bodies();
  ASSERT_EQ(bodies.size(), 11u);
  EXPECT_THAT(bodies[9], HasSubstr("\"type\":\"outcome\""));
  EXPECT_THAT(bodies[9], HasSubstr("\"request\":\"" + RequestNumber(2) + "\""));
  EXPECT_THAT(bodies[9], HasSubstr("\"status\":\"unknown\",\"aborted\":true,\"of\":4}"));
  EXPECT_TRUE(Concerns(bodies[9], "state-university"));
  EXPECT_TRUE(Concerns(bodies[9], "river-unified"));
  EXPECT_THAT(bodies[10], HasSubstr("\"of\":6}"));
  Open();
  EXPECT_EQ(Bodies().size(), 11u) << "once is enough";
}

TEST_F(AuditLogTest, FindsTheLastStartHoweverFarBack) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  ASSERT_TRUE(log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).ok());
  Open();  // closes it
  ASSERT_TRUE(log_->Append(AdminEntry{"START", "", ""}).ok());
  const uint64_t open =
      log_->AppendPermit(permit, PermitEntry(2), DecisionOf(PermitEntry(2)))->index();
  store_.Hold();
  for (int i = 0; i < 9000; ++i) log_->AppendLater(HeartbeatEntry());
  store_.Release();
  const uint64_t size = log_->size();
  Open();
  ASSERT_EQ(log_->size(), size + 1);
  EXPECT_THAT(Bodies().back(), HasSubstr(absl::StrCat("\"of\":", open, "}")));
}

TEST_F(AuditLogTest, NamesCountersThatAreMissing) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  // A writer whose counter jumped from 1 to 4, in a log that is sound otherwise.
  log_.reset();
  LogRow& row = store_.MutableLogRow(2);
  row.body = absl::StrReplaceAll(row.body, {{"\"wseq\":2", "\"wseq\":4"}});
  row.leaf_hash = LeafHash(row.body);
  SignHeadOfStore();
  options_.tile_directory = FreshDirectory();
  Open();
  ASSERT_EQ(log_->size(), 4u);
  EXPECT_THAT(Bodies()[3], HasSubstr("\"type\":\"gap\""));
  EXPECT_THAT(Bodies()[3], HasSubstr("\"begin\":2,\"end\":4}"));
}

TEST_F(AuditLogTest, RefusesAStoreThatIsNotWhatItsHeadSays) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  log_.reset();
  const LogRow sound = store_.MutableLogRow(2);
  store_.MutableLogRow(2).leaf_hash[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
  store_.MutableLogRow(2) = sound;
  store_.MutableLogRow(2).body[9] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
  store_.MutableLogRow(2) = sound;
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(AuditLogTest, RefusesAHeadThatAnotherKeySigned) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  log_.reset();
  key_ = MakeLogKey('x');
  options_.tile_directory = FreshDirectory();
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(AuditLogTest, RefusesABackupThatWasPutBack) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  const LogHead backup = store_.ReadLogHead().value();
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  log_.reset();
  store_.RollBackLog(1, backup);
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(AuditLogTest, PublishesWhatIsCommittedAtEachTurn) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  EXPECT_NE(PublishedCheckpoint(), log_->Checkpoint());
  log_->Tick();
  EXPECT_EQ(PublishedCheckpoint(), log_->Checkpoint());
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  log_->Stop();
  EXPECT_EQ(PublishedCheckpoint(), log_->Checkpoint());
}

TEST_F(AuditLogTest, BeatsWhenIdleForAMinuteAndNotBefore) {
  ASSERT_TRUE(log_->Append(AdminEntry{"START", "", ""}).ok());
  clock_.Turn(absl::Seconds(59));
  log_->Tick();
  EXPECT_EQ(log_->size(), 1u);
  clock_.Turn(absl::Seconds(1));
  log_->Tick();
  ASSERT_EQ(log_->size(), 2u);
  EXPECT_THAT(Bodies()[1], HasSubstr("\"type\":\"heartbeat\""));
  log_->Tick();
  EXPECT_EQ(log_->size(), 2u);
}

TEST_F(AuditLogTest, HaltsWhileItsDirectoryIsGoneAndRecovers) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  const std::string path = options_.tile_directory;
  std::filesystem::rename(path, path + ".moved");
  log_->Tick();
  EXPECT_FALSE(log_->Health().ok());
  EXPECT_THAT(std::string(log_->Health().message()), Not(HasSubstr(path)));
  EXPECT_TRUE(absl::IsUnavailable(
      log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(1))).status()));
  EXPECT_TRUE(absl::IsUnavailable(
      log_->AppendDisclosure(ReleasableForTest::Of({1}, 1), DisclosureOf(1, 0)).status()));
  // What happens meanwhile is still entered.
  EXPECT_TRUE(log_->AppendDenial(DenialEntry(2), DecisionOf(DenialEntry(2))).ok());
  std::filesystem::rename(path + ".moved", path);
  log_->Tick();
  EXPECT_TRUE(log_->Health().ok());
  EXPECT_TRUE(log_->AppendPermit(permit, PermitEntry(3), DecisionOf(PermitEntry(3))).ok());
}

TEST_F(AuditLogTest, HaltsWhileItsLastEntriesStillFitOnTheDisk) {
  options_.min_free_bytes = ~uint64_t{0};
  EXPECT_TRUE(absl::IsResourceExhausted(TryOpen()));
}

TEST_F(AuditLogTest, GrowsADictionaryWithItsRootInTheLog) {
  std::vector<std::pair<uint32_t, policy::SubjectId>> subjects;
  const auto grow = [&](std::vector<NewSubject> added) {
    absl::Status result;
    Work work;
    work.apply = [&](Transaction& transaction) {
      return log_->GrowDictionaryIn(transaction, "state-university", added);
    };
    work.done = [&](absl::Status status) { result = std::move(status); };
    store_.Submit(std::move(work));
    for (const NewSubject& subject : added) subjects.emplace_back(subject.ordinal, subject.id);
    return result;
  };
  ASSERT_TRUE(grow({{1, {{7}}}, {2, {{8}}}}).ok());
  ASSERT_TRUE(grow({}).ok());
  ASSERT_TRUE(grow({{3, {{9}}}}).ok());
  EXPECT_FALSE(grow({{5, {{1}}}}).ok()) << "an ordinal is missing";
  subjects.pop_back();

  // The root, made anew from the openings.
  std::vector<Hash> leaves;
  for (const auto& [ordinal, id] : subjects) {
    const std::string value(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    const std::string salt = store_.DictionarySalt("state-university", ordinal);
    EXPECT_EQ(salt.size(), 32u);
    leaves.push_back(LeafHash(HashBytes(Sha256("dict1" + salt + value))));
  }
  const std::vector<std::string> bodies = Bodies();
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_THAT(bodies[1], HasSubstr("\"owner\":\"state-university\",\"begin\":3,\"end\":4,"));
  EXPECT_THAT(bodies[1],
              HasSubstr("\"root\":\"" + absl::Base64Escape(HashBytes(slow::Root(leaves))) + "\""));
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, AWorkThatFailsLeavesNothingInTheLog) {
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  store_.Hold();
  log_->AppendLater(HeartbeatEntry());
  Work work;
  work.is_append = true;  // between the two
  absl::Status result;
  work.apply = [&](Transaction& transaction) {
    EXPECT_EQ(log_->NextIndexIn(transaction), 2u);
    EXPECT_TRUE(log_->GrowDictionaryIn(transaction, "state-university", {{1, {{7}}}}).ok());
    EXPECT_EQ(log_->AppendIn(transaction, HeartbeatEntry()).value(), 3u);
    return log_->AppendIn(transaction, KeyEntry{"free text", "k", ""}).status();
  };
  work.done = [&](absl::Status status) { result = std::move(status); };
  store_.Submit(std::move(work));
  log_->AppendLater(HeartbeatEntry());
  store_.Release();
  EXPECT_TRUE(absl::IsInternal(result));
  EXPECT_EQ(log_->size(), 3u);
  ExpectCheckpointOfStore();
}

TEST_F(AuditLogTest, AnEntryThatNoBundleCanCarryIsRefusedAloneOfItsGroup) {
  DecisionEntry large = DenialEntry(1);
  large.parties.assign(1000, std::string(64, 'p'));
  store_.Hold();
  log_->AppendLater(HeartbeatEntry());
  log_->AppendLater(large);
  log_->AppendLater(HeartbeatEntry());
  store_.Release();
  EXPECT_EQ(log_->size(), 2u);
  const absl::Status refused = log_->AppendDenial(large, DecisionOf(large));
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_EQ(log_->size(), 2u);
  ExpectCheckpointOfStore();
  EXPECT_TRUE(log_->Health().ok()) << log_->Health();
  EXPECT_FALSE(store_.FindDecision(large.request, PrincipalPath(large.caller.principal)).ok());
}

TEST_F(AuditLogTest, RefusesAReceiptForTheWrongKindOfDecision) {
  const policy::Permit permit = policy::PermitForTest::Make(std::make_shared<policy::Plan>());
  EXPECT_TRUE(absl::IsInternal(
      log_->AppendPermit(permit, DenialEntry(1), DecisionOf(DenialEntry(1))).status()));
  EXPECT_TRUE(absl::IsInternal(log_->AppendDenial(PermitEntry(1), DecisionOf(PermitEntry(1)))));
  EXPECT_TRUE(absl::IsInternal(
      log_->AppendPermit(permit, PermitEntry(1), DecisionOf(PermitEntry(2))).status()));
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(AuditLogTest, TicksByItselfInTheBackground) {
  options_.background_thread = true;
  Open();
  ASSERT_TRUE(log_->Append(HeartbeatEntry()).ok());
  log_->Stop();
  EXPECT_EQ(PublishedCheckpoint(), log_->Checkpoint());
}

}  // namespace
}  // namespace sluice::server
