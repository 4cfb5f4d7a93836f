#include "client/import/mapping.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/import/mapping_library.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

const policy::Catalog& CatalogForTest() {
  static const auto* const catalog =
      new std::shared_ptr<const policy::Catalog>(*policy::Catalog::BuiltIn());
  return **catalog;
}

constexpr char kHead[] =
    "mapping: district-candidates\n"
    "record: Candidate\n"
    "format: csv\n";

// A mapping with these lines after its key field, from line 6.
MappingRead ReadFields(absl::string_view lines) {
  return ReadMapping("m.yaml", absl::StrCat(kHead, "fields:\n  candidate_id: Id\n", lines),
                     CatalogForTest());
}

void ExpectFinding(const MappingRead& read, absl::string_view text) {
  std::string all;
  bool found = false;
  for (const policy::Finding& finding : read.findings) {
    absl::StrAppend(&all, finding.ToString(), "\n");
    found |= absl::StrContains(finding.ToString(), text);
  }
  EXPECT_TRUE(found) << text << " is not in:\n" << all;
  EXPECT_FALSE(read.mapping.has_value());
}

TEST(MappingTest, ReadsEveryFormOfAValue) {
  const MappingRead read = ReadFields(
      "  first_name: {column: [First, GivenName], optional: true}\n"
      "  birth_date: {column: Born, date: [MM/DD/YYYY, D.M.YYYY], required: true}\n"
      "  source_system: {constant: \"uri://ed-fi.org/SourceSystemDescriptor#State\"}\n"
      "  sex: {column: Sex, crosswalk: {codes: {F: Female}, otherwise: REFUSE}}\n"
      "  previous_career: {column: Career, prefix: \"uri://x/PreviousCareerDescriptor#\"}\n"
      "repeat:\n"
      "  race: {columns: 1..3, value: \"Race{n}\"}\n"
      "  identification_codes:\n"
      "    - {fields: {system: {constant: District}, value: DistrictId}}\n"
      "    - {fields: {system: {constant: State}, value: StateId}}\n"
      "where:\n"
      "  role: {in: [student]}\n");
  ASSERT_TRUE(read.mapping.has_value()) << read.findings[0].ToString();
  const Mapping& mapping = *read.mapping;
  EXPECT_EQ(mapping.fields.size(), 6u);
  EXPECT_EQ(mapping.fields[2].value.dates[1], "D.M.YYYY");
  EXPECT_EQ(mapping.crosswalks.at("fields.sex.crosswalk").codes.at("F"), "Female");
  EXPECT_EQ(mapping.repeats.size(), 3u);
  EXPECT_EQ(mapping.where[0].values[0], "student");
}

TEST(MappingTest, NamesAFieldThatIsNotThere) {
  ExpectFinding(ReadFields("  frist_name: First\n"), "m.yaml:6:3: error M011");
  ExpectFinding(ReadFields("  frist_name: First\n"), "did you mean \"first_name\"?");
  ExpectFinding(ReadFields("  firstName: First\n"), "M011");
  ExpectFinding(ReadFields("  birth_date.year: Year\n"), "M011");
}

TEST(MappingTest, RefusesTwoColumnsOnOneField) {
  ExpectFinding(ReadFields("  first_name: A\n  first_name: B\n"), "m.yaml:7:3: error M006");
  ExpectFinding(ReadFields("  race: A\nrepeat:\n  race: {columns: 1..2, value: \"R{n}\"}\n"),
                "M01");
  ExpectFinding(ReadFields("  first_name: {column: A, constant: B}\n"), "M002");
}

TEST(MappingTest, RefusesAKeyThatNothingIsMappedTo) {
  ExpectFinding(ReadMapping("m.yaml", absl::StrCat(kHead, "fields:\n  first_name: First\n"),
                            CatalogForTest()),
                "M014");
  ExpectFinding(ReadMapping("m.yaml",
                            absl::StrCat(kHead,
                                         "fields:\n  candidate_id: {column: Id, "
                                         "optional: true}\n"),
                            CatalogForTest()),
                "a field of the key can't be optional");
  // Every part of a key that is a message.
  ExpectFinding(ReadMapping("m.yaml",
                            "mapping: m\nrecord: ProgramEnrollment\nformat: csv\nfields:\n"
                            "  candidate_id: Id\n  begin_date: B\n  program.program_name: P\n",
                            CatalogForTest()),
                "\"program.program_type\" is part of the key");
}

TEST(MappingTest, RefusesAMessageWhereAValueStands) {
  ExpectFinding(ReadFields("  english_language_exam: Exam\n"), "name the fields inside it");
  ExpectFinding(ReadFields("  identification_codes: Codes\n"), "stands under \"repeat\"");
  ExpectFinding(ReadFields("repeat:\n  first_name: {columns: 1..2, value: \"A{n}\"}\n"),
                "is not repeated");
  ExpectFinding(ReadFields("repeat:\n  race: {columns: 1..2, fields: {a: \"A{n}\"}}\n"),
                "and no fields");
}

TEST(MappingTest, ChecksTheNumbersOfARepeat) {
  ExpectFinding(ReadFields("repeat:\n  race: {columns: 1..3, value: Race}\n"), "M019");
  ExpectFinding(ReadFields("  first_name: \"First{n}\"\n"), "M019");
  ExpectFinding(ReadFields("joins:\n  a: {files: [b.csv], on: {Id: \"Of{n}\"}}\n"), "M019");
  ExpectFinding(ReadFields("joins:\n  a: {files: [b.csv], columns: 1..2, on: {Id: Of}}\n"), "M019");
  ExpectFinding(ReadFields("repeat:\n  race: {columns: 3..1, value: \"R{n}\"}\n"), "M005");
  ExpectFinding(ReadFields("repeat:\n  race: {columns: 1..1000, value: \"R{n}\"}\n"), "M005");
}

TEST(MappingTest, ChecksNamesOfTypesJoinsAndCrosswalks) {
  ExpectFinding(ReadMapping("m.yaml", "mapping: m\nrecord: Candidat\nformat: csv\nfields: {a: A}\n",
                            CatalogForTest()),
                "did you mean \"Candidate\"?");
  ExpectFinding(ReadFields("  first_name: {column: A, from: staff}\n"), "M016");
  ExpectFinding(ReadFields("  sex: {column: A, crosswalk: sexes}\n"), "M015");
  ExpectFinding(ReadFields("repeat:\n  race: {each: races, value: R}\n"), "M016");
  ExpectFinding(ReadFields("joins:\n  a: {files: [b.csv]}\n"), "M002");
}

TEST(MappingTest, KnowsTheCrosswalksThatSluiceBrings) {
  const MappingRead read =
      ReadFields("repeat:\n  race: {columns: 1..2, value: {column: \"R{n}\", crosswalk: Race}}\n");
  ASSERT_TRUE(read.mapping.has_value()) << read.findings[0].ToString();
  EXPECT_NE(read.mapping->crosswalks.at("Race").shared, nullptr);
}

TEST(MappingTest, ChecksFormsAndConstants) {
  ExpectFinding(ReadFields("  birth_date: {column: B, date: MM/DD/YY}\n"), "M017");
  ExpectFinding(ReadFields("  first_name: {column: B, date: MM/DD/YYYY}\n"), "M018");
  ExpectFinding(ReadFields("  expected_completion_year: {constant: soon}\n"), "M018");
  ExpectFinding(ReadFields("  birth_date: {constant: 2017-02-30}\n"), "M018");
  ExpectFinding(ReadFields("  first_name: {column: B, school_year: true}\n"), "is a year");
  ExpectFinding(ReadFields("  first_name: {constant: A, school_year: true}\n"),
                "a constant has no");
  ExpectFinding(ReadMapping("m.yaml",
                            "mapping: m\nrecord: PersonIdentity\nformat: csv\nfields:\n"
                            "  id_space: {constant: staff}\n  id: Id\n",
                            CatalogForTest()),
                "no value of the closed code set IdSpace");
  ExpectFinding(ReadFields("  first_name: {constant: A, trim: true}\n"), "a constant has no");
}

TEST(MappingTest, ChecksItsOwnForm) {
  ExpectFinding(ReadFields("feilds: {}\n"), "unknown key \"feilds\"; did you mean \"fields\"?");
  ExpectFinding(ReadFields("  first_name: {colunm: A}\n"), "did you mean \"column\"?");
  ExpectFinding(ReadMapping("m.yaml", "mapping: m\nformat: csv\n", CatalogForTest()), "M002");
  ExpectFinding(ReadMapping("m.yaml", "mapping: m\nformat: excel\nrefused: no\n", CatalogForTest()),
                "one of csv, ed-fi-csv");
  ExpectFinding(ReadMapping("m.yaml", "- a\n", CatalogForTest()), "M00");
  ExpectFinding(ReadFields("  first_name: &a A\n"), "M004");
  ExpectFinding(ReadMapping("m.yaml",
                            "mapping: m\nrecord: Candidate\nformat: ed-fi-xml\nfields: "
                            "{candidate_id: Id}\n",
                            CatalogForTest()),
                "missing \"resource\"");
}

TEST(MappingLibraryTest, EveryMappingOfOursFitsTheCatalog) {
  const auto library = MappingLibrary::BuiltIn(CatalogForTest());
  ASSERT_TRUE(library.ok()) << library.status();
  for (const Mapping& mapping : library->mappings()) {
    EXPECT_EQ(MappingLibrary::TextOf(mapping.name).empty(), false) << mapping.name;
    EXPECT_FALSE(mapping.title.empty()) << mapping.name;
    EXPECT_FALSE(mapping.files.empty()) << mapping.name;
  }
}

TEST(MappingLibraryTest, RecognizesByNameAndFailingThatByHeader) {
  const auto library = MappingLibrary::BuiltIn(CatalogForTest());
  const auto by_name = library->Recognize(MappingFormat::kEdFiCsv, "CANDIDATE.csv", {"x"});
  ASSERT_TRUE(by_name.ok());
  EXPECT_EQ((*by_name)[0]->name, "ed-fi-candidate");
  const auto by_header = library->Recognize(MappingFormat::kEdFiCsv, "export-3.csv",
                                            {"CandidateIdentifier", "FirstName", "LastSurname"});
  ASSERT_TRUE(by_header.ok()) << by_header.status();
  EXPECT_EQ((*by_header)[0]->name, "ed-fi-candidate");
  const auto none = library->Recognize(MappingFormat::kEdFiCsv, "candidat.csv", {"x"});
  EXPECT_TRUE(absl::StrContains(none.status().message(), "did you mean \"candidate.csv\"?"))
      << none.status();
}

}  // namespace
}  // namespace sluice::client
