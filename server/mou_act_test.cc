// What a party does to an MOU by itself: who may, what it changes, and that it is in the log.
#include "server/mou_act.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/error.h"
#include "tests/support/mou_registry_fixture.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MouActTest : public MouRegistryTest {
 protected:
  // The first version is in force.
  void SetUp() override {
    PutSigned("mou.yaml", Document());
    ASSERT_EQ(Look().state, "SIGNED");
    ASSERT_EQ(Ask(), "PERMIT 1");
  }

  absl::Status Suspend(const std::string& organization) {
    return Do(ActOf(v1::MOU_ACTION_SUSPEND, organization));
  }
  absl::Status Resume(const std::string& organization) {
    return Do(ActOf(v1::MOU_ACTION_RESUME, organization));
  }
  std::string Body(uint64_t index) const {
    std::string body;
    EXPECT_TRUE(store_
                    .ReadLogRows(index, index + 1,
                                 [&](const LogRow& row) {
                                   body = row.body;
                                   return false;
                                 })
                    .ok());
    return body;
  }
};

TEST_F(MouActTest, AnyPartySuspendsAloneAndAtOnce) {
  for (const char* party : {"river-unified", "state-university"}) {
    ASSERT_TRUE(Suspend(party).ok());
    EXPECT_EQ(Ask(), "SUSPENDED");
    ASSERT_TRUE(Resume(party).ok());
    EXPECT_EQ(Ask(), "PERMIT 1");
  }
}

TEST_F(MouActTest, EachPartyLiftsItsOwnSuspensionAndNobodyAnothers) {
  ASSERT_TRUE(Suspend("river-unified").ok());
  const uint64_t size = log_->size();
  ExpectRefused(Resume("state-university"), "NOT_SUSPENDED");
  EXPECT_EQ(log_->size(), size);
  EXPECT_EQ(Ask(), "SUSPENDED");
  ASSERT_TRUE(Suspend("state-university").ok());
  ASSERT_TRUE(Resume("river-unified").ok());
  EXPECT_EQ(Ask(), "SUSPENDED");
  ExpectRefused(Resume("river-unified"), "NOT_SUSPENDED");
  ASSERT_TRUE(Resume("state-university").ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
  // Whose answer was lost may ask again: nothing is suspended.
  const uint64_t lifted = log_->size();
  EXPECT_TRUE(Resume("state-university").ok());
  EXPECT_EQ(log_->size(), lifted);
}

TEST_F(MouActTest, WhoIsNoPartyIsToldOfNoMou) {
  ExpectRefused(Suspend("lake-college"), "NOT_FOUND");
  ExpectRefused(Terminate(std::nullopt, "lake-college"), "NOT_FOUND");
  MouAct act = ActOf(v1::MOU_ACTION_SUSPEND, "river-unified");
  act.mou = "no-such-mou";
  ExpectRefused(Do(act), "NOT_FOUND");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouActTest, StandsAfterARestart) {
  ASSERT_TRUE(Suspend("river-unified").ok());
  ASSERT_TRUE(Withdraw("expected-completers").ok());
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 2, 1)).ok());
  Restart();
  const TakenVersion& version = *registry_->VersionsOf("stem-pipeline").at(1);
  EXPECT_THAT(version.standing.suspended_by, ElementsAre("river-unified"));
  EXPECT_THAT(version.standing.withdrawn_grants, ElementsAre("expected-completers"));
  EXPECT_EQ(version.standing.termination->on, absl::CivilDay(2027, 2, 1));
  EXPECT_EQ(Ask(), "SUSPENDED");
  ASSERT_TRUE(Resume("river-unified").ok());
  EXPECT_EQ(Ask(), "WITHDRAWN");
}

TEST_F(MouActTest, AnEntrySaysWhoDidWhatAndWhatItFollows) {
  const uint64_t active = registry_->VersionsOf("stem-pipeline").at(1)->stored.log_index;
  ASSERT_TRUE(Suspend("river-unified").ok());
  const uint64_t suspended = registry_->VersionsOf("stem-pipeline").at(1)->stored.log_index;
  EXPECT_THAT(
      Body(suspended),
      testing::AllOf(HasSubstr(absl::StrCat("\"request\":\"", std::string(32, 'a'), "\"")),
                     HasSubstr("\"caller\":{\"organization\":\"river-unified\""),
                     testing::Not(HasSubstr("registrar")), HasSubstr("\"state\":\"ACTIVE\""),
                     HasSubstr("\"action\":\"SUSPEND\""), HasSubstr("\"standing\":\"sha256:"),
                     HasSubstr(absl::StrCat("\"previous\":", active))));
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 2, 1)).ok());
  EXPECT_THAT(
      Body(registry_->VersionsOf("stem-pipeline").at(1)->stored.log_index),
      testing::AllOf(HasSubstr("\"action\":\"TERMINATE\""), HasSubstr("\"ends\":\"2027-02-01\""),
                     HasSubstr("\"reason\":\"BREACH\""),
                     HasSubstr(absl::StrCat("\"previous\":", suspended))));
}

TEST_F(MouActTest, MadeAgainChangesNothing) {
  for (const auto& act :
       {std::function<absl::Status()>([&] { return Suspend("river-unified"); }),
        std::function<absl::Status()>([&] { return Withdraw("expected-completers"); }),
        std::function<absl::Status()>([&] { return Terminate(absl::CivilDay(2027, 2, 1)); }),
        std::function<absl::Status()>([&] { return Terminate(); })}) {
    ASSERT_TRUE(act().ok());
    const uint64_t size = log_->size();
    EXPECT_TRUE(act().ok());
    EXPECT_EQ(log_->size(), size);
  }
}

TEST_F(MouActTest, AnEndComesAtOnceOrOnItsDayAndIsNeverPutBack) {
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 3, 1)).ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(State(), "ACTIVE");
  ExpectRefused(Terminate(absl::CivilDay(2027, 3, 2), "state-university"), "TERMINATION_FINAL");
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 2, 1), "state-university").ok());
  now_ = absl::FromCivil(absl::CivilDay(2027, 1, 31), absl::UTCTimeZone());
  EXPECT_EQ(Ask(), "PERMIT 1");
  // No job has to run: the day is asked at the decision.
  now_ = absl::FromCivil(absl::CivilDay(2027, 2, 1), absl::UTCTimeZone());
  EXPECT_EQ(Ask(), "TERMINATED");
  Refresh();
  EXPECT_EQ(State(), "TERMINATED");
  EXPECT_EQ(Ask(), "TERMINATED");
  ExpectRefused(Suspend("river-unified"), "MOU_OVER");
  // A clock that steps back opens nothing.
  now_ = kNow;
  Refresh();
  EXPECT_EQ(State(), "TERMINATED");
}

TEST_F(MouActTest, AnEndAtOnceIsInForceWhenItIsAnswered) {
  ASSERT_TRUE(Terminate().ok());
  EXPECT_EQ(Ask(), "TERMINATED");
  EXPECT_EQ(State(), "TERMINATED");
  Restart();
  EXPECT_EQ(Ask(), "TERMINATED");
}

TEST_F(MouActTest, AnEndIsNotSetOnADayThatHasPassedOrIsNotInTheTerm) {
  ExpectRefused(Terminate(absl::CivilDay(2026, 12, 31)), "INVALID_ARGUMENT");
  ExpectRefused(Terminate(absl::CivilDay(2028, 7, 1)), "INVALID_ARGUMENT");
  EXPECT_FALSE(registry_->VersionsOf("stem-pipeline").at(1)->standing.termination.has_value());
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouActTest, AnOwnerTakesBackAGrantOfItsOwnAndNobodyElseDoes) {
  ExpectRefused(Withdraw("expected-completers", "river-unified"), "NOT_FOUND");
  ExpectRefused(Withdraw("no-such-grant"), "NOT_FOUND");
  EXPECT_EQ(Ask(), "PERMIT 1");
  ASSERT_TRUE(Withdraw("expected-completers").ok());
  EXPECT_EQ(Ask(), "WITHDRAWN");
  // Only a version that all sign after that gives it again.
  PutSigned("next.yaml", DocumentFrom(2, "2027-01-01"));
  Refresh();
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouActTest, ASuspensionOutlivesTheVersionThatItWasMadeUnder) {
  ASSERT_TRUE(Suspend("river-unified").ok());
  PutSigned("next.yaml", DocumentFrom(2, "2027-01-01"));
  Refresh();
  EXPECT_EQ(State(1), "SUPERSEDED");
  EXPECT_EQ(Ask(), "SUSPENDED");
  Restart();
  EXPECT_EQ(Ask(), "SUSPENDED");
  ExpectRefused(Resume("state-university"), "NOT_SUSPENDED");
  ASSERT_TRUE(Resume("river-unified").ok());
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouActTest, ASuspensionThatIsLiftedLeavesAFinishedVersionAsItIs) {
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 3, 1)).ok());
  ASSERT_TRUE(Suspend("river-unified").ok());
  PutSigned("next.yaml", DocumentFrom(2, "2027-02-01"));
  Refresh();
  now_ = absl::FromCivil(absl::CivilDay(2027, 2, 1), absl::UTCTimeZone());
  Refresh();
  EXPECT_EQ(State(1), "SUPERSEDED");
  now_ = absl::FromCivil(absl::CivilDay(2027, 3, 2), absl::UTCTimeZone());
  ASSERT_TRUE(Resume("river-unified").ok());
  EXPECT_EQ(State(1), "SUPERSEDED");
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouActTest, AVersionThatWasEndedBeforeItsFirstDayTakesNothingsPlace) {
  PutSigned("next.yaml", DocumentFrom(2, "2027-06-01"));
  Refresh();
  EXPECT_EQ(Ask(), "PERMIT 1");
  // An act is upon both; the first of them is in force until then.
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 5, 1)).ok());
  now_ = absl::FromCivil(absl::CivilDay(2027, 4, 30), absl::UTCTimeZone());
  Refresh();
  EXPECT_EQ(Ask(), "PERMIT 1");
  now_ = absl::FromCivil(absl::CivilDay(2027, 6, 2), absl::UTCTimeZone());
  Refresh();
  EXPECT_EQ(Ask(), "TERMINATED");
  EXPECT_EQ(State(1), "TERMINATED");
  EXPECT_EQ(State(2), "TERMINATED");
}

TEST_F(MouActTest, AnEndOnAVersionsFirstDayBringsNoFormerOneBack) {
  PutSigned("next.yaml", DocumentFrom(2, "2027-01-01"));
  Refresh();
  ASSERT_EQ(Ask(), "PERMIT 2");
  ASSERT_EQ(State(1), "SUPERSEDED");
  ASSERT_TRUE(Terminate().ok());
  EXPECT_EQ(Ask(), "TERMINATED");
  Restart();
  EXPECT_EQ(Ask(), "TERMINATED");
}

TEST_F(MouActTest, AnActForAnotherStateIsRefused) {
  MouAct act = ActOf(v1::MOU_ACTION_SUSPEND, "river-unified");
  act.etag = EtagOf(registry_->VersionsOf("stem-pipeline"), "river-unified");
  ASSERT_TRUE(Withdraw("expected-completers").ok());
  ExpectRefused(Do(act), "ETAG_MISMATCH");
  EXPECT_EQ(Ask(), "WITHDRAWN");
  act.etag = EtagOf(registry_->VersionsOf("stem-pipeline"), "river-unified");
  EXPECT_TRUE(Do(act).ok());
  EXPECT_EQ(Ask(), "SUSPENDED");
}

TEST_F(MouActTest, AnActThatWasDoneIsAnsweredWhateverStateItWasMeantFor) {
  MouAct act = ActOf(v1::MOU_ACTION_SUSPEND, "river-unified");
  act.etag = EtagOf(registry_->VersionsOf("stem-pipeline"), "river-unified");
  ASSERT_TRUE(Do(act).ok());
  EXPECT_TRUE(Do(act).ok()) << "its answer was lost";
  // What it did was undone since: it is not done a second time.
  ASSERT_TRUE(Resume("river-unified").ok());
  ExpectRefused(Do(act), "ETAG_MISMATCH");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouActTest, AnEndOfOneVersionThatAnotherRefusesIsSet) {
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 3, 1)).ok());
  PutSigned("next.yaml", DocumentFrom(2, "2027-02-01"));
  Refresh();
  // The first ends in March for good; the second had no end yet.
  ASSERT_TRUE(Terminate(absl::CivilDay(2027, 6, 1)).ok());
  EXPECT_EQ(Version(1).standing.termination->on, absl::CivilDay(2027, 3, 1));
  EXPECT_EQ(Version(2).standing.termination->on, absl::CivilDay(2027, 6, 1));
  ExpectRefused(Terminate(absl::CivilDay(2027, 6, 2)), "TERMINATION_FINAL");
}

TEST_F(MouActTest, AnEndInTheFirstMinuteOfAVersionBringsNoFormerOneBack) {
  PutSigned("next.yaml", DocumentFrom(2, "2027-01-02"));
  Refresh();
  // Nobody has looked at the calendar since midnight.
  now_ += kDay;
  ASSERT_EQ(Ask(), "PERMIT 2");
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "river-unified");
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  end.version = 2;
  ASSERT_TRUE(Do(end).ok());
  EXPECT_EQ(State(1), "SUPERSEDED");
  EXPECT_EQ(Ask(), "TERMINATED");
}

TEST_F(MouActTest, WhatCanNotBeWrittenDidNotHappen) {
  store_.RefuseNextWork();
  EXPECT_FALSE(Suspend("river-unified").ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_TRUE(Suspend("river-unified").ok());
  EXPECT_EQ(Ask(), "SUSPENDED");
}

TEST_F(MouActTest, AStandingThatTheLogDoesNotSayIsNone) {
  ASSERT_TRUE(Suspend("river-unified").ok());
  // Beside the gateway: the suspension is taken back, under the entry that says otherwise.
  StoredMouVersion forged = store_.MouVersions(0)->at(0);
  forged.standing.clear();
  ASSERT_TRUE(
      store_
          .Commit(
              {.apply = [&](Transaction& t) { return t.PutMouVersion(forged, forged.log_index); }})
          .ok());
  EXPECT_TRUE(absl::IsDataLoss(TryRestart()));
}

TEST(MouStanding, HasOneTextAndReadsNoOther) {
  MouStanding standing;
  EXPECT_EQ(standing.ToText(), "");
  standing.suspended_by = {"river-unified", "lake-college"};
  standing.withdrawn_grants = {"completers"};
  standing.proposed_by = "river-unified";
  standing.void_through = 3;
  standing.attested["river-unified"] = {absl::CivilDay(2027, 3, 1), absl::FromUnixMillis(7), "cms"};
  standing.overdue = {"lake-college"};
  standing.termination = {absl::CivilDay(2027, 2, 1), v1::TERMINATION_REASON_LAW_CHANGED,
                          "lake-college"};
  const std::string text = standing.ToText();
  EXPECT_EQ(text, R"({"attested":[{"by":"river-unified","as_of":"2027-03-01","received_ms":7,)"
                  R"("cms":"Y21z"}],"overdue":["lake-college"],"proposed_by":"river-unified",)"
                  R"("suspended_by":["lake-college","river-unified"],)"
                  R"("termination":{"on":"2027-02-01","reason":"LAW_CHANGED","by":"lake-college"},)"
                  R"("void_through":3,"withdrawn_grants":["completers"]})");
  EXPECT_EQ(*MouStanding::Parse(text), standing);
  for (
      const char* other :
      {"{}", "{", R"({"suspended_by":[]})", R"({"suspended_by":["b","a"]})",
       R"({"suspended_by":["a","a"]})", R"({"suspended_by":["a"],"more":1})",
       R"({"withdrawn_grants":["g"],"suspended_by":["a"]})",
       R"({"termination":{"on":"2027-02-30","reason":"BREACH","by":"a"}})",
       R"({"termination":{"on":"2027-02-01","reason":"WHIM","by":"a"}})",
       R"({"termination":{"on":"2027-02-01","by":"a"}})", R"({"void_through":0})",
       R"({"proposed_by":""})", R"({"attested":[]})", R"({"overdue":["b","a"]})",
       R"({"attested":[{"by":"a","as_of":"2027-02-30","received_ms":7,"cms":"Y21z"}]})",
       R"({"attested":[{"by":"a","as_of":"2027-02-01","received_ms":7,"cms":"Y21z="}]})",
       R"({"attested":[{"by":"a","as_of":"2027-02-01","cms":"Y21z"}]})",
       R"({"overdue":["a"],"attested":[{"by":"a","as_of":"2027-02-01","received_ms":7,"cms":""}]})",
       R"({"void_through":4294967297})"}) {
    EXPECT_FALSE(MouStanding::Parse(other).ok()) << other;
  }
}

}  // namespace
}  // namespace sluice::server
