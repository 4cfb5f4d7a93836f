// From a party's document to a version in force, signature by signature, and all that stands in the
// way of one that is not the MOU's next.
#include "server/mou_proposal.h"

#include <string>
#include <thread>
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
using ::testing::Not;
using ::testing::SizeIs;

class MouProposalTest : public MouRegistryTest {
 protected:
  absl::Status Propose(const std::string& document,
                       const std::string& organization = "state-university") {
    return registry_->Propose(ActOf(v1::MOU_ACTION_PROPOSE, organization), document, now_).status();
  }
  absl::Status Sign(int version, const std::string& cms,
                    const std::string& organization = "river-unified",
                    const std::string& by = "river-unified") {
    MouAct act = ActOf(v1::MOU_ACTION_SIGN, by);
    act.version = version;
    return registry_->Sign(act, organization, cms, *InForce(), now_);
  }
  std::string ByState(const std::string& document) const {
    return pki::SignDocument(document, state_dean_).value();
  }
  std::string ByRiver(const std::string& document) const {
    return pki::SignDocument(document, river_dean_).value();
  }
  // Both parties', the program's first.
  void SignWhole(int version, const std::string& document) {
    ASSERT_TRUE(Sign(version, ByState(document), "state-university", "state-university").ok());
    const absl::Status last = Sign(version, ByRiver(document));
    ASSERT_TRUE(last.ok()) << last;
  }
  // A version with a third party, whose CA is nobody's.
  std::string WithLake(int version) const {
    return absl::StrReplaceAll(
        Document(version), {{"catalog: {", absl::StrCat("  - {organization: lake-college, "
                                                        "signatory_ca: sha256:",
                                                        std::string(64, 'c'), "}\ncatalog: {")}});
  }
};

TEST_F(MouProposalTest, IsInForceWithTheLastSignatureAndNotBefore) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  EXPECT_EQ(State(), "PROPOSED");
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
  ASSERT_TRUE(Sign(1, ByRiver(document)).ok());
  EXPECT_EQ(State(), "PROPOSED");
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university");
  // Whoever brings it: it is the party's own all the same.
  ASSERT_TRUE(Sign(1, ByState(document), "state-university", "river-unified").ok());
  EXPECT_EQ(State(), "ACTIVE");
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_THAT(Logged(), ElementsAre("stem-pipeline 1 PROPOSED", "stem-pipeline 1 PROPOSED",
                                    "stem-pipeline 1 SIGNED", "mou-stem-pipeline.root",
                                    "stem-pipeline 1 ACTIVE"));
  EXPECT_EQ(Version().standing.proposed_by, "state-university");
}

TEST_F(MouProposalTest, StandsAfterARestartWithTheSignaturesItHas) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  ASSERT_TRUE(Sign(1, ByRiver(document)).ok());
  Restart();
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university");
  EXPECT_EQ(Version().stored.document, document);
  ASSERT_TRUE(Sign(1, ByState(document), "state-university", "state-university").ok());
  Restart();
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouProposalTest, WhatWasDoneBeforeIsAnsweredAndChangesNothing) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  ASSERT_TRUE(Sign(1, ByRiver(document)).ok());
  const uint64_t size = log_->size();
  EXPECT_TRUE(Propose(document).ok());
  EXPECT_TRUE(Propose(document, "river-unified").ok());
  EXPECT_TRUE(Sign(1, ByRiver(document)).ok());
  EXPECT_EQ(log_->size(), size);
  ASSERT_TRUE(Sign(1, ByState(document), "state-university", "state-university").ok());
  const uint64_t whole = log_->size();
  EXPECT_TRUE(Propose(document).ok());
  EXPECT_TRUE(Sign(1, ByRiver(document)).ok());
  EXPECT_EQ(log_->size(), whole);
}

TEST_F(MouProposalTest, IsRefusedWithWhatCheckFinds) {
  const std::string bad =
      absl::StrReplaceAll(Document(), {{"[READ]", "[REED]"}, {"term: {", "turm: {"}});
  const absl::Status refused = Propose(bad);
  ExpectRefused(refused, "MOU_NOT_ACCEPTED");
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1:1: P014: missing \"term\""));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("2 more: sluice mou check"));
  // Each with its place, in the details.
  const google::rpc::Status outward = Outward(refused, "id");
  EXPECT_GE(outward.details_size(), 2);
  EXPECT_LT(outward.ByteSizeLong(), 4096u);
  ExpectRefused(Propose("not a document"), "MOU_NOT_ACCEPTED");
  ExpectRefused(Propose(std::string(kMaxDocumentBytes + 1, '#')), "INVALID_ARGUMENT");
  EXPECT_EQ(log_->size(), 0u);
  EXPECT_THAT(registry_->VersionsOf("stem-pipeline"), IsEmpty());
}

TEST_F(MouProposalTest, IsByAPartyOfIt) {
  ExpectRefused(Propose(Document(), "lake-college"), "INVALID_ARGUMENT");
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(MouProposalTest, ASignatureThatDoesNotVerifyChangesNothing) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  const uint64_t size = log_->size();
  // Of other bytes; of another party; by a system; no CMS at all; too large.
  const std::string other = absl::StrReplaceAll(document, {{"days: 60", "days: 61"}});
  for (const std::string& cms :
       {ByRiver(other), ByState(document),
        pki::SignDocument(document, river_.Client("system", "sis")).value(), std::string("cms"),
        std::string(kMaxSignatureBytes + 1, 'c')}) {
    const absl::Status refused = Sign(1, cms);
    ExpectRefused(refused, "INVALID_ARGUMENT");
    EXPECT_THAT(std::string(refused.message()), HasSubstr("signature: "));
  }
  ExpectRefused(Sign(1, ByRiver(document), "lake-college"), "INVALID_ARGUMENT");
  ExpectRefused(Sign(1, ByRiver(document), "river-unified", "lake-college"), "NOT_FOUND");
  ExpectRefused(Sign(2, ByRiver(document)), "NOT_FOUND");
  EXPECT_EQ(log_->size(), size);
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
}

TEST_F(MouProposalTest, TheNextVersionTakesTheLastOnesPlaceWhenAllHaveSigned) {
  const std::string first = Document();
  ASSERT_TRUE(Propose(first).ok());
  SignWhole(1, first);
  const std::string second = Document(2);
  ASSERT_TRUE(Propose(second, "river-unified").ok());
  ASSERT_TRUE(Sign(2, ByRiver(second)).ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
  ASSERT_TRUE(Sign(2, ByState(second), "state-university", "state-university").ok());
  EXPECT_EQ(Ask(), "PERMIT 2");
  EXPECT_EQ(State(1), "SUPERSEDED");
  EXPECT_THAT(Logged(), SizeIs(10)) << "one root for both";
  Restart();
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouProposalTest, OnlyTheNextNumberIsTaken) {
  const std::string first = Document();
  ExpectRefused(Propose(Document(2)), "MOU_OUT_OF_TURN");
  ASSERT_TRUE(Propose(first).ok());
  const std::string other = absl::StrReplaceAll(first, {{"days: 60", "days: 61"}});
  const absl::Status reused = Propose(other);
  ExpectRefused(reused, "MOU_OUT_OF_TURN");
  EXPECT_THAT(std::string(reused.message()), HasSubstr("P020: version 1 was published"));
  const absl::Status early = Propose(Document(2));
  ExpectRefused(early, "MOU_OUT_OF_TURN");
  EXPECT_THAT(std::string(early.message()), HasSubstr("OPEN: version 1 waits for signatures"));
  SignWhole(1, first);
  ExpectRefused(Propose(Document(3)), "MOU_OUT_OF_TURN");
  ASSERT_TRUE(Propose(Document(2)).ok());
  SignWhole(2, Document(2));
  const absl::Status rollback = Propose(other);
  ExpectRefused(rollback, "MOU_OUT_OF_TURN");
  EXPECT_THAT(std::string(rollback.message()), HasSubstr("ROLLBACK: version 1 is lower"));
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouProposalTest, ANameThatOthersHaveIsTaken) {
  ASSERT_TRUE(Propose(Document()).ok());
  ExpectRefused(Propose(WithLake(1), "lake-college"), "MOU_NAME_TAKEN");
  ExpectRefused(Propose(WithLake(2), "lake-college"), "MOU_NAME_TAKEN");
  SignWhole(1, Document());
  ExpectRefused(Propose(WithLake(2), "lake-college"), "MOU_NAME_TAKEN");
  EXPECT_EQ(Ask(), "PERMIT 1");
  // Nor does who is named by the next version take part in more than that.
  ASSERT_TRUE(Propose(WithLake(2)).ok());
  ExpectRefused(Do(ActOf(v1::MOU_ACTION_SUSPEND, "lake-college")), "MOU_NOT_SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_THAT(registry_->Current()->MousOf("lake-college"), IsEmpty());
  EXPECT_THAT(registry_->Current()->MousNaming("lake-college"), ElementsAre("stem-pipeline"));
}

TEST_F(MouProposalTest, NoPartyIsLeftOutOfWhatTakesItsVersionsPlace) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  const std::string without = absl::StrReplaceAll(
      WithLake(2), {{"river-unified, signatory_ca", "hill-county, signatory_ca"},
                    {"to: [river-unified]", "to: [hill-county]"}});
  const absl::Status refused = Propose(without);
  ExpectRefused(refused, "MOU_OUT_OF_TURN");
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("PARTIES: leaves out river-unified, a party of version 1"));
  // Of one that has ended nothing is taken.
  ASSERT_TRUE(Terminate().ok());
  EXPECT_TRUE(Propose(without).ok());
}

TEST_F(MouProposalTest, AProposalIsEndedAloneAndItsNumberIsUsed) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  const std::string second = Document(2);
  ASSERT_TRUE(Propose(second).ok());
  ASSERT_TRUE(Sign(2, ByRiver(second)).ok());
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "river-unified");
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  end.version = 2;
  ASSERT_TRUE(Do(end).ok());
  EXPECT_EQ(State(2), "TERMINATED");
  EXPECT_EQ(Ask(), "PERMIT 1");
  ExpectRefused(Sign(2, ByState(second), "state-university", "state-university"), "MOU_OVER");
  ExpectRefused(Propose(absl::StrReplaceAll(second, {{"days: 60", "days: 61"}})),
                "MOU_OUT_OF_TURN");
  ASSERT_TRUE(Propose(Document(3)).ok());
  SignWhole(3, Document(3));
  EXPECT_EQ(Ask(), "PERMIT 3");
}

TEST_F(MouProposalTest, AnEndIsUponWhatWaitsForSignatures) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  const std::string second = Document(2);
  ASSERT_TRUE(Propose(second).ok());
  ASSERT_TRUE(Sign(2, ByRiver(second)).ok());
  ASSERT_TRUE(Terminate().ok());
  ExpectRefused(Sign(2, ByState(second), "state-university", "state-university"), "MOU_OVER");
  EXPECT_EQ(Ask(), "TERMINATED");
}

TEST_F(MouProposalTest, AnEndIsUponWhatWaitsInTheInbox) {
  PutSigned("mou.yaml", Document());
  ASSERT_EQ(Look().state, "SIGNED");
  Put("next.yaml", Document(2));
  PutSignature("next.yaml", Document(2), river_, river_dean_);
  Refresh();
  ASSERT_TRUE(Terminate().ok());
  // The other party signs what the first had signed before.
  PutSignature("next.yaml", Document(2), state_, state_dean_);
  const InboxReport report = Refresh();
  ASSERT_THAT(report.documents, SizeIs(2));
  EXPECT_EQ(report.documents[1].state, "REFUSED");
  ASSERT_THAT(report.documents[1].findings, Not(IsEmpty()));
  EXPECT_THAT(report.documents[1].findings.back().message,
              HasSubstr("laid down before a party ended the MOU"));
  EXPECT_EQ(Ask(), "TERMINATED");
  Remove("next.yaml");
  PutSigned("again.yaml", Document(3));
  Refresh();
  EXPECT_EQ(Ask(), "PERMIT 3");
}

TEST_F(MouProposalTest, AGrantTakenBackIsTakenOutOfWhatItsOwnerHadSigned) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  const std::string second = Document(2);
  ASSERT_TRUE(Propose(second).ok());
  ASSERT_TRUE(Sign(2, ByState(second), "state-university", "state-university").ok());
  ASSERT_TRUE(Withdraw("expected-completers").ok());
  ASSERT_TRUE(Sign(2, ByRiver(second)).ok());
  EXPECT_EQ(Ask(), "WITHDRAWN");
  // Who signs afterwards gives it again.
  ASSERT_TRUE(Propose(Document(3)).ok());
  SignWhole(3, Document(3));
  EXPECT_EQ(Ask(), "PERMIT 3");
}

TEST_F(MouProposalTest, AnUnsignedProposalKeepsAGrantThatIsTakenBackBeforeItIsSigned) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  ASSERT_TRUE(Propose(Document(2)).ok());
  ASSERT_TRUE(Withdraw("expected-completers").ok());
  EXPECT_EQ(Ask(), "WITHDRAWN");
  SignWhole(2, Document(2));
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouProposalTest, NeitherSupersedesNorIsMovedOnByTheCalendarBeforeItIsSigned) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  ASSERT_TRUE(Propose(Document(2)).ok());
  now_ += kDay;
  Refresh();
  EXPECT_EQ(State(1), "ACTIVE");
  EXPECT_EQ(State(2), "PROPOSED");
  EXPECT_EQ(Ask(), "PERMIT 1");
  // Its term over, there is nothing to sign.
  now_ = absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone());
  Refresh();
  EXPECT_EQ(State(2), "EXPIRED");
  EXPECT_EQ(Ask(), "OUTSIDE_PERIOD");
}

TEST_F(MouProposalTest, AVoidSignatureOfAProposalIsMissingAndCanBeGivenAgain) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  ASSERT_TRUE(Sign(1, ByRiver(document)).ok());
  river_.RevokeSignatory(river_dean_, now_ - kDay);
  Refresh();
  EXPECT_EQ(State(), "PROPOSED");
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
  ASSERT_TRUE(Sign(1, ByState(document), "state-university", "state-university").ok());
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  ASSERT_TRUE(Sign(1, pki::SignDocument(document, river_.Signatory("provost")).value()).ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouProposalTest, AVoidSignatureIsGivenAgainByRpc) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  SignWhole(1, document);
  river_.RevokeSignatory(river_dean_, now_ - kDay);
  Refresh();
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  ExpectRefused(Sign(1, ByRiver(document)), "INVALID_ARGUMENT");
  ASSERT_TRUE(Sign(1, pki::SignDocument(document, river_.Signatory("provost")).value()).ok());
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(State(), "ACTIVE");
}

TEST_F(MouProposalTest, SignaturesInTheInboxAndByRpcComeTogether) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  ASSERT_TRUE(Sign(1, ByRiver(document)).ok());
  Put("mou.yaml", document);
  PutSignature("mou.yaml", document, state_, state_dean_);
  EXPECT_EQ(Look().state, "SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(Version().standing.proposed_by, "state-university");
}

TEST_F(MouProposalTest, AnotherDocumentOfTheMouThatWaitsInTheInboxIsFirst) {
  Put("mou.yaml", Document());
  EXPECT_EQ(Look().state, "NOT_SIGNED");
  const std::string other = absl::StrReplaceAll(Document(), {{"days: 60", "days: 61"}});
  ExpectRefused(Propose(other), "MOU_OUT_OF_TURN");
  ExpectRefused(Propose(WithLake(1), "lake-college"), "MOU_NAME_TAKEN");
  // The same bytes are the same proposal.
  EXPECT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouProposalTest, OfOneOrganizationNoMoreThanAHundredWait) {
  const auto named = [this](int i) {
    return absl::StrReplaceAll(Document(), {{"mou: stem-pipeline", absl::StrCat("mou: m", i)}});
  };
  for (int i = 0; i < kMaxOpenProposals; ++i) ASSERT_TRUE(Propose(named(i)).ok()) << i;
  ExpectRefused(Propose(named(kMaxOpenProposals)), "RESOURCE_EXHAUSTED");
  EXPECT_TRUE(Propose(named(kMaxOpenProposals), "river-unified").ok()) << "its own count";
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "river-unified");
  end.mou = "m0";
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  ASSERT_TRUE(Do(end).ok());
  EXPECT_TRUE(Propose(named(kMaxOpenProposals + 1)).ok());
}

TEST_F(MouProposalTest, WhatCanNotBeWrittenWasNotSigned) {
  const std::string document = Document();
  ASSERT_TRUE(Propose(document).ok());
  store_.RefuseNextWork();
  EXPECT_FALSE(Sign(1, ByRiver(document)).ok());
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
  EXPECT_TRUE(Sign(1, ByRiver(document)).ok());
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university");
}

TEST_F(MouProposalTest, ARootThatIsGoneKeepsTheNextVersionOut) {
  ASSERT_TRUE(Propose(Document()).ok());
  SignWhole(1, Document());
  ASSERT_TRUE(Propose(Document(2)).ok());
  ASSERT_TRUE(Sign(2, ByRiver(Document(2))).ok());
  std::filesystem::remove(dir_ + "/keys/mou-stem-pipeline.root");
  Restart();
  EXPECT_FALSE(Sign(2, ByState(Document(2)), "state-university", "state-university").ok());
  EXPECT_EQ(State(2), "PROPOSED");
}

TEST_F(MouProposalTest, ProposalsThatRaceLeaveOne) {
  const std::string documents[] = {Document(),
                                   absl::StrReplaceAll(Document(), {{"days: 60", "days: 61"}})};
  const std::string parties[] = {"state-university", "river-unified"};
  absl::Status status[2];
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { status[i] = Propose(documents[i], parties[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(status[0].ok(), status[1].ok()) << status[0] << status[1];
  EXPECT_EQ(ReasonOf(status[0].ok() ? status[1] : status[0]), "MOU_OUT_OF_TURN");
  EXPECT_EQ(Version().stored.document, documents[status[0].ok() ? 0 : 1]);
}

}  // namespace
}  // namespace sluice::server
