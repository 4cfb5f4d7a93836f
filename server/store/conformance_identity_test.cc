// What every engine's store must do: make one subject of the ids that identity records join, and
// part them again. Runs on the store in memory, too, which others test against.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/store_conformance.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreIdentity, MakesOneNewSubjectOfTheIdsOfOnePerson) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"}),
                   RecordOf("c", "3", {"bob"})});
  const auto before = Records();
  const PublishOutcome joined =
      Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1"), IdentityOf("bob", "P2")});
  ASSERT_THAT(joined.new_subjects, SizeIs(1));
  EXPECT_EQ(joined.new_subjects[0].ordinal, 4u);
  const auto after = Records();
  for (const char* const of_ann : {"1", "2"}) {
    EXPECT_THAT(after.at(of_ann).subjects, ElementsAre(joined.new_subjects[0].id));
    EXPECT_THAT(after.at(of_ann).ordinals, ElementsAre(4));
    EXPECT_EQ(after.at(of_ann).place.ordinal, 4u);
    EXPECT_NE(after.at(of_ann).subjects, before.at(of_ann).subjects);
    EXPECT_EQ(after.at(of_ann).place.record_id, before.at(of_ann).place.record_id);
  }
  // Alone as before: no change of his.
  EXPECT_EQ(after.at("3").place, before.at("3").place);
  EXPECT_EQ(after.at("3").subjects, before.at("3").subjects);
}

TEST_P(StoreIdentity, GivesEachAfterASplitASubjectThatNoneHadBefore) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  const auto apart = Records();
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  const auto together = Records();
  const DeleteOutcome parted = Part("d1", {"anna"});
  ASSERT_THAT(parted.new_subjects, SizeIs(2));
  const auto after = Records();
  EXPECT_THAT(after.at("1").ordinals, ElementsAre(4));
  EXPECT_THAT(after.at("2").ordinals, ElementsAre(5));
  EXPECT_NE(after.at("1").subjects, after.at("2").subjects);
  for (const char* const record : {"1", "2"}) {
    EXPECT_NE(after.at(record).subjects, apart.at(record).subjects);
    EXPECT_NE(after.at(record).subjects, together.at(record).subjects);
  }
}

TEST_P(StoreIdentity, MovesAnIdFromOnePersonToAnother) {
  PublishAt("r1",
            {RecordOf("a", "1", {"a"}), RecordOf("b", "2", {"b"}), RecordOf("c", "3", {"c"})});
  Join("i1", {IdentityOf("a", "P1"), IdentityOf("b", "P1"), IdentityOf("c", "P2")});
  const auto before = Records();
  ASSERT_EQ(before.at("1").subjects, before.at("2").subjects);
  EXPECT_THAT(Join("i2", {IdentityOf("b", "P2")}).new_subjects, SizeIs(2));
  const auto after = Records();
  EXPECT_EQ(after.at("2").subjects, after.at("3").subjects);
  EXPECT_NE(after.at("1").subjects, after.at("2").subjects);
  for (const char* const record : {"1", "2", "3"}) {
    EXPECT_NE(after.at(record).subjects, before.at(record).subjects);
  }
}

TEST_P(StoreIdentity, ChangesNothingWhereAPersonIsCalledOtherwise) {
  PublishAt("r1", {RecordOf("a", "1", {"a"}), RecordOf("b", "2", {"b"})});
  Join("i1", {IdentityOf("a", "P1"), IdentityOf("b", "P1")});
  const auto before = Records();
  EXPECT_THAT(Join("i2", {IdentityOf("a", "P2"), IdentityOf("b", "P2")}).new_subjects, IsEmpty());
  EXPECT_EQ(Records().at("1").subjects, before.at("1").subjects);
  EXPECT_EQ(Records().at("2").subjects, before.at("2").subjects);
}

TEST_P(StoreIdentity, JoinsIdsThatNoRecordHasNamedYet) {
  EXPECT_THAT(Join("i1", {IdentityOf("a", "P1"), IdentityOf("b", "P1"), IdentityOf("c", "P1")})
                  .new_subjects,
              IsEmpty());
  const auto first =
      Publish(*store_, BatchOf("r1", {RecordOf("1", "1", {"a"}), RecordOf("2", "2", {"b"})}));
  EXPECT_THAT(first->new_subjects, SizeIs(1));
  const auto second = Publish(*store_, BatchOf("r2", {RecordOf("3", "3", {"c"})}));
  EXPECT_THAT(second->new_subjects, IsEmpty());
  const auto records = Records();
  EXPECT_EQ(records.at("1").subjects, records.at("2").subjects);
  EXPECT_EQ(records.at("1").subjects, records.at("3").subjects);
  // And an id that none of its person's records has named leaves it without a change.
  Join("i2", {IdentityOf("d", "P1")});
  EXPECT_THAT(Part("d1", {"d"}).new_subjects, IsEmpty());
  EXPECT_EQ(Records().at("1").subjects, records.at("1").subjects);
}

TEST_P(StoreIdentity, JoinsNobodyOfAnotherOwner) {
  PublishAt("r1", {RecordOf("a", "1", {"a"}), RecordOf("b", "2", {"b"})});
  const auto before = Records();
  PublishBatch theirs = BatchOf("r2", {RecordOf("a", "theirs", {"z", "a"})});
  theirs.owner = "river-unified";
  ASSERT_TRUE(Publish(*store_, theirs).ok());
  PublishBatch identities = IdentitiesOf("i1", {IdentityOf("a", "P1"), IdentityOf("b", "P1")});
  identities.owner = theirs.owner;
  const auto joined = Publish(*store_, identities);
  ASSERT_TRUE(joined.ok());
  EXPECT_THAT(joined->new_subjects, IsEmpty());
  // Each of two owners calls somebody P1.
  EXPECT_THAT(Join("i2", {IdentityOf("a", "P1")}).new_subjects, IsEmpty());
  EXPECT_EQ(Records().at("1").subjects, before.at("1").subjects);
  EXPECT_EQ(Records().at("2").subjects, before.at("2").subjects);
}

TEST_P(StoreIdentity, FollowsASubjectWhereverARecordNamesIt) {
  PublishBatch mentors = BatchOf("r1", {RecordOf("m", "mentors", {"eve", "ann", "bob", "ann"}),
                                        RecordOf("n", "neither", {"eve", "bob"})});
  mentors.record_type = "MentorAssignment";
  ASSERT_TRUE(Publish(*store_, mentors).ok());
  PublishAt("r2", {RecordOf("a", "1", {"anna"})});
  const auto before = Records("MentorAssignment");
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  const auto after = Records("MentorAssignment");
  EXPECT_EQ(after.at("mentors").place, before.at("mentors").place);
  const policy::SubjectId one = SubjectOf("1");
  EXPECT_THAT(after.at("mentors").subjects, ElementsAre(before.at("mentors").subjects[0], one,
                                                        before.at("mentors").subjects[2], one));
  EXPECT_EQ(after.at("neither").subjects, before.at("neither").subjects);
  // No more so once it names her no longer.
  PublishBatch without = BatchOf("r3", {RecordOf("m", "mentors", {"eve", "bob"})});
  without.record_type = "MentorAssignment";
  without.records[0].bytes = "mentors no more";
  ASSERT_TRUE(Publish(*store_, without).ok());
  const LastPublish last = Last("MentorAssignment");
  Part("d1", {"anna"});
  EXPECT_EQ(Last("MentorAssignment").position, last.position);
}

TEST_P(StoreIdentity, JoinsTwoSubjectsOfOneRecord) {
  PublishAt("r1", {RecordOf("a", "1", {"ann", "bob", "anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  const ScannedRecord record = Only();
  EXPECT_EQ(record.subjects[0], record.subjects[2]);
  EXPECT_NE(record.subjects[0], record.subjects[1]);
  EXPECT_THAT(record.ordinals, ElementsAre(4, 2, 4));
}

TEST_P(StoreIdentity, CountsAsAChangeOfWhatItRewrites) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  PublishBatch others = BatchOf("r2", {RecordOf("o", "other", {"eve"})});
  others.record_type = "Employment";
  const int64_t other = Publish(*store_, others)->position;
  const PublishOutcome joined = Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  EXPECT_EQ(Last("Candidate").position, joined.position);
  EXPECT_EQ(Last("Employment").position, other);
}

TEST_P(StoreIdentity, IsTakenBackAsASplitAndLeavesWithdrawsOfItsRecordsWorking) {
  PublishAt("r1", {RecordOf("a", "old", {"ann"}), RecordOf("b", "2", {"anna"})});
  const int64_t wrong = PublishAt("r2", {RecordOf("a", "new", {"ann"})});
  const int64_t join = Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")}).position;
  const policy::SubjectId together = SubjectOf("2");
  // Not changed since, though it has another subject by now, which it keeps.
  EXPECT_THAT(Counts(Withdrawn("w1", wrong, wrong)), ElementsAre(0, 1, 0, 0, 0));
  EXPECT_EQ(SubjectOf("old"), together);
  const WithdrawOutcome parted = Withdrawn("w2", join, join);
  EXPECT_THAT(Counts(parted), ElementsAre(2, 0, 0, 0, 0));
  EXPECT_THAT(parted.new_subjects, SizeIs(2));
  EXPECT_NE(SubjectOf("old"), SubjectOf("2"));
  EXPECT_NE(SubjectOf("old"), together);
  EXPECT_NE(SubjectOf("2"), together);
  // And joined again by taking that back.
  const WithdrawOutcome again = Withdrawn("w3", parted.position, parted.position);
  EXPECT_THAT(again.new_subjects, SizeIs(1));
  EXPECT_EQ(SubjectOf("old"), SubjectOf("2"));
  EXPECT_NE(SubjectOf("2"), together);
}

TEST_P(StoreIdentity, PutsBackWhatWasDeletedAboutWhomItsNamesAreOfByThen) {
  PublishAt("r1", {RecordOf("a", "1", {"eve", "ann"}), RecordOf("b", "2", {"anna"})});
  const int64_t wrong = DeleteAt("d1", {"a"});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  EXPECT_THAT(Counts(Withdrawn("w1", wrong, wrong)), ElementsAre(0, 0, 1, 0, 0));
  EXPECT_EQ(Records().at("1").subjects.at(1), SubjectOf("2"));
  // Found again by its further name.
  Part("p1", {"ann"});
  EXPECT_NE(Records().at("1").subjects.at(1), SubjectOf("2"));
  EXPECT_EQ(Records().at("1").ordinals.at(1), 5u);
}

TEST_P(StoreIdentity, TakesBackRecordsAndTheirIdentitiesInOne) {
  const int64_t first =
      PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  const int64_t deleted = DeleteAt("d1", {"a"});
  Part("p1", {"ann"});
  const int64_t last = Last("PersonIdentity").position;
  EXPECT_THAT(Counts(Withdrawn("w1", deleted, last)), ElementsAre(0, 0, 2, 0, 0));
  EXPECT_EQ(SubjectOf("1"), SubjectOf("2"));
  EXPECT_GT(deleted, first);
}

TEST_P(StoreIdentity, RefusesMoreIdsOfAPersonThanTheBoundAndChangesNothing) {
  PublishAt("r1", {RecordOf("a", "1", {"id 0"}), RecordOf("b", "2", {"id 64"})});
  std::vector<policy::ValidRecord> most;
  for (size_t i = 0; i < kMaxNamesOfPerson; ++i) {
    most.push_back(IdentityOf(absl::StrCat("id ", i), "P1"));
  }
  Join("i1", most);
  const auto one_more = Publish(*store_, IdentitiesOf("i2", {IdentityOf("id 64", "P1")}));
  EXPECT_TRUE(absl::IsOutOfRange(one_more.status())) << one_more.status();
  EXPECT_NE(SubjectOf("1"), SubjectOf("2"));
  EXPECT_EQ(Status().collections.at(1).live, static_cast<int64_t>(kMaxNamesOfPerson));
}

TEST_P(StoreIdentity, AnswersAgainWithoutJoiningAgain) {
  PublishAt("r1", {RecordOf("a", "1", {"ann"}), RecordOf("b", "2", {"anna"})});
  Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  const policy::SubjectId together = SubjectOf("1");
  const PublishOutcome again = Join("i1", {IdentityOf("ann", "P1"), IdentityOf("anna", "P1")});
  EXPECT_TRUE(again.replayed);
  EXPECT_THAT(again.new_subjects, IsEmpty());
  EXPECT_EQ(SubjectOf("1"), together);
}

}  // namespace
}  // namespace sluice::server
