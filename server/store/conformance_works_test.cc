// What every engine's store must do: do a work whole or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, UndoesAFailedWorkWhole) {
  const absl::Status status = store_->Commit({.apply = [](Transaction& transaction) {
    if (auto outcome = transaction.Publish(BatchOf("r1", {RecordOf("a", "1", {"ann"})}));
        !outcome.ok()) {
      return outcome.status();
    }
    return absl::FailedPreconditionError("changed my mind");
  }});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Bytes(), IsEmpty());
  EXPECT_EQ(store_->LastPublishOf("state-university", "Candidate")->position, 0);
  // Neither its request id nor its subject's ordinal was used.
  const auto outcome = Publish(*store_, BatchOf("r1", {RecordOf("b", "2", {"bob"})}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->new_subjects.at(0).ordinal, 1u);
}

TEST_P(StoreConformance, MakesDurableWhatWaitsWhenItStopsAndThenRefuses) {
  std::vector<absl::Status> told;
  for (int i = 0; i < 20; ++i) {
    store_->Submit({.apply =
                        [i](Transaction& transaction) {
                          return transaction
                              .Publish(BatchOf(absl::StrCat(i), {RecordOf(absl::StrCat(i), "x")}))
                              .status();
                        },
                    .done = [&](absl::Status status) { told.push_back(status); }});
  }
  store_->Stop();
  ASSERT_THAT(told, SizeIs(20));
  for (const absl::Status& status : told) EXPECT_TRUE(status.ok()) << status;
  const auto late = Publish(*store_, BatchOf("late", {RecordOf("late", "x")}));
  EXPECT_TRUE(absl::IsUnavailable(late.status())) << late.status();
  Reopen();
  EXPECT_THAT(Bytes(), SizeIs(20));
}

}  // namespace
}  // namespace sluice::server
