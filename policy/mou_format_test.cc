#include "policy/mou_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "policy/yaml_scalar.h"
#include "tests/support/canonical_mou.h"
#include "tests/support/mou_for_test.h"
#include "tests/support/reference_documents.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

std::string CanonicalExample() {
  return absl::StrCat(
      "mou: stem-pipeline\n"
      "version: 1\n"
      "title: STEM educator pipeline between State University and River Unified\n"
      "catalog:\n  ",
      Pin("Candidate"),
      "\n"
      "parties:\n"
      "  - organization: state-university\n"
      "    signatory_ca: ",
      AnyDigest(),
      "\n"
      "  - organization: river-unified\n"
      "    signatory_ca: ",
      AnyDigest(),
      "\n"
      "authority:\n"
      "  - {basis: FERPA_DEIDENTIFIED, citation: 34 CFR 99.31(b)(1)}\n"
      "term: {effective: 2026-07-01, expires: 2028-07-01}\n"
      "purposes:\n"
      "  hiring_pipeline: Plan the hiring of STEM teachers who are about to complete.\n"
      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
      "grants:\n"
      "  - name: expected-completers\n"
      "    from: state-university\n"
      "    to: [river-unified]\n"
      "    purpose: hiring_pipeline\n"
      "    record: Candidate\n"
      "    rows:\n"
      "      expected_completion_year: {at_least: 2027}\n"
      "      subject_area: {in: [MATHEMATICS, PHYSICS, CHEMISTRY]}\n"
      "    fields:\n"
      "      candidate_id: pseudonymize\n"
      "      birth_date: {generalize: {to: YEAR, band: 5}}\n"
      "      home_postal_code: {generalize: {zip3: CENSUS_2000}}\n"
      "      subject_area: pass\n"
      "      expected_completion_year: pass\n"
      "    operations: [READ]\n"
      "prohibitions: []\n");
}

TEST(MouFormat, PutsKeysInTheOrderOfTheTableAndWhatIsReadOneByOneOnLinesOfItsOwn) {
  EXPECT_EQ(Canonical(ExampleMou()), CanonicalExample());
}

TEST(MouFormat, ForgetsHowTheDocumentWasLaidOut) {
  const std::string one_line = absl::StrCat(
      "{prohibitions: [], grants: [{operations: [READ], fields: {candidate_id: pseudonymize, "
      "birth_date: {generalize: {band: 5, to: YEAR}}, home_postal_code: {generalize: {zip3: "
      "CENSUS_2000}}, subject_area: pass, expected_completion_year: pass}, rows: "
      "{expected_completion_year: {at_least: 2027}, subject_area: {in: [MATHEMATICS, PHYSICS, "
      "CHEMISTRY]}}, record: Candidate, purpose: hiring_pipeline, to: [river-unified], from: "
      "state-university, name: expected-completers}], obligations: {redisclosure: PROHIBITED, "
      "destroy_within_days: 60}, purposes: {hiring_pipeline: 'Plan the hiring of STEM teachers who "
      "are about to complete.'}, term: {expires: 2028-07-01, effective: 2026-07-01}, authority: "
      "[{citation: \"34 CFR 99.31(b)(1)\", basis: FERPA_DEIDENTIFIED}], parties: [{signatory_ca: ",
      AnyDigest(), ", organization: state-university}, {signatory_ca: ", AnyDigest(),
      ", organization: river-unified}], catalog: {", Pin("Candidate"),
      "}, title: STEM educator pipeline between State University and River Unified, version: 1, "
      "mou: stem-pipeline}\n");
  EXPECT_EQ(Canonical(one_line), CanonicalExample());
  // Blanks, and a sequence that is not indented.
  std::string loose = ExampleMou();
  absl::StrReplaceAll({{"    to: [river-unified]\n", "    to:\n    -   river-unified\n"},
                       {"version: 1\n", "version  :   1   \n"},
                       {"term: {effective: ", "term:\n     {  effective: "}},
                      &loose);
  EXPECT_EQ(Canonical(loose), CanonicalExample());
}

TEST(MouFormat, TheQuickstartsDocumentsAreCanonical) {
  for (const char* name : {"stem-pipeline", "retention-study"}) {
    std::ifstream in(absl::StrCat(SLUICE_SOURCE_DIR, "/deploy/demo/", name, ".yaml"));
    std::stringstream bytes;
    bytes << in.rdbuf();
    const std::string document =
        absl::StrReplaceAll(bytes.str(), {{"@EFFECTIVE@", "2026-07-01"},
                                          {"@EXPIRES@", "2028-07-01"},
                                          {"@STATE_UNIVERSITY@", AnyDigest()},
                                          {"@RIVER_UNIFIED@", AnyDigest()},
                                          {"@CANDIDATE@", AnyDigest()},
                                          {"@OPEN_STAFF_POSITION@", AnyDigest()},
                                          {"@EMPLOYMENT@", AnyDigest()}});
    EXPECT_EQ(Canonical(document), document);
  }
}

TEST(MouFormat, WhatDoesNotFitOnALineStandsInSeveral) {
  const std::string old = "{in: [MATHEMATICS, PHYSICS, CHEMISTRY]}";
  const absl::string_view line = "      subject_area: {in: []}";
  const std::string fits(100 - line.size(), 'X');
  EXPECT_THAT(CanonicalWith(old, absl::StrCat("{in: [", fits, "]}")),
              HasSubstr(absl::StrCat("      subject_area: {in: [", fits, "]}\n")));
  EXPECT_THAT(CanonicalWith(old, absl::StrCat("{in: [", fits, "X]}")),
              HasSubstr(absl::StrCat("      subject_area:\n        in: [", fits, "X]\n")));
  EXPECT_THAT(
      CanonicalWith(old, absl::StrCat("{in: [A, ", fits, ", ", fits, "]}")),
      HasSubstr(absl::StrCat("      subject_area:\n        in:\n          - A\n          - ", fits,
                             "\n          - ", fits, "\n")));
}

TEST(MouFormat, QuotesTextOnlyWhereItMust) {
  const auto title = [](const std::string& written) {
    const std::string text =
        CanonicalWith("title: STEM educator pipeline between State University and River Unified",
                      "title: " + written);
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    return lines[2];
  };
  EXPECT_EQ(title("\"A\""), "title: A");
  EXPECT_EQ(title("'It''s, of [course] {so}, 2027?'"), "title: It's, of [course] {so}, 2027?");
  EXPECT_EQ(title("\"2027\""), "title: 2027");
  EXPECT_EQ(title("'NULL'"), "title: \"NULL\"");
  EXPECT_EQ(title("'~'"), "title: \"~\"");
  EXPECT_EQ(title("'a: b'"), "title: \"a: b\"");
  EXPECT_EQ(title("'a #b'"), "title: \"a #b\"");
  EXPECT_EQ(title("'- a'"), "title: \"- a\"");
  EXPECT_EQ(title("'\"a\" \\'"), "title: \"\\\"a\\\" \\\\\"");
  EXPECT_EQ(title("' a '"), "title: \" a \"");
  // Between braces more must be quoted.
  EXPECT_THAT(CanonicalWith("citation: \"34 CFR 99.31(b)(1)\"", "citation: 'a, b'"),
              HasSubstr("  - {basis: FERPA_DEIDENTIFIED, citation: \"a, b\"}\n"));
}

TEST(MouFormat, AConstraintsQuotesMeanSomethingAndStay) {
  EXPECT_THAT(CanonicalWith("[MATHEMATICS, PHYSICS, CHEMISTRY]", "['7', 7, \"MATHEMATICS\"]"),
              HasSubstr("{in: [\"7\", 7, \"MATHEMATICS\"]}\n"));
  // Plain, and no list's: so it stands in a block.
  EXPECT_THAT(CanonicalWith("{at_least: 2027}", "\n        at_least: 2027, 2028"),
              HasSubstr("expected_completion_year:\n        at_least: 2027, 2028\n"));
}

TEST(MouFormat, ProseIsFoldedWhereItIsLongAndKeepsItsLines) {
  const std::string old = "Plan the hiring of STEM teachers who are about to complete.";
  const std::string words =
      "Plan the hiring of STEM teachers who are about to complete, which takes longer to say than "
      "there is room for on one line.";
  const std::string folded =
      "  hiring_pipeline: >-\n"
      "    Plan the hiring of STEM teachers who are about to complete, which takes longer to say "
      "than there\n"
      "    is room for on one line.\n"
      "obligations";
  EXPECT_THAT(CanonicalWith(old, QuotedScalar(words)), HasSubstr(folded));
  EXPECT_THAT(CanonicalWith(old, absl::StrReplaceAll(words, {{"who ", "who\n    "}})),
              HasSubstr(folded));
  // Two blanks are no place to break.
  EXPECT_THAT(
      CanonicalWith(old, QuotedScalar(absl::StrReplaceAll(words, {{"n there", "n  there"}}))),
      HasSubstr("longer to say\n    than  there is room"));
  EXPECT_THAT(CanonicalWith(old, ">\n    One line."), HasSubstr(": |\n    One line.\nobl"));
  EXPECT_THAT(CanonicalWith(old, "|-\n      # One\n\n      and two."),
              HasSubstr(": |-\n    # One\n\n    and two.\nobl"));
  EXPECT_THAT(CanonicalWith(old, absl::StrCat(">\n    ", words, "\n\n    And more.")),
              HasSubstr("one line.\n\n    And more.\nobl"));
  // Blanks at a line's end would be lost in any editor.
  EXPECT_THAT(CanonicalWith(old, "\"One \\n two\\n\\n\""),
              HasSubstr("hiring_pipeline: \"One \\n two\\n\\n\"\n"));
  EXPECT_THAT(CanonicalWith("citation: \"34 CFR 99.31(b)(1)\"", "citation: \"A\\nB\""),
              HasSubstr("  - basis: FERPA_DEIDENTIFIED\n    citation: |-\n      A\n      B\n"));
}

TEST(MouFormat, OneBlankLineStaysOfSeveralAndNoneWhereACollectionBegins) {
  EXPECT_EQ(Canonical(absl::StrReplaceAll(
                ExampleMou(), {{"mou: stem", "\n\nmou: stem"},
                               {"term: ", "\n \n\nterm: "},
                               {"grants:\n", "grants:\n\n"},
                               {"      subject_area: pass", "\n      subject_area: pass"},
                               {"prohibitions: []\n", "prohibitions: []\n\n\n"}})),
            absl::StrReplaceAll(CanonicalExample(),
                                {{"term: ", "\nterm: "},
                                 {"      subject_area: pass", "\n      subject_area: pass"}}));
}

TEST(MouFormat, PinsWhatTheDocumentNames) {
  const std::shared_ptr<const Catalog> catalog = CatalogForTest();
  const std::string& digest = catalog->Find("Candidate")->digest();
  const auto pinned = [&](const std::string& yaml) {
    const MouDocument document = ReadMou(yaml);
    const NamedTypes named = NamedTypesOf(document, *catalog);
    EXPECT_THAT(named.findings, IsEmpty());
    return FormatMou(document, named.pins).value();
  };
  // One that is there, is wrong, or is not there.
  EXPECT_EQ(pinned(ExampleMou()), CanonicalExample());
  EXPECT_EQ(pinned(ExampleMouWith(digest, AnyDigest())), CanonicalExample());
  EXPECT_EQ(pinned(ExampleMouWith(absl::StrCat("catalog: {", Pin("Candidate"), "}\n"), "")),
            CanonicalExample());
  // What else is pinned stays, with its comment.
  const std::string more =
      ExampleMouWith(absl::StrCat("{", Pin("Candidate"), "}"),
                     absl::StrCat("\n  # Not yet granted.\n  Employment: ", AnyDigest()));
  EXPECT_EQ(pinned(more),
            absl::StrReplaceAll(CanonicalExample(),
                                {{absl::StrCat("  ", Pin("Candidate"), "\n"),
                                  absl::StrCat("  # Not yet granted.\n  ", Pin("Employment"),
                                               "\n  ", Pin("Candidate"), "\n")}}));
  EXPECT_THAT(NamedTypesOf(ReadMou(ExampleMouWith("prohibitions: []",
                                                  "prohibitions:\n  - {name: p, reason: R, record: "
                                                  "Employment, fields: [staff_id]}")),
                           *catalog)
                  .pins,
              ElementsAre(Pair("Candidate", digest), Pair("Employment", testing::_)));
}

TEST(MouFormat, ATypeThatTheCatalogDoesNotHaveIsFoundWhereItStands) {
  const NamedTypes named = NamedTypesOf(
      ReadMou(ExampleMouWith("record: Candidate", "record: Candidat")), *CatalogForTest());
  ASSERT_EQ(named.findings.size(), 1u);
  EXPECT_THAT(named.findings[0].ToString(),
              HasSubstr("mou.yaml:18:5: error P001: unknown record \"Candidat\"; did you mean "
                        "\"Candidate\"?"));
}

TEST(MouFormat, RefusesWhatIsNotWellFormed) {
  const MouDocument document = MouDocument::Parse("mou.yaml", "mou: x\n").document;
  EXPECT_EQ(FormatMou(document).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MouFormat, RefusesWhatWouldBeTooLargeToRead) {
  std::string names = "A";
  for (int i = 0; i < 100000; ++i) names += ",A";
  const absl::Status status =
      FormatMou(ReadMou(ExampleMouWith("MATHEMATICS, PHYSICS, CHEMISTRY", names))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("larger than 1048576 bytes"));
}

TEST(MouFormat, RandomProseStaysAsItIs) {
  reference::Generator random(18);
  const char* const kPieces[] = {"a",    "word", "a longer piece of text",
                                 " ",    "  ",   "\n",
                                 "\n\n", "#",    " #",
                                 ": ",   "- ",   "\"",
                                 "'",    "\\",   "é",
                                 ",",    "[",    "}",
                                 "?",    "|",    ">",
                                 "~"};
  for (int i = 0; i < 600; ++i) {
    std::string prose;
    for (int n = random.Number(1, 24); n > 0; --n) prose += random.Pick(kPieces);
    const std::string text = Canonical(ExampleMouWith(
        absl::StrCat("\"34 CFR 99.31(b)(1)\""), QuotedScalar(prose) + ", representative: \"é\""));
    ASSERT_EQ(ReadMou(text).mou().authority(0).citation(), prose);
    const std::string whole =
        Canonical(ExampleMouWith("Plan the hiring of STEM teachers who are about to complete.",
                                 QuotedScalar(prose) + " # <c>"));
    ASSERT_EQ(ReadMou(whole).mou().purposes().at("hiring_pipeline"), prose);
    ASSERT_THAT(whole, HasSubstr("  # <c>\n"));
    ASSERT_THAT(whole, Not(HasSubstr(" \n")));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::policy
