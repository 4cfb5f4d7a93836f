#include "server/audit/witnesses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"
#include "tests/support/slow_tree.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class WitnessesTest : public testing::Test {
 protected:
  ~WitnessesTest() override {
    for (const auto& fake : fakes_) fake->Return();
  }

  void Open(int count, int quorum) {
    Witnesses::Parts parts;
    for (int i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("w", i);
      fakes_.push_back(std::make_unique<FakeWitness>(name, static_cast<char>('a' + i),
                                                     [this] { return clock_.Now(); }));
      parts.policy.witnesses.push_back(fakes_.back()->Config());
    }
    parts.policy.quorum = quorum;
    parts.policy.retry_least = absl::Milliseconds(1);
    parts.policy.retry_most = absl::Milliseconds(2);
    parts.clock = [this] { return clock_.Now(); };
    parts.consistency_proof = [this](uint64_t old_size, uint64_t new_size) {
      return absl::StatusOr<std::vector<Hash>>(
          slow::Consistency(old_size, absl::MakeSpan(leaves_).subspan(0, new_size)));
    };
    parts.stored_size = [this] { return absl::StatusOr<uint64_t>(stored_.load()); };
    parts.connect = [this](const WitnessConfig& config) {
      for (const auto& fake : fakes_) {
        if (fake->key().vkey() == config.vkey) {
          auto transport = std::make_unique<FakeWitnessTransport>(fake.get());
          transports_.push_back(transport.get());
          return absl::StatusOr<std::unique_ptr<WitnessTransport>>(std::move(transport));
        }
      }
      return absl::StatusOr<std::unique_ptr<WitnessTransport>>(absl::NotFoundError("who?"));
    };
    witnesses_ = Witnesses::Create(std::move(parts)).value();
  }

  static std::vector<Hash> Leaves(absl::string_view name) {
    std::vector<Hash> leaves;
    for (int i = 0; i < 20; ++i) leaves.push_back(LeafHash(absl::StrCat(name, i)));
    return leaves;
  }

  std::string NoteOf(uint64_t size) const {
    Checkpoint checkpoint;
    checkpoint.origin = kTestOrigin;
    checkpoint.size = size;
    checkpoint.root = slow::Root(absl::MakeSpan(leaves_).subspan(0, size));
    return key_->SignNote(checkpoint.Body()).value();
  }

  void Ask(uint64_t size) { witnesses_->Ask(size, NoteOf(size)); }
  // Turns until there is something to publish.
  Witnesses::Due AwaitPublish(uint64_t size) {
    Witnesses::Due due;
    Await([&] {
      due = witnesses_->Turn(size);
      return !due.publish.empty();
    });
    return due;
  }
  void AwaitTrouble(absl::string_view witness, absl::string_view word) {
    Await([&] {
      const std::vector<WitnessReport::Trouble> troubles = witnesses_->Report().troubles;
      return std::any_of(troubles.begin(), troubles.end(), [&](const auto& trouble) {
        return trouble.witness == witness && trouble.word == word;
      });
    });
  }
  // How many of the witnesses have cosigned this note.
  int Cosigners(const std::string& note) const {
    int cosigners = 0;
    const size_t split = note.rfind("\n\n");
    for (const auto& fake : fakes_) {
      cosigners += CosignatureVerifier::Create(fake->key().vkey())
                           ->Find(note.substr(split + 2), note.substr(0, split + 1))
                           .ok()
                       ? 1
                       : 0;
    }
    return cosigners;
  }

  TurnedClock clock_;
  const std::unique_ptr<const LogKey> key_ = MakeLogKey();
  std::vector<Hash> leaves_ = Leaves("entry");
  std::atomic<uint64_t> stored_{20};
  std::vector<std::unique_ptr<FakeWitness>> fakes_;
  std::vector<FakeWitnessTransport*> transports_;
  std::unique_ptr<Witnesses> witnesses_;
};

TEST_F(WitnessesTest, PublishesWhatAQuorumHasCosignedAndGoesOnWithTheNewest) {
  Open(2, 2);
  EXPECT_TRUE(witnesses_->Turn(5).next);
  Ask(5);
  const Witnesses::Due due = AwaitPublish(9);
  EXPECT_EQ(due.publish_size, 5u);
  EXPECT_TRUE(absl::StartsWith(due.publish, NoteOf(5)));
  EXPECT_EQ(Cosigners(due.publish), 2);
  EXPECT_TRUE(witnesses_->IsCosigned(due.publish));
  EXPECT_EQ(witnesses_->Cosigned(), due.publish);
  EXPECT_TRUE(due.next);
  Ask(9);
  EXPECT_EQ(AwaitPublish(9).publish_size, 9u);
  EXPECT_FALSE(witnesses_->Turn(9).next);
  EXPECT_TRUE(witnesses_->Turn(9).publish.empty());
  // The second question went on from the first.
  EXPECT_THAT(fakes_[0]->bodies().back(), HasSubstr("old 5\n"));
}

TEST_F(WitnessesTest, PublishesNothingWithoutAQuorumAndKeepsToOneCheckpointUntilThen) {
  Open(3, 2);
  fakes_[1]->SayStatus(404);
  fakes_[2]->SayStatus(403);
  Ask(5);
  AwaitTrouble("w1", "LOG_UNKNOWN");
  AwaitTrouble("w2", "KEY_REFUSED");
  Await([&] { return fakes_[0]->size() >= 5; });
  const Witnesses::Due due = witnesses_->Turn(9);
  EXPECT_TRUE(due.publish.empty());
  EXPECT_FALSE(due.next);
  EXPECT_EQ(witnesses_->Cosigned(), "");
  fakes_[1]->Return();
  EXPECT_EQ(AwaitPublish(9).publish_size, 5u);
}

TEST_F(WitnessesTest, IsHeldUpByNoWitnessThatDoesNotAnswer) {
  Open(3, 2);
  fakes_[1]->Say([this](const std::string&) { return transports_[1]->AwaitCancel(); });
  Ask(5);
  EXPECT_EQ(Cosigners(AwaitPublish(5).publish), 2);
  Ask(9);
  EXPECT_EQ(Cosigners(AwaitPublish(9).publish), 2);
  // Its thread may come last to its first question.
  Await([&] { return fakes_[1]->asked() > 0; });
  EXPECT_EQ(fakes_[1]->asked(), 1);
  // The question is ended when its time is over.
  clock_.Turn(absl::Seconds(10));
  witnesses_->Turn(9);
  AwaitTrouble("w1", "UNREACHABLE");
  // It comes to the others under the same checkpoint when it answers.
  fakes_[1]->Return();
  transports_[1]->Cancel();
  EXPECT_EQ(Cosigners(AwaitPublish(9).publish), 3);
}

TEST_F(WitnessesTest, StopsWhileAWitnessDoesNotAnswer) {
  Open(1, 1);
  fakes_[0]->Say([this](const std::string&) { return transports_[0]->AwaitCancel(); });
  Ask(5);
  Await([&] { return fakes_[0]->asked() > 0; });
  witnesses_->Stop();
  EXPECT_EQ(witnesses_->Cosigned(), "");
}

TEST_F(WitnessesTest, GoesOnFromTheSizeThatAWitnessNames) {
  Open(1, 1);
  Ask(5);
  AwaitPublish(5);
  const std::string before = witnesses_->Cosigned();
  witnesses_.reset();
  // Another process of the log knows nothing of it.
  std::vector<std::unique_ptr<FakeWitness>> fakes = std::exchange(fakes_, {});
  Open(1, 1);
  fakes_[0]->Say([&](const std::string& body) { return fakes[0]->Answer(body); });
  Ask(9);
  EXPECT_EQ(AwaitPublish(9).publish_size, 9u);
  EXPECT_EQ(fakes_[0]->asked(), 2);
  EXPECT_TRUE(witnesses_->Health().ok());
}

TEST_F(WitnessesTest, TakesTheNewestWhereAnotherGatewayWasThereWithALaterOne) {
  Open(1, 1);
  fakes_[0]->Say([](const std::string&) { return WitnessAnswer{409, "text/x.tlog.size", "12\n"}; });
  Ask(9);
  Await([&] { return witnesses_->Turn(13).next; });
  EXPECT_TRUE(witnesses_->Health().ok());
}

TEST_F(WitnessesTest, HaltsByNameWhereAWitnessHasSeenALongerLogUntilItCosignsThisOne) {
  Open(3, 1);
  stored_ = 9;
  fakes_[2]->Say([](const std::string&) { return WitnessAnswer{409, "text/x.tlog.size", "12\n"}; });
  Ask(9);
  AwaitTrouble("w2", "WITNESS_AHEAD");
  AwaitPublish(9);
  const absl::Status health = witnesses_->Health();
  EXPECT_TRUE(absl::IsDataLoss(health));
  EXPECT_THAT(std::string(health.message()), HasSubstr("WITNESS_AHEAD: witness w2"));
  EXPECT_THAT(std::string(health.message()), HasSubstr("12 entries"));
  // The log's growth takes nothing back.
  stored_ = 15;
  Ask(15);
  fakes_[2]->SayStatus(500);
  AwaitTrouble("w2", "BAD_ANSWER");
  EXPECT_TRUE(absl::IsDataLoss(witnesses_->Evidence()));
  fakes_[2]->Return();
  Await([&] { return witnesses_->Health().ok(); });
}

TEST_F(WitnessesTest, HaltsByNameWhereAWitnessHasSeenOtherEntries) {
  Open(1, 1);
  Ask(5);
  AwaitPublish(5);
  leaves_ = Leaves("other");
  Ask(9);
  AwaitTrouble("w0", "WITNESS_CONFLICT");
  EXPECT_THAT(std::string(witnesses_->Health().message()),
              HasSubstr("WITNESS_CONFLICT: witness w0: the log does not continue the 5 entries"));
  EXPECT_EQ(fakes_[0]->size(), 5u);
}

TEST_F(WitnessesTest, HaltsByNameWhereAWitnessHasSeenOtherEntriesOfTheSameSize) {
  Open(1, 1);
  Ask(5);
  AwaitPublish(5);
  leaves_ = Leaves("other");
  Ask(5);
  AwaitTrouble("w0", "WITNESS_CONFLICT");
  EXPECT_TRUE(absl::IsDataLoss(witnesses_->Health()));
}

TEST_F(WitnessesTest, IsLateThenHaltsAndGoesOnByItselfOnceThereIsAQuorum) {
  Open(2, 2);
  fakes_[1]->Vanish();
  Ask(5);
  AwaitTrouble("w1", "UNREACHABLE");
  clock_.Turn(absl::Seconds(5));
  EXPECT_FALSE(witnesses_->Report().is_late);
  clock_.Turn(absl::Seconds(1));
  EXPECT_TRUE(witnesses_->Report().is_late);
  EXPECT_EQ(witnesses_->Report().lag, absl::Seconds(6));
  clock_.Turn(absl::Minutes(15) - absl::Seconds(6));
  EXPECT_TRUE(witnesses_->Health().ok());
  clock_.Turn(absl::Seconds(1));
  const absl::Status health = witnesses_->Health();
  EXPECT_TRUE(absl::IsUnavailable(health));
  EXPECT_THAT(std::string(health.message()), HasSubstr("WITNESS_LAG"));
  EXPECT_THAT(std::string(health.message()), HasSubstr("w1: UNREACHABLE"));
  EXPECT_TRUE(witnesses_->Evidence().ok());
  fakes_[1]->Return();
  Await([&] { return witnesses_->Health().ok(); });
  EXPECT_FALSE(witnesses_->Report().is_late);
  EXPECT_TRUE(witnesses_->Report().troubles.empty());
}

TEST_F(WitnessesTest, IsNotLateWhileTheLogStands) {
  Open(1, 1);
  Ask(5);
  AwaitPublish(5);
  clock_.Turn(absl::Hours(1));
  EXPECT_EQ(witnesses_->Report().lag, absl::ZeroDuration());
  EXPECT_TRUE(witnesses_->Health().ok());
}

TEST_F(WitnessesTest, WaitsOnFromBeforeARestart) {
  Open(1, 1);
  fakes_[0]->Vanish();
  witnesses_->Resume(NoteOf(3), clock_.Now() - absl::Minutes(16));
  EXPECT_TRUE(absl::IsUnavailable(witnesses_->Health()));
  Ask(5);
  EXPECT_TRUE(absl::IsUnavailable(witnesses_->Health()));
  fakes_[0]->Return();
  AwaitPublish(5);
  EXPECT_TRUE(witnesses_->Health().ok());
}

TEST_F(WitnessesTest, CountsAnotherKeysLineForNobody) {
  Open(1, 1);
  const std::string note = NoteOf(3);
  const std::string text = note.substr(0, note.find("\n\n") + 1);
  EXPECT_FALSE(witnesses_->IsCosigned(note));
  EXPECT_FALSE(witnesses_->IsCosigned(note + WitnessKeyForTest("w0", 'z').Cosign(text, 1)));
  EXPECT_TRUE(witnesses_->IsCosigned(note + fakes_[0]->key().Cosign(text, 1)));
}

}  // namespace
}  // namespace sluice::server
