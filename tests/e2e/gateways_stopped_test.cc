// Of two gateways on one PostgreSQL one is stopped while both write, for longer than it may keep
// its turn, and goes on: one log, and nothing that was acknowledged is lost.
//
// SLUICE_STOPS says how often it is stopped.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/gateways_fixture.h"
#include "tests/e2e/log_verifiers.h"

namespace sluice::tests {
namespace {

constexpr int kBatch = 20;
constexpr int kOfB = 1'000'000;

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* const text = std::getenv(name);
  uint32_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) ADD_FAILURE() << name << " is no number";
  return number;
}

TEST_F(Gateways, OneThatIsStoppedInMidCommitAndContinuedWritesOnInTheSameLog) {
  const uint32_t seed = FromEnvironment("SLUICE_SEED", 1);
  const uint32_t stops = FromEnvironment("SLUICE_STOPS", 1);
  SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed));
  std::mt19937 random(seed);
  a_.ProposeSigned("pipeline");
  StartBoth();
  std::atomic<bool> end = false;
  // Batches of its own range, each again until it is acknowledged.
  const auto publish = [&](const Deployment& gateway, int range, std::atomic<int>& acknowledged) {
    const auto connection = gateway.Connect(program_);
    while (!end) {
      const int begin = range + acknowledged * kBatch;
      const auto answer =
          Publish(*connection, absl::StrCat("batch-", begin), begin, begin + kBatch);
      if (answer.ok() && answer->state() == v1::PUBLISH_STATE_COMMITTED) ++acknowledged;
    }
  };
  std::atomic<int> of_a = 0, of_b = 0;
  std::thread publish_a([&] { publish(a_, 0, of_a); });
  std::thread publish_b([&] { publish(b_, kOfB, of_b); });
  for (uint32_t stop = 0; stop < stops; ++stop) {
    const int a_before = of_a, b_before = of_b;
    WaitFor("publishes at both", [&] { return of_a > a_before + 2 && of_b > b_before + 2; });
    absl::SleepFor(absl::Milliseconds(random() % 200));
    a_.Signal(SIGSTOP);
    // Where it holds its turn, the server ends its session first.
    const int while_stopped = of_b;
    WaitFor("the other one", [&] { return of_b > while_stopped + 20; });
    a_.Signal(SIGCONT);
    const int stopped_at = of_a;
    WaitFor("the one that was stopped", [&] { return of_a > stopped_at + 5; });
  }
  end = true;
  publish_a.join();
  publish_b.join();

  for (const Deployment* gateway : {&a_, &b_}) {
    ReadRows rows;
    ASSERT_TRUE(ReadAll(*gateway, rows));
    std::set<int> numbers;
    for (const v1::Candidate& candidate : rows.candidates) {
      numbers.insert(static_cast<int>(candidate.source().change_version()));
    }
    for (int number = 0; number < of_a * kBatch; ++number) {
      ASSERT_TRUE(numbers.contains(number)) << "acknowledged, and lost";
    }
    for (int number = 0; number < of_b * kBatch; ++number) {
      ASSERT_TRUE(numbers.contains(kOfB + number)) << "acknowledged, and lost";
    }
  }
  EXPECT_EQ(a_.End(SIGTERM), 0);
  EXPECT_EQ(b_.End(SIGTERM), 0);
  // The one that stopped last continues what the other has.
  EXPECT_EQ(VerifyLog(a_.Path("log"), a_.Path("both")), absl::OkStatus());
  EXPECT_EQ(VerifyLog(b_.Path("second.log"), a_.Path("both")), absl::OkStatus());
  EXPECT_EQ(a_.Verify(), 0) << ReadFile(a_.Path("verified"));
}

}  // namespace
}  // namespace sluice::tests
