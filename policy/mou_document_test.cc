#include "policy/mou_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/util/message_differencer.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Findings(const std::string& yaml) {
  std::vector<std::string> all;
  for (const Finding& f : MouDocument::Parse("mou.yaml", yaml).findings) {
    all.push_back(f.ToString());
  }
  return all;
}

std::vector<std::string> FindingsWith(absl::string_view old_text, absl::string_view new_text) {
  return Findings(ExampleMouWith(old_text, new_text));
}

TEST(MouDocument, ReadsTheExample) {
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", ExampleMou());
  ASSERT_THAT(parsed.findings, IsEmpty());
  const v1::Mou& mou = parsed.document.mou();
  EXPECT_TRUE(parsed.document.well_formed());
  EXPECT_EQ(mou.mou(), "stem-pipeline");
  EXPECT_EQ(mou.version(), 1);
  EXPECT_EQ(mou.parties_size(), 2);
  EXPECT_EQ(mou.authority(0).basis(), v1::BASIS_FERPA_DEIDENTIFIED);
  EXPECT_EQ(mou.term().expires().year(), 2028);
  EXPECT_EQ(mou.obligations().destroy_within_days(), 60);
  EXPECT_EQ(mou.grants(0).operations(0), v1::OPERATION_READ);
  EXPECT_EQ(mou.grants(0).rows().at("expected_completion_year").at_least(), "2027");
  EXPECT_THAT(mou.grants(0).rows().at("subject_area").in(),
              ElementsAre("MATHEMATICS", "PHYSICS", "CHEMISTRY"));
  EXPECT_EQ(mou.grants(0).fields().at("birth_date").generalize().band(), 5);
}

TEST(MouDocument, IsWhatItsBytesAre) {
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", ExampleMou());
  EXPECT_EQ(parsed.document.bytes(), ExampleMou());
  // A comment is signed, too.
  const MouDocument::Parsed other = MouDocument::Parse("mou.yaml", ExampleMou() + "# x\n");
  EXPECT_NE(other.document.digest(), parsed.document.digest());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(other.document.mou(),
                                                                 parsed.document.mou()));
}

TEST(MouDocument, KnowsThePlaceOfAPathOrOfTheNearestAround) {
  const MouDocument document = MouDocument::Parse("mou.yaml", ExampleMou()).document;
  EXPECT_EQ(document.PlaceOf("term").line, 9);
  EXPECT_EQ(document.PlaceOf("grants[0]").line, 14);
  EXPECT_EQ(document.PlaceOf("grants[0].fields.birth_date").line, 25);
  EXPECT_EQ(document.PlaceOf("grants[0].fields.birth_date").column, 7);
  EXPECT_EQ(document.PlaceOf("grants[0].fields.birth_date.generalize.to").line, 25);
  EXPECT_EQ(document.PlaceOf("grants[0].period.expires").line, 14);
  EXPECT_EQ(document.PlaceOf("").line, 1);
}

TEST(MouDocument, ReportsAnUnknownKeyWithTheNameThatWasMeant) {
  EXPECT_THAT(FindingsWith("    purpose: hiring", "    purpse: hiring"),
              ElementsAre("mou.yaml:14:5: error P014: missing \"grants[0].purpose\"",
                          "mou.yaml:17:5: error P001: unknown key \"purpse\"; did you mean "
                          "\"purpose\"?"));
}

TEST(MouDocument, ReportsADuplicateKeyAtTheSecond) {
  EXPECT_THAT(FindingsWith("version: 1\n", "version: 1\nversion: 2\n"),
              ElementsAre("mou.yaml:3:1: error P022: duplicate key \"version\", first at line 2\n"
                          "  hint: remove one of the two"));
}

TEST(MouDocument, TakesAQuotedScalarForAStringOnly) {
  EXPECT_THAT(FindingsWith("version: 1", "version: \"1\""),
              ElementsAre("mou.yaml:2:10: error P035: \"version\" must be a whole number, not the "
                          "string \"1\"\n  hint: what is quoted is a string only: remove the "
                          "quotes"));
  EXPECT_THAT(FindingsWith("2026-07-01", "'2026-07-01'"), SizeIs(1));
  EXPECT_THAT(FindingsWith("mou: stem-pipeline", "mou: \"stem-pipeline\""), IsEmpty());
}

TEST(MouDocument, KeepsNoACodeAndADateOnlyWhereTheFieldIsOne) {
  const MouDocument::Parsed parsed = MouDocument::Parse(
      "mou.yaml", ExampleMouWith("[MATHEMATICS, PHYSICS, CHEMISTRY]", "[NO, 2026-01-01, 0x1F]"));
  ASSERT_THAT(parsed.findings, IsEmpty());
  EXPECT_THAT(parsed.document.mou().grants(0).rows().at("subject_area").in(),
              ElementsAre("NO", "2026-01-01", "0x1F"));
  EXPECT_THAT(FindingsWith("title: STEM educator", "title: 2026-01-01 #"), IsEmpty());
}

TEST(MouDocument, RefusesWhatIsNoDateOrNoNumber) {
  for (const char* bad : {"2026-02-30", "2026-7-01", "20260701", "0000-01-01", "yes", "1"}) {
    EXPECT_THAT(FindingsWith("effective: 2026-07-01", absl::StrCat("effective: ", bad)), SizeIs(1))
        << bad;
  }
  for (const char* bad : {"0x10", "1e3", "01", "1_000", "+1", "1.0", "0", "-1", "true", "[1]"}) {
    EXPECT_THAT(FindingsWith("version: 1", absl::StrCat("version: ", bad)), SizeIs(1)) << bad;
  }
}

TEST(MouDocument, RefusesWhatIsToBeBuiltYet) {
  constexpr char kLine[] = "      subject_area: pass\n";
  EXPECT_THAT(FindingsWith("prohibitions: []\n", "tables: []\nprohibitions: []\n"),
              ElementsAre("mou.yaml:29:1: error P029: tables are not available in this version of "
                          "Sluice"));
  EXPECT_THAT(
      FindingsWith("prohibitions: []\n",
                   "    release: {k_anonymity: {k: 10, over: [birth_date]}}\nprohibitions: []\n"),
      ElementsAre("mou.yaml:29:5: error P029: release rule is not available in this version of "
                  "Sluice\n  hint: nothing leaves under a release rule that is not enforced: "
                  "remove the rule"));
  EXPECT_THAT(FindingsWith(kLine, "      subject_area: {token: {}}\n"),
              ElementsAre("mou.yaml:27:22: error P029: rule \"token\" is not available in this "
                          "version of Sluice"));
  EXPECT_THAT(FindingsWith(kLine, "      subject_area: {shift: {days: 30}}\n"),
              ElementsAre("mou.yaml:27:22: error P029: rule \"shift\" is not available in this "
                          "version of Sluice"));
  EXPECT_THAT(FindingsWith(kLine, "      subject_area: token\n"), SizeIs(1));
  EXPECT_THAT(FindingsWith("[READ]", "[TABULATE]"),
              ElementsAre("mou.yaml:19:18: error P029: operation \"TABULATE\" is not available in "
                          "this version of Sluice"));
}

TEST(MouDocument, ExplainsARuleThatIsNone) {
  EXPECT_THAT(FindingsWith("subject_area: pass", "subject_area: drop"),
              ElementsAre("mou.yaml:27:21: error P001: unknown rule \"drop\"\n  hint: a field that "
                          "is not listed is dropped: remove the line"));
  EXPECT_THAT(FindingsWith("subject_area: pass", "subject_area: pas"),
              ElementsAre("mou.yaml:27:21: error P001: unknown rule \"pas\"; did you mean "
                          "\"pass\"?\n  hint: a rule is pass, pseudonymize, or generalize with its "
                          "parameters"));
  EXPECT_THAT(FindingsWith("to: YEAR", "to: YAER"),
              ElementsAre("mou.yaml:25:37: error P001: unknown value \"YAER\"; did you mean "
                          "\"YEAR\"?\n  hint: it is one of MONTH, YEAR"));
  EXPECT_THAT(FindingsWith("to: YEAR", "2: YEAR"), SizeIs(1));
  EXPECT_THAT(FindingsWith("subject_area: pass", "subject_area: {pass: {}}"), SizeIs(1));
  EXPECT_THAT(FindingsWith("subject_area: pass", "subject_area: {}"), SizeIs(1));
}

TEST(MouDocument, RefusesConfusableCharactersInNames) {
  // A Cyrillic letter.
  EXPECT_THAT(
      FindingsWith("from: state-university", "from: state-univ\xD0\xB5rsity"),
      ElementsAre("mou.yaml:15:11: error P019: confusable characters in a name: "
                  "\"state-univ\xD0\xB5rsity\"\n  hint: letters beyond ASCII stand in prose "
                  "and comments only"));
  EXPECT_THAT(FindingsWith("birth_date:", "birth_d\xD0\xB0te:"), SizeIs(1));
  EXPECT_THAT(FindingsWith("STEM educator", "S\xC3\xA9m educator"), IsEmpty());
}

TEST(MouDocument, LetsBlocksStandForProseOnly) {
  EXPECT_THAT(FindingsWith("title: STEM", "title: >\n  STEM"), IsEmpty());
  EXPECT_THAT(FindingsWith("mou: stem-pipeline", "mou: |\n  stem-pipeline"),
              ElementsAre("mou.yaml:1:6: error P021: not in the YAML subset: \"|\" and \">\" stand "
                          "for prose only\n  hint: write the value on one line"));
}

TEST(MouDocument, ReportsAllThatIsMissing) {
  EXPECT_THAT(Findings("mou: x\n"), SizeIs(8));
  EXPECT_THAT(FindingsWith("destroy_within_days: 60, ", ""),
              ElementsAre("mou.yaml:12:14: error P014: missing "
                          "\"obligations.destroy_within_days\""));
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  EXPECT_THAT(FindingsWith(absl::StrCat("river-unified, signatory_ca: ", digest), "river-unified"),
              ElementsAre("mou.yaml:6:5: error P014: missing \"parties[1].signatory_ca\"\n  hint: "
                          "the digest that `sluice pki init` prints"));
}

TEST(MouDocument, RefusesAnEmptyAxisOfAProhibition) {
  EXPECT_THAT(
      FindingsWith("prohibitions: []", "prohibitions: [{name: p, reason: because, to: []}]"),
      ElementsAre("mou.yaml:29:47: error P035: \"to\" is empty\n  hint: name what is "
                  "prohibited, or remove the key to say all"));
}

TEST(MouDocument, RefusesANameOfAnotherForm) {
  for (const char* bad : {"Stem", "1stem", "stem_pipeline", "-stem", "a b"}) {
    EXPECT_THAT(FindingsWith("mou: stem-pipeline", absl::StrCat("mou: ", bad)), SizeIs(1)) << bad;
  }
  EXPECT_THAT(FindingsWith("mou: stem-pipeline", absl::StrCat("mou: ", std::string(64, 'a'))),
              SizeIs(1));
}

TEST(MouDocument, RefusesAConstraintThatIsNeitherSetNorInterval) {
  EXPECT_THAT(FindingsWith("{at_least: 2027}", "{}"), SizeIs(1));
  EXPECT_THAT(FindingsWith("{at_least: 2027}", "{in: [1], below: 3}"), SizeIs(1));
  EXPECT_THAT(FindingsWith("{at_least: 2027}", "2027"), SizeIs(1));
}

TEST(MouDocument, HasLimits) {
  std::string rows = "    rows:\n";
  for (int i = 0; i < 5; ++i) absl::StrAppend(&rows, "      f", i, ": {at_least: 1}\n");
  EXPECT_THAT(FindingsWith("    rows:\n", rows),
              ElementsAre("mou.yaml:21:7: error P021: not in the YAML subset: more than 6 fields "
                          "in \"rows\""));
  std::string fields = "    fields:\n";
  for (int i = 0; i < 252; ++i) absl::StrAppend(&fields, "      f", i, ": pass\n");
  EXPECT_THAT(FindingsWith("    fields:\n", fields), SizeIs(1));
  std::string grants = "grants:\n";
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&grants, "  - {name: g", i, ", from: state-university, to: [river-unified], ",
                    "purpose: hiring_pipeline, record: Candidate, fields: {sex: pass}}\n");
  }
  EXPECT_THAT(FindingsWith("grants:\n", grants),
              ElementsAre("mou.yaml:14:3: error P021: not in the YAML subset: more than 1000 "
                          "grants"));
}

// Whatever one byte becomes, the document is refused, or says something else, or it was a comment
// or a blank. Nothing crashes.
TEST(MouDocument, SurvivesTheCorruptionOfEachByte) {
  const std::string golden = ExampleMou();
  const MouDocument whole = MouDocument::Parse("mou.yaml", golden).document;
  int same = 0;
  for (size_t i = 0; i < golden.size(); ++i) {
    for (const char byte :
         {' ', '\n', '#', ':', '*', '}', '\xff', static_cast<char>(golden[i] ^ 1)}) {
      if (byte == golden[i]) continue;
      std::string corrupt = golden;
      corrupt[i] = byte;
      const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", corrupt);
      EXPECT_NE(parsed.document.digest(), whole.digest());
      if (HasError(parsed.findings)) {
        EXPECT_FALSE(parsed.document.well_formed());
        continue;
      }
      if (!google::protobuf::util::MessageDifferencer::Equals(whole.mou(), parsed.document.mou()))
        continue;
      // Only blanks and the order of lists may read the same.
      EXPECT_TRUE(golden[i] == ' ' || golden[i] == '\n') << i << " " << golden.substr(i, 20);
      ++same;
    }
  }
  EXPECT_LT(same, 200);
}

TEST(MouDocument, SurvivesTheLossOfItsEnd) {
  const std::string golden = ExampleMou();
  for (size_t i = 0; i + 1 < golden.size(); ++i) {
    EXPECT_FALSE(MouDocument::Parse("mou.yaml", golden.substr(0, i)).document.well_formed()) << i;
  }
}

}  // namespace
}  // namespace sluice::policy
