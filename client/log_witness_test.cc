#include "client/log_witness.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "client/log_for_test.h"
#include "client/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

constexpr uint64_t kNow = 1798761600;  // 2027-01-01

class LogWitnessTest : public testing::Test {
 protected:
  LogWitnessTest() {
    for (int i = 0; i < 20; ++i) gateway_.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  }

  LogCheckpoint Checkpoint(const std::string& note) const {
    return OpenCheckpoint(note, gateway_.log.key()).value();
  }
  std::string NoteOf(size_t size) const {
    return gateway_.log.Checkpoint(size, gateway_.Tree().Root(size));
  }
  static Retry NewRetry() { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }

  absl::StatusOr<std::vector<CosignedBy>> Verify(const std::string& note, size_t least = 0) const {
    const WitnessQuorum quorum = MakeQuorum({one_.key(), two_.key(), three_.key()}, least).value();
    return VerifyCosigned(Checkpoint(note), quorum, absl::FromUnixSeconds(kNow));
  }
  std::string Why(const std::string& note, size_t least = 0) const {
    const auto verified = Verify(note, least);
    EXPECT_TRUE(absl::IsDataLoss(verified.status())) << verified.status();
    return std::string(verified.status().message());
  }

  FakeGateway gateway_;
  const WitnessForTest one_{"one.example", '1'};
  const WitnessForTest two_{"two.example", '2'};
  const WitnessForTest three_{"three.example", '3'};
};

TEST_F(LogWitnessTest, SaysWhoCosignedAndWhen) {
  const auto by = Verify(three_.Cosign(one_.Cosign(NoteOf(20), kNow - 60), kNow));
  ASSERT_TRUE(by.ok()) << by.status();
  ASSERT_EQ(by->size(), 2u);
  EXPECT_EQ((*by)[0].witness, "one.example");
  EXPECT_EQ((*by)[0].time, absl::FromUnixSeconds(kNow - 60));
  EXPECT_EQ((*by)[1].witness, "three.example");
}

TEST_F(LogWitnessTest, WantsMoreThanHalfOfThemOrAsManyAsItIsTold) {
  const std::string by_one = one_.Cosign(NoteOf(20), kNow);
  EXPECT_TRUE(absl::StrContains(Why(by_one), "cosigned by 1 of 3 witnesses, and by 2 it must be"));
  EXPECT_TRUE(Verify(by_one, 1).ok());
  EXPECT_TRUE(absl::StrContains(Why(two_.Cosign(by_one, kNow), 3), "by 2 of 3"));
  EXPECT_TRUE(Verify(three_.Cosign(two_.Cosign(by_one, kNow), kNow), 3).ok());
  EXPECT_TRUE(absl::StrContains(Why(NoteOf(20), 1), "by 0 of 3"));
}

TEST_F(LogWitnessTest, CountsNoLineOfAStrangerAndRefusesABadOneOfAWitness) {
  const std::string note = one_.Cosign(NoteOf(20), kNow);
  const WitnessForTest stranger("two.example", 'x');
  EXPECT_TRUE(absl::StrContains(Why(stranger.Cosign(note, kNow)), "by 1 of 3"));
  EXPECT_TRUE(absl::StrContains(Why(note + two_.Line(std::string(72, 'x')), 1),
                                "does not verify of the witness two.example"));
  EXPECT_TRUE(absl::StrContains(Why(note + two_.Line(std::string(71, 'x')), 1), "no whole"));
  EXPECT_TRUE(absl::StrContains(Why(one_.Cosign(note, kNow), 1), "two cosignatures"));
}

TEST_F(LogWitnessTest, RefusesTheCosignatureOfAnotherSize) {
  const std::string other = one_.Cosign(NoteOf(19), kNow);
  const std::string line = other.substr(NoteOf(19).size());
  EXPECT_TRUE(absl::StrContains(Why(NoteOf(20) + line, 1), "does not verify"));
}

TEST_F(LogWitnessTest, RefusesATimeThatIsStillToCome) {
  EXPECT_TRUE(Verify(one_.Cosign(NoteOf(20), kNow + 300), 1).ok());
  EXPECT_TRUE(absl::StrContains(Why(one_.Cosign(NoteOf(20), kNow + 301), 1), "still to come"));
  EXPECT_FALSE(Verify(one_.Cosign(NoteOf(20), ~uint64_t{0}), 1).ok());
}

TEST_F(LogWitnessTest, RefusesEachByteOfACosignatureChanged) {
  const std::string note = one_.Cosign(NoteOf(20), kNow);
  for (size_t i = NoteOf(20).size(); i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    const auto opened = OpenCheckpoint(changed, gateway_.log.key());
    EXPECT_FALSE(opened.ok() && Verify(changed, 1).ok()) << i;
  }
}

TEST_F(LogWitnessTest, TakesNoLogsKeyForAWitnesssAndNoneTwice) {
  EXPECT_FALSE(WitnessVerifierKey::Parse(gateway_.log.vkey()).ok());
  EXPECT_FALSE(LogVerifierKey::Parse(one_.vkey()).ok());
  EXPECT_FALSE(MakeQuorum({one_.key(), WitnessForTest("other.name", '1').key()}, 1).ok());
  EXPECT_FALSE(MakeQuorum({one_.key()}, 2).ok());
  EXPECT_EQ(MakeQuorum({one_.key(), two_.key()}, 0)->least, 2u);
}

TEST_F(LogWitnessTest, FetchesTheCosignedCheckpointWhereTheGatewayShowsOne) {
  EXPECT_EQ(FetchCosigned(gateway_, gateway_.log.key(), NewRetry())->size, 20u);
  gateway_.cosigned_checkpoint = one_.Cosign(NoteOf(12), kNow);
  EXPECT_EQ(FetchCosigned(gateway_, gateway_.log.key(), NewRetry())->size, 12u);
  gateway_.cosigned_checkpoint[30] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(FetchCosigned(gateway_, gateway_.log.key(), NewRetry()).status()));
}

TEST_F(LogWitnessTest, ProvesThatTheLogContinuesWhatWasCosigned) {
  const LogCheckpoint now = Checkpoint(NoteOf(20));
  for (const size_t size : {0, 1, 12, 20}) {
    EXPECT_TRUE(ProveCosigned(gateway_, Checkpoint(NoteOf(size)), now, NewRetry()).ok()) << size;
  }
  const LogCheckpoint other = Checkpoint(gateway_.log.Checkpoint(12, LeafHash("another log")));
  EXPECT_TRUE(absl::IsDataLoss(ProveCosigned(gateway_, other, now, NewRetry())));
  EXPECT_TRUE(absl::IsDataLoss(ProveCosigned(gateway_, now, Checkpoint(NoteOf(12)), NewRetry())));
}

}  // namespace
}  // namespace sluice::client
