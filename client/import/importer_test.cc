#include "client/import/importer.h"

#include <sys/stat.h>

#include "absl/strings/str_replace.h"
#include "client/import/import_for_test.h"

namespace sluice::client {
namespace {

constexpr char kPeople[] =
    "mapping: people\n"
    "record: Candidate\n"
    "format: csv\n"
    "fields:\n"
    "  candidate_id: {column: Id, required: true}\n"
    "  last_surname: Name\n"
    "  birth_date: {column: Born, optional: true}\n"
    "  person_id: {column: Person, optional: true}\n";

TEST_F(ImportTest, PublishesWhatTheMappingMakes) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name,Born,Age\n1,Ann,2001-05-03,7\n2,Bo,,\n");
  const ImportOutcome& outcome = Stage(Path("f.csv"), people);
  EXPECT_EQ(outcome.rows, 2);
  EXPECT_EQ(outcome.unread, (std::vector<std::string>{"Age"}));
  Publish();
  EXPECT_EQ(sent_, (std::vector<std::string>{
                       R"({"candidate_id":"1","last_surname":"Ann","birth_date":"2001-05-03"})",
                       R"({"candidate_id":"2","last_surname":"Bo"})"}));
  EXPECT_EQ(importer_->outcomes()[0].published.added, 2);
  EXPECT_EQ(read_, 2);
}

TEST_F(ImportTest, OneBadRowRefusesTheFileAndEveryBadRowIsNamed) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv",
        "Id,Name,Born\n1,Ann,2001-05-03\n2,Bo,10/06/2017\n,Cy,\n4,Di,2017-02-30\n5\n6,Ed,2017\n");
  const ImportOutcome& outcome = Stage(Path("f.csv"), people);
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(outcome.bad_rows, 4);
  Publish();
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(Problems(),
            "f.csv:3: Born: must be a date: YYYY-MM-DD, or YYYY-MM, or YYYY\n"
            "f.csv:4: Id: must have a value\n"
            "f.csv:5: Born: is a day that no calendar has\n"
            "f.csv:6: : has 1 cells where the header has 3 columns\n");
}

TEST_F(ImportTest, AProblemNeverHoldsAValue) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name,Born\nSECRET,SECRET,SECRET\n");
  Stage(Path("f.csv"), people);
  EXPECT_FALSE(problems_.empty());
  EXPECT_FALSE(absl::StrContains(Problems(), "SECRET"));
}

TEST_F(ImportTest, SkipsInvalidRowsAndWritesThemOutToBeMended) {
  const Mapping people = MappingOf(kPeople);
  Begin({.skip_invalid = true, .rejects = Path("bad.csv")});
  Write("f.csv", "Id,Name,Born\n1,=A1,10/06/2017\n2,Bo,2001\n3,Cy,2001\n3,Di,2001\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_EQ(sent_, (std::vector<std::string>{
                       R"({"candidate_id":"2","last_surname":"Bo","birth_date":"2001"})"}));
  EXPECT_EQ(importer_->outcomes()[0].bad_rows, 3);
  EXPECT_EQ(importer_->outcomes()[0].records, 1);
  const std::string bad = *ReadFile(Path("bad.csv"));
  EXPECT_EQ(bad,
            "sluice_reason,Id,Name,Born\n"
            "\"Born birth_date: must be a date: YYYY-MM-DD, or YYYY-MM, or YYYY\",1,'=A1,"
            "10/06/2017\n"
            "another row has the same key and other values,3,Cy,2001\n"
            "another row has the same key and other values,3,Di,2001\n");
  struct stat written = {};
  ASSERT_EQ(stat(Path("bad.csv").c_str(), &written), 0);
  EXPECT_EQ(written.st_mode & 0777, 0600u);
  // Mended, they are published again from the same file.
  std::string mended = absl::StrReplaceAll(bad, {{"10/06/2017", "2017-10-06"}, {"3,Di", "4,Di"}});
  Write("bad.csv", mended);
  Begin({});
  Stage(Path("bad.csv"), people);
  Publish();
  EXPECT_EQ(sent_.size(), 3u);
  EXPECT_EQ(sent_[0], R"({"candidate_id":"1","last_surname":"=A1","birth_date":"2017-10-06"})");
}

TEST_F(ImportTest, NoRejectsFileWhereNoRowIsBad) {
  const Mapping people = MappingOf(kPeople);
  Begin({.skip_invalid = true, .rejects = Path("bad.csv")});
  Write("f.csv", "Id,Name\n1,Ann\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_FALSE(std::filesystem::exists(Path("bad.csv")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

// --- One id, one record ---

TEST_F(ImportTest, OneIdGivenToTwoPersonsIsRefusedWithBothPlaces) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,Ann\n2,Bo\n1,Cy\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(Problems(), absl::StrCat("f.csv:4: : has the key of ", Path("f.csv"),
                                     ":2 and other values: one id is one record's\n"));
  EXPECT_TRUE(importer_->outcomes()[0].refused);
}

TEST_F(ImportTest, OneIdGivenToTwoPersonsByTwoFilesIsRefusedWithBothPlaces) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,Ann\n2,Bo\n");
  Write("g.csv", "Id,Name\n3,Cy\n1,Di\n");
  Write("h.csv", "Id,Name\n2,Bo\n");
  for (const char* name : {"f.csv", "g.csv", "h.csv"}) Stage(Path(name), people);
  Publish();
  EXPECT_TRUE(absl::StrContains(Problems(), "g.csv:3: : has the key of ")) << Problems();
  // The third repeated a record of the first, which is refused: it is then its own.
  EXPECT_EQ(sent_, std::vector<std::string>{R"({"candidate_id":"2","last_surname":"Bo"})"});
  EXPECT_EQ(importer_->outcomes()[2].records, 1);
}

TEST_F(ImportTest, OnePersonIdOfTwoCandidatesIsTwoRecords) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name,Person\n1,Ann,P1\n2,Bo,P1\n3,Cy,\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_EQ(sent_.size(), 3u);
}

TEST_F(ImportTest, EqualRecordsAreOne) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,Ann\n2,Bo\n1,Ann\n1,Ann\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_EQ(importer_->outcomes()[0].repeated, 2);
  EXPECT_EQ(importer_->outcomes()[0].records, 2);
}

TEST_F(ImportTest, RecordsOfTwoTypesWithOneKeyAreTwoRecords) {
  const Mapping candidates = MappingOf(kPeople);
  const Mapping placements = MappingOf(
      "mapping: placements\nrecord: Placement\nformat: csv\nfields: {fieldwork_id: Id, "
      "candidate_id: Id}\n");
  Write("f.csv", "Id,Name\n1,Ann\n");
  Write("g.csv", "Id\n1\n");
  Stage(Path("f.csv"), candidates);
  Stage(Path("g.csv"), placements);
  Publish();
  EXPECT_EQ(sent_.size(), 2u) << Problems();
}

TEST_F(ImportTest, ARefusedFileIsInConflictWithNone) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,Ann\n,Bo\n");
  Write("g.csv", "Id,Name\n1,Cy\n");
  EXPECT_TRUE(Stage(Path("f.csv"), people).refused);
  Stage(Path("g.csv"), people);
  Publish();
  EXPECT_EQ(sent_, std::vector<std::string>{R"({"candidate_id":"1","last_surname":"Cy"})"});
}

TEST_F(ImportTest, EachOfThreeRowsOfOneIdIsABadRowOnce) {
  const Mapping people = MappingOf(kPeople);
  Begin({.skip_invalid = true, .rejects = Path("bad.csv")});
  Write("f.csv", "Id,Name\n1,Ann\n1,Bo\n1,Cy\n2,Di\n");
  Stage(Path("f.csv"), people);
  Publish();
  EXPECT_EQ(importer_->outcomes()[0].bad_rows, 3);
  EXPECT_EQ(importer_->outcomes()[0].records, 1);
  EXPECT_EQ(sent_.size(), 1u);
  const std::string bad = *ReadFile(Path("bad.csv"));
  EXPECT_EQ(std::count(bad.begin(), bad.end(), '\n'), 4) << bad;
}

// --- Columns ---

TEST_F(ImportTest, AColumnThatIsNotThereIsNamedAtItsPlaceInTheMapping) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Nam\n1,Ann\n");
  const ImportOutcome& outcome = Stage(Path("f.csv"), people);
  EXPECT_TRUE(outcome.refused);
  EXPECT_TRUE(absl::StrContains(outcome.reason, "m.yaml:6:17: error M020")) << outcome.reason;
  EXPECT_TRUE(absl::StrContains(outcome.reason, "did you mean \"Nam\"?")) << outcome.reason;
}

TEST_F(ImportTest, AColumnOfAConditionThatIsNotThereIsNamed) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields: {candidate_id: Id}\n"
      "where: {Role: {in: [student]}}\n");
  Write("f.csv", "Id,Rolle\n1,student\n");
  EXPECT_TRUE(
      absl::StrContains(Stage(Path("f.csv"), mapping).reason, "there is no column \"Role\" in "));
}

TEST_F(ImportTest, AColumnThatIsThereTwiceIsNamed) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name,Name\n1,Ann,Bo\n");
  EXPECT_TRUE(absl::StrContains(Stage(Path("f.csv"), people).reason, "M021"));
}

TEST_F(ImportTest, TheOldNameOfAColumnIsTakenWhereTheNewOneIsNotThere) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n"
      "  candidate_id: {column: [CandidateIdentifier, TeacherCandidateIdentifier]}\n");
  Write("f.csv", "TeacherCandidateIdentifier\n1\n");
  Stage(Path("f.csv"), mapping);
  Publish();
  EXPECT_EQ(sent_, std::vector<std::string>{R"({"candidate_id":"1"})"});
  Write("g.csv", "TeacherCandidateIdentifier,CandidateIdentifier\n1,2\n");
  EXPECT_TRUE(absl::StrContains(Stage(Path("g.csv"), mapping).reason, "M021"));
}

TEST_F(ImportTest, CodesAreKeptAsTheyAre) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n"
      "  candidate_id: Id\n"
      "repeat:\n"
      "  race: {columns: 1..2, value: \"Race{n}\"}\n");
  Write("f.csv",
        "Id,Race1,Race2\n1,uri://a/RaceDescriptor#White,uri://b/RaceDescriptor#White\n"
        "2,,uri:/c/RaceDescriptor#Never seen\n");
  Stage(Path("f.csv"), mapping);
  Publish();
  EXPECT_EQ(
      sent_,
      (std::vector<std::string>{
          R"({"candidate_id":"1","race":["uri://a/RaceDescriptor#White","uri://b/RaceDescriptor#White"]})",
          R"({"candidate_id":"2","race":["uri:/c/RaceDescriptor#Never seen"]})"}));
}

TEST_F(ImportTest, ACrosswalkChangesWhatItNamesAndKeepsOrRefusesTheRest) {
  const auto text = [](absl::string_view otherwise) {
    return absl::StrCat(
        "mapping: m\nrecord: Candidate\nformat: csv\ntrim: true\nfields:\n"
        "  candidate_id: Id\n"
        "  sex: {column: Sex, crosswalk: sexes}\n"
        "crosswalks:\n"
        "  sexes: {codes: {F: \"uri://x/SexDescriptor#Female\"}, absent: [U], otherwise: ",
        otherwise, "}\n");
  };
  Write("f.csv", "Id,Sex\n1, F \n2,U\n3,f\n4,\n");
  const Mapping keep = MappingOf(text("KEEP"));
  Stage(Path("f.csv"), keep);
  Publish();
  EXPECT_EQ(sent_, (std::vector<std::string>{
                       R"({"candidate_id":"1","sex":"uri://x/SexDescriptor#Female"})",
                       R"({"candidate_id":"2"})", R"({"candidate_id":"3","sex":"f"})",
                       R"({"candidate_id":"4"})"}));
  Begin({});
  const Mapping refuse = MappingOf(text("REFUSE"));
  Stage(Path("f.csv"), refuse);
  EXPECT_EQ(Problems(), "f.csv:4: Sex: is a code that the crosswalk does not name\n");
}

TEST_F(ImportTest, ACrosswalkThatSluiceBringsIsUsedWhereTheMappingNamesIt) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n  candidate_id: Id\n"
      "repeat:\n  race: {columns: 1..1, value: {column: \"Race{n}\", crosswalk: Race}}\n");
  Write("f.csv",
        "Id,Race1\n1,uri://tpdm.ed-fi.org/RaceDescriptor#American Indian - Alaska Native\n2,Never "
        "seen\n");
  Stage(Path("f.csv"), mapping);
  Publish();
  EXPECT_EQ(
      sent_,
      (std::vector<std::string>{
          R"({"candidate_id":"1","race":["uri://ed-fi.org/RaceDescriptor#American Indian or Alaska Native"]})",
          R"({"candidate_id":"2","race":["Never seen"]})"}));
}

TEST_F(ImportTest, AConditionSelectsRows) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n  candidate_id: Id\n"
      "where:\n  Role: {in: [student]}\n  Status: {not_in: [tobedeleted]}\n  Id: {present: "
      "true}\n");
  Write("f.csv",
        "Id,Role,Status\n1,student,active\n2,teacher,active\n3,student,tobedeleted\n,student,\n");
  EXPECT_EQ(Stage(Path("f.csv"), mapping).not_taken, 3);
  Publish();
  EXPECT_EQ(sent_, std::vector<std::string>{R"({"candidate_id":"1"})"});
}

TEST_F(ImportTest, APrefixStandsBeforeAValueThatIsThere) {
  const Mapping mapping = MappingOf(
      "mapping: m\nrecord: Candidate\nformat: csv\nfields:\n  candidate_id: Id\n"
      "  last_surname: {column: Name, prefix: \"x-\"}\n");
  Write("f.csv", "Id,Name\n1,Ann\n2,\n");
  Stage(Path("f.csv"), mapping);
  Publish();
  EXPECT_EQ(sent_, (std::vector<std::string>{R"({"candidate_id":"1","last_surname":"x-Ann"})",
                                             R"({"candidate_id":"2"})"}));
}

// --- What the gateway refuses nevertheless ---

TEST_F(ImportTest, SaysExactlyWhatWasCommittedWhenABatchIsRefused) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,A\n2,B\n3,C\n4,D\n5,E\n6,F\n");
  judge_ = [](const v1::PublishRecordsRequest&, v1::PublishRecordsResponse& response) {
    if (response.position() != 2) return;
    response.set_state(v1::PUBLISH_STATE_REFUSED);
    v1::BadRecord& bad = *response.add_bad_records();
    bad.set_index(1);
    bad.set_field("last_surname");
    bad.set_reason("INVALID_VALUE");
  };
  Stage(Path("f.csv"), people);
  Publish(2);
  const ImportOutcome& outcome = importer_->outcomes()[0];
  EXPECT_EQ(outcome.reason,
            "committed are the records of lines 2 to 3, 6 to 7; refused are those of lines 4 to 5");
  EXPECT_FALSE(outcome.publish_status.ok());
  EXPECT_EQ(outcome.published.records, 4);
  EXPECT_TRUE(absl::StrContains(Problems(), "f.csv:5: : the gateway refused it: INVALID_VALUE"));
}

TEST_F(ImportTest, SaysWhatIsNotKnownWhenTheStreamIsLost) {
  const Mapping people = MappingOf(kPeople);
  Write("f.csv", "Id,Name\n1,A\n2,B\n3,C\n4,D\n");
  gateway_.breaks = std::deque<int>(100, 0);
  gateway_.breaks.front() = 1;
  Stage(Path("f.csv"), people);
  Publish(2);
  EXPECT_TRUE(
      absl::StartsWith(importer_->outcomes()[0].reason,
                       "committed are the records of lines 2 to 3; not known is what became "
                       "of those from line 4 on"))
      << importer_->outcomes()[0].reason;
}

TEST_F(ImportTest, AFileThatIsTakenByNoTypeIsRefusedForItsReason) {
  const Mapping* aid = Library().Find("ed-fi-financial-aid");
  ASSERT_NE(aid, nullptr);
  const ImportOutcome& outcome = Stage(Path("FinancialAid.csv"), *aid);
  EXPECT_TRUE(outcome.refused);
  EXPECT_TRUE(absl::StrContains(outcome.reason, "not brokered"));
}

TEST_F(ImportTest, AFileThatChangesWhileItIsReadPublishesNothing) {
  const Mapping people = MappingOf(kPeople);
  std::string text = "Id,Name\n";
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&text, i, ",Ann\n");
  Write("f.csv", text);
  bool written = false;
  auto importer = Importer::Create(
      Catalog(), {}, [this](const ImportProblem& problem) { problems_.push_back(problem); },
      [&](int64_t, int64_t) {
        if (!written) std::ofstream(Path("f.csv"), std::ios::app) << "x,Bo\n";
        written = true;
      });
  importer_ = *std::move(importer);
  const ImportOutcome& outcome = Stage(Path("f.csv"), people);
  EXPECT_TRUE(outcome.refused);
  EXPECT_TRUE(absl::StrContains(outcome.reason, "changed while it was read")) << outcome.reason;
  Publish();
  EXPECT_TRUE(sent_.empty());
}

}  // namespace
}  // namespace sluice::client
