// What the gateway makes of documents in its inbox: nothing opens that not every party has signed,
// byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/error.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

using ::testing::ElementsAre;

class Mous : public ::testing::Test {
 protected:
  // Starts the gateway on what lies in the inbox and asks for a release of `mou`.
  absl::Status ReadAfterStart(absl::string_view mou) {
    if (deployment_.process() < 0) deployment_.Start();
    return ReadOnce(ReadRequest(mou));
  }
  absl::Status ReadOnce(const v1::ReadRecordsRequest& request) {
    ReadRows rows;
    const absl::Status status = Read(*District(), request, rows);
    if (!status.ok()) {
      EXPECT_TRUE(rows.row_ids.empty());
    }
    return status;
  }
  std::unique_ptr<client::Gateway> District() {
    return deployment_.Connect(deployment_.As(kDistrict, "system", "hr"));
  }

  Deployment deployment_;
};

TEST_F(Mous, PermitsUnderADocumentThatAllPartiesSigned) {
  deployment_.ProposeSigned("pipeline");
  Must(ReadAfterStart("pipeline"));
}

TEST_F(Mous, FindsTheOnlyMouThatFitsWhenNoneIsNamed) {
  deployment_.ProposeSigned("pipeline");
  Must(ReadAfterStart(""));
}

TEST_F(Mous, DeniesWhenSeveralMousFitAndNoneIsNamed) {
  deployment_.ProposeSigned("pipeline");
  deployment_.ProposeSigned("second-pipeline");
  EXPECT_EQ(Reason(ReadAfterStart("")), "AMBIGUOUS_MOU");
  Must(ReadAfterStart("pipeline"));
}

TEST_F(Mous, DeniesWithoutAnyMou) { EXPECT_EQ(Reason(ReadAfterStart("")), "NO_MOU"); }

TEST_F(Mous, DeniesUnderADocumentThatOnePartyHasNotSigned) {
  deployment_.Propose("pipeline", deployment_.Document("pipeline"));
  deployment_.Sign("pipeline", kProgram);
  const absl::Status status = ReadAfterStart("pipeline");
  EXPECT_EQ(Reason(status), "NOT_SIGNED");
  EXPECT_THAT(client::ErrorOf(status).unsigned_parties, ElementsAre(kDistrict));
}

TEST_F(Mous, DeniesAfterOneByteChanged) {
  deployment_.ProposeSigned("pipeline");
  deployment_.Propose("pipeline", absl::StrReplaceAll(deployment_.Document("pipeline"),
                                                      {{"at_least: 2027", "at_least: 2017"}}));
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "NOT_SIGNED");
}

TEST_F(Mous, DeniesUnderASignatureOfAnotherOrganization) {
  deployment_.Propose("pipeline", deployment_.Document("pipeline"));
  deployment_.Sign("pipeline", kProgram);
  deployment_.Sign("pipeline", kDistrict, /*signatory_of=*/kStranger);
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "NOT_SIGNED");
}

TEST_F(Mous, DeniesUnderAnotherCaThanThePinnedOne) {
  deployment_.Propose(
      "pipeline", absl::StrReplaceAll(deployment_.Document("pipeline"),
                                      {{Must(pki::SpkiDigest(ReadFile(deployment_.Path(absl::StrCat(
                                            "pki/", kDistrict, "/signatory-ca.pem"))))),
                                        "sha256:" + std::string(64, '0')}}));
  deployment_.Sign("pipeline", kProgram);
  deployment_.Sign("pipeline", kDistrict);
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "NOT_SIGNED");
}

TEST_F(Mous, DeniesWithEmptySignatures) {
  deployment_.ProposeSigned("pipeline");
  WriteFile(deployment_.Path(absl::StrCat("mous/pipeline.yaml.", kDistrict, ".p7s")), "");
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "NOT_SIGNED");
}

TEST_F(Mous, DeniesAnUngrantedPurposeAndNamesTheNearestGrant) {
  deployment_.ProposeSigned("pipeline");
  deployment_.Start();
  v1::ReadRecordsRequest request = ReadRequest("pipeline");
  request.set_purpose("research");
  const absl::Status status = ReadOnce(request);
  EXPECT_EQ(Reason(status), "PURPOSE_NOT_GRANTED");
  const client::ErrorDetail detail = client::ErrorOf(status);
  ASSERT_EQ(detail.nearest.size(), 1);
  EXPECT_EQ(detail.nearest[0].grant, "expected-completers");

  v1::ExplainDecisionRequest explain;
  explain.set_decision_id(detail.decision_id);
  const auto explained = District()->ExplainDecision(explain);
  Must(explained.status());
  EXPECT_EQ(explained->decision().code(), v1::DENIAL_CODE_PURPOSE_NOT_GRANTED);
}

TEST_F(Mous, DeniesATypeThatIsNotGranted) {
  deployment_.ProposeSigned("pipeline");
  deployment_.Start();
  v1::ReadRecordsRequest request = ReadRequest("pipeline");
  request.set_record_type("Employment");
  EXPECT_EQ(Reason(ReadOnce(request)), "RECORD_NOT_GRANTED");
}

TEST_F(Mous, DeniesBeforeTheTermBegins) {
  std::string document = deployment_.Document("pipeline");
  const size_t term = document.find("term: ");
  document.replace(term, document.find('\n', term) - term,
                   "term: {effective: 2099-01-01, expires: 2100-01-01}");
  deployment_.Propose("pipeline", document);
  deployment_.Sign("pipeline", kProgram);
  deployment_.Sign("pipeline", kDistrict);
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "OUTSIDE_PERIOD");
}

TEST_F(Mous, TakesADocumentInWhenItsLastSignatureArrives) {
  deployment_.Propose("pipeline", deployment_.Document("pipeline"));
  deployment_.Sign("pipeline", kProgram);
  EXPECT_EQ(Reason(ReadAfterStart("pipeline")), "NOT_SIGNED");
  deployment_.Sign("pipeline", kDistrict);
  deployment_.Reload();
  Must(ReadAfterStart("pipeline"));
}

TEST_F(Mous, KeepsWhatIsInForceWhenItsFilesAreChangedOrGone) {
  deployment_.ProposeSigned("pipeline");
  Must(ReadAfterStart("pipeline"));
  deployment_.Propose("pipeline", "mou: pipeline\nversion: 1\n");
  deployment_.Reload();
  Must(ReadAfterStart("pipeline"));
  std::filesystem::remove_all(deployment_.Path("mous"));
  std::filesystem::create_directories(deployment_.Path("mous"));
  EXPECT_EQ(deployment_.End(SIGTERM), 0);
  Must(ReadAfterStart("pipeline"));
}

}  // namespace
}  // namespace sluice::tests
