#include "server/mou_registry.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/mou_registry_fixture.h"

namespace sluice::server {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(MouRegistryTest, OpensWhatEveryPartyHasSigned) {
  EXPECT_EQ(Ask(), "NO_MOU");
  PutSigned("mou.yaml", Document());
  const InboxReport::Document line = Look();
  EXPECT_EQ(line.state, "SIGNED");
  EXPECT_EQ(line.mou, "stem-pipeline");
  EXPECT_EQ(line.version, 1);
  EXPECT_THAT(line.signature_problems, IsEmpty());
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_THAT(Logged(), ElementsAre("stem-pipeline 1 SIGNED", "mou-stem-pipeline.root",
                                    "stem-pipeline 1 ACTIVE"));
  EXPECT_TRUE(keys_->PseudonymRoot("stem-pipeline").ok());
  EXPECT_EQ(Look().state, "IN_FORCE");
  EXPECT_THAT(Logged(), SizeIs(3));
}

TEST_F(MouRegistryTest, TheLogHasTheSignaturesWithChainCrlAndReceipt) {
  PutSigned("mou.yaml", Document());
  Refresh();
  std::string body;
  ASSERT_TRUE(store_
                  .ReadLogRows(0, 1,
                               [&](const LogRow& row) {
                                 body = row.body;
                                 return false;
                               })
                  .ok());
  EXPECT_THAT(body, AllOf(HasSubstr(pki::SpkiDigest(river_dean_.certificate)->substr(7)),
                          HasSubstr("\"chain\":[\"sha256:"), HasSubstr("\"crl\":\"1\""),
                          HasSubstr(absl::StrCat("\"received_ms\":", absl::ToUnixMillis(kNow)))));
}

TEST_F(MouRegistryTest, NamesWhoHasNotSigned) {
  Put("mou.yaml", Document());
  EXPECT_EQ(Look().state, "NOT_SIGNED");
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
  PutSignature("mou.yaml", Document(), state_, state_dean_);
  EXPECT_THAT(Look().signature_problems,
              ElementsAre("river-unified: has not signed: lay its signature down as "
                          "mou.yaml.river-unified.p7s"));
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  EXPECT_THAT(Logged(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(keys_->PseudonymRoot("stem-pipeline").status()));
  PutSignature("mou.yaml", Document(), river_, river_dean_);
  EXPECT_EQ(Look().state, "SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, RefusesOneByteChangedAfterSigning) {
  PutSigned("mou.yaml", Document());
  Put("mou.yaml", absl::StrReplaceAll(Document(), {{"at_least: 2027", "at_least: 2026"}}));
  EXPECT_THAT(Look().signature_problems, Each(HasSubstr("not over these bytes")));
  EXPECT_EQ(Ask(), "NOT_SIGNED state-university river-unified");
}

TEST_F(MouRegistryTest, RefusesASignatureByTheWrongKeyOrUnderAnotherCa) {
  PutSigned("mou.yaml", Document());
  const OrganizationForTest impostor("river-unified", kNow);
  PutSignature("mou.yaml", Document(), river_, impostor.Signatory("dean"));
  EXPECT_THAT(Look().signature_problems, ElementsAre(HasSubstr("no CA of the organization")));
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
}

TEST_F(MouRegistryTest, RefusesTheSignatureOfAnotherParty) {
  PutSigned("mou.yaml", Document());
  PutSignature("mou.yaml", Document(), river_, state_dean_);
  EXPECT_THAT(Look().signature_problems, ElementsAre(HasSubstr("another organization's")));
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
}

TEST_F(MouRegistryTest, RefusesEmbeddedContent) {
  PutSigned("mou.yaml", Document());
  const std::string prefix = absl::StrCat(dir_, "/signer");
  std::ofstream(prefix + ".pem") << river_dean_.certificate;
  std::ofstream(prefix + ".key") << river_dean_.key.ToPem().value();
  ASSERT_EQ(system(absl::StrCat("openssl cms -sign -binary -nodetach -in ", inbox(),
                                "/mou.yaml -signer ", prefix, ".pem -inkey ", prefix,
                                ".key -outform DER -out ", inbox(), "/mou.yaml.river-unified.p7s")
                       .c_str()),
            0);
  EXPECT_THAT(Look().signature_problems, ElementsAre(HasSubstr("content embedded")));
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
}

TEST_F(MouRegistryTest, AFileReplacedOrRemovedAfterwardsChangesNothing) {
  PutSigned("mou.yaml", Document());
  Refresh();
  const std::string other = absl::StrReplaceAll(Document(), {{"[READ]", "[READ, SYNC]"}});
  PutSigned("mou.yaml", other);
  const InboxReport::Document line = Look();
  EXPECT_EQ(line.state, "REFUSED");
  ASSERT_THAT(line.findings, Not(IsEmpty()));
  EXPECT_THAT(line.findings.back().ToString(),
              AllOf(HasSubstr("mou.yaml:2:"), HasSubstr("error P020"), HasSubstr("other bytes")));
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(store_.MouVersions(0)->at(0).document, Document());
  for (const char* file :
       {"mou.yaml", "mou.yaml.state-university.p7s", "mou.yaml.river-unified.p7s"}) {
    Remove(file);
  }
  EXPECT_THAT(Refresh().documents, IsEmpty());
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, ARestartLoadsTheSameWithoutTheInbox) {
  PutSigned("mou.yaml", Document());
  Refresh();
  std::filesystem::remove_all(inbox());
  Restart();
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(registry_->Refresh(*InForce(), now_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, ALaterVersionSupersedesInOneTransaction) {
  PutSigned("v1.yaml", Document(1));
  PutSigned("v2.yaml", Document(2));
  EXPECT_THAT(Refresh().documents, SizeIs(2));
  EXPECT_EQ(Ask(), "PERMIT 2");
  EXPECT_THAT(Logged(), ElementsAre("stem-pipeline 1 SIGNED", "mou-stem-pipeline.root",
                                    "stem-pipeline 2 SIGNED", "stem-pipeline 1 SUPERSEDED",
                                    "stem-pipeline 2 ACTIVE"));
  Restart();
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouRegistryTest, AVersionThatIsProposedLeavesTheOneBeforeInForce) {
  PutSigned("v1.yaml", Document(1));
  Refresh();
  Put("v2.yaml", Document(2));
  EXPECT_EQ(Refresh().documents[1].state, "NOT_SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, RefusesAVersionThatIsNotTheNext) {
  PutSigned("mou.yaml", Document(2));
  InboxReport::Document line = Look();
  EXPECT_EQ(line.state, "REFUSED");
  EXPECT_THAT(line.findings.back().ToString(), HasSubstr("not the next, 1"));
  EXPECT_EQ(Ask(), "NO_MOU");
}

TEST_F(MouRegistryTest, RefusesALowerNumberAsRollback) {
  PutSigned("v1.yaml", Document(1));
  PutSigned("v2.yaml", Document(2));
  Refresh();
  Remove("v2.yaml");
  // The old file itself is harmless.
  EXPECT_EQ(Look().state, "IN_FORCE");
  EXPECT_EQ(Ask(), "PERMIT 2");
  PutSigned("v1.yaml", absl::StrReplaceAll(Document(1), {{"[READ]", "[READ, SYNC]"}}));
  EXPECT_THAT(Look().findings.back().ToString(),
              AllOf(HasSubstr("ROLLBACK"), HasSubstr("version 1 is lower than the last, 2")));
  EXPECT_EQ(Ask(), "PERMIT 2");
}

TEST_F(MouRegistryTest, ABadDocumentLeavesThePreviousInForce) {
  PutSigned("v1.yaml", Document(1));
  Refresh();
  PutSigned("v2.yaml", absl::StrReplaceAll(Document(2), {{"birth_date:", "birth_dat:"}}));
  const InboxReport report = Refresh();
  EXPECT_EQ(report.documents[1].state, "REFUSED");
  EXPECT_THAT(report.documents[1].findings, Not(IsEmpty()));
  EXPECT_EQ(Ask(), "PERMIT 1");
  PutSigned("v2.yaml", "mou: [");
  EXPECT_EQ(Refresh().documents[1].state, "REFUSED");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, RefusesTwoFilesOfOneVersion) {
  Put("a.yaml", Document());
  PutSigned("b.yaml", Document());
  const InboxReport report = Refresh();
  EXPECT_EQ(report.documents[0].state, "NOT_SIGNED");
  EXPECT_THAT(report.documents[1].findings.back().ToString(), HasSubstr("stands in a.yaml, too"));
}

TEST_F(MouRegistryTest, RefusesLinksPipesAndOversizedFiles) {
  PutSigned("target", Document());
  ASSERT_EQ(symlink("target", absl::StrCat(inbox(), "/link.yaml").c_str()), 0);
  ASSERT_EQ(mkfifo(absl::StrCat(inbox(), "/pipe.yaml").c_str(), 0600), 0);
  std::filesystem::create_directory(absl::StrCat(inbox(), "/sub.yaml"));
  Put("zlarge.yaml", std::string((1 << 20) + 1, '#'));
  const InboxReport report = Refresh();
  ASSERT_THAT(report.documents, SizeIs(4));
  const char* const reasons[] = {"is a link", "no regular file", "no regular file", "larger than"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(report.documents[i].state, "REFUSED");
    EXPECT_THAT(report.documents[i].findings[0].message, HasSubstr(reasons[i]));
  }
  EXPECT_EQ(Ask(), "NO_MOU");
}

TEST_F(MouRegistryTest, ASignatureThatIsALinkDoesNotCount) {
  PutSigned("mou.yaml", Document());
  Remove("mou.yaml.river-unified.p7s");
  Put("elsewhere", pki::SignDocument(Document(), river_dean_).value());
  ASSERT_EQ(symlink("elsewhere", absl::StrCat(inbox(), "/mou.yaml.river-unified.p7s").c_str()), 0);
  EXPECT_THAT(Look().signature_problems, ElementsAre(HasSubstr("is a link")));
}

TEST_F(MouRegistryTest, ARevocationBeforeReceiptVoidsUntilSignedAgain) {
  PutSigned("mou.yaml", Document());
  Refresh();
  river_.RevokeSignatory(river_dean_, kNow + kDay, kNow - kDay);
  now_ = kNow + 2 * kDay;
  EXPECT_EQ(Look().state, "NOT_SIGNED");
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  EXPECT_THAT(Logged(), Contains("stem-pipeline 1 NOT_SIGNED").Times(1));
  // It stays void without its file, after a restart, and when the list forgets it.
  Restart();
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  river_.signatory_crl().revocations.clear();
  Remove("mou.yaml.river-unified.p7s");
  Refresh();
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");

  PutSignature("mou.yaml", Document(), river_, river_.Signatory("provost"));
  EXPECT_EQ(Look().state, "SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
  EXPECT_EQ(Logged().back(), "stem-pipeline 1 ACTIVE");
  Restart();
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, ARevocationAfterReceiptChangesNothing) {
  PutSigned("mou.yaml", Document());
  Refresh();
  river_.RevokeSignatory(river_dean_, kNow + kDay);
  now_ = kNow + 2 * kDay;
  EXPECT_EQ(Look().state, "IN_FORCE");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, AVoidSignatureCountsNoMoreEvenIfTheStoreCannotBeTold) {
  PutSigned("mou.yaml", Document());
  Refresh();
  river_.RevokeSignatory(river_dean_, kNow - kDay);
  store_.FailNextCommit(/*persisted=*/false);
  EXPECT_FALSE(registry_->Refresh(*InForce(), now_).ok());
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
}

// The same look finds the signature void and the version's first day come.
TEST_F(MouRegistryTest, AVoidSignatureOutlivesATransitionThatTheStoreWasToldOf) {
  const absl::Time before = absl::FromCivil(absl::CivilDay(2026, 6, 20), absl::UTCTimeZone());
  state_ = OrganizationForTest("state-university", before);
  river_ = OrganizationForTest("river-unified", before);
  const pki::Credential dean = river_.Signatory("dean");
  now_ = before;
  Put("mou.yaml", Document());
  PutSignature("mou.yaml", Document(), state_, state_.Signatory("dean"));
  PutSignature("mou.yaml", Document(), river_, dean);
  Refresh();
  river_.RevokeSignatory(dean, before - kDay);
  now_ = before + 12 * kDay;
  store_.RefuseNextWork();
  EXPECT_FALSE(registry_->Refresh(*InForce(), now_).ok());
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  EXPECT_THAT(Logged(), Not(Contains("stem-pipeline 1 ACTIVE")));
  // Though the list forgets it, the store is told.
  river_.signatory_crl().revocations.clear();
  Remove("mou.yaml.river-unified.p7s");
  Refresh();
  EXPECT_EQ(Logged().back(), "stem-pipeline 1 NOT_SIGNED");
  Restart();
  EXPECT_EQ(Ask(), "NOT_SIGNED river-unified");
  PutSignature("mou.yaml", Document(), river_, river_.Signatory("provost"));
  EXPECT_EQ(Look().state, "SIGNED");
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, NothingIsInForceThatCouldNotBeStored) {
  PutSigned("mou.yaml", Document());
  store_.FailNextCommit(/*persisted=*/false);
  EXPECT_FALSE(registry_->Refresh(*InForce(), now_).ok());
  EXPECT_NE(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, DatesMoveVersionsOnAndTheLogSaysSo) {
  const absl::Time before = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());
  const absl::Time after = absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone());
  state_ = OrganizationForTest("state-university", before);
  river_ = OrganizationForTest("river-unified", before);
  now_ = before;
  const std::string document = Document();
  Put("mou.yaml", document);
  PutSignature("mou.yaml", document, state_, state_.Signatory("dean"));
  PutSignature("mou.yaml", document, river_, river_.Signatory("dean"));
  Refresh();
  EXPECT_EQ(Ask(), "OUTSIDE_PERIOD");
  EXPECT_EQ(Logged().back(), "mou-stem-pipeline.root");
  now_ = kNow;
  // In force at its date, whether or not anybody has looked since.
  EXPECT_EQ(Ask(), "PERMIT 1");
  Refresh();
  EXPECT_EQ(Logged().back(), "stem-pipeline 1 ACTIVE");
  now_ = after;
  EXPECT_EQ(Ask(), "OUTSIDE_PERIOD");
  Restart();
  EXPECT_EQ(Logged().back(), "stem-pipeline 1 EXPIRED");
  EXPECT_EQ(Ask(), "OUTSIDE_PERIOD");
}

TEST_F(MouRegistryTest, ARootThatIsGoneKeepsTheNextVersionOut) {
  PutSigned("v1.yaml", Document(1));
  Refresh();
  std::filesystem::remove(dir_ + "/keys/mou-stem-pipeline.root");
  Restart();
  PutSigned("v2.yaml", Document(2));
  EXPECT_TRUE(absl::IsDataLoss(registry_->Refresh(*InForce(), now_).status()));
  EXPECT_EQ(Ask(), "PERMIT 1");
}

TEST_F(MouRegistryTest, ADocumentThatTheLogDoesNotKnowHaltsTheStart) {
  PutSigned("mou.yaml", Document());
  Refresh();
  // Beside the gateway: other bytes, or a state, put into the store.
  StoredMouVersion forged = store_.MouVersions(0)->at(0);
  forged.state = "SUPERSEDED";
  ASSERT_TRUE(store_
                  .Commit({.apply =
                               [&](Transaction& transaction) {
                                 return transaction.PutMouVersion(forged, forged.log_index);
                               }})
                  .ok());
  EXPECT_TRUE(absl::IsDataLoss(TryRestart()));
  forged = store_.MouVersions(0)->at(0);
  forged.mou = "other";
  forged.state = "ACTIVE";
  ASSERT_TRUE(store_
                  .Commit({.apply =
                               [&](Transaction& transaction) {
                                 return transaction.PutMouVersion(forged, std::nullopt);
                               }})
                  .ok());
  EXPECT_TRUE(absl::IsDataLoss(TryRestart()));
}

}  // namespace
}  // namespace sluice::server
