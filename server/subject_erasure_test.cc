// What an erasure leaves of a person, and what it keeps: entries and proofs stay as they are,
// nobody finds the person any more, and what stands in the way is said.
#include "server/subject_erasure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/subject_bitmap.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/owner_openings.h"
#include "server/subject_disclosures.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SubjectErasureTest : public ExchangeFixture {
 protected:
  void SetUp() override {
    ExchangeFixture::SetUp();
    erasure_ = std::make_unique<SubjectErasure>(
        SubjectErasure::Parts{policy::CatalogForTest(), admission_.get(), log_.get(), &store()});
    disclosures_ = std::make_unique<SubjectDisclosures>(SubjectDisclosures::Parts{
        policy::CatalogForTest(), admission_.get(), &mous_, log_.get(), &store()});
    openings_ = std::make_unique<OwnerOpenings>(
        OwnerOpenings::Parts{admission_.get(), log_.get(), &store()});
  }
  static Caller Admin(const std::string& organization = "state-university") {
    return IdentityForTest::Make(policy::PrincipalKind::kAdmin, organization, "pat");
  }
  static v1::EraseSubjectRequest Of(const std::string& id) {
    v1::EraseSubjectRequest request;
    request.set_parent("organizations/state-university");
    request.set_id_space("candidate");
    request.set_id(id);
    request.set_reason(v1::ERASURE_REASON_SUBJECT_REQUEST);
    return request;
  }
  absl::StatusOr<v1::EraseSubjectResponse> Erase(const v1::EraseSubjectRequest& request,
                                                 const Caller& caller = Admin()) {
    RequestId id = NewRequestId().value();
    return erasure_->Erase(caller, id, request);
  }
  absl::StatusOr<v1::ListSubjectDisclosuresResponse> Ask(const std::string& candidate) {
    v1::ListSubjectDisclosuresRequest request;
    request.set_parent("organizations/state-university");
    request.set_id_space("candidate");
    request.set_id(candidate);
    RequestId id = NewRequestId().value();
    return disclosures_->List(Admin(), id, request);
  }
  std::vector<v1::Opening> Openings(const std::string& field) {
    v1::ListOpeningsRequest request;
    request.set_parent("organizations/state-university");
    request.set_field(field);
    RequestId id = NewRequestId().value();
    const auto listed = openings_->List(Admin(), id, request);
    EXPECT_TRUE(listed.ok()) << listed.status();
    return {listed->openings().begin(), listed->openings().end()};
  }
  std::string EntryAt(int64_t index) {
    std::string body;
    const auto at = static_cast<uint64_t>(index);
    EXPECT_TRUE(store()
                    .ReadLogRows(at, at + 1,
                                 [&](const LogRow& row) {
                                   body = row.body;
                                   return false;
                                 })
                    .ok());
    return body;
  }
  // Three candidates, one release, and the first of them deleted again.
  void PublishReadAndDelete() {
    std::vector<v1::Candidate> candidates = CoveredUpTo(3);
    Publish(candidates);
    KeptMessages sent;
    ASSERT_TRUE(Read(Recipient(), Request(), sent).ok());
    DeleteCandidate(candidates[0].candidate_id());
  }
  void DeleteCandidate(const std::string& candidate) {
    RequestId id = NewRequestId().value();
    const auto admitted = admission_->AdmitOwner(Owner(), id, "DeleteRecords",
                                                 "organizations/state-university", "Candidate");
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    v1::Candidate key;
    key.set_candidate_id(candidate);
    v1::DeleteRecordsRequest request;
    request.set_request_id("delete-" + candidate);
    request.add_keys(key.SerializeAsString());
    const auto deleted = publication_->Delete(admitted->permit, request);
    ASSERT_TRUE(deleted.ok()) << deleted.status();
  }

  std::unique_ptr<SubjectErasure> erasure_;
  std::unique_ptr<SubjectDisclosures> disclosures_;
  std::unique_ptr<OwnerOpenings> openings_;
};

TEST_F(SubjectErasureTest, LeavesNoWayFromThePersonToADisclosureAndEveryProof) {
  PublishReadAndDelete();
  ASSERT_THAT(Ask("S1000")->disclosures(), SizeIs(1));
  const uint64_t size = log_->size();
  std::vector<std::vector<Hash>> proofs;
  for (uint64_t i = 0; i < size; ++i) proofs.push_back(log_->InclusionProof(i, size).value());
  const std::string before = EntryAt(Ask("S1001")->disclosures(0).index());

  const auto erased = Erase(Of("S1000"));
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->ordinal_count(), 1);
  EXPECT_TRUE(absl::IsNotFound(Erase(Of("S1000")).status()));
  EXPECT_TRUE(absl::IsNotFound(Ask("S1000").status()));
  // Of the others nothing is lost.
  ASSERT_THAT(Ask("S1001")->disclosures(), SizeIs(1));
  EXPECT_EQ(EntryAt(Ask("S1001")->disclosures(0).index()), before);
  for (uint64_t i = 0; i < size; ++i) {
    EXPECT_EQ(log_->InclusionProof(i, size).value(), proofs[i]) << i;
  }
}

TEST_F(SubjectErasureTest, DestroysTheOpeningsOfWhatWasAskedByTheId) {
  PublishReadAndDelete();
  ASSERT_TRUE(Ask("S1000").ok());
  ASSERT_TRUE(Ask("S1001").ok());
  ASSERT_TRUE(Ask("s1000").status().code() != absl::StatusCode::kUnavailable);
  EXPECT_THAT(Openings("filter"), SizeIs(3));
  const auto erased = Erase(Of("S1000"));
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->opening_count(), 2);
  const std::vector<v1::Opening> left = Openings("filter");
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].value(), "candidate  S1001");
}

TEST_F(SubjectErasureTest, SaysInTheLogWhatWasErasedByWhomAndWhyAndNotWhom) {
  PublishReadAndDelete();
  ASSERT_TRUE(Ask("S1000").ok());
  const int64_t asked = Openings("filter").at(0).index();
  const auto erased = Erase(Of("S1000"));
  ASSERT_TRUE(erased.ok()) << erased.status();
  const std::string entry = EntryAt(erased->index());
  EXPECT_THAT(entry, HasSubstr("\"type\":\"erasure\""));
  EXPECT_THAT(entry, HasSubstr("\"owner\":\"state-university\",\"reason\":\"SUBJECT_REQUEST\""));
  EXPECT_THAT(entry, HasSubstr(absl::StrCat("\"openings\":[{\"field\":\"filter\",\"begin\":", asked,
                                            ",\"end\":", asked + 1, "}]")));
  EXPECT_THAT(entry, Not(HasSubstr("S1000")));
  EXPECT_TRUE(Concerns(entry, "state-university"));
  EXPECT_FALSE(Concerns(entry, "river-unified"));
  // The owner can show which ordinals it was.
  const std::vector<v1::Opening> opened = Openings("erased");
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_EQ(opened[0].index(), erased->index());
  const auto bitmap = policy::SubjectBitmap::Read(opened[0].value());
  ASSERT_TRUE(bitmap.ok());
  EXPECT_EQ(bitmap->size(), 1u);
  EXPECT_TRUE(bitmap->Contains(1));
}

TEST_F(SubjectErasureTest, ErasesNobodyWhomRecordsNameAndChangesNothingThen) {
  Publish(CoveredUpTo(2));
  ASSERT_TRUE(Ask("S1000").ok());
  const absl::Status refused = Erase(Of("S1000")).status();
  EXPECT_EQ(ReasonOf(refused), "SUBJECT_HAS_RECORDS");
  EXPECT_TRUE(Ask("S1000").ok());
  EXPECT_THAT(Openings("filter"), SizeIs(2));
  EXPECT_THAT(Openings("erased"), IsEmpty());
}

TEST_F(SubjectErasureTest, OnlyCountsWhereThatIsAsked) {
  PublishReadAndDelete();
  ASSERT_TRUE(Ask("S1000").ok());
  v1::EraseSubjectRequest request = Of("S1000");
  request.set_validate_only(true);
  const auto counted = Erase(request);
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_EQ(counted->index(), -1);
  EXPECT_EQ(counted->ordinal_count(), 1);
  EXPECT_EQ(counted->opening_count(), 1);
  EXPECT_TRUE(Ask("S1000").ok());
  EXPECT_THAT(Openings("erased"), IsEmpty());
  Publish(CoveredUpTo(1), "again");
  EXPECT_EQ(ReasonOf(Erase(request).status()), "SUBJECT_HAS_RECORDS");
}

TEST_F(SubjectErasureTest, WritesAsManyEntriesAsManyOpeningsTake) {
  PublishReadAndDelete();
  constexpr size_t kAsked = SubjectErasure::kOpeningsAnEntry + 3;
  for (size_t i = 0; i < kAsked; ++i) ASSERT_TRUE(Ask("S1000").ok());
  const uint64_t size = log_->size();
  const auto erased = Erase(Of("S1000"));
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->opening_count(), static_cast<int32_t>(kAsked));
  // The decision, and two.
  EXPECT_EQ(log_->size(), size + 3);
  EXPECT_EQ(erased->index(), static_cast<int64_t>(size) + 2);
  EXPECT_THAT(Openings("filter"), IsEmpty());
}

TEST_F(SubjectErasureTest, IsForTheOwnersAdministratorsAlone) {
  PublishReadAndDelete();
  for (const policy::PrincipalKind kind :
       {policy::PrincipalKind::kSystem, policy::PrincipalKind::kAuditor,
        policy::PrincipalKind::kSignatory, policy::PrincipalKind::kOperator}) {
    const Caller caller = IdentityForTest::Make(kind, "state-university", "quinn");
    EXPECT_TRUE(absl::IsPermissionDenied(Erase(Of("S1000"), caller).status()));
  }
  EXPECT_TRUE(absl::IsPermissionDenied(Erase(Of("S1000"), Admin("river-unified")).status()));
  EXPECT_TRUE(Ask("S1000").ok());
}

TEST_F(SubjectErasureTest, NamesWhatIsWrong) {
  PublishReadAndDelete();
  v1::EraseSubjectRequest request = Of("S1000");
  request.set_reason(v1::ERASURE_REASON_UNSPECIFIED);
  EXPECT_THAT(std::string(Erase(request).status().message()), HasSubstr("reason"));
  request.set_reason(static_cast<v1::ErasureReason>(99));
  EXPECT_THAT(std::string(Erase(request).status().message()), HasSubstr("reason"));
  request = Of("");
  EXPECT_THAT(std::string(Erase(request).status().message()), HasSubstr("id"));
  request = Of("S1000");
  request.set_id_space("shoe size");
  EXPECT_THAT(std::string(Erase(request).status().message()), HasSubstr("id_space"));
  EXPECT_TRUE(absl::IsNotFound(Erase(Of("S9999")).status()));
}

TEST_F(SubjectErasureTest, DestroysTheQuestionsThatWereAskedAfterwardsToo) {
  PublishReadAndDelete();
  ASSERT_TRUE(Erase(Of("S1000")).ok());
  EXPECT_TRUE(absl::IsNotFound(Ask("S1000").status()));
  ASSERT_THAT(Openings("filter"), SizeIs(1));
  const auto again = Erase(Of("S1000"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->ordinal_count(), 0);
  EXPECT_EQ(again->opening_count(), 1);
  EXPECT_THAT(Openings("filter"), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(Erase(Of("S1000")).status()));
}

TEST_F(SubjectErasureTest, LetsNoRowOutThatWasReadBeforeSomebodyWasErased) {
  // Read ahead of what is sent, as far as a chunk goes.
  constexpr int kRows = Release::kChunkRows + 10;
  std::vector<v1::Candidate> all;
  for (int i = 0; i < kRows; ++i) all.push_back(Covered(i));
  constexpr size_t kBatch = 10'000;
  for (size_t i = 0; i < all.size(); i += kBatch) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(i + kBatch, all.size()));
    Publish({all.begin() + static_cast<std::ptrdiff_t>(i), end}, absl::StrCat("batch-", i));
  }
  const std::string last = all.back().candidate_id();
  bool erased = false;
  KeptMessages sent;
  sent.before_write = [&](const v1::ReadRecordsResponse& message) {
    if (erased || !message.has_batch()) return;
    absl::SleepFor(absl::Milliseconds(300));  // for the chunk that follows to be made
    DeleteCandidate(last);
    erased = Erase(Of(last)).ok();
  };
  const absl::Status status = Read(Recipient(), Request(), sent);
  ASSERT_TRUE(erased);
  EXPECT_EQ(ReasonOf(status), "RECORDS_RETRACTED");
  EXPECT_THAT(sent.Rows(), SizeIs(Answer::kBatchRows)) << "what was on its way";
}

}  // namespace
}  // namespace sluice::server
