// What an owner is told of one person: each disclosure that was about him, as its entry says, and
// none that was not. Asking is in the log; nobody else is told.
#include "server/subject_disclosures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_replace.h"
#include "server/error.h"
#include "tests/support/exchange_fixture.h"

namespace sluice::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SubjectDisclosuresTest : public ExchangeFixture {
 protected:
  void SetUp() override {
    ExchangeFixture::SetUp();
    disclosures_ = std::make_unique<SubjectDisclosures>(SubjectDisclosures::Parts{
        policy::CatalogForTest(), admission_.get(), &mous_, log_.get(), &store()});
  }
  static v1::ListSubjectDisclosuresRequest About(const std::string& id) {
    v1::ListSubjectDisclosuresRequest request;
    request.set_parent("organizations/state-university");
    request.set_id_space("candidate");
    request.set_id(id);
    return request;
  }
  static Caller Auditor(const std::string& organization = "state-university") {
    return IdentityForTest::Make(policy::PrincipalKind::kAuditor, organization, "quinn");
  }
  absl::StatusOr<v1::ListSubjectDisclosuresResponse> List(
      const v1::ListSubjectDisclosuresRequest& request, const Caller& caller = Auditor()) {
    RequestId id = NewRequestId().value();
    return disclosures_->List(caller, id, request);
  }
  std::vector<int64_t> IndexesOf(const std::string& id) {
    const auto listed = List(About(id));
    EXPECT_TRUE(listed.ok()) << listed.status();
    std::vector<int64_t> indexes;
    for (const auto& it : listed->disclosures()) indexes.push_back(it.index());
    return indexes;
  }
  void ReadAll(const Caller& caller = Recipient()) {
    KeptMessages sent;
    ASSERT_TRUE(Read(caller, Request(), sent).ok());
  }

  std::unique_ptr<SubjectDisclosures> disclosures_;
};

TEST_F(SubjectDisclosuresTest, TellsToWhomWhenUnderWhichClauseAndWhichFields) {
  Publish(CoveredUpTo(3));
  ReadAll();
  const auto listed = List(About("S1001"));
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_THAT(listed->disclosures(), SizeIs(1));
  const v1::SubjectDisclosure& it = listed->disclosures(0);
  EXPECT_EQ(it.recipient(), "river-unified");
  EXPECT_EQ(it.system(), "hiring");
  EXPECT_EQ(it.purpose(), "hiring_pipeline");
  EXPECT_THAT(it.authority(), ElementsAre("FERPA_DEIDENTIFIED"));
  EXPECT_EQ(it.mou(), "stem-pipeline");
  EXPECT_EQ(it.version(), 1);
  EXPECT_THAT(it.grants(), ElementsAre("expected-completers"));
  EXPECT_EQ(it.record_type(), "Candidate");
  EXPECT_EQ(it.rows_released(), 3);
  EXPECT_TRUE(it.recordable());
  EXPECT_EQ(it.disclosure_time().seconds(), absl::ToUnixSeconds(now_.Now()));
  std::set<std::string> fields;
  for (const auto& field : it.fields()) fields.insert(field.path() + " " + field.rule());
  EXPECT_EQ(fields.count("candidate_id pseudonymize"), 1u);
  EXPECT_EQ(fields.count("subject_area pass"), 1u);
  std::string entry;
  ASSERT_TRUE(store()
                  .ReadLogRows(it.index(), it.index() + 1,
                               [&](const LogRow& row) {
                                 entry = row.body;
                                 return true;
                               })
                  .ok());
  EXPECT_THAT(entry, HasSubstr("\"type\":\"disclosure\""));
  EXPECT_THAT(entry, HasSubstr(it.document_digest()));
  EXPECT_EQ(listed->next_page_token(), "");
  EXPECT_EQ(it.purpose_description(),
            "Plan the hiring of STEM teachers who are about to complete.");
  EXPECT_EQ(it.redisclosure(), v1::REDISCLOSURE_PROHIBITED);
}

TEST_F(SubjectDisclosuresTest, SaysNothingOfTheTermsOfAnMouThatIsHeldNoMore) {
  Publish(CoveredUpTo(1));
  ReadAll();
  SetMous({policy::SignedForTest(policy::ExampleMouWith("title: ", "title: another "))});
  const auto listed = List(About("S1000"));
  ASSERT_THAT(listed->disclosures(), SizeIs(1));
  EXPECT_EQ(listed->disclosures(0).purpose(), "hiring_pipeline");
  EXPECT_EQ(listed->disclosures(0).purpose_description(), "");
  EXPECT_EQ(listed->disclosures(0).redisclosure(), v1::REDISCLOSURE_UNSPECIFIED);
}

// The slow way: who was in which release is what each release was asked to hold.
TEST_F(SubjectDisclosuresTest, TellsExactlyTheReleasesThatHadThePerson) {
  std::map<std::string, std::vector<int64_t>> expected;
  for (int night = 0; night < 4; ++night) {
    // Each night one more, and the first one goes out of scope on the third.
    std::vector<v1::Candidate> candidates = CoveredUpTo(night + 1);
    if (night >= 2) candidates[0].set_expected_completion_year(2020);
    Publish(candidates, absl::StrCat("night-", night));
    ReadAll();
    const int64_t index = static_cast<int64_t>(log_->size()) - 1;
    for (const v1::Candidate& candidate : candidates) {
      if (candidate.expected_completion_year() == 2027) {
        expected[candidate.candidate_id()].push_back(index);
      }
    }
  }
  for (const auto& [id, nights] : expected) {
    const std::vector<int64_t> told = IndexesOf(id);
    EXPECT_EQ(told.size(), nights.size()) << id;
    // The disclosure stands before its release's end.
    for (size_t i = 0; i < std::min(told.size(), nights.size()); ++i) {
      EXPECT_LE(told[i], nights[i]) << id;
      if (i > 0) {
        EXPECT_GT(told[i], nights[i - 1]) << id;
      }
    }
  }
  EXPECT_THAT(expected, SizeIs(4));
}

TEST_F(SubjectDisclosuresTest, SaysNothingOfAPersonOfWhomNothingLeft) {
  std::vector<v1::Candidate> candidates = CoveredUpTo(2);
  candidates[0].set_expected_completion_year(2020);
  Publish(candidates);
  ReadAll();
  EXPECT_THAT(IndexesOf(candidates[0].candidate_id()), IsEmpty());
  EXPECT_THAT(IndexesOf(candidates[1].candidate_id()), SizeIs(1));
}

TEST_F(SubjectDisclosuresTest, GivesItPageByPage) {
  Publish(CoveredUpTo(1));
  for (int i = 0; i < 5; ++i) ReadAll();
  v1::ListSubjectDisclosuresRequest request = About("S1000");
  const std::vector<int64_t> all = IndexesOf("S1000");
  ASSERT_THAT(all, SizeIs(5));
  request.set_page_size(2);
  std::vector<int64_t> paged;
  int pages = 0;
  do {
    const auto page = List(request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->disclosures_size(), 2);
    for (const auto& it : page->disclosures()) paged.push_back(it.index());
    request.set_page_token(page->next_page_token());
    ASSERT_LT(++pages, 10);
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, all);
}

TEST_F(SubjectDisclosuresTest, EndsAPageThatGrowsLarge) {
  SetMous({policy::SignedForTest(policy::ExampleMouWith(
      "Plan the hiring of STEM teachers who are about to complete.", std::string(300'000, 'x')))});
  Publish(CoveredUpTo(1));
  for (int i = 0; i < 9; ++i) ReadAll();
  v1::ListSubjectDisclosuresRequest request = About("S1000");
  const auto first = List(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->disclosures(), SizeIs(7));
  EXPECT_LT(first->ByteSizeLong(), SubjectDisclosures::kPageBytes + 400'000);
  request.set_page_token(first->next_page_token());
  const auto second = List(request);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->disclosures(), SizeIs(2));
  EXPECT_EQ(second->next_page_token(), "");
}

TEST_F(SubjectDisclosuresTest, TakesNoTokenBehindTheLog) {
  Publish(CoveredUpTo(1));
  v1::ListSubjectDisclosuresRequest request = About("S1000");
  for (const char* token : {"18446744073709551615", "18446744073709551615-00", "1", "x-00", "-"}) {
    request.set_page_token(token);
    EXPECT_TRUE(absl::IsInvalidArgument(List(request).status())) << token;
  }
}

// A page of one person says nothing about where another's begins: one whose ids were joined between
// two pages is another.
TEST_F(SubjectDisclosuresTest, TakesNoTokenOfAnotherPerson) {
  Publish(CoveredUpTo(2));
  for (int i = 0; i < 3; ++i) ReadAll();
  v1::ListSubjectDisclosuresRequest request = About("S1000");
  request.set_page_size(2);
  const auto page = List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  v1::ListSubjectDisclosuresRequest other = About("S1001");
  other.set_page_token(page->next_page_token());
  EXPECT_EQ(ReasonOf(List(other).status()), "SUBJECT_CHANGED");
  request.set_page_token(page->next_page_token());
  EXPECT_THAT(List(request)->disclosures(), SizeIs(1));
}

TEST_F(SubjectDisclosuresTest, IsForAdministratorsAndAuditorsOfTheOwnerAlone) {
  Publish(CoveredUpTo(1));
  EXPECT_TRUE(List(About("S1000"),
                   IdentityForTest::Make(policy::PrincipalKind::kAdmin, "state-university", "ines"))
                  .ok());
  EXPECT_TRUE(absl::IsPermissionDenied(List(About("S1000"), Owner()).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(List(About("S1000"), Auditor("river-unified")).status()));
  // Whether there is such a person is not told to who may not ask.
  EXPECT_TRUE(absl::IsPermissionDenied(List(About("nobody"), Auditor("river-unified")).status()));
}

TEST_F(SubjectDisclosuresTest, ThatItWasAskedIsInTheLogAndForWhomIsNot) {
  Publish(CoveredUpTo(1));
  ASSERT_TRUE(List(About("S1000")).ok());
  const std::string read = Entries("read").back();
  EXPECT_THAT(read, HasSubstr("\"operation\":\"ListSubjectDisclosures\""));
  const std::string decision = Entries("decision").back();
  EXPECT_THAT(decision, HasSubstr("\"operation\":\"ListSubjectDisclosures\""));
  EXPECT_THAT(decision, HasSubstr("\"filter\":"));
  for (const std::string& entry : {read, decision}) {
    EXPECT_THAT(entry, Not(HasSubstr("S1000")));
    EXPECT_THAT(entry, Not(HasSubstr("quinn")));
  }
}

TEST_F(SubjectDisclosuresTest, RefusesWhatNamesNobody) {
  Publish(CoveredUpTo(1));
  const auto field_of = [&](const v1::ListSubjectDisclosuresRequest& request) {
    return std::string(List(request).status().message());
  };
  v1::ListSubjectDisclosuresRequest request = About("S1000");
  request.set_id_space("locker");
  EXPECT_THAT(field_of(request), HasSubstr("candidate, person, staff"));
  request = About("");
  EXPECT_TRUE(absl::IsInvalidArgument(List(request).status()));
  request = About("S1000");
  request.set_source_system("sis");
  EXPECT_TRUE(absl::IsInvalidArgument(List(request).status()));
  request = About("S1000");
  request.set_id_space("person");
  EXPECT_THAT(field_of(request), HasSubstr("source_system"));
  EXPECT_TRUE(absl::IsInvalidArgument(List(About(std::string(257, 'x'))).status()));
  EXPECT_TRUE(absl::IsNotFound(List(About("S9999")).status()));
}

TEST_F(SubjectDisclosuresTest, TellsOfNoEntryThatIsNotWhatWasLogged) {
  Publish(CoveredUpTo(1));
  ReadAll();
  const auto index = static_cast<uint64_t>(IndexesOf("S1000").at(0));
  std::string& body = store_.MutableLogRow(index).body;
  body = absl::StrReplaceAll(body, {{"river-unified", "somebody-else"}});
  EXPECT_TRUE(absl::IsDataLoss(List(About("S1000")).status()));
}

TEST_F(SubjectDisclosuresTest, GivesNothingWhileTheLogCannotSayThatItWasAsked) {
  Publish(CoveredUpTo(1));
  ReadAll();
  store_.FailNextCommit(/*persisted=*/false);
  EXPECT_TRUE(absl::IsUnavailable(List(About("S1000")).status()));
}

}  // namespace
}  // namespace sluice::server
