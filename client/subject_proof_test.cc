// The report is proved by the log: whatever the index left out or made up is found, and whatever
// the log does not commit to.
#include "client/subject_proof.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/disclosure_for_test.h"
#include "gtest/gtest.h"
#include "policy/subject_bitmap.h"

namespace sluice::client {
namespace {

class SubjectProofTest : public testing::Test {
 protected:
  void SetUp() override {
    Other();                                    // 0
    Disclose("state-university", {1, 2, 3});    // 1
    Disclose("river-unified", {2});             // 2: another owner's second subject
    Disclose("state-university", {3, 70'000});  // 3
    Other();                                    // 4
    Disclose("state-university", {2});          // 5
    Claim({1, 3, 5});
  }

  void Claim(const std::vector<int64_t>& indexes) {
    claim_ = {"state-university", {2, 70'000}, {}, 6};
    for (const int64_t index : indexes) {
      v1::SubjectDisclosure& it = claim_.disclosures.emplace_back();
      it.set_index(index);
      it.mutable_disclosure_time()->set_seconds(1'790'000'000);
      it.mutable_disclosure_time()->set_nanos(5'000'000);
      it.set_recipient("river-unified");
      it.set_system("hiring");
      it.set_spki("ab");
      it.set_purpose("hiring_pipeline");
      it.add_authority("FERPA_STUDIES");
      it.set_mou("stem-pipeline");
      it.set_version(2);
      it.set_document_digest("sha256:d0");
      it.add_grants("completers");
      it.set_record_type("Candidate");
      v1::DisclosedField& field = *it.add_fields();
      field.set_path("birth_date");
      field.set_rule("pass");
      it.set_rows_released(3);
      it.set_decision_index(0);
      it.set_recordable(true);
      // Of the document, not of the log.
      it.set_purpose_description("Plan hiring.");
      it.set_redisclosure(v1::REDISCLOSURE_PROHIBITED);
    }
  }
  void Other() {
    gateway_.entries.push_back(absl::StrCat("{\"n\":", gateway_.entries.size(), "}"));
  }
  void Disclose(const std::string& owner, const std::vector<uint32_t>& ordinals) {
    const v1::Opening opening = AddDisclosure(gateway_, owner, ordinals);
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
}

TEST_F(SubjectProofTest, ProvesItToWhoIsShownHisOwnEntriesAlone) {
  gateway_.shown = [](size_t i) { return i == 1 || i == 3 || i == 5; };
  const auto proof = Prove();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->disclosures, 3);
}

TEST_F(SubjectProofTest, FindsADisclosureThatWasLeftOut) {
  Claim({1, 5});
  ExpectLost("entry 3: it is about this person, and the report does not name it");
}

TEST_F(SubjectProofTest, FindsADisclosureThatWasMadeUp) {
  claim_.ordinals = {1};
  ExpectLost("entry 3: the report names it, and it is not about this person");
  Claim({1, 2});
  ExpectLost("entry 2: the report names it");
}

TEST_F(SubjectProofTest, FindsABitmapThatTheEntryDoesNotCommitTo) {
  gateway_.openings[1].set_value(policy::SubjectBitmap::Write({3}));
  Claim({1, 5});
  ExpectLost("entry 3: its subjects are not those that it commits to");
}

TEST_F(SubjectProofTest, FindsAnEntryThatIsNotInTheLog) {
  gateway_.checkpoint_entries = gateway_.entries;
  gateway_.entries[3] = absl::StrCat(gateway_.entries[3], " ");
  ExpectLost("entry 3: ");
}

TEST_F(SubjectProofTest, FindsADisclosureThatIsToldOtherwiseThanItWas) {
  const std::vector<std::function<void(v1::SubjectDisclosure&)>> lies = {
      [](auto& it) { it.set_recipient("hill-county"); },
      [](auto& it) { it.set_system("sis"); },
      [](auto& it) { it.set_spki("cd"); },
      [](auto& it) { it.set_purpose("research"); },
      [](auto& it) { it.add_authority("FERPA_CONSENT"); },
      [](auto& it) { it.set_mou("retention-study"); },
      [](auto& it) { it.set_version(1); },
      [](auto& it) { it.set_document_digest("sha256:d1"); },
      [](auto& it) { it.clear_grants(); },
      [](auto& it) { it.set_record_type("Placement"); },
      [](auto& it) { it.clear_fields(); },
      [](auto& it) { it.mutable_fields(0)->set_rule("drop"); },
      [](auto& it) { it.set_rows_released(1); },
      [](auto& it) { it.set_decision_index(4); },
      [](auto& it) { it.set_recordable(false); },
      [](auto& it) { it.mutable_disclosure_time()->set_nanos(0); }};
  for (const auto& lie : lies) {
    Claim({1, 3, 5});
    lie(claim_.disclosures[1]);
    ExpectLost("entry 3: the report tells it otherwise than the log");
  }
}

// To whom it is shown first, another entry than the one that is proven later.
TEST_F(SubjectProofTest, BelievesNoEntryThatIsShownAndNotProven) {
  const std::vector<std::string> honest = gateway_.entries;
  Disclose("state-university", {2});
  const std::string forged = gateway_.entries.back();
  v1::Opening opening = gateway_.openings.back();
  gateway_.openings.pop_back();
  opening.set_index(0);
  gateway_.openings.insert(gateway_.openings.begin(), opening);
  gateway_.entries = honest;
  gateway_.shown = [](size_t i) { return i == 0 || i == 1 || i == 3 || i == 5; };
  gateway_.lie = [&, first = true](v1::ListEntriesResponse& page) mutable {
    if (std::exchange(first, false)) page.mutable_entries(0)->set_body(forged);
  };
  Claim({0, 1, 3, 5});
  EXPECT_FALSE(Prove().ok());
}

TEST_F(SubjectProofTest, FindsAnOpeningThatIsWithheld) {
  gateway_.openings.erase(gateway_.openings.begin());
  Claim({3, 5});
  ExpectLost("entry 1: what opens it is withheld");
  // The gateway's word for it is none of the log's.
  gateway_.destroyed_openings = 1;
  ExpectLost("entry 1: what opens it is withheld");
}

TEST_F(SubjectProofTest, SaysHowManyNobodyCanOpenSinceTheirKeyWasDestroyed) {
  gateway_.openings.erase(gateway_.openings.begin());
  gateway_.destroyed_openings = 1;
  gateway_.entries.push_back(
      R"({"type":"key","action":"DESTROYED","owner":"state-university","key":"dictionary"})");
  Claim({3, 5});
  const auto proof = Prove();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->unopened, 1);
  EXPECT_EQ(proof->disclosures, 2);
  // One that nobody can open can't have been told.
  Claim({1, 3, 5});
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
