// The report is proved by the log: whatever the index left out or made up is found, and whatever
// the log does not commit to.
#include "client/subject_proof.h"

#include <openssl/sha.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "gtest/gtest.h"
#include "policy/subject_bitmap.h"

namespace sluice::client {
namespace {

std::string Base64Sha256(const std::string& text) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

class SubjectProofTest : public testing::Test {
 protected:
  void SetUp() override {
    Other();                                    // 0
    Disclose("state-university", {1, 2, 3});    // 1
    Disclose("river-unified", {2});             // 2: another owner's second subject
    Disclose("state-university", {3, 70'000});  // 3
    Other();                                    // 4
    Disclose("state-university", {2});          // 5
    claim_ = {"state-university", {2, 70'000}, {1, 3, 5}, 6};
  }

  void Other() {
    gateway_.entries.push_back(absl::StrCat("{\"n\":", gateway_.entries.size(), "}"));
  }
  void Disclose(const std::string& owner, const std::vector<uint32_t>& ordinals) {
    v1::Opening opening;
    opening.set_index(static_cast<int64_t>(gateway_.entries.size()));
    opening.set_field("subjects");
    opening.set_salt(std::string(32, static_cast<char>('a' + gateway_.entries.size())));
    opening.set_value(policy::SubjectBitmap::Write(ordinals));
    gateway_.entries.push_back(absl::StrCat(
        R"({"type":"disclosure","owner":")", owner, R"(","subjects":{"n":"","commit":")",
        Base64Sha256("bm1" + opening.salt() + opening.value()), "\"}}"));
    if (owner == claim_owner_) gateway_.openings.push_back(opening);
  }
  absl::StatusOr<SubjectProof> Prove() {
    return ProveSubject(
        gateway_, gateway_.log.key(), std::nullopt, claim_,
        [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  }
  void ExpectLost(absl::string_view why) {
    const absl::Status status = Prove().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
  }

  const std::string claim_owner_ = "state-university";
  FakeGateway gateway_;
  SubjectClaim claim_;
};

TEST_F(SubjectProofTest, ProvesAReportThatIsWhatTheLogSays) {
  const auto proof = Prove();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->disclosures, 3);
  EXPECT_EQ(proof->unopened, 0);
  EXPECT_TRUE(proof->log.whole);
}

TEST_F(SubjectProofTest, ProvesItToWhoIsShownHisOwnEntriesAlone) {
  gateway_.shown = [](size_t i) { return i == 1 || i == 3 || i == 5; };
  const auto proof = Prove();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->disclosures, 3);
  EXPECT_FALSE(proof->log.whole);
}

TEST_F(SubjectProofTest, FindsADisclosureThatWasLeftOut) {
  claim_.disclosures = {1, 5};
  ExpectLost("entry 3: it is about this person, and the report does not name it");
}

TEST_F(SubjectProofTest, FindsADisclosureThatWasMadeUp) {
  claim_.ordinals = {1};
  ExpectLost("entry 3: the report names it, and it is not about this person");
  claim_.disclosures = {1, 2};
  ExpectLost("entry 2: the report names it");
}

TEST_F(SubjectProofTest, FindsABitmapThatTheEntryDoesNotCommitTo) {
  gateway_.openings[1].set_value(policy::SubjectBitmap::Write({3}));
  claim_.disclosures = {1, 5};
  ExpectLost("entry 3: its subjects are not those that it commits to");
}

TEST_F(SubjectProofTest, FindsAnEntryThatIsNotInTheLog) {
  gateway_.checkpoint_entries = gateway_.entries;
  gateway_.entries[3] = absl::StrCat(gateway_.entries[3], " ");
  ExpectLost("root is not that of");
}

TEST_F(SubjectProofTest, SaysHowManyNobodyCouldOpen) {
  gateway_.openings.erase(gateway_.openings.begin());
  claim_.disclosures = {3, 5};
  const auto proof = Prove();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->unopened, 1);
  // One that nobody can open can't have been told.
  claim_.disclosures = {1, 3, 5};
  ExpectLost("entry 1: the report names it");
}

TEST_F(SubjectProofTest, LooksAtNothingThatCameAfterTheReport) {
  Disclose("state-university", {2});
  EXPECT_TRUE(Prove().ok());
  claim_.log_size = 7;
  ExpectLost("entry 6: it is about this person");
  claim_.log_size = 8;
  ExpectLost("of more entries than the log's checkpoint");
}

TEST_F(SubjectProofTest, BelievesNoDisclosureThatSaysNothingOfItsSubjects) {
  gateway_.entries.push_back(R"({"type":"disclosure","owner":"state-university"})");
  claim_.log_size = 7;
  ExpectLost("entry 6: a disclosure does not say whom it is about");
}

}  // namespace
}  // namespace sluice::client
