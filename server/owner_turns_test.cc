#include "server/owner_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace sluice::server {
namespace {

// Waits for the event alone; a test that waits in vain is ended by its time limit.
void AwaitSize(const OwnerTurns& turns, size_t size) {
  while (turns.size() != size) absl::SleepFor(absl::Milliseconds(1));
}

TEST(OwnerTurns, ComeInTheOrderInWhichTheyWereAskedForWhoeverAsksAgain) {
  OwnerTurns turns;
  std::optional<OwnerTurns::Turn> first(turns.Take("a", nullptr).value());
  std::vector<std::string> order;  // by whose turn it is
  const auto take = [&](const char* owner) {
    const auto turn = turns.Take(owner, nullptr);
    EXPECT_TRUE(turn.ok()) << turn.status();
    order.push_back(owner);
  };
  std::vector<std::thread> waiting;
  for (const char* owner : {"d", "b", "c"}) {
    waiting.emplace_back(take, owner);
    AwaitSize(turns, waiting.size() + 1);
  }
  first.reset();
  take("a");
  for (std::thread& each : waiting) each.join();
  EXPECT_THAT(order, testing::ElementsAre("d", "b", "c", "a"));
}

TEST(OwnerTurns, AreOneAnOwner) {
  OwnerTurns turns;
  std::optional<OwnerTurns::Turn> first(turns.Take("a", nullptr).value());
  EXPECT_TRUE(absl::IsResourceExhausted(turns.Take("a", nullptr).status())) << "under way";
  std::thread waiting([&] { EXPECT_TRUE(turns.Take("b", nullptr).ok()); });
  AwaitSize(turns, 2);
  EXPECT_TRUE(absl::IsResourceExhausted(turns.Take("b", nullptr).status())) << "waited for";
  first.reset();
  waiting.join();
  EXPECT_TRUE(turns.Take("a", nullptr).ok());
}

TEST(OwnerTurns, AreGivenUpWhenNobodyWaitsForThem) {
  OwnerTurns turns;
  {
    const auto first = turns.Take("a", nullptr);
    ASSERT_TRUE(first.ok());
    EXPECT_TRUE(absl::IsCancelled(turns.Take("b", [] { return true; }).status()));
    EXPECT_EQ(turns.size(), 1u);
  }
  EXPECT_TRUE(turns.Take("b", [] { return true; }).ok());
}

}  // namespace
}  // namespace sluice::server
