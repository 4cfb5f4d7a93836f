#include "client/witness/witness.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/file.h"
#include "client/witness/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

TEST_F(WitnessTest, CosignsALogFromItsFirstCheckpointOn) {
  ExpectCosigned(Ask(Growth(0, 7)), 7);
  now_ += absl::Seconds(1);
  ExpectCosigned(Ask(Growth(7, 8)), 8);
  now_ += absl::Seconds(1);
  ExpectCosigned(Ask(Growth(8, 40)), 40);
}

TEST_F(WitnessTest, CosignsTheEmptyTreeAndWhatGrowsFromIt) {
  ExpectCosigned(Ask(Body(0, {}, log_.Checkpoint(0, client::EmptyRoot()))), 0);
  ExpectCosigned(Ask(Growth(0, 3)), 3);
}

TEST_F(WitnessTest, CosignsTheSameCheckpointAgainWithALaterTime) {
  ExpectCosigned(Ask(Growth(0, 7)), 7);
  now_ += absl::Minutes(1);
  ExpectCosigned(Ask(Growth(7, 7)), 7);
}

TEST_F(WitnessTest, CosignsExtensionLinesAsTheyAre) {
  const std::string text = Text(5) + "extension\n";
  const WitnessAnswer answer = Ask(Body(0, {}, log_.Sign(text)));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(CosignedAt(directory_->key().vkey(), text, answer.body).has_value());
  EXPECT_FALSE(CosignedAt(directory_->key().vkey(), Text(5), answer.body).has_value());
}

TEST_F(WitnessTest, ItsTimeNeverGoesBack) {
  ExpectCosigned(Ask(Growth(0, 7)), 7);
  const absl::Time before = now_;
  now_ -= absl::Hours(1);
  const WitnessAnswer answer = Ask(Growth(7, 9));
  EXPECT_EQ(CosignedAt(directory_->key().vkey(), Text(9), answer.body),
            absl::ToUnixSeconds(before));
  Start();
  EXPECT_EQ(CosignedAt(directory_->key().vkey(), Text(10), Ask(Growth(9, 10)).body),
            absl::ToUnixSeconds(before));
}

TEST_F(WitnessTest, TellsTheSizeWhereAnotherIsTheOldOne) {
  ExpectSize(Ask(Growth(3, 7)), 0);
  ExpectCosigned(Ask(Growth(0, 7)), 7);
  ExpectSize(Ask(Growth(0, 7)), 7);
  ExpectSize(Ask(Growth(0, 9)), 7);
  ExpectSize(Ask(Growth(6, 9)), 7);
  ExpectSize(Ask(Growth(8, 9)), 7);
}

TEST_F(WitnessTest, RefusesARollback) {
  ExpectCosigned(Ask(Growth(0, 20)), 20);
  ExpectSize(Ask(Growth(0, 10)), 20);
  ExpectSize(Ask(Growth(10, 10)), 20);
  const WitnessAnswer shorter = Ask(Body(20, {}, Checkpoint(10)));
  ExpectRefused(shorter, 400);
  ExpectSize(Ask(Growth(0, 0)), 20);
}

TEST_F(WitnessTest, RefusesAForkOfTheSameSizeAndKeepsItsProof) {
  ExpectCosigned(Ask(Growth(0, 20)), 20);
  const std::string other = log_.Checkpoint(20, fork_.Root(20));
  const WitnessAnswer answer = Ask(Body(20, {}, other));
  ExpectRefused(answer, 409);
  ExpectSize(answer, 20);
  EXPECT_EQ(answer.event, "fork");
  EXPECT_EQ(answer.evidence, other);
  ExpectCosigned(Ask(Growth(20, 21)), 21);
}

TEST_F(WitnessTest, RefusesAnotherRootOfTheEmptyTree) {
  ExpectRefused(Ask(Body(0, {}, log_.Checkpoint(0, tree_.Root(1)))), 409);
}

TEST_F(WitnessTest, RefusesAForkOfALargerSizeByItsProof) {
  ExpectCosigned(Ask(Growth(0, 20)), 20);
  const WitnessAnswer answer =
      Ask(Body(20, fork_.Consistency(20, 30), log_.Checkpoint(30, fork_.Root(30))));
  ExpectRefused(answer, 422);
  EXPECT_EQ(answer.evidence, log_.Checkpoint(30, fork_.Root(30)));
  ExpectCosigned(Ask(Growth(20, 30)), 30);
}

TEST_F(WitnessTest, RefusesAProofThatIsChangedShorterOrLonger) {
  ExpectCosigned(Ask(Growth(0, 20)), 20);
  const std::vector<client::TreeHash> proof = tree_.Consistency(20, 37);
  for (size_t i = 0; i < proof.size(); ++i) {
    std::vector<client::TreeHash> changed = proof;
    changed[i][i] ^= 1;
    ExpectRefused(Ask(Body(20, changed, Checkpoint(37))), 422);
  }
  std::vector<client::TreeHash> shorter(proof.begin(), proof.end() - 1);
  ExpectRefused(Ask(Body(20, shorter, Checkpoint(37))), 422);
  std::vector<client::TreeHash> longer = proof;
  longer.push_back(proof[0]);
  ExpectRefused(Ask(Body(20, longer, Checkpoint(37))), 422);
  ExpectRefused(Ask(Body(20, {}, Checkpoint(37))), 422);
  ExpectRefused(Ask(Body(20, proof, Checkpoint(20))), 422);
  ExpectSize(Ask(Growth(0, 37)), 20);
}

TEST_F(WitnessTest, AProofFromNothingIsEmpty) {
  ExpectRefused(Ask(Body(0, {tree_.Root(1)}, Checkpoint(7))), 422);
  ExpectSize(Ask(Growth(1, 7)), 0);
}

TEST_F(WitnessTest, KnowsNoOtherLog) {
  const client::LogForTest other("stranger.example/log/1");
  ExpectRefused(Ask(Body(0, {}, other.Checkpoint(7, tree_.Root(7)))), 404);
  // The text decides, not who signs.
  ExpectRefused(Ask(Body(0, {}, log_.Sign(absl::StrReplaceAll(Text(7), {{"gateway", "g"}})))), 404);
}

TEST_F(WitnessTest, RefusesWhatNoTrustedKeySigned) {
  const client::LogForTest thief("gateway.example/log/1", 't');
  ExpectRefused(Ask(Body(0, {}, thief.Checkpoint(7, tree_.Root(7)))), 403);
  const client::LogForTest other_name("other.example/log/1");
  ExpectRefused(Ask(Body(0, {}, other_name.Sign(Text(7)))), 403);
  // The key's own line over another text.
  const std::string note = Checkpoint(8);
  ExpectRefused(Ask(Body(0, {}, Text(7) + note.substr(note.rfind("\n\n") + 1))), 403);
  ExpectRefused(Ask(Body(0, {}, Text(7) + "\n" + log_.SignatureLine(std::string(64, 'x')))), 403);
  ExpectRefused(Ask(Body(0, {}, Text(7) + "\n" + log_.SignatureLine("short"))), 403);
  ExpectCosigned(Ask(Growth(0, 7)), 7);
}

TEST_F(WitnessTest, LooksPastSignaturesOfOthers) {
  const client::LogForTest other("other.example/log/1", 'o');
  const std::string line = other.SignatureLine(std::string(72, 'x'));
  ExpectCosigned(Ask(Body(0, {}, Checkpoint(7) + line)), 7);
}

TEST_F(WitnessTest, ALogMayChangeItsKey) {
  const client::LogForTest next("gateway.example/log/1", 'n');
  const auto both = Witness::Create(&directory_->key(), directory_.get(), {log_.key(), next.key()},
                                    [this] { return now_; });
  ASSERT_TRUE(both.ok());
  ExpectCosigned((*both)->AddCheckpoint(Growth(0, 7)), 7);
  const std::string by_next = next.Checkpoint(8, tree_.Root(8));
  ExpectCosigned((*both)->AddCheckpoint(Body(7, tree_.Consistency(7, 8), by_next)), 8);
  // Signed by both, and by one of them wrongly.
  const std::string line = next.SignatureLine(std::string(64, 'x'));
  ExpectRefused((*both)->AddCheckpoint(Growth(8, 9) + line), 403);
}

TEST_F(WitnessTest, KeepsEachLogApart) {
  const client::LogForTest other("other.example/log/1", 'o');
  const auto both = Witness::Create(&directory_->key(), directory_.get(), {log_.key(), other.key()},
                                    [this] { return now_; });
  ASSERT_TRUE(both.ok());
  ExpectCosigned((*both)->AddCheckpoint(Growth(0, 7)), 7);
  EXPECT_EQ((*both)->AddCheckpoint(Body(0, {}, other.Checkpoint(9, fork_.Root(9)))).status, 200);
  ExpectCosigned((*both)->AddCheckpoint(Growth(7, 8)), 8);
}

TEST_F(WitnessTest, GoesOnAfterAStart) {
  ExpectCosigned(Ask(Growth(0, 20)), 20);
  Start();
  ExpectSize(Ask(Growth(0, 20)), 20);
  ExpectRefused(Ask(Body(20, {}, log_.Checkpoint(20, fork_.Root(20)))), 409);
  ExpectCosigned(Ask(Growth(20, 30)), 30);
}

TEST_F(WitnessTest, OfTwoAtOnceOneIsCosignedAndTheOtherToldItsSize) {
  ExpectCosigned(Ask(Growth(0, 10)), 10);
  const std::vector<std::string> bodies = {Growth(10, 30),
                                           Body(10, tree_.Consistency(10, 25), Checkpoint(25)),
                                           Growth(10, 11), Growth(10, 40)};
  std::vector<WitnessAnswer> answers(bodies.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < bodies.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = Ask(bodies[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t cosigned = 0;
  for (const WitnessAnswer& answer : answers) {
    if (answer.status == 200) {
      EXPECT_EQ(cosigned, 0u);
      cosigned = answer.size;
    }
  }
  ASSERT_NE(cosigned, 0u);
  for (const WitnessAnswer& answer : answers) {
    if (answer.status != 200) ExpectSize(answer, cosigned);
  }
}

// Does what a test says before it keeps, or instead.
class KeeperForTest final : public CheckpointKeeper {
 public:
  explicit KeeperForTest(CheckpointKeeper* keeper) : keeper_(keeper) {}
  absl::StatusOr<std::optional<std::string>> Load(absl::string_view origin) override {
    return keeper_->Load(origin);
  }
  absl::Status Save(absl::string_view origin, absl::string_view note) override {
    ++saves;
    if (!fails.ok()) return fails;
    const absl::Status saved = keeper_->Save(origin, note);
    if (after) after();
    return saved;
  }

  absl::Status fails;
  std::function<void()> after;
  int saves = 0;

 private:
  CheckpointKeeper* const keeper_;
};

TEST_F(WitnessTest, KeepsBeforeItAnswers) {
  ExpectCosigned(Ask(Growth(0, 10)), 10);
  // Killed when the checkpoint is kept, and no answer made.
  const pid_t child = fork();
  if (child == 0) {
    KeeperForTest keeper(directory_.get());
    keeper.after = [] { kill(getpid(), SIGKILL); };
    if (Restart(&keeper).ok()) (void)Ask(Growth(10, 30));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  Start();
  ExpectSize(Ask(Growth(10, 30)), 30);
  ExpectRefused(Ask(Body(10, fork_.Consistency(10, 30), log_.Checkpoint(30, fork_.Root(30)))), 409);
  ExpectCosigned(Ask(Growth(30, 30)), 30);
}

TEST_F(WitnessTest, WhatCantBeKeptIsNotCosigned) {
  KeeperForTest keeper(directory_.get());
  ASSERT_TRUE(Restart(&keeper).ok());
  keeper.fails = absl::UnavailableError("no space left");
  ExpectRefused(Ask(Growth(0, 10)), 503);
  ExpectSize(Ask(Growth(10, 10)), 0);
  keeper.fails = absl::OkStatus();
  ExpectCosigned(Ask(Growth(0, 10)), 10);
}

TEST_F(WitnessTest, CosignsNothingMoreWhereItIsNotKnownWhatIsKept) {
  KeeperForTest keeper(directory_.get());
  ASSERT_TRUE(Restart(&keeper).ok());
  ExpectCosigned(Ask(Growth(0, 10)), 10);
  keeper.fails = absl::DataLossError("fsync failed");
  ExpectRefused(Ask(Growth(10, 11)), 503);
  keeper.fails = absl::OkStatus();
  const int saves = keeper.saves;
  ExpectRefused(Ask(Growth(10, 11)), 503);
  ExpectRefused(Ask(Growth(10, 10)), 503);
  EXPECT_EQ(keeper.saves, saves);
}

TEST_F(WitnessTest, StartsNotOnAnythingButWhatItCosigned) {
  ExpectCosigned(Ask(Growth(0, 10)), 10);
  const std::filesystem::path file = StateFile();
  const std::string kept = *client::ReadFile(file);
  EXPECT_EQ(kept.substr(0, Text(10).size()), Text(10));
  for (size_t i = 0; i < kept.size(); ++i) {
    std::string changed = kept;
    changed[i] ^= 1;
    ASSERT_TRUE(client::ReplaceFile(file, changed).ok());
    EXPECT_TRUE(absl::IsDataLoss(Restart())) << i;
    ASSERT_TRUE(client::ReplaceFile(file, kept.substr(0, i)).ok());
    EXPECT_TRUE(absl::IsDataLoss(Restart())) << i;
  }
  // What the log itself signed is not enough.
  ASSERT_TRUE(client::ReplaceFile(file, Checkpoint(10)).ok());
  EXPECT_TRUE(absl::IsDataLoss(Restart()));
  ASSERT_TRUE(client::ReplaceFile(file, kept).ok());
  EXPECT_TRUE(Restart().ok());
}

TEST_F(WitnessTest, StartsNotOnAnotherLogsCheckpoint) {
  const client::LogForTest other("other.example/log/1", 'o');
  const auto two =
      Witness::Create(&directory_->key(), directory_.get(), {other.key()}, [this] { return now_; });
  ASSERT_TRUE(two.ok());
  ASSERT_EQ((*two)->AddCheckpoint(Body(0, {}, other.Checkpoint(9, fork_.Root(9)))).status, 200);
  const std::string others = *client::ReadFile(StateFile());
  std::filesystem::remove(StateFile());
  ExpectCosigned(Ask(Growth(0, 10)), 10);
  ASSERT_TRUE(client::ReplaceFile(StateFile(), others).ok());
  EXPECT_TRUE(absl::StrContains(Restart().message(), "of another log"));
}

}  // namespace
}  // namespace sluice::witness
