// Folders of other systems' exports, each by one command, and what is in the gateway then. Where
// the checkout has Ed-Fi's published samples beside it, those too: counts alone are looked at, and
// nothing of a record is printed.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/import_fixture.h"

namespace sluice::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kSamples[] = SLUICE_SOURCE_DIR "/../shared/samples";

class ImportedFolder : public ImportE2eTest {
 protected:
  Outcome Publish(absl::string_view format, const std::string& folder) {
    return Run(absl::StrCat("record publish --format ", format, " ", folder));
  }
  // Of each file that was not taken, why.
  std::map<std::string, std::string> Refusals(absl::string_view format, const std::string& folder) {
    const std::string out =
        Run(absl::StrCat("record publish --dry-run --offline --output json --format ", format, " ",
                         folder))
            .out;
    std::map<std::string, std::string> refusals;
    const nlohmann::json page = nlohmann::json::parse(out, nullptr, /*allow_exceptions=*/false);
    if (page.is_discarded()) {
      ADD_FAILURE() << "there are problems beside the page";
      return refusals;
    }
    for (const auto& file : page.at("files")) {
      if (file.at("state") == "would be sent") continue;
      const std::filesystem::path path(file.at("file").get<std::string>());
      refusals[path.filename().string()] = file.at("reason");
    }
    return refusals;
  }
  void Write(const std::string& name, absl::string_view text) {
    std::filesystem::create_directories(deployment_.Path(name).parent_path());
    WriteFile(deployment_.Path(name), text);
  }
};

bool SamplesAreThere() {
  if (std::filesystem::exists(kSamples)) return true;
  std::cout << "[ samples ] ../shared/samples is not there: generated files of the same traps are "
               "published by ImportedFolder.OfAProgramIsTakenByOneCommand\n";
  return false;
}

// UTF-16LE with a mark, and CRLF at each line's end.
std::string Utf16(absl::string_view text) {
  std::string wide = "\xFF\xFE";
  for (const char c : text) {
    if (c == '\n') wide += std::string("\r\0", 2);
    wide += c;
    wide += '\0';
  }
  return wide;
}

TEST_F(ImportedFolder, OfAProgramIsTakenByOneCommand) {
  const std::string mark = "\xEF\xBB\xBF";
  std::string candidates = mark +
                           "CandidateIdentifier,FirstName,LastSurname,BirthDate,PersonId,"
                           "SourceSystemDescriptor,HispanicLatinoEthnicity,RaceDescriptor1\n";
  std::string enrollments = mark +
                            "CandidateIdentifier,EducationOrganizationId,ProgramName,"
                            "ProgramTypeDescriptor,BeginDate,ReasonExitedDescriptor\n";
  for (int i = 0; i < 200; ++i) {
    // Two candidates a person id; the second namespace of a race; a flag that contradicts it.
    absl::StrAppend(&candidates, "C-", i, ",First,Last,2001-05-03,P-", i / 2,
                    ",uri://x/SourceSystemDescriptor#State,", i % 9 == 0 ? "FALSE" : "TRUE", ",",
                    i % 3 == 0 ? "uri://tpdm.ed-fi.org/RaceDescriptor#Hispanic/Latino" : "", "\n");
    absl::StrAppend(&enrollments, "C-", i, ",7, Mathematics ,",
                    "uri://x/ProgramTypeDescriptor#UTeach,2020-09-01 00:00:00.0000000,",
                    i % 4 == 0 ? "uri://x/ReasonExitedDescriptor#Completed" : "", "\n");
  }
  Write("kit/candidate.csv", candidates);
  Write("kit/candidateEducatorPreparationProgramAssociation.csv", enrollments);
  Write("kit/eppProgram.csv", mark +
                                  "EducationOrganizationId,ProgramId,ProgramName,"
                                  "ProgramTypeDescriptor\n7, 12,Mathematics,"
                                  "uri://x/ProgramTypeDescriptor#UTeach\n");
  Write("kit/school.csv", Utf16("SchoolId,NameOfInstitution\n7,Main\n"));
  Write("kit/FinancialAid.csv", "AidTypeDescriptor\nx\n");
  const Outcome outcome = Publish("ed-fi-csv", "kit");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(Live(), ElementsAre(Pair("Candidate", 200), Pair("Organization", 1),
                                  Pair("Program", 1), Pair("ProgramEnrollment", 200)));
  const std::string own = Own("Candidate");
  EXPECT_EQ(CountLines(own, "\"candidate_id\":"), 200);
  EXPECT_EQ(CountLines(own, "RaceDescriptor#Hispanic/Latino"), 67);
  EXPECT_EQ(CountLines(own, "\"hispanic_latino_ethnicity\":false"), 23);
  EXPECT_EQ(CountLines(Own("ProgramEnrollment"), "ReasonExitedDescriptor#Completed"), 50);
  EXPECT_EQ(CountLines(Own("Program"), "\"program_id\":\"12\""), 1);
}

TEST_F(ImportedFolder, OfTheStarterKitTakesOneCommandAndOnePage) {
  if (!SamplesAreThere()) GTEST_SKIP();
  const std::string kit = absl::StrCat(kSamples, "/epp-starter-kit");
  const Outcome outcome = Publish("ed-fi-csv", kit);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_LE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 50);
  EXPECT_THAT(Live(), ElementsAre(Pair("Candidate", 2400), Pair("Credential", 584),
                                  Pair("EvaluationRating", 5580), Pair("Organization", 6),
                                  Pair("Program", 67), Pair("ProgramEnrollment", 2163),
                                  Pair("SurveyResponse", 1268)));

  const std::string candidates = Own("Candidate");
  EXPECT_EQ(2400 - CountLines(candidates, "\"person_id\":"), 540);
  EXPECT_EQ(CountLines(candidates, "uri://tpdm.ed-fi.org/RaceDescriptor#Hispanic/Latino"), 660);
  EXPECT_EQ(CountLines(candidates, "\"hispanic_latino_ethnicity\":true"), 2305);
  EXPECT_EQ(2400 - CountLines(candidates, "\"race\":["), 27);
  const std::string enrollments = Own("ProgramEnrollment");
  EXPECT_EQ(CountLines(enrollments, "ReasonExitedDescriptor#Completed"), 1988);
  EXPECT_EQ(2163 - CountLines(enrollments, "\"cohorts\":["), 210);
  EXPECT_EQ(584 - CountLines(Own("Credential"), "\"person_id\":"), 23);
  const std::string ratings = Own("EvaluationRating");
  EXPECT_EQ(CountLines(ratings, "\"results\":["), 211);
  EXPECT_EQ(CountLines(ratings, "\"title\":\"Overall Score\""), 211);
  const std::string responses = Own("SurveyResponse");
  EXPECT_EQ(CountLines(responses, "\"answers\":["), 138);
  EXPECT_EQ(CountLines(responses, "\"target_id\":"), 466);
  EXPECT_EQ(CountLines(responses, "\"full_name\":"), 941);

  // Once more: nothing is new, and nothing is changed.
  const nlohmann::json again = nlohmann::json::parse(
      Run(absl::StrCat("record publish --output json --format ed-fi-csv ", kit)).out);
  for (const auto& file : again.at("files")) {
    EXPECT_EQ(file.at("new"), 0) << file.at("file");
    EXPECT_EQ(file.at("changed"), 0) << file.at("file");
  }
  const std::string with_responses = "its rows are read with surveyResponse.csv, as the ";
  EXPECT_THAT(
      Refusals("ed-fi-csv", kit),
      ElementsAre(
          Pair("Evaluation.csv",
               "what names an evaluation stands in each of its ratings: "
               "EvaluationRatingResults.csv"),
          Pair("FinancialAid.csv", "financial aid is not brokered: federal law limits its use"),
          Pair("person.csv",
               "it lists ids without saying whose they are; which ids are one person is "
               "said by PersonIdentity records alone"),
          Pair("student.csv",
               "it holds pupils' and students' records that no record type stands for; a "
               "candidate's are in candidate.csv"),
          Pair("survey.csv", with_responses + "title, year and category of each response"),
          Pair("surveyQuestion.csv",
               "a response names its questions by their codes; their texts are not records"),
          Pair("surveyQuestionResponse.csv", with_responses + "answers of each response"),
          Pair("surveyResponsePersonTargetAssociation.csv",
               with_responses + "person whom each response is about"),
          Pair("surveySection.csv",
               "no field of a response stands for the section of a question")));
}

TEST_F(ImportedFolder, OfInterchangesIsTakenByOneCommand) {
  if (!SamplesAreThere()) GTEST_SKIP();
  const std::string folder = absl::StrCat(kSamples, "/ed-fi-xml");
  const Outcome outcome = Publish("ed-fi-xml", folder);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_LE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 50);
  // 3 schools, an agency, a service center, a college and a department.
  EXPECT_THAT(Live(), ElementsAre(Pair("Credential", 56), Pair("Employment", 68),
                                  Pair("Organization", 7), Pair("SurveyResponse", 12)));
  const std::string employments = Own("Employment");
  EXPECT_EQ(CountLines(employments, "\"separation_reason\":"), 67);
  EXPECT_EQ(CountLines(employments, "\"end_date\":"), 0);
  const std::string responses = Own("SurveyResponse");
  EXPECT_EQ(CountLines(responses, "\"answers\":["), 12);
  EXPECT_EQ(CountLines(responses, "\"school_year\":2022"), 12);
  EXPECT_TRUE(Refusals("ed-fi-xml", folder).empty());
}

TEST_F(ImportedFolder, OfTheApiIsTakenByOneCommand) {
  Write("api/candidates.json",
        "[{\"id\": \"00aa\", \"candidateIdentifier\": \"C-1\", \"firstName\": \"Ann\","
        " \"lastSurname\": \"Lee\", \"birthDate\": \"2001-05-03\","
        " \"personReference\": {\"personId\": \"P-1\", \"sourceSystemDescriptor\":"
        " \"uri://x/SourceSystemDescriptor#State\", \"link\": {\"rel\": \"Person\"}},"
        " \"races\": [{\"raceDescriptor\": \"uri://x/RaceDescriptor#A\"},"
        " {\"raceDescriptor\": \"uri://x/RaceDescriptor#B\"}], \"shoe\": {\"size\": 7},"
        " \"_etag\": \"1\"},\n"
        " {\"candidateIdentifier\": \"C-2\", \"shoe\": {\"size\": 8}, \"hat\": true}]\n");
  Write("api/candidateEducatorPreparationProgramAssociations.ndjson",
        "{\"candidateReference\": {\"candidateIdentifier\": \"C-1\"},"
        " \"educatorPreparationProgramReference\": {\"educationOrganizationId\": 7,"
        " \"programName\": \"M\", \"programTypeDescriptor\": \"uri://x/ProgramTypeDescriptor#U\"},"
        " \"beginDate\": \"2020-09-01\", \"cohortYears\": [{\"cohortYearTypeDescriptor\":"
        " \"uri://x/CohortYearTypeDescriptor#A\", \"schoolYearTypeReference\":"
        " {\"schoolYear\": 2021}}]}\n");
  Write("api/openStaffPositions.json",
        "[{\"educationOrganizationReference\": {\"educationOrganizationId\": 7},"
        " \"requisitionNumber\": \"R-1\", \"schoolYearTypeReference\": {\"schoolYear\": 2027},"
        " \"fullTimeEquivalency\": 0.5}]\n");
  const Outcome outcome = Publish("ed-fi-json", "api");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(Live(), ElementsAre(Pair("Candidate", 2), Pair("OpenStaffPosition", 1),
                                  Pair("ProgramEnrollment", 1)));
  // Once for each field, with how often it was there.
  EXPECT_TRUE(absl::StrContains(outcome.out,
                                "candidates.json as Candidate: fields not read: hat (1), "
                                "shoe.size (2)\n"))
      << outcome.out;
  EXPECT_EQ(CountLines(Own("Candidate"), "#A\",\"uri://x/RaceDescriptor#B\"]"), 1);
  EXPECT_EQ(CountLines(Own("ProgramEnrollment"), "\"school_year\":2021"), 1);
  // 5.2's positions have no year: the field is named, and nothing is taken.
  Write("api/openStaffPositions.json",
        "[{\"educationOrganizationReference\": {\"educationOrganizationId\": 7},"
        " \"requisitionNumber\": \"R-2\"}]\n");
  const Outcome refused = Run("record publish --format ed-fi-json api/openStaffPositions.json");
  EXPECT_EQ(refused.code, 3) << refused.out;
  EXPECT_TRUE(absl::StrContains(refused.out, "schoolYearTypeReference.schoolYear")) << refused.out;
  EXPECT_EQ(Live()["OpenStaffPosition"], 1);
}

constexpr char kOrgs[] =
    "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"
    "o1,active,2026-08-01T00:00:00.000Z,River Unified,district,100,\n"
    "o2,active,2026-08-01T00:00:00.000Z,River High,school,101,o1\n"
    "o3,tobedeleted,2026-08-01T00:00:00.000Z,Gone,school,102,o1\n";
constexpr char kEnrollments[] =
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
    "beginDate,endDate\n"
    "e1,active,2026-08-01T00:00:00.000Z,c1,o2,u1,teacher,true,,\n";

TEST_F(ImportedFolder, OfARosterOfVersionOneOneIsTaken) {
  Write("roster/orgs.csv", kOrgs);
  Write("roster/enrollments.csv", kEnrollments);
  Write("roster/users.csv",
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,"
        "givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,"
        "password\n"
        "u1,active,,true,o2,teacher,ann,{State:S-1},Ann,Lee,,T-1,a@x.org,,,,,\n"
        "u2,active,,true,o2,student,bo,,Bo,Ray,,P-1,,,,,,\n"
        "u3,active,,true,o2,administrator,cy,,Cy,Day,,T-3,,,,,,\n"
        "u4,active,,true,o2,teacher,di,,Di,Fox,,,,,,,,\n"
        "u5,tobedeleted,,true,o2,teacher,ed,,Ed,Hay,,T-5,,,,,,\n");
  const Outcome outcome = Publish("oneroster", "roster");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  // No pupil, nobody without an id to know the person by, and nobody who is gone.
  EXPECT_THAT(Live(), ElementsAre(Pair("Organization", 2), Pair("PersonIdentity", 2)));
  EXPECT_TRUE(absl::StrContains(outcome.out, "users.csv: 3 rows are none that the mapping takes"))
      << outcome.out;
  const std::string identities = Own("PersonIdentity");
  EXPECT_EQ(CountLines(identities, R"("id":"T-1","person_id":"u1"})"), 1) << identities;
  EXPECT_EQ(CountLines(Own("Organization"), "#Local Education Agency"), 1);
  EXPECT_THAT(Refusals("oneroster", "roster"),
              ElementsAre(Pair("enrollments.csv",
                               testing::HasSubstr("who sits in which class is no record type"))));
}

TEST_F(ImportedFolder, OfARosterOfVersionOneTwoIsTaken) {
  Write("roster/orgs.csv", kOrgs);
  Write("roster/enrollments.csv", kEnrollments);
  Write("roster/manifest.csv", "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n");
  Write("roster/users.csv",
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
        "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,"
        "userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,"
        "primaryOrgSourcedId,pronouns\n"
        "u1,active,,true,ann,,Ann,Lee,,T-1,,,,,,,,,,,o2,\n"
        "u2,active,,true,bo,,Bo,Ray,,P-1,,,,,,,,,,,o2,\n"
        "u3,active,,true,cy,,Cy,Day,,T-3,,,,,,,,,,,o2,\n");
  Write("roster/roles.csv",
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
        "orgSourcedId,userProfileSourcedId\n"
        "r1,active,,u1,primary,teacher,,,o2,\n"
        "r2,active,,u1,secondary,principal,,,o2,\n"
        "r3,active,,u2,primary,student,,,o2,\n"
        "r4,active,,u3,primary,districtAdministrator,,,o1,\n");
  const Outcome outcome = Publish("oneroster", "roster");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(Live(), ElementsAre(Pair("Organization", 2), Pair("PersonIdentity", 2)));
  EXPECT_EQ(CountLines(Own("PersonIdentity"), "\"person_id\":\"u3\""), 1);
  EXPECT_EQ(CountLines(Own("PersonIdentity"), "\"person_id\":\"u2\""), 0);
}

}  // namespace
}  // namespace sluice::tests
