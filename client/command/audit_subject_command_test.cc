// `sluice audit subject`: the report in each of its forms, and a gateway that is not believed.
#include <string>

#include "absl/strings/match.h"
#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

using absl::StrContains;

v1::SubjectDisclosure Disclosure(int64_t index) {
  v1::SubjectDisclosure it;
  it.set_index(index);
  it.mutable_disclosure_time()->set_seconds(1'790'000'000 + index);
  it.set_recipient("river-unified");
  it.set_system("hiring");
  it.set_purpose("hiring_pipeline");
  it.set_purpose_description("Plan hiring.");
  it.set_redisclosure(v1::REDISCLOSURE_PROHIBITED);
  it.add_authority("FERPA_DEIDENTIFIED");
  it.set_mou("stem-pipeline");
  it.set_version(2);
  it.add_grants("expected-completers");
  it.set_record_type("Candidate");
  v1::DisclosedField& id = *it.add_fields();
  id.set_path("candidate_id");
  id.set_rule("pseudonymize");
  v1::DisclosedField& subject = *it.add_fields();
  subject.set_path("subject_area");
  subject.set_rule("pass");
  it.set_rows_released(12);
  it.set_recordable(true);
  return it;
}

class AuditSubjectTest : public CommandTest {
 protected:
  v1::ListSubjectDisclosuresResponse& AddPage() {
    v1::ListSubjectDisclosuresResponse& page = service_->gateway.subject_pages.emplace_back();
    page.set_log_size(1234);
    return page;
  }
  const std::string ask_ = "audit subject --id-space candidate --id C1";
};

TEST_F(AuditSubjectTest, ShowsEachDisclosureAndSaysUpToWhere) {
  v1::ListSubjectDisclosuresResponse& page = AddPage();
  *page.add_disclosures() = Disclosure(7);
  *page.add_disclosures() = Disclosure(9);
  const Outcome outcome = Run(ask_);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  for (const char* const said : {"river-unified", "hiring_pipeline", "FERPA_DEIDENTIFIED",
                                 "stem-pipeline version 2", "candidate_id (pseudonymize)",
                                 "2 disclosures to 1 organization", "the first 1,234 entries"}) {
    EXPECT_TRUE(StrContains(outcome.out, said)) << said << "\n" << outcome.out;
  }
  const v1::ListSubjectDisclosuresRequest& request = service_->gateway.subject_requests.at(0);
  EXPECT_EQ(request.parent(), "organizations/river-unified");
  EXPECT_EQ(request.id_space() + " " + request.id(), "candidate C1");
}

TEST_F(AuditSubjectTest, PutsAllPagesIntoOneReport) {
  v1::ListSubjectDisclosuresResponse first;
  *first.add_disclosures() = Disclosure(7);
  first.set_next_page_token("8");
  v1::ListSubjectDisclosuresResponse second;
  *second.add_disclosures() = Disclosure(9);
  service_->gateway.subject_pages = {first, second};
  const Outcome outcome = Run(ask_ + " --output csv");
  EXPECT_EQ(outcome.out,
            "index,time,party,system,purpose,may_redisclose_to,authority,clause,record,fields,rows,"
            "recordable\n"
            "7,2026-09-21 14:13:27Z,river-unified,hiring,hiring_pipeline: Plan "
            "hiring.,nobody,FERPA_DEIDENTIFIED,"
            "\"stem-pipeline version 2, expected-completers\",Candidate,"
            "\"candidate_id (pseudonymize), subject_area\",12,yes\n"
            "9,2026-09-21 14:13:29Z,river-unified,hiring,hiring_pipeline: Plan "
            "hiring.,nobody,FERPA_DEIDENTIFIED,"
            "\"stem-pipeline version 2, expected-completers\",Candidate,"
            "\"candidate_id (pseudonymize), subject_area\",12,yes\n");
  EXPECT_EQ(service_->gateway.subject_requests.at(1).page_token(), "8");
}

TEST_F(AuditSubjectTest, BeginsAgainWhereIdsWereJoinedBetweenTwoPages) {
  v1::ListSubjectDisclosuresResponse before;
  *before.add_disclosures() = Disclosure(7);
  before.add_ordinals(1);
  before.set_next_page_token("8");
  v1::ListSubjectDisclosuresResponse joined;
  *joined.add_disclosures() = Disclosure(9);
  joined.add_ordinals(1);
  joined.add_ordinals(2);
  v1::ListSubjectDisclosuresResponse whole = joined;
  service_->gateway.subject_pages = {before, joined, whole};
  const Outcome outcome = Run(ask_ + " --output ndjson");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_TRUE(StrContains(outcome.out, "\"index\":\"9\"")) << outcome.out;
  EXPECT_FALSE(StrContains(outcome.out, "\"index\":\"7\"")) << outcome.out;
  EXPECT_EQ(service_->gateway.subject_requests.size(), 3u);
}

TEST_F(AuditSubjectTest, SaysOfHowManyNobodyCanTellAnyMore) {
  AddPage().set_unreadable_count(3);
  const Outcome outcome = Run(ask_);
  EXPECT_TRUE(StrContains(outcome.out, "nothing of this person left")) << outcome.out;
  EXPECT_TRUE(StrContains(outcome.out, "of 3 other disclosures nobody can tell any more"))
      << outcome.out;
  // Where the form has no place for it, beside it.
  EXPECT_TRUE(StrContains(Run(ask_ + " --output json").err, "the key was destroyed"));
}

TEST_F(AuditSubjectTest, PrintsAPageInWhichNothingIsMarkup) {
  v1::SubjectDisclosure hostile = Disclosure(7);
  hostile.set_recipient("<script>alert(1)</script>");
  *AddPage().add_disclosures() = hostile;
  const Outcome outcome = Run(ask_ + " --output html");
  EXPECT_TRUE(StrContains(outcome.out, "&lt;script&gt;alert(1)&lt;/script&gt;")) << outcome.out;
  EXPECT_FALSE(StrContains(outcome.out, "<script>"));
}

TEST_F(AuditSubjectTest, TakesTheIdFromWhereNoListOfProcessesShowsIt) {
  AddPage();
  const Outcome outcome =
      RunProgram("sh -c 'printf \"C1 2\\n\" | sluice audit subject --id-space candidate --id -'");
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(service_->gateway.subject_requests.at(0).id(), "C1 2");
  EXPECT_EQ(RunProgram("sh -c 'sluice audit subject --id-space candidate --id - </dev/null'").code,
            kUsage);
}

TEST_F(AuditSubjectTest, BelievesNoGatewayThatLeadsInACircleOrBack) {
  v1::ListSubjectDisclosuresResponse circle;
  circle.set_next_page_token("8");
  service_->gateway.subject_pages = {circle};
  ExpectError(ask_, kFailed, "leads no further");
  v1::ListSubjectDisclosuresResponse back;
  *back.add_disclosures() = Disclosure(9);
  *back.add_disclosures() = Disclosure(9);
  service_->gateway.subject_pages = {back};
  ExpectError(ask_, kFailed, "out of their order");
}

TEST_F(AuditSubjectTest, NamesWhatIsMissing) {
  ExpectError("audit subject --id C1", kUsage, "--id-space");
  ExpectError("audit subject --id-space candidate", kUsage, "--id");
  ExpectError(ask_, kFailed, "no such subject");
}

}  // namespace
}  // namespace sluice::client
