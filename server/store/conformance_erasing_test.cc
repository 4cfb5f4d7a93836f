// What every engine's store must do: forget by which name a person was found, and what opens
// entries of the log, and keep all else. Runs on the store in memory, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreErasing, FindsNobodyByAnErasedNameAndKeepsItsOrdinalTaken) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})});
  DeleteAt("d1", {"a"});
  EXPECT_THAT(Erase({"ann"}).value(), ElementsAre(1));
  EXPECT_TRUE(absl::IsNotFound(Ordinals("ann").status()));
  EXPECT_TRUE(absl::IsNotFound(Erase({"ann"}).status()));
  EXPECT_THAT(Ordinals("bob").value(), ElementsAre(2));
  // Met again, she is somebody new.
  PublishAt("r2", {RecordOf("a", "1", {"ann"})});
  EXPECT_THAT(Ordinals("ann").value(), ElementsAre(3));
}

TEST_P(StoreErasing, ErasesNobodyWhomARecordNames) {
  PublishAt("r1", {RecordOf("a", "1", {"ann", "mentor"}), RecordOf("b", "2", {"bob"})});
  for (const char* const named : {"ann", "mentor", "bob"}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Erase({named}).status())) << named;
    EXPECT_THAT(Ordinals(named).value(), SizeIs(1)) << named;
  }
  // Nor one of two names, where the other is named still.
  DeleteAt("d1", {"a"});
  EXPECT_TRUE(absl::IsFailedPrecondition(Erase({"ann", "bob"}).status()));
  EXPECT_THAT(Ordinals("ann").value(), ElementsAre(1));
  EXPECT_THAT(Erase({"mentor"}).value(), ElementsAre(2));
  EXPECT_TRUE(absl::IsNotFound(Erase({"nobody"}).status()));
}

TEST_P(StoreErasing, LeavesTheSameIdUnderAnotherOwner) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  PublishBatch theirs = BatchOf("r2", {RecordOf("a", "3", {"bob"}), RecordOf("b", "4", {"ann"})});
  theirs.owner = "river-unified";
  ASSERT_TRUE(Publish(*store_, theirs).ok());
  DeleteAt("d1", {"a"});
  EXPECT_THAT(Erase({"ann"}).value(), ElementsAre(1));
  EXPECT_THAT(Ordinals("ann", "river-unified").value(), ElementsAre(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(Erase({"ann"}, "river-unified").status()));
}

TEST_P(StoreErasing, ErasesAJoinedIdOnceNothingSaysWhoseItIs) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  DeleteAt("d1", {"a"});
  EXPECT_TRUE(absl::IsFailedPrecondition(Erase({"ann"}).status()));
  Part("d2", {"ann"});
  // Whom she was together with before keeps what was of both.
  EXPECT_THAT(Erase({"ann"}).value(), ElementsAre(1, 3, 4));
  EXPECT_TRUE(absl::IsNotFound(Ordinals("ann").status()));
  EXPECT_THAT(Ordinals("anna").value(), ElementsAre(2, 3, 5));
}

// What left of her afterwards would be in no report.
TEST_P(StoreErasing, TakesNothingBackThatNamesSomebodyWhoIsErased) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})});
  const int64_t deleted = DeleteAt("d1", {"a"});
  const int64_t other = DeleteAt("d2", {"b"});
  ASSERT_THAT(Erase({"ann"}).value(), ElementsAre(1));
  for (const int64_t last : {deleted, other}) {
    const absl::Status refused =
        Withdraw(*store_, WithdrawalOf(absl::StrCat("w", last), deleted, last)).status();
    EXPECT_TRUE(refused.GetPayload(kHistoryForgotten).has_value()) << refused;
    EXPECT_THAT(Bytes(), IsEmpty());
  }
  EXPECT_THAT(Counts(Withdrawn("w", other, other)), ElementsAre(0, 0, 1, 0, 0));
  EXPECT_THAT(Bytes(), ElementsAre("2"));
}

// By the id alone she would be found again, with whom she was joined.
TEST_P(StoreErasing, TakesNothingBackThatSaysWhoseAnErasedIdIs) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  DeleteAt("d1", {"a"});
  Part("d2", {"ann"});
  const int64_t parted = Last("PersonIdentity").position;
  ASSERT_TRUE(Erase({"ann"}).ok());
  const absl::Status refused = Withdraw(*store_, WithdrawalOf("w1", parted, parted)).status();
  EXPECT_TRUE(refused.GetPayload(kHistoryForgotten).has_value()) << refused;
  EXPECT_TRUE(absl::IsNotFound(Ordinals("ann").status()));
}

TEST_P(StoreErasing, IsCountedForWhoeverReadBefore) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  DeleteAt("d1", {"a"});
  const auto count = [&] { return (*store_->WhoOptedOut("state-university", "p"))->retractions; };
  const int64_t before = count();
  EXPECT_TRUE(absl::IsNotFound(Erase({"bob"}).status()));
  EXPECT_EQ(count(), before);
  ASSERT_TRUE(Erase({"ann"}).ok());
  EXPECT_EQ(count(), before + 1);
  EXPECT_EQ(store_->RetractionsSeen("state-university"), before + 1);
  EXPECT_EQ((*store_->WhoOptedOut("river-unified", "p"))->retractions, 0) << "another owner's";
}

TEST_P(StoreErasing, UndoesWhatAWorkErasedThatFails) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  DeleteAt("d1", {"a"});
  LogEntriesOf({"state-university"});
  const absl::Status status = store_->Commit({.apply = [&](Transaction& transaction) {
    const policy::SubjectName ann{"person", "ann"};
    EXPECT_TRUE(transaction.EraseSubject("state-university", {&ann, 1}).ok());
    EXPECT_TRUE(transaction.EraseOpenings("state-university", "filter", 0, 9).ok());
    return absl::CancelledError("no");
  }});
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_THAT(Ordinals("ann").value(), ElementsAre(1));
  EXPECT_THAT(Left("state-university"), SizeIs(2));
}

TEST_P(StoreErasing, DestroysTheOpeningsOfOneFieldInARange) {
  LogEntriesOf({"state-university", "river-unified", "state-university", "state-university"});
  EXPECT_EQ(store_->FirstOpening("filter", 0, 9).value(), 0u);
  EXPECT_THAT(EraseOpenings("state-university", "filter", 0, 3), ElementsAre("state-university"));
  EXPECT_THAT(Left("state-university"),
              ElementsAre("0 caller", "2 caller", "3 caller", "3 filter"));
  EXPECT_THAT(Left("river-unified"), ElementsAre("1 caller", "1 filter"));
  EXPECT_THAT(EraseOpenings("state-university", "filter", 0, 3), IsEmpty());
  EXPECT_EQ(store_->FirstOpening("filter", 0, 9).value(), 1u);
  EXPECT_THAT(EraseOpenings("", "caller", 1, 9), ElementsAre("river-unified", "state-university"));
  EXPECT_THAT(Left("state-university"), ElementsAre("0 caller", "3 filter"));
  EXPECT_EQ(store_->FirstOpening("caller", 1, 9).value(), std::nullopt);
  EXPECT_EQ(store_->FirstOpening("filter", 2, 3).value(), std::nullopt);
  EXPECT_EQ(store_->ReadLogHead()->size, 4u);
}

}  // namespace
}  // namespace sluice::server
