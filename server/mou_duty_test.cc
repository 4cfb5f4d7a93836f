// What an MOU leaves behind: who has to destroy what it received, by when; who attests it; and that
// afterwards no pseudonym leads to anybody.
#include "server/mou_duty.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/attestation.h"
#include "server/mou_proposal.h"
#include "tests/support/mou_registry_fixture.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class MouDutyTest : public MouRegistryTest {
 protected:
  void SetUp() override {
    PutSigned("mou.yaml", Document());
    ASSERT_EQ(Look().state, "SIGNED");
    Remove("mou.yaml");
  }
  TakenVersions Versions() const { return registry_->VersionsOf("stem-pipeline"); }
  std::string Statement(absl::CivilDay as_of, const std::string& organization = "river-unified",
                        int version = 1) const {
    return policy::AttestationText("stem-pipeline", version,
                                   Versions().at(version)->mou->document_digest(), organization,
                                   as_of);
  }
  std::string ByRiver(const std::string& text) const {
    return pki::SignDocument(text, river_dean_).value();
  }
  absl::Status Attest(absl::CivilDay as_of, const std::string& cms,
                      const std::string& organization = "river-unified",
                      const std::string& by = "river-unified", int version = 1) {
    MouAct act = ActOf(v1::MOU_ACTION_ATTEST, by);
    act.version = version;
    return registry_->Attest(act, organization, as_of, cms, *InForce(), now_);
  }
  absl::Status Attest(absl::CivilDay as_of) { return Attest(as_of, ByRiver(Statement(as_of))); }
  bool HasRoot() const { return std::filesystem::exists(dir_ + "/keys/mou-stem-pipeline.root"); }
  const absl::CivilDay kToday = absl::CivilDay(2027, 1, 1);
};

TEST_F(MouDutyTest, OpensForEachRecipientWhenTheMouIsOver) {
  EXPECT_THAT(DutiesOf(Versions()), IsEmpty());
  ASSERT_TRUE(Terminate(kToday + 3).ok());
  EXPECT_THAT(DutiesOf(Versions()), IsEmpty()) << "until then it holds";
  now_ += 3 * kDay;
  Refresh();
  const std::vector<MouDuty> duties = DutiesOf(Versions());
  ASSERT_THAT(duties, SizeIs(1));
  EXPECT_EQ(duties[0].organization, "river-unified");
  EXPECT_EQ(duties[0].opened, kToday + 3);
  EXPECT_EQ(duties[0].due, kToday + 63);
  EXPECT_EQ(duties[0].attestation(), nullptr);
  const auto ends = registry_->DutyEnds();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends.begin()->second, absl::FromCivil(kToday + 64, absl::UTCTimeZone()));
}

TEST_F(MouDutyTest, OpensAtTheTermsEndAndNotWhereAnotherVersionFollows) {
  PutSigned("next.yaml", Document(2));
  Refresh();
  EXPECT_EQ(State(1), "SUPERSEDED");
  EXPECT_THAT(DutiesOf(Versions()), IsEmpty());
  now_ = absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone());
  Refresh();
  const std::vector<MouDuty> duties = DutiesOf(Versions());
  ASSERT_THAT(duties, SizeIs(1));
  EXPECT_EQ(duties[0].version->stored.version, 2);
  EXPECT_EQ(duties[0].opened, absl::CivilDay(2028, 7, 1));
}

TEST_F(MouDutyTest, ClosesWhenEveryRecipientHasAttestedAndTheRootIsGoneForGood) {
  ASSERT_TRUE(Terminate().ok());
  EXPECT_EQ(State(), "TERMINATED");
  EXPECT_TRUE(HasRoot());
  std::ifstream root(dir_ + "/keys/mou-stem-pipeline.root", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(root)), std::istreambuf_iterator<char>());
  const absl::Status attested = Attest(kToday);
  ASSERT_TRUE(attested.ok()) << attested;
  EXPECT_EQ(State(), "CLOSED");
  EXPECT_FALSE(HasRoot());
  EXPECT_TRUE(absl::IsFailedPrecondition(keys_->PseudonymRoot("stem-pipeline").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(keys_->CreatePseudonymRoot("stem-pipeline").status()));
  EXPECT_THAT(Logged(), ElementsAre("stem-pipeline 1 SIGNED", "mou-stem-pipeline.root",
                                    "stem-pipeline 1 ACTIVE", "stem-pipeline 1 TERMINATED",
                                    "stem-pipeline 1 TERMINATED", "stem-pipeline 1 CLOSED",
                                    "mou-stem-pipeline.root"));
  EXPECT_THAT(registry_->DutyEnds(), IsEmpty());
  // Nor does a copy of the file bring it back.
  std::ofstream(dir_ + "/keys/mou-stem-pipeline.root", std::ios::binary) << bytes;
  std::filesystem::permissions(
      dir_ + "/keys/mou-stem-pipeline.root",
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Restart();
  EXPECT_FALSE(keys_->PseudonymRoot("stem-pipeline").ok());
  EXPECT_EQ(State(), "CLOSED");
  EXPECT_EQ(Ask(), "TERMINATED");
}

TEST_F(MouDutyTest, AClosedMouHasNoNextVersion) {
  ASSERT_TRUE(Terminate().ok());
  ASSERT_TRUE(Attest(kToday).ok());
  PutSigned("next.yaml", Document(2));
  const InboxReport report = Refresh();
  ASSERT_THAT(report.documents, SizeIs(1));
  ASSERT_THAT(report.documents[0].findings, Not(IsEmpty()));
  EXPECT_THAT(report.documents[0].findings.back().message, HasSubstr("the MOU is closed"));
  ExpectRefused(
      registry_->Propose(ActOf(v1::MOU_ACTION_PROPOSE, "state-university"), Document(2), now_)
          .status(),
      "MOU_OUT_OF_TURN");
  ExpectRefused(Terminate(), "MOU_OVER");
  EXPECT_THAT(Versions(), SizeIs(1));
}

TEST_F(MouDutyTest, WhatIsAttestedIsSignedByTheRecipientOverItsVeryWords) {
  ExpectRefused(Attest(kToday), "NO_OBLIGATION");
  ASSERT_TRUE(Terminate().ok());
  const uint64_t size = log_->size();
  // Of another day, MOU, version, organization or document; by another; no signature at all.
  for (const std::string& text :
       {Statement(kToday - 1), Statement(kToday, "state-university"),
        absl::StrReplaceAll(Statement(kToday), {{"stem-pipeline", "other"}}),
        absl::StrReplaceAll(Statement(kToday), {{"version: 1", "version: 2"}}),
        absl::StrReplaceAll(Statement(kToday), {{"sha256:", "sha256:0"}}), Statement(kToday) + "\n",
        Document()}) {
    ExpectRefused(Attest(kToday, ByRiver(text)), "INVALID_ARGUMENT");
  }
  ExpectRefused(Attest(kToday, pki::SignDocument(Statement(kToday), state_dean_).value()),
                "INVALID_ARGUMENT");
  ExpectRefused(Attest(kToday, "cms"), "INVALID_ARGUMENT");
  ExpectRefused(Attest(kToday, std::string(kMaxAttestationBytes + 1, 'c')), "INVALID_ARGUMENT");
  // Who received nothing has nothing to attest.
  ExpectRefused(
      Attest(kToday, pki::SignDocument(Statement(kToday, "state-university"), state_dean_).value(),
             "state-university", "state-university"),
      "NO_OBLIGATION");
  ExpectRefused(Attest(kToday, ByRiver(Statement(kToday)), "river-unified", "lake-college"),
                "NOT_FOUND");
  ExpectRefused(Attest(kToday, ByRiver(Statement(kToday)), "river-unified", "river-unified", 2),
                "NOT_FOUND");
  EXPECT_EQ(log_->size(), size);
  EXPECT_EQ(State(), "TERMINATED");
  EXPECT_TRUE(HasRoot());
}

TEST_F(MouDutyTest, ADayBeforeTheEndOrAfterTodayIsNotAttested) {
  ASSERT_TRUE(Terminate().ok());
  now_ += 5 * kDay;
  ExpectRefused(Attest(kToday - 1), "INVALID_ARGUMENT");
  ExpectRefused(Attest(kToday + 6), "INVALID_ARGUMENT");
  EXPECT_TRUE(HasRoot());
  EXPECT_TRUE(Attest(kToday + 5).ok());
  EXPECT_FALSE(HasRoot());
}

TEST_F(MouDutyTest, MadeAgainChangesNothing) {
  ASSERT_TRUE(Terminate().ok());
  ASSERT_TRUE(Attest(kToday).ok());
  const uint64_t size = log_->size();
  EXPECT_TRUE(Attest(kToday).ok());
  Refresh();
  EXPECT_EQ(log_->size(), size);
}

TEST_F(MouDutyTest, WhoIsLateIsInTheLogOnceAndMayAttestStill) {
  ASSERT_TRUE(Terminate().ok());
  now_ += 60 * kDay;
  const uint64_t in_time = log_->size();
  Refresh();
  EXPECT_EQ(log_->size(), in_time) << "the last day";
  now_ += kDay;
  Refresh();
  EXPECT_EQ(log_->size(), in_time + 1);
  EXPECT_THAT(Version().standing.overdue, ElementsAre("river-unified"));
  Refresh();
  Restart();
  Refresh();
  EXPECT_EQ(log_->size(), in_time + 1);
  EXPECT_EQ(State(), "TERMINATED");
}

TEST_F(MouDutyTest, ANextVersionPutsTheDutyOff) {
  ASSERT_TRUE(Terminate().ok());
  PutSigned("next.yaml", Document(2));
  Refresh();
  ASSERT_EQ(Ask(), "PERMIT 2");
  EXPECT_THAT(DutiesOf(Versions()), IsEmpty());
  ExpectRefused(Attest(kToday), "NO_OBLIGATION");
}

TEST_F(MouDutyTest, ARootThatCouldNotBeDestroyedIsDestroyedAtTheNextStart) {
  ASSERT_TRUE(Terminate().ok());
  // The gateway was killed between what the log says and what the key directory does.
  store_.RefuseNextWork();
  EXPECT_FALSE(Attest(kToday).ok());
  EXPECT_TRUE(HasRoot());
  MouStanding standing = Version().standing;
  standing.attested["river-unified"] = {kToday, now_, ByRiver(Statement(kToday))};
  StoredMouVersion attested = Version().stored;
  attested.standing = standing.ToText();
  attested.state = "CLOSED";
  MouEntry entry;
  entry.mou = "stem-pipeline";
  entry.version = 1;
  entry.document_digest = Version().mou->document_digest();
  entry.state = "CLOSED";
  entry.standing_digest = StandingDigest(attested);
  entry.previous_index = attested.log_index;
  entry.parties = {"river-unified", "state-university"};
  const uint64_t replaces = attested.log_index;
  ASSERT_TRUE(store_
                  .Commit({.apply = [&](Transaction& transaction) -> absl::Status {
                    attested.log_index = log_->NextIndexIn(transaction);
                    absl::Status put = transaction.PutMouVersion(attested, replaces);
                    return put.ok() ? log_->AppendIn(transaction, entry).status() : put;
                  }})
                  .ok());
  EXPECT_TRUE(HasRoot());
  Restart();
  EXPECT_FALSE(HasRoot());
}

}  // namespace
}  // namespace sluice::server
