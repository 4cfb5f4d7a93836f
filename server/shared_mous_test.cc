// MOUs of several gateways on one store: what one did the others take over, and of two that do the
// same one does it.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/attestation.h"
#include "policy/digest.h"
#include "server/audit/entry_encoding.h"
#include "server/mou_registry.h"
#include "tests/support/log_fixture.h"
#include "tests/support/mou_for_test.h"
#include "tests/support/organization_for_test.h"
#include "tests/support/shared_memory_store.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);
// The example's term is 2026-07-01 to 2028-07-01.
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());
const absl::Time kAfterTerm = absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone());

// A gateway with an inbox and tiles of its own; the keys are everybody's, but where one has others.
class Gateway {
 public:
  Gateway(const std::string& name, const std::string& directory, MemoryStore* store,
          const LogKey* log_key, const absl::Time* now, const Trust& trust,
          absl::string_view keys = "keys")
      : inbox_(absl::StrCat(directory, "/inbox-", name)), store_(store) {
    std::filesystem::create_directory(inbox_);
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = name;
    options.tile_directory = absl::StrCat(directory, "/tiles-", name);
    options.background_thread = false;
    log_ = AuditLog::Open(options, &store_, log_key, [now] { return *now; }).value();
    keys_ = Keys::Open({.directory = absl::StrCat(directory, "/", keys)}, absl::Now).value();
    MouRegistry::Parts parts;
    parts.inbox = inbox_;
    parts.catalog = policy::CatalogForTest();
    parts.store = &store_;
    parts.log = log_.get();
    parts.keys = keys_.get();
    registry_ = MouRegistry::Open(std::move(parts), trust, *now).value();
  }

  MouRegistry& registry() { return *registry_; }
  SharedMemoryStore& store() { return store_; }
  Keys& keys() { return *keys_; }
  void Put(absl::string_view file, absl::string_view bytes) const {
    std::ofstream(absl::StrCat(inbox_, "/", file), std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  const std::string inbox_;
  SharedMemoryStore store_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<MouRegistry> registry_;
};

MouAct ActOf(v1::MouAction action, const std::string& organization) {
  MouAct act;
  act.action = action;
  act.mou = "stem-pipeline";
  act.request = std::string(32, 'a');
  act.caller.principal = {policy::PrincipalKind::kAdmin, organization, "registrar"};
  return act;
}

class SharedMousTest : public ::testing::Test {
 protected:
  SharedMousTest() : directory_(FreshDirectory()) {
    for (auto [gateway, name] : {std::pair(&a_, "a"), std::pair(&b_, "b")}) {
      *gateway =
          std::make_unique<Gateway>(name, directory_, &store_, log_key_.get(), &now_, *Trusted());
    }
  }
  ~SharedMousTest() override {
    a_.reset();
    b_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::shared_ptr<const Trust> Trusted() const {
    return Trust::Create(TrustForTest({&state_, &river_})).value();
  }
  absl::Status Sign(Gateway& gateway, const std::string& cms, const std::string& organization) {
    MouAct act = ActOf(v1::MOU_ACTION_SIGN, organization);
    act.version = act_version_;
    return gateway.registry().Sign(act, organization, cms, *Trusted(), now_);
  }
  absl::Status AttestAt(Gateway& gateway) {
    const absl::CivilDay today = absl::ToCivilDay(now_, absl::UTCTimeZone());
    const std::string text = policy::AttestationText(
        "stem-pipeline", 1, policy::Sha256Digest(Document()), "river-unified", today);
    MouAct act = ActOf(v1::MOU_ACTION_ATTEST, "river-unified");
    act.version = 1;
    return gateway.registry().Attest(act, "river-unified", today,
                                     pki::SignDocument(text, river_dean_).value(), *Trusted(),
                                     now_);
  }
  std::string Document(int version = 1) const {
    const std::string none = absl::StrCat("sha256:", std::string(64, 'a'));
    return absl::StrReplaceAll(
        policy::ExampleMou(),
        {{absl::StrCat("state-university, signatory_ca: ", none),
          absl::StrCat("state-university, signatory_ca: ", state_.signatory_ca_digest())},
         {absl::StrCat("river-unified, signatory_ca: ", none),
          absl::StrCat("river-unified, signatory_ca: ", river_.signatory_ca_digest())},
         {"version: 1", absl::StrCat("version: ", version)}});
  }
  void PutSigned(const Gateway& gateway, absl::string_view file, absl::string_view document) {
    gateway.Put(file, document);
    gateway.Put(absl::StrCat(file, ".state-university.p7s"),
                pki::SignDocument(document, state_dean_).value());
    gateway.Put(absl::StrCat(file, ".river-unified.p7s"),
                pki::SignDocument(document, river_dean_).value());
  }
  InboxReport Refresh(Gateway& gateway) {
    absl::StatusOr<InboxReport> report = gateway.registry().Refresh(*Trusted(), now_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : InboxReport();
  }
  void CatchUp(Gateway& gateway) {
    const absl::Status caught_up = gateway.registry().CatchUp();
    EXPECT_TRUE(caught_up.ok()) << caught_up;
  }
  // "PERMIT" with the version, or the denial's code.
  std::string Ask(Gateway& gateway) const {
    policy::Request request;
    request.organization = "river-unified";
    request.mou = "stem-pipeline";
    request.purpose = "hiring_pipeline";
    request.record_type = "Candidate";
    request.operation = v1::OPERATION_READ;
    request.time = now_;
    const policy::Decision decision = policy::Decide(*gateway.registry().Current(), request);
    if (const auto* permit = std::get_if<policy::Permit>(&decision)) {
      return absl::StrCat("PERMIT ", permit->mou().version());
    }
    return v1::DenialCode_Name(std::get<policy::Denial>(decision).code)
        .substr(sizeof("DENIAL_CODE_") - 1);
  }
  // What the log says of MOUs and keys, oldest first.
  std::vector<std::string> Logged() const {
    std::vector<std::string> lines;
    EXPECT_TRUE(store_
                    .ReadLogRows(0, ~uint64_t{0},
                                 [&](const LogRow& row) {
                                   const ParsedEntry entry = ParseEntry(row.body).value();
                                   if (entry.type == "mou") {
                                     lines.push_back(
                                         absl::StrCat(entry.json.FindInteger("version", 0), " ",
                                                      entry.json.FindString("state")));
                                   } else if (entry.type == "key") {
                                     lines.push_back(std::string(entry.json.FindString("key")));
                                   }
                                   return true;
                                 })
                    .ok());
    return lines;
  }

  int act_version_ = 1;
  absl::Time now_ = kNow;
  OrganizationForTest state_{"state-university", kNow};
  OrganizationForTest river_{"river-unified", kNow};
  const pki::Credential state_dean_ = state_.Signatory("dean");
  const pki::Credential river_dean_ = river_.Signatory("dean");
  const std::string directory_;
  MemoryStore store_;
  std::unique_ptr<const LogKey> log_key_ = MakeLogKey();
  std::unique_ptr<Gateway> a_, b_;
};

TEST_F(SharedMousTest, OpensEverywhereWhatOneTookIn) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  EXPECT_EQ(Ask(*a_), "PERMIT 1");
  EXPECT_EQ(Ask(*b_), "NO_MOU");
  CatchUp(*b_);
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
}

TEST_F(SharedMousTest, WhatWaitsInAnInboxGivesWayToWhatAnotherTookIn) {
  b_->Put("mou.yaml", Document());
  EXPECT_EQ(Refresh(*b_).documents[0].state, "NOT_SIGNED");
  EXPECT_EQ(Ask(*b_), "NOT_SIGNED");
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
  EXPECT_THAT(b_->registry().Current()->Versions("stem-pipeline"), SizeIs(1));
  EXPECT_EQ(Refresh(*b_).documents[0].state, "IN_FORCE");
}

TEST_F(SharedMousTest, OfTwoThatTakeAVersionInOneDoes) {
  PutSigned(*a_, "mou.yaml", Document());
  PutSigned(*b_, "mou.yaml", Document());
  EXPECT_EQ(Refresh(*a_).documents[0].state, "SIGNED");
  // The other does not know of it yet.
  EXPECT_EQ(Refresh(*b_).documents[0].state, "IN_FORCE");
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
  EXPECT_THAT(Logged(), ElementsAre("1 SIGNED", "mou-stem-pipeline.root", "1 ACTIVE"));
}

TEST_F(SharedMousTest, RefusesOtherBytesThanAnotherTookIn) {
  PutSigned(*a_, "mou.yaml", Document());
  PutSigned(*b_, "mou.yaml", absl::StrReplaceAll(Document(), {{"[READ]", "[READ, SYNC]"}}));
  Refresh(*a_);
  const InboxReport report = Refresh(*b_);
  EXPECT_EQ(report.documents[0].state, "REFUSED");
  EXPECT_THAT(report.documents[0].findings.back().ToString(), HasSubstr("other bytes"));
  EXPECT_THAT(Logged(), ElementsAre("1 SIGNED", "mou-stem-pipeline.root", "1 ACTIVE"));
  EXPECT_EQ(b_->registry().Current()->Versions("stem-pipeline")[0].mou->document_digest(),
            a_->registry().Current()->Versions("stem-pipeline")[0].mou->document_digest());
}

TEST_F(SharedMousTest, OfTwoThatFollowTheCalendarOneDoes) {
  PutSigned(*a_, "v1.yaml", Document(1));
  PutSigned(*a_, "v2.yaml", Document(2));
  Refresh(*a_);
  CatchUp(*b_);
  now_ = kAfterTerm;
  Refresh(*a_);
  Refresh(*b_);
  EXPECT_EQ(Ask(*a_), "OUTSIDE_PERIOD");
  EXPECT_EQ(Ask(*b_), "OUTSIDE_PERIOD");
  EXPECT_THAT(Logged(), ElementsAre("1 SIGNED", "mou-stem-pipeline.root", "2 SIGNED",
                                    "1 SUPERSEDED", "2 ACTIVE", "2 EXPIRED"));
}

TEST_F(SharedMousTest, OfTwoThatVoidASignatureOneDoes) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  river_.RevokeSignatory(river_dean_, kNow + kDay, kNow - kDay);
  now_ = kNow + 2 * kDay;
  Refresh(*a_);
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
  Refresh(*b_);
  EXPECT_EQ(Ask(*a_), "NOT_SIGNED");
  EXPECT_EQ(Ask(*b_), "NOT_SIGNED");
  EXPECT_THAT(Logged(),
              ElementsAre("1 SIGNED", "mou-stem-pipeline.root", "1 ACTIVE", "1 NOT_SIGNED"));
}

TEST_F(SharedMousTest, LooksAtSignaturesThatAnotherTookInByItsOwnTrust) {
  const auto older = Trusted();
  river_.RevokeSignatory(river_dean_, kNow + kDay, kNow - kDay);
  const auto newer = Trusted();
  // This one has voided all that it knows of by the newer list, and the other has not read that
  // yet.
  ASSERT_TRUE(b_->registry().Refresh(*newer, now_).ok());
  PutSigned(*a_, "mou.yaml", Document());
  ASSERT_TRUE(a_->registry().Refresh(*older, now_).ok());
  EXPECT_EQ(Ask(*a_), "PERMIT 1");
  CatchUp(*b_);
  ASSERT_TRUE(b_->registry().Refresh(*newer, now_).ok());
  EXPECT_EQ(Ask(*b_), "NOT_SIGNED");
}

TEST_F(SharedMousTest, RefusesAnMouWhosePseudonymRootIsAnother) {
  Gateway other("other", directory_, &store_, log_key_.get(), &now_, *Trusted(), "other-keys");
  PutSigned(*a_, "mou.yaml", Document());
  PutSigned(other, "mou.yaml", Document());
  Refresh(*a_);
  // It knows of no version yet, and makes a root itself.
  const absl::Status taken_in = other.registry().Refresh(*Trusted(), now_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(taken_in)) << taken_in;
  EXPECT_THAT(taken_in.message(), HasSubstr("key directory"));
  EXPECT_TRUE(absl::IsFailedPrecondition(other.registry().CatchUp()));
  EXPECT_EQ(Ask(other), "NO_MOU");
  EXPECT_EQ(Ask(*a_), "PERMIT 1");
  CatchUp(*b_);
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
}

TEST_F(SharedMousTest, NeedsNoPseudonymRootForWhatIsOver) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  now_ = kAfterTerm;
  Refresh(*a_);
  ASSERT_TRUE(Keys::Open({.directory = directory_ + "/other-keys"}, absl::Now)
                  .value()
                  ->CreatePseudonymRoot("stem-pipeline")
                  .ok());
  Gateway other("other", directory_, &store_, log_key_.get(), &now_, *Trusted(), "other-keys");
  EXPECT_EQ(Ask(other), "OUTSIDE_PERIOD");
}

TEST_F(SharedMousTest, AnActAtOneGatewayIsUponWhatTheOtherDid) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  // b has not caught up with anything yet, and knows of it when it acts.
  const MouAct suspend = ActOf(v1::MOU_ACTION_SUSPEND, "river-unified");
  ASSERT_TRUE(b_->registry().Act(suspend, now_).ok());
  EXPECT_EQ(Ask(*b_), "SUSPENDED");
  CatchUp(*a_);
  EXPECT_EQ(Ask(*a_), "SUSPENDED");
  // Both ways at once: what one did is not undone by what the other had seen.
  ASSERT_TRUE(a_->registry().Act(ActOf(v1::MOU_ACTION_SUSPEND, "state-university"), now_).ok());
  ASSERT_TRUE(b_->registry().Act(ActOf(v1::MOU_ACTION_RESUME, "river-unified"), now_).ok());
  CatchUp(*a_);
  for (Gateway* gateway : {a_.get(), b_.get()}) {
    EXPECT_EQ(Ask(*gateway), "SUSPENDED");
    EXPECT_THAT(gateway->registry().VersionsOf("stem-pipeline").at(1)->standing.suspended_by,
                ElementsAre("state-university"));
  }
}

TEST_F(SharedMousTest, AnEndIsUponAVersionThatTheOtherTookIn) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  PutSigned(*a_, "next.yaml", Document(2));
  Refresh(*a_);
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "river-unified");
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  ASSERT_TRUE(b_->registry().Act(end, now_).ok());
  CatchUp(*a_);
  EXPECT_EQ(Ask(*a_), "TERMINATED");
  EXPECT_EQ(Ask(*b_), "TERMINATED");
}

TEST_F(SharedMousTest, AnEndIsUponAVersionThatTheOtherTakesInMeanwhile) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "river-unified");
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  // It changes nothing of the version that is in force until its own term begins.
  const std::string next =
      absl::StrReplaceAll(Document(2), {{"effective: 2026-07-01", "effective: 2027-06-01"}});
  b_->store().BeforeNextWrite([&] {
    PutSigned(*a_, "next.yaml", next);
    Refresh(*a_);
    EXPECT_EQ(a_->registry().VersionsOf("stem-pipeline").size(), 2u);
  });
  ASSERT_TRUE(b_->registry().Act(end, now_).ok());
  now_ = absl::FromCivil(absl::CivilDay(2027, 6, 2), absl::UTCTimeZone());
  for (Gateway* gateway : {a_.get(), b_.get()}) {
    CatchUp(*gateway);
    EXPECT_EQ(Ask(*gateway), "TERMINATED");
  }
}

TEST_F(SharedMousTest, AnActWhoseAnswerWasLostIsInForceAndCanBeAskedForAgain) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  const MouAct suspend = ActOf(v1::MOU_ACTION_SUSPEND, "river-unified");
  a_->store().LoseNextAnswer();
  EXPECT_TRUE(absl::IsUnavailable(a_->registry().Act(suspend, now_)));
  CatchUp(*b_);
  EXPECT_EQ(Ask(*b_), "SUSPENDED");
  ASSERT_TRUE(a_->registry().Act(suspend, now_).ok());
  EXPECT_EQ(Ask(*a_), "SUSPENDED");
  const MouAct resume = ActOf(v1::MOU_ACTION_RESUME, "river-unified");
  a_->store().LoseNextAnswer();
  EXPECT_TRUE(absl::IsUnavailable(a_->registry().Act(resume, now_)));
  ASSERT_TRUE(a_->registry().Act(resume, now_).ok());
  EXPECT_EQ(Ask(*a_), "PERMIT 1");
}

TEST_F(SharedMousTest, ActsThatRaceAreAllDone) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  constexpr int kActs = 40;
  const auto acts = [&](Gateway& gateway, const std::string& organization) {
    for (int i = 0; i < kActs; ++i) {
      for (const v1::MouAction action : {v1::MOU_ACTION_SUSPEND, v1::MOU_ACTION_RESUME}) {
        absl::Status status;
        do {
          status = gateway.registry().Act(ActOf(action, organization), now_);
        } while (absl::IsUnavailable(status));
        EXPECT_TRUE(status.ok()) << status;
      }
    }
    EXPECT_TRUE(gateway.registry().Act(ActOf(v1::MOU_ACTION_SUSPEND, organization), now_).ok());
  };
  std::thread other([&] { acts(*b_, "state-university"); });
  acts(*a_, "river-unified");
  other.join();
  CatchUp(*a_);
  CatchUp(*b_);
  for (Gateway* gateway : {a_.get(), b_.get()}) {
    EXPECT_THAT(gateway->registry().VersionsOf("stem-pipeline").at(1)->standing.suspended_by,
                ElementsAre("river-unified", "state-university"));
  }
}

TEST_F(SharedMousTest, WhatIsProposedAtOneGatewayIsSignedAtTheOther) {
  const std::string document = Document();
  ASSERT_TRUE(a_->registry()
                  .Propose(ActOf(v1::MOU_ACTION_PROPOSE, "state-university"), document, now_)
                  .ok());
  ASSERT_TRUE(Sign(*b_, pki::SignDocument(document, river_dean_).value(), "river-unified").ok());
  ASSERT_TRUE(Sign(*a_, pki::SignDocument(document, state_dean_).value(), "state-university").ok());
  EXPECT_EQ(Ask(*a_), "PERMIT 1");
  CatchUp(*b_);
  EXPECT_EQ(Ask(*b_), "PERMIT 1");
}

TEST_F(SharedMousTest, LastSignaturesThatRaceAreBothThereAndTheVersionIsSignedOnce) {
  for (int version = 1; version <= 20; ++version) {
    const std::string document = Document(version);
    ASSERT_TRUE(a_->registry()
                    .Propose(ActOf(v1::MOU_ACTION_PROPOSE, "river-unified"), document, now_)
                    .ok());
    absl::Status by_state;
    act_version_ = version;
    std::thread other([&] {
      by_state = Sign(*b_, pki::SignDocument(document, state_dean_).value(), "state-university");
    });
    const absl::Status by_river =
        Sign(*a_, pki::SignDocument(document, river_dean_).value(), "river-unified");
    other.join();
    EXPECT_TRUE(by_state.ok() && by_river.ok()) << by_state << by_river;
    CatchUp(*a_);
    CatchUp(*b_);
    EXPECT_EQ(Ask(*a_), absl::StrCat("PERMIT ", version));
    EXPECT_EQ(Ask(*b_), absl::StrCat("PERMIT ", version));
  }
}

TEST_F(SharedMousTest, OfTwoProposalsAtTwoGatewaysOneIsTheNext) {
  const std::string other = absl::StrReplaceAll(Document(), {{"days: 60", "days: 61"}});
  // The other comes between what the first looked at and what it writes.
  absl::Status between;
  a_->store().BeforeNextWrite([&] {
    between = b_->registry()
                  .Propose(ActOf(v1::MOU_ACTION_PROPOSE, "river-unified"), other, now_)
                  .status();
  });
  const absl::Status first =
      a_->registry()
          .Propose(ActOf(v1::MOU_ACTION_PROPOSE, "state-university"), Document(), now_)
          .status();
  EXPECT_TRUE(between.ok()) << between;
  EXPECT_TRUE(absl::IsFailedPrecondition(first)) << first;
  EXPECT_THAT(std::string(first.message()), HasSubstr("P020"));
  EXPECT_EQ(a_->registry().VersionsOf("stem-pipeline").at(1)->stored.document, other);
}

TEST_F(SharedMousTest, ASignatureWhoseAnswerWasLostIsThereAndCanBeSentAgain) {
  const std::string document = Document();
  ASSERT_TRUE(a_->registry()
                  .Propose(ActOf(v1::MOU_ACTION_PROPOSE, "state-university"), document, now_)
                  .ok());
  const std::string cms = pki::SignDocument(document, river_dean_).value();
  a_->store().LoseNextAnswer();
  EXPECT_TRUE(absl::IsUnavailable(Sign(*a_, cms, "river-unified")));
  EXPECT_TRUE(Sign(*a_, cms, "river-unified").ok());
  EXPECT_EQ(Ask(*a_), "NOT_SIGNED");
  EXPECT_THAT(a_->registry().VersionsOf("stem-pipeline").at(1)->stored.signatures, SizeIs(1));
}

TEST_F(SharedMousTest, AfterAttestationsThatRaceItIsClosedOnceAndNoGatewayHoldsItsRoot) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  for (Gateway* const gateway : {a_.get(), b_.get()}) {
    ASSERT_TRUE(gateway->keys().PseudonymRoot("stem-pipeline").ok());
  }
  MouAct end = ActOf(v1::MOU_ACTION_TERMINATE, "state-university");
  end.reason = v1::TERMINATION_REASON_NO_REASON;
  ASSERT_TRUE(a_->registry().Act(end, now_).ok());
  absl::Status at_b;
  std::thread other([&] { at_b = AttestAt(*b_); });
  const absl::Status at_a = AttestAt(*a_);
  other.join();
  EXPECT_TRUE(at_a.ok() && at_b.ok()) << at_a << at_b;
  for (Gateway* const gateway : {a_.get(), b_.get()}) {
    Refresh(*gateway);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(gateway->keys().PseudonymRoot("stem-pipeline").status()));
    EXPECT_EQ(Ask(*gateway), "TERMINATED");
  }
  const std::vector<std::string> logged = Logged();
  EXPECT_EQ(std::count(logged.begin(), logged.end(), "1 CLOSED"), 1);
  EXPECT_EQ(std::count(logged.begin(), logged.end(), "mou-stem-pipeline.root"), 2)
      << "made and destroyed";
}

TEST_F(SharedMousTest, KeepsNothingBackThatTheLogDoesNotSay) {
  PutSigned(*a_, "mou.yaml", Document());
  Refresh(*a_);
  CatchUp(*b_);
  // Beside the gateways: an end is taken back, under an entry that is about something else.
  StoredMouVersion forged = store_.MouVersions(0)->at(0);
  const uint64_t was = std::exchange(forged.log_index, forged.log_index + 1);
  forged.state = "SIGNED";
  ASSERT_TRUE(
      store_.Commit({.apply = [&](Transaction& t) { return t.PutMouVersion(forged, was); }}).ok());
  EXPECT_TRUE(absl::IsDataLoss(b_->registry().CatchUp()));
  EXPECT_TRUE(absl::IsDataLoss(b_->registry().CatchUp())) << "it is looked at again";
}

}  // namespace
}  // namespace sluice::server
