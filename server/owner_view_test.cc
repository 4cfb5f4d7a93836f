// What an owner is shown of a recipient's view: the recipient's very rows, and reasons that are the
// release's own.
#include "server/owner_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_replace.h"
#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class OwnerViewTest : public ExchangeFixture {
 protected:
  static std::string Key(const v1::Candidate& candidate) {
    v1::Candidate key;
    key.set_candidate_id(candidate.candidate_id());
    return key.SerializeAsString();
  }
  template <typename Question>
  static Question Ask() {
    Question question;
    question.set_parent("organizations/state-university");
    question.set_recipient("organizations/river-unified");
    question.set_purpose("hiring_pipeline");
    question.set_record_type("Candidate");
    return question;
  }
  absl::StatusOr<v1::PreviewGrantResponse> Preview(const v1::PreviewGrantRequest& request,
                                                   const Caller& caller = Owner()) {
    RequestId id = NewRequestId().value();
    return owner_view_->Preview(caller, id, request);
  }
  absl::StatusOr<v1::ExplainRowResponse> Explain(const v1::ExplainRowRequest& request) {
    RequestId id = NewRequestId().value();
    return owner_view_->Explain(Owner(), id, request);
  }
  static v1::Candidate OutOfScope() {
    v1::Candidate candidate = Covered(50);
    candidate.set_expected_completion_year(2020);
    return candidate;
  }
};

TEST_F(OwnerViewTest, ShowsTheRowsThatTheRecipientIsSent) {
  std::vector<v1::Candidate> candidates = CoveredUpTo(5);
  candidates.push_back(OutOfScope());
  Publish(candidates);
  KeptMessages sent;
  ASSERT_TRUE(Read(Request(), sent).ok());
  const size_t disclosures = Entries("disclosure").size();
  const auto preview = Preview(Ask<v1::PreviewGrantRequest>());
  ASSERT_TRUE(preview.ok()) << preview.status();
  std::map<std::string, std::string> shown, released;
  for (const v1::Row& row : preview->rows()) shown[row.row_id()] = row.record();
  for (const auto& [id, record] : sent.Rows()) released[id] = record;
  EXPECT_THAT(shown, SizeIs(5));
  EXPECT_EQ(shown, released);
  EXPECT_EQ(preview->considered_count(), 6);
  EXPECT_FALSE(preview->more());
  // The header differs in the decision alone.
  v1::ReleaseHeader header = preview->header();
  header.set_decision_id(sent.messages[0].header().decision_id());
  EXPECT_EQ(header.SerializeAsString(), sent.messages[0].header().SerializeAsString());
  EXPECT_EQ(Entries("disclosure").size(), disclosures);
  EXPECT_THAT(Entries("decision").back(), HasSubstr("\"as\":\"river-unified\""));
}

TEST_F(OwnerViewTest, ShowsNoMoreRowsThanWereAskedFor) {
  Publish(CoveredUpTo(20));
  v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
  EXPECT_EQ(Preview(request)->rows_size(), OwnerView::kDefaultRows);
  EXPECT_TRUE(Preview(request)->more());
  request.set_row_limit(3);
  EXPECT_EQ(Preview(request)->rows_size(), 3);
  request.set_row_limit(1000);
  EXPECT_EQ(Preview(request)->rows_size(), 20);
  EXPECT_FALSE(Preview(request)->more());
  request.set_row_limit(-1);
  EXPECT_EQ(ReasonOf(Preview(request).status()), "INVALID_ARGUMENT");
}

TEST_F(OwnerViewTest, LooksNoFurtherThanTheBytesOfOnePreview) {
  constexpr int kLarge = 18;
  for (int n = 0; n < kLarge; ++n) {
    v1::Candidate large = Covered(n);
    large.add_street_address(std::string((1 << 20) - 300, 'x'));
    Publish({large}, absl::StrCat("large-", n));
  }
  v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
  request.set_row_limit(100);
  const auto preview = Preview(request);
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(preview->considered_count(), kLarge - 1);
  EXPECT_TRUE(preview->more());
}

TEST_F(OwnerViewTest, ShowsOneRecordByItsKey) {
  Publish({Covered(1), Covered(2), OutOfScope()});
  v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
  request.set_key(Key(Covered(2)));
  EXPECT_EQ(Preview(request)->rows_size(), 1);
  request.set_key(Key(OutOfScope()));
  EXPECT_EQ(Preview(request)->rows_size(), 0);
  EXPECT_EQ(Preview(request)->considered_count(), 1);
  request.set_key(Key(Covered(9)));
  EXPECT_EQ(ReasonOf(Preview(request).status()), "NOT_FOUND");
}

TEST_F(OwnerViewTest, ShowsTheDenialThatTheRecipientWouldGet) {
  Publish(CoveredUpTo(2));
  v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
  request.set_purpose("research");
  const auto preview = Preview(request);
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_FALSE(preview->decision().permit());
  EXPECT_EQ(preview->decision().code(), v1::DENIAL_CODE_PURPOSE_NOT_GRANTED);
  ASSERT_EQ(preview->decision().nearest_grants_size(), 1);
  EXPECT_EQ(preview->decision().nearest_grants(0).grant(), "expected-completers");
  EXPECT_THAT(preview->rows(), IsEmpty());
  EXPECT_FALSE(preview->has_header());
  // The question itself was permitted, and what was made up stays out of the log.
  EXPECT_THAT(Entries("decision").back(), HasSubstr("\"result\":\"PERMIT\""));
  EXPECT_THAT(Entries("decision").back(), Not(HasSubstr("research")));
}

TEST_F(OwnerViewTest, TellsNothingOfAnMouThatTheOwnerIsNoPartyOf) {
  const Caller stranger =
      IdentityForTest::Make(policy::PrincipalKind::kAdmin, "hill-county", "pat");
  v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
  request.set_parent("organizations/hill-county");
  for (const char* mou : {"stem-pipeline", "no-such-mou", ""}) {
    request.set_mou(mou);
    const auto preview = Preview(request, stranger);
    ASSERT_TRUE(preview.ok()) << preview.status();
    EXPECT_EQ(preview->decision().code(), v1::DENIAL_CODE_NO_MOU) << mou;
    EXPECT_THAT(preview->decision().nearest_grants(), IsEmpty());
    EXPECT_EQ(preview->decision().version(), 0);
    EXPECT_EQ(preview->decision().explanation(), "NO_MOU");
    EXPECT_THAT(Entries("decision").back(), Not(HasSubstr("stem-pipeline")));
  }
}

TEST_F(OwnerViewTest, ShowsNothingOfWhatAnotherOwnerGrants) {
  const std::string two = absl::StrReplaceAll(
      policy::ExampleMou(),
      {{"from: state-university", "from: lake-college"},
       {"parties:\n", "parties:\n  - {organization: lake-college, signatory_ca: sha256:" +
                          std::string(64, 'b') + "}\n"}});
  SetMous({policy::SignedForTest(two)});
  Publish(CoveredUpTo(2));
  const auto preview = Preview(Ask<v1::PreviewGrantRequest>());
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_FALSE(preview->decision().permit());
  EXPECT_EQ(preview->decision().code(), v1::DENIAL_CODE_RECORD_NOT_GRANTED);
  EXPECT_THAT(preview->rows(), IsEmpty());
}

TEST_F(OwnerViewTest, RefusesARecipientThatIsNoOrganization) {
  for (const char* recipient : {"", "river-unified", "organizations/"}) {
    v1::PreviewGrantRequest request = Ask<v1::PreviewGrantRequest>();
    request.set_recipient(recipient);
    EXPECT_EQ(ReasonOf(Preview(request).status()), "INVALID_ARGUMENT") << recipient;
  }
}

TEST_F(OwnerViewTest, ExplainsARowAsTheReleaseTreatsIt) {
  Publish({Covered(1), OutOfScope()});
  v1::ExplainRowRequest request = Ask<v1::ExplainRowRequest>();
  request.set_key(Key(Covered(1)));
  EXPECT_EQ(Explain(request)->row().verdict(), v1::ROW_VERDICT_RELEASED);
  request.set_key(Key(OutOfScope()));
  const auto explained = Explain(request);
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_EQ(explained->row().verdict(), v1::ROW_VERDICT_OUT_OF_SCOPE);
  EXPECT_EQ(explained->row().grants(0).failed(0).field(), "expected_completion_year");
  EXPECT_EQ(explained->row().grants(0).failed(0).value(), "");
  request.set_show_values(true);
  EXPECT_EQ(Explain(request)->row().grants(0).failed(0).value(), "2020");
  // By itself: digests and salts may have these digits by accident.
  EXPECT_THAT(Entries("decision"),
              testing::Each(Not(testing::ContainsRegex("[^0-9A-Za-z+/]2020[^0-9A-Za-z+/]"))));
  request.set_key(Key(Covered(9)));
  EXPECT_EQ(ReasonOf(Explain(request).status()), "NOT_FOUND");
  request.clear_key();
  EXPECT_EQ(ReasonOf(Explain(request).status()), "INVALID_ARGUMENT");
}

TEST_F(OwnerViewTest, ExplainsByTheirPeriodTheGrantsThatAreNotInForce) {
  Publish({Covered(1)});
  now_.Turn(absl::Hours(24 * 366 * 2));
  v1::ExplainRowRequest request = Ask<v1::ExplainRowRequest>();
  request.set_key(Key(Covered(1)));
  const auto explained = Explain(request);
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_FALSE(explained->decision().permit());
  EXPECT_EQ(explained->decision().code(), v1::DENIAL_CODE_OUTSIDE_PERIOD);
  ASSERT_EQ(explained->not_in_force_size(), 1);
  EXPECT_THAT(explained->not_in_force(0).failed(0).description(), HasSubstr("expired on"));
}

}  // namespace
}  // namespace sluice::server
