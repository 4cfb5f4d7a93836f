// What every engine's store must do: know who opted out, by whichever of their ids, and say when
// the answer became another. Runs on the store in memory, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

TEST_P(StoreOptOuts, AreOfAPurposeOrOfAll) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"bob"})});
  EXPECT_EQ(PutOptOuts({"ann"}, "research"), 1);
  EXPECT_EQ(PutOptOuts({"bob"}, ""), 1);
  EXPECT_THAT(WhoOptedOut("research"), ElementsAre(1, 2));
  EXPECT_THAT(WhoOptedOut("hiring"), ElementsAre(2));
  EXPECT_THAT(WhoOptedOut("hiring", "river-unified"), IsEmpty());
  EXPECT_THAT(OptOutsOf("ann"), ElementsAre("research"));
  EXPECT_THAT(OptOutsOf("bob"), ElementsAre(""));
  EXPECT_THAT(OptOutsOf("nobody"), IsEmpty());
  // One does not stand in for the other.
  EXPECT_EQ(PutOptOuts({"ann", "bob"}, "", /*opted_out=*/false), 1);
  EXPECT_THAT(WhoOptedOut("research"), ElementsAre(1));
  EXPECT_EQ(PutOptOuts({"ann"}, "research", /*opted_out=*/false), 1);
  EXPECT_THAT(WhoOptedOut("research"), IsEmpty());
}

TEST_P(StoreOptOuts, HoldForAnIdThatNobodyHasPublishedYet) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  EXPECT_EQ(PutOptOuts({"bob"}, ""), 1);
  EXPECT_THAT(WhoOptedOut("p"), IsEmpty());
  const int64_t before = Retractions();
  PublishAt("r2", {RecordOf("b", "2", {"bob"})});
  EXPECT_THAT(WhoOptedOut("p"), ElementsAre(2));
  EXPECT_GT(Retractions(), before);
}

TEST_P(StoreOptOuts, HoldForAllIdsThatAreJoined) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"}),
                   RecordOf("c", "3", {"bob"})});
  EXPECT_EQ(PutOptOuts({"ann"}, ""), 1);
  EXPECT_THAT(WhoOptedOut("p"), ElementsAre(1));
  const int64_t before = Retractions();
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  EXPECT_GT(Retractions(), before);
  // What both were before stays with them: a row may have been read then.
  EXPECT_THAT(WhoOptedOut("p"), ElementsAre(1, 2, 4));
  EXPECT_THAT(OptOutsOf("anna"), ElementsAre(""));
  const int64_t joined = Retractions();
  Part("d1", {"anna"});
  EXPECT_GT(Retractions(), joined);
  const std::vector<uint32_t> parted = WhoOptedOut("p");
  EXPECT_THAT(parted, IsSupersetOf({5u}));
  EXPECT_THAT(OptOutsOf("anna"), IsEmpty());
  const std::vector<uint32_t> anna = Ordinals("anna").value();
  EXPECT_FALSE(std::count(parted.begin(), parted.end(), anna.back())) << "she has not";
}

TEST_P(StoreOptOuts, HoldThroughAnIdThatIsKnownByItsJoinAlone) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  EXPECT_EQ(PutOptOuts({"anna"}, ""), 1);
  EXPECT_THAT(WhoOptedOut("p"), IsEmpty());
  const int64_t before = Retractions();
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  EXPECT_THAT(WhoOptedOut("p"), IsSupersetOf({Ordinals("ann").value().back()}));
  EXPECT_GT(Retractions(), before);
  // And a name that is new, of that person.
  Join("i2", {IdentityOf("annie", "P1")});
  PublishAt("r2", {RecordOf("b", "2", {"annie"})});
  EXPECT_THAT(WhoOptedOut("p"), IsSupersetOf({Ordinals("annie").value().back()}));
}

TEST_P(StoreOptOuts, CountNothingWhereTheAnswerIsAsBefore) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  EXPECT_EQ(Retractions(), 0);
  EXPECT_EQ(PutOptOuts({"ann"}, ""), 1);
  const int64_t before = Retractions();
  EXPECT_EQ(before, 1);
  EXPECT_EQ(PutOptOuts({"ann"}, ""), 0);
  EXPECT_EQ(PutOptOuts({"bob"}, "", /*opted_out=*/false), 0);
  PublishAt("r2", {RecordOf("b", "2", {"bob"}), RecordOf("c", "3", {"bert"})});
  Join("i1", {IdentityOf("bob", "P2"), IdentityOf("bert", "P2")});
  EXPECT_EQ(Retractions(), before);
  EXPECT_EQ(PutOptOuts({"ann"}, "", /*opted_out=*/true, "river-unified"), 1);
  EXPECT_EQ(Retractions(), before) << "another owner's";
}

TEST_P(StoreOptOuts, OutliveAnErasure) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  EXPECT_EQ(PutOptOuts({"ann"}, ""), 1);
  DeleteAt("d1", {"a"});
  ASSERT_TRUE(Erase({"ann"}).ok());
  PublishAt("r2", {RecordOf("a", "1", {"ann"})});
  EXPECT_THAT(WhoOptedOut("p"), IsSupersetOf({Ordinals("ann").value().back()}));
}

TEST_P(StoreOptOuts, AreUndoneWithTheirWork) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"})});
  const policy::SubjectName ann{"person", "ann"};
  const absl::Status status =
      store_->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
        EXPECT_EQ(transaction.PutOptOuts("state-university", {ann}, "", true).value(), 1);
        EXPECT_EQ(transaction.RetractionCount("state-university").value(), 1);
        return absl::CancelledError("a work that fails");
      }});
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(WhoOptedOut("p"), IsEmpty());
  EXPECT_EQ(Retractions(), 0);
}

}  // namespace
}  // namespace sluice::server
