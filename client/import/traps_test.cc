// What real files of this domain do wrong, each by name, on generated rows of the same shape.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/import_for_test.h"

namespace sluice::client {
namespace {

class TrapTest : public ImportTest {
 protected:
  // Publishes one file under a mapping of ours.
  void PublishUnder(const std::string& mapping, const std::string& name, absl::string_view text) {
    Write(name, text);
    const Mapping* found = Library().Find(mapping);
    ASSERT_NE(found, nullptr) << mapping;
    const ImportOutcome& outcome = Stage(Path(name), *found);
    ASSERT_FALSE(outcome.refused) << outcome.reason << Problems();
    Publish();
  }
};

TEST_F(TrapTest, RatingOneIsAnotherResultInAnotherRow) {
  const std::string key = "7,Eval,uri://x/T#Formal,uri://x/P#BOY,2018,uri://x/T#Fall,";
  PublishUnder(
      "ed-fi-evaluation-rating", "EvaluationRatingResults.csv",
      absl::StrCat("EducationOrganizationId,EvaluationTitle,"
                   "PerformanceEvaluationTypeDescriptor,EvaluationPeriodDescriptor,"
                   "SchoolYear,TermDescriptor,PersonId,SourceSystemDescriptor,"
                   "EvaluationDate,RatingResultTitle1,Rating1,RatingResultTitle2,Rating2\n",
                   key, "P-1,uri://x/S#State,2017-10-06 00:00:00.0000000,Overall Score,4,",
                   "Growth,3\n", key, "P-2,uri://x/S#State,2017-10-06,Growth,3,",
                   "Overall Score,4\n", key, "P-3,uri://x/S#State,2017-10-06,,,,\n"));
  ASSERT_EQ(sent_.size(), 3u);
  EXPECT_TRUE(absl::StrContains(sent_[0], R"("results":[{"title":"Overall Score","rating":"4"},)"))
      << sent_[0];
  EXPECT_TRUE(absl::StrContains(sent_[1], R"({"title":"Overall Score","rating":"4"}])"))
      << sent_[1];
  EXPECT_FALSE(absl::StrContains(sent_[2], "results"));
  for (const std::string& record : sent_) {
    EXPECT_TRUE(absl::StrContains(record, R"("evaluation_date":"2017-10-06")")) << record;
  }
}

TEST_F(TrapTest, OneNumberMeansAnotherWordInAnotherQuestion) {
  const std::string response = "uri://x,S-1,R-1,";
  Write("survey.csv",
        "Namespace,SurveyIdentifier,SurveyTitle,SchoolYear,SurveyCategoryDescriptor\n"
        "uri://x,S-1,Exit,2019,uri://x/SurveyCategoryDescriptor#Exit\n");
  Write("surveyQuestionResponse.csv",
        absl::StrCat("Namespace,SurveyIdentifier,SurveyResponseIdentifier,QuestionCode,"
                     "NumericResponse,TextResponse\n",
                     response, "Q1,5,Some degree\n", response, "Q2,5,Not like me at all\n"));
  Write("surveyResponsePersonTargetAssociation.csv",
        absl::StrCat("Namespace,SurveyIdentifier,SurveyResponseIdentifier,PersonId,"
                     "SourceSystemDescriptor\n",
                     response, "P-9,uri://x/SourceSystemDescriptor#State\n"));
  PublishUnder("ed-fi-survey-response", "surveyResponse.csv",
               absl::StrCat("Namespace,SurveyIdentifier,SurveyResponseIdentifier,PersonId,"
                            "SourceSystemDescriptor\n",
                            response, "P-1,uri://x/SourceSystemDescriptor#State\n"));
  ASSERT_EQ(sent_.size(), 1u);
  // Each answer stands under its question; who answered and whom it is about are both named.
  EXPECT_TRUE(absl::StrContains(
      sent_[0], R"({"question_code":"Q1","numeric_response":"5","text_response":"Some degree"})"))
      << sent_[0];
  EXPECT_TRUE(absl::StrContains(sent_[0], R"({"question_code":"Q2","numeric_response":"5",)"));
  EXPECT_TRUE(absl::StrContains(sent_[0], R"("respondent_id":"P-1")"));
  EXPECT_TRUE(absl::StrContains(sent_[0], R"("target_id":"P-9")"));
}

TEST_F(TrapTest, AnEmploymentMayHaveASeparationReasonAndNoEnd) {
  const std::string reference =
      "<StaffReference><StaffIdentity><StaffUniqueId>T-1</StaffUniqueId></StaffIdentity>"
      "</StaffReference>";
  PublishUnder(
      "ed-fi-xml-employment", "StaffAssociation.xml",
      absl::StrCat("<InterchangeStaffAssociation xmlns=\"http://ed-fi.org/5.2.0\">\n"
                   "<Staff><StaffUniqueId>T-1</StaffUniqueId><Name><FirstName>Ann</FirstName>"
                   "<LastSurname>Lee</LastSurname></Name><Hat>1</Hat></Staff>\n"
                   "<StaffEducationOrganizationEmploymentAssociation>",
                   reference,
                   "<EducationOrganizationReference><EducationOrganizationIdentity>"
                   "<EducationOrganizationId>7</EducationOrganizationId>"
                   "</EducationOrganizationIdentity></EducationOrganizationReference>"
                   "<EmploymentPeriod><HireDate>2015-08-01</HireDate>"
                   "<SeparationReason>uri://x/SeparationReasonDescriptor#Unknown</SeparationReason>"
                   "</EmploymentPeriod><Tenured>0</Tenured><Shoe id=\"S\">7</Shoe>"
                   "</StaffEducationOrganizationEmploymentAssociation>\n"
                   "</InterchangeStaffAssociation>\n"));
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_TRUE(absl::StrContains(sent_[0], "SeparationReasonDescriptor#Unknown")) << sent_[0];
  EXPECT_FALSE(absl::StrContains(sent_[0], "\"end_date\"")) << "nothing is made up";
  EXPECT_TRUE(absl::StrContains(sent_[0], "\"tenured\":false")) << "0 is a value";
  EXPECT_EQ(importer_->outcomes()[0].unread_fields,
            (std::map<std::string, int64_t>{{"Shoe", 1}, {"Staff.Hat", 1}}));
}

TEST_F(TrapTest, PaddedColumnsAreReadWithoutTheirSpaces) {
  PublishUnder("ed-fi-program", "eppProgram.csv",
               "EducationOrganizationId,ProgramId,ProgramName,ProgramTypeDescriptor\n"
               "7, 12 ,  Mathematics 4-8 ,uri://local/ProgramTypeDescriptor#UTeach\n");
  EXPECT_EQ(sent_, std::vector<std::string>{
                       R"({"education_organization_id":"7","program_name":"Mathematics 4-8",)"
                       R"("program_type":"uri://local/ProgramTypeDescriptor#UTeach",)"
                       R"("program_id":"12"})"});
}

TEST_F(TrapTest, OnePersonInTwoFilesWithAnotherBirthDateHasNoSilentWinner) {
  const Mapping* candidates = Library().Find("ed-fi-candidate");
  const std::string header = "CandidateIdentifier,FirstName,MiddleName,LastSurname,BirthDate\n";
  Write("candidate.csv", header + "C-1,Ann,M,Lee,2001-05-03\nC-2,Bo,,Ray,2001\n");
  Write("registrar.csv", header + "C-1,Ann,M,Lee,2001-03-05\n");
  Stage(Path("candidate.csv"), *candidates);
  Stage(Path("registrar.csv"), *candidates);
  Publish();
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(absl::StrContains(Problems(), "registrar.csv:2: : has the key of ")) << Problems();
  EXPECT_TRUE(absl::StrContains(Problems(), "candidate.csv:2 and other values")) << Problems();
}

TEST_F(TrapTest, ASchoolYearWrittenAsTwoYearsIsTheOneInWhichItEnds) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n  candidate_id: Id\n"
      "  expected_completion_year: {column: Year, school_year: true}\n");
  Write("f.csv", "Id,Year\n1,2021-2022\n2,2022\n3,\n4,2021-2023\n5,2021-22\n6,22\n");
  Begin({.skip_invalid = true});
  Stage(Path("f.csv"), mapping);
  Publish();
  EXPECT_EQ(sent_,
            (std::vector<std::string>{R"({"candidate_id":"1","expected_completion_year":2022})",
                                      R"({"candidate_id":"2","expected_completion_year":2022})",
                                      R"({"candidate_id":"3"})"}));
  EXPECT_EQ(Problems(),
            "f.csv:5: Year: must be a school year: 2022, or 2021-2022\n"
            "f.csv:6: Year: must be a school year: 2022, or 2021-2022\n"
            "f.csv:7: Year: must be a school year: 2022, or 2021-2022\n");
}

TEST_F(TrapTest, AFieldThatNothingMapsIsReportedOnceWithItsCount) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: ed-fi-json\nresource: candidates\n"
      "fields: {candidate_id: id}\nrepeat:\n  race: {columns: 1..2, value: \"races[{n}].d\"}\n"
      "left_out: {meta: of the service}\n");
  Write("f.json",
        R"([{"id": "1", "races": [{"d": "a"}, {"d": "b"}, {"d": "c"}], "meta": {"x": 1, "y": 2}},)"
        R"({"id": "2", "races": [{"d": "a", "e": "q"}], "hat": false, "none": null, "no": ""},)"
        R"({"id": "3", "hat": true, "metal": 1}])");
  const ImportOutcome& outcome = Stage(Path("f.json"), mapping);
  EXPECT_EQ(outcome.unread_fields, (std::map<std::string, int64_t>{
                                       {"hat", 2}, {"metal", 1}, {"races.d", 1}, {"races.e", 1}}))
      << "a third race is one that the mapping has no place for";
  EXPECT_TRUE(outcome.unread.empty());
}

TEST_F(TrapTest, NamesWithoutEndAreCountedToABound) {
  UnreadFields unread;
  for (int i = 0; i < 5000; ++i) unread.Count(absl::StrCat("a[", i, "].b", i % 2000));
  EXPECT_EQ(unread.names().size(), UnreadFields::kMaxNames);
  EXPECT_EQ(unread.names().at("a.b7"), 3);
}

}  // namespace
}  // namespace sluice::client
