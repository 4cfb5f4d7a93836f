// Rows that belong together, and resources of Ed-Fi's own forms.
#include "client/import/import_for_test.h"

namespace sluice::client {
namespace {

constexpr char kJoined[] =
    "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n"
    "  candidate_id: Id\n"
    "  last_surname: {column: Name, from: names}\n"
    "repeat:\n"
    "  telephone: {each: phones, value: Number}\n"
    "joins:\n"
    "  names: {files: [names.csv], on: {Id: Of}}\n"
    "  phones: {files: [phones.csv], on: {Id: Whose}, where: {Kind: {in: [home]}}}\n";

TEST_F(ImportTest, JoinsTheRowsThatBelongTogether) {
  const Mapping mapping = MappingOf(kJoined);
  Write("f.csv", "Id\n1\n2\n");
  Write("names.csv", "Name,Of\nBo,2\nAnn,1\nNobody,\n");
  Write("PHONES.csv", "Whose,Number,Kind\n1,555-1,home\n2,555-2,work\n1,555-3,home\n");
  const ImportOutcome& outcome = Stage(Path("f.csv"), mapping);
  EXPECT_EQ(outcome.reason, "");
  Publish();
  EXPECT_EQ(sent_, (std::vector<std::string>{
                       R"({"candidate_id":"1","last_surname":"Ann","telephone":["555-1","555-3"]})",
                       R"({"candidate_id":"2","last_surname":"Bo"})"}));
}

TEST_F(ImportTest, TwoPartnersWhereOneIsMeantAreAnError) {
  const Mapping mapping = MappingOf(kJoined);
  Write("f.csv", "Id\n1\n");
  Write("names.csv", "Name,Of\nBo,1\nAnn,1\n");
  Write("phones.csv", "Whose,Number,Kind\n");
  Stage(Path("f.csv"), mapping);
  EXPECT_EQ(Problems(), "f.csv:2: Id: 2 rows of names belong to it where there must be one\n");
}

TEST_F(ImportTest, AJoinSelectsOrRequires) {
  const auto mapping = [](absl::string_view what) {
    return MappingOf(absl::StrCat(
        "mapping: m\nrecord: Candidate\nformat: csv\nfields: {candidate_id: Id}\njoins:\n"
        "  roles: {files: [roles.csv], on: {Id: Of}, where: {Role: {in: [student]}}, ",
        what, ": true}\n"));
  };
  Write("f.csv", "Id\n1\n2\n");
  Write("roles.csv", "Of,Role\n1,student\n2,teacher\n");
  const Mapping selects = mapping("selects");
  EXPECT_EQ(Stage(Path("f.csv"), selects).not_taken, 1);
  EXPECT_EQ(Problems(), "");
  const Mapping required = mapping("required");
  Stage(Path("f.csv"), required);
  EXPECT_EQ(Problems(), "f.csv:3: Id: no row of roles belongs to it\n");
}

TEST_F(ImportTest, AJoinedFileThatIsMissingOrWrongIsNamed) {
  const Mapping mapping = MappingOf(kJoined);
  Write("f.csv", "Id\n1\n");
  EXPECT_TRUE(absl::StrContains(Stage(Path("f.csv"), mapping).reason, "needs names.csv beside it"));
  Write("names.csv", "Name,OF\n");
  EXPECT_TRUE(absl::StrContains(Stage(Path("f.csv"), mapping).reason,
                                "m.yaml:10:3: there is no column \"Of\""))
      << importer_->outcomes().back().reason;
}

TEST_F(ImportTest, StandardInputIsNotReadTwice) {
  const Mapping* mapping = Library().Find("ed-fi-xml-employment");
  EXPECT_TRUE(absl::StrContains(Stage("-", *mapping).reason,
                                "standard input can be read once, and this mapping reads it again"))
      << importer_->outcomes().back().reason;
}

TEST_F(ImportTest, AJoinLargerThanItsMemoryIsFoundAllTheSame) {
  const Mapping mapping = MappingOf(kJoined);
  std::string ids = "Id\n", names = "Name,Of\n";
  const std::string filler(1000, 'x');
  for (int i = 0; i < 40'000; ++i) {
    absl::StrAppend(&names, filler, i, ",", i, "\n");
    if (i % 997 == 0) absl::StrAppend(&ids, i, "\n");
  }
  Write("f.csv", ids);
  Write("names.csv", names);
  Write("phones.csv", "Whose,Number,Kind\n");
  EXPECT_EQ(Stage(Path("f.csv"), mapping).bad_rows, 0);
  Publish();
  ASSERT_EQ(sent_.size(), 41u);
  EXPECT_TRUE(absl::StrContains(sent_[40], "x39880\"")) << sent_[40].substr(990);
}

// --- Ed-Fi's own forms ---

TEST_F(ImportTest, APositionOfAnOlderStandardNamesTheFieldThatItLacks) {
  // 5.2 has no school year on a position.
  Write("openStaffPositions.json",
        R"([{"educationOrganizationReference": {"educationOrganizationId": 255901},
             "requisitionNumber": "R-1", "schoolYearTypeReference": {"schoolYear": 2027}},
            {"educationOrganizationReference": {"educationOrganizationId": 255901},
             "requisitionNumber": "R-2"}])");
  Stage(Path("openStaffPositions.json"), *Library().Find("ed-fi-json-open-staff-position"));
  EXPECT_EQ(Problems(),
            "openStaffPositions.json:3: schoolYearTypeReference.schoolYear: must have a value\n");
}

TEST_F(ImportTest, TheNameOfAnOlderExtensionIsTheSameField) {
  Write("candidates.json", R"({"teacherCandidateIdentifier": "1", "birthDate": "2001-05-03",
      "races": [{"raceDescriptor": "uri://a/RaceDescriptor#X"}, {"raceDescriptor": "Y"}]}
      {"candidateIdentifier": "2", "firstName": "Bo"})");
  Stage(Path("candidates.json"), *Library().Find("ed-fi-json-candidate"));
  Publish();
  EXPECT_EQ(
      sent_,
      (std::vector<std::string>{
          R"({"candidate_id":"1","birth_date":"2001-05-03","race":["uri://a/RaceDescriptor#X","Y"]})",
          R"({"candidate_id":"2","first_name":"Bo"})"}));
}

TEST_F(ImportTest, ResourcesOfOneFileAreJoined) {
  Write(
      "StaffAssociation.xml",
      "<InterchangeStaffAssociation xmlns=\"http://ed-fi.org/5.2.0\">\n"
      "<Staff><StaffUniqueId>S1</StaffUniqueId><Name><LastSurname>Lee</LastSurname></Name></"
      "Staff>\n"
      "<StaffEducationOrganizationEmploymentAssociation>"
      "<StaffReference><StaffIdentity><StaffUniqueId>S1</StaffUniqueId></StaffIdentity>"
      "</StaffReference><EducationOrganizationReference><EducationOrganizationIdentity>"
      "<EducationOrganizationId>7</EducationOrganizationId></EducationOrganizationIdentity>"
      "</EducationOrganizationReference><EmploymentPeriod><HireDate>2020-08-01</HireDate>"
      "</EmploymentPeriod><Tenured>0</Tenured></StaffEducationOrganizationEmploymentAssociation>\n"
      "<StaffSchoolAssociation><StaffReference><StaffIdentity><StaffUniqueId>S1</StaffUniqueId>"
      "</StaffIdentity></StaffReference><GradeLevel>g1</GradeLevel><GradeLevel>g2</GradeLevel>"
      "</StaffSchoolAssociation></InterchangeStaffAssociation>\n");
  Stage(Path("StaffAssociation.xml"), *Library().Find("ed-fi-xml-employment"));
  EXPECT_EQ(Problems(), "");
  Publish();
  EXPECT_EQ(sent_, std::vector<std::string>{
                       R"({"staff_id":"S1","employing_org":"7","hire_date":"2020-08-01",)"
                       R"("last_surname":"Lee","grade_level":["g1","g2"],"tenured":false})"});
}

TEST_F(ImportTest, EveryCredentialThatAStaffMemberRefersToIsTheirs) {
  const auto credential = [](absl::string_view id) {
    return absl::StrCat("<Credential><CredentialIdentifier>", id,
                        "</CredentialIdentifier><StateOfIssueStateAbbreviation>TX</"
                        "StateOfIssueStateAbbreviation><Namespace>uri://tx</Namespace>"
                        "</Credential>\n");
  };
  const auto reference = [](absl::string_view id) {
    return absl::StrCat("<CredentialReference><CredentialIdentity><CredentialIdentifier>", id,
                        "</CredentialIdentifier></CredentialIdentity></CredentialReference>");
  };
  Write("StaffAssociation.xml",
        absl::StrCat("<InterchangeStaffAssociation xmlns=\"http://ed-fi.org/5.2.0\">\n",
                     credential("1"), credential("2"),
                     "<Staff><StaffUniqueId>S1</StaffUniqueId><PersonReference><PersonIdentity>"
                     "<PersonId>P1</PersonId><SourceSystem>State</SourceSystem></PersonIdentity>"
                     "</PersonReference>",
                     reference("1"), reference("2"), "</Staff>\n</InterchangeStaffAssociation>\n"));
  Stage(Path("StaffAssociation.xml"), *Library().Find("ed-fi-xml-credential"));
  EXPECT_EQ(Problems(), "");
  Publish();
  ASSERT_EQ(sent_.size(), 2u);
  for (const std::string& record : sent_) {
    EXPECT_TRUE(absl::StrContains(record, R"("person_id":"P1")")) << record;
  }
}

TEST_F(ImportTest, WhatMustNotBePublishedIsLeftOut) {
  Write("candidates.json",
        R"([{"candidateIdentifier": "1", "electronicMails": [)"
        R"({"electronicMailAddress": "a@x", "doNotPublishIndicator": true},)"
        R"({"electronicMailAddress": "b@x", "doNotPublishIndicator": false},)"
        R"({"electronicMailAddress": "c@x"}],)"
        R"("telephones": [{"telephoneNumber": "555", "doNotPublishIndicator": true}],)"
        R"("addresses": [{"postalCode": "60614", "doNotPublishIndicator": true}]}])");
  Stage(Path("candidates.json"), *Library().Find("ed-fi-json-candidate"));
  EXPECT_EQ(Problems(), "");
  Publish();
  EXPECT_EQ(sent_,
            std::vector<std::string>{R"({"candidate_id":"1","electronic_mail":["b@x","c@x"]})"});
}

}  // namespace
}  // namespace sluice::client
