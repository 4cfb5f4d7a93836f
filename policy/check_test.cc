#include "policy/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> CheckText(const std::string& yaml, const CheckOptions& options = {}) {
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", yaml);
  EXPECT_THAT(parsed.findings, IsEmpty())
      << (parsed.findings.empty() ? "" : parsed.findings[0].ToString());
  std::vector<std::string> all;
  for (const Finding& f : Check(parsed.document, *CatalogForTest(), options)) {
    all.push_back(f.ToString());
  }
  return all;
}

std::vector<std::string> CheckWith(absl::string_view old_text, absl::string_view new_text,
                                   const CheckOptions& options = {}) {
  return CheckText(ExampleMouWith(old_text, new_text), options);
}

// The example with more grants; their lines begin at 29.
std::string WithGrants(absl::string_view grants) {
  return ExampleMouWith("prohibitions: []\n", absl::StrCat(grants, "prohibitions: []\n"));
}

// A second grant with the example's axes, in one line.
std::string Grant(absl::string_view name, absl::string_view rest) {
  return absl::StrCat("  - {name: ", name,
                      ", from: state-university, to: [river-unified], purpose: hiring_pipeline, "
                      "record: Candidate, ",
                      rest, "}\n");
}

std::string WithProhibition(absl::string_view rest) {
  return ExampleMouWith("prohibitions: []\n",
                        absl::StrCat("prohibitions:\n  - {name: p, reason: because", rest, "}\n"));
}

TEST(Check, FindsNothingInTheExample) { EXPECT_THAT(CheckText(ExampleMou()), IsEmpty()); }

TEST(Check, P001UnknownFieldRecordPurposeOrOrganization) {
  EXPECT_THAT(
      CheckWith("birth_date:", "birthdate:"),
      ElementsAre("mou.yaml:25:7: error P001: unknown field \"birthdate\" of Candidate; did "
                  "you mean \"birth_date\"?"));
  EXPECT_THAT(CheckWith("record: Candidate", "record: Candidat"),
              Contains("mou.yaml:18:5: error P001: unknown record \"Candidat\"; did you mean "
                       "\"Candidate\"?"));
  EXPECT_THAT(CheckWith("purpose: hiring_pipeline", "purpose: hiring_pipelin"),
              Contains("mou.yaml:17:5: error P001: unknown purpose \"hiring_pipelin\"; did you "
                       "mean \"hiring_pipeline\"?"));
  EXPECT_THAT(CheckWith("to: [river-unified]", "to: [river-unifed]"),
              Contains("mou.yaml:16:10: error P001: unknown organization \"river-unifed\"; did you "
                       "mean \"river-unified\"?"));
  EXPECT_THAT(CheckWith("expected_completion_year: {at", "expected_year: {at"),
              Contains(HasSubstr("mou.yaml:21:7: error P001: unknown field \"expected_year\"")));
}

TEST(Check, P002DuplicateName) {
  EXPECT_THAT(
      CheckText(WithGrants(Grant("expected-completers", "fields: {program_degree: pass}"))),
      ElementsAre("mou.yaml:29:6: error P002: duplicate name \"expected-completers\", first at "
                  "line 14"));
  EXPECT_THAT(CheckWith("[river-unified]", "[river-unified, river-unified]"),
              ElementsAre("mou.yaml:16:25: error P002: duplicate name \"river-unified\", first at "
                          "line 16"));
}

TEST(Check, P003PeriodIsEmptyOrInverted) {
  EXPECT_THAT(CheckWith("expires: 2028-07-01", "expires: 2026-07-01"),
              ElementsAre("mou.yaml:9:1: error P003: period is empty or inverted: effective "
                          "2026-07-01, expires 2026-07-01"));
  EXPECT_THAT(
      CheckText(WithGrants(Grant("b",
                                 "fields: {program_degree: pass}, period: {effective: "
                                 "2027-02-01, expires: 2027-01-01}"))),
      ElementsAre("mou.yaml:29:137: error P003: period is empty or inverted: effective 2027-02-01, "
                  "expires 2027-01-01"));
}

TEST(Check, P004PeriodReachesOutsideTheTerm) {
  EXPECT_THAT(CheckText(WithGrants(Grant("b",
                                         "fields: {program_degree: pass}, period: {effective: "
                                         "2026-07-01, expires: 2028-07-02}"))),
              ElementsAre("mou.yaml:29:137: error P004: period reaches outside the term: "
                          "2026-07-01..2028-07-02 is not within 2026-07-01..2028-07-01"));
}

TEST(Check, P005GrantCanNeverMatch) {
  EXPECT_THAT(CheckWith("[MATHEMATICS, PHYSICS, CHEMISTRY]", "[]"),
              ElementsAre("mou.yaml:22:7: error P005: grant can never match: "
                          "\"grants[0].rows.subject_area\" is empty"));
  EXPECT_THAT(CheckWith("{at_least: 2027}", "{at_least: 2027, below: 2027}"),
              ElementsAre(HasSubstr("mou.yaml:21:7: error P005: grant can never match")));
  EXPECT_THAT(
      CheckWith("[MATHEMATICS, PHYSICS, CHEMISTRY]",
                "['uri://ed-fi.org/AcademicSubjectDescriptor#Alchemy']"),
      ElementsAre(HasSubstr("mou.yaml:22:27: error P005: grant can never match: value "
                            "\"uri://ed-fi.org/AcademicSubjectDescriptor#Alchemy\" is not in code "
                            "set AcademicSubject")));
}

TEST(Check, P006GrantIsWhollyRemoved) {
  EXPECT_THAT(CheckText(WithProhibition(", to: [river-unified]")),
              ElementsAre("mou.yaml:14:5: error P006: grant is wholly removed by prohibition "
                          "\"p\""));
  // Two halves of the years, each by a prohibition of its own.
  EXPECT_THAT(
      CheckText(ExampleMouWith(
          "prohibitions: []\n",
          "prohibitions:\n"
          "  - {name: p, reason: r, record: Candidate, rows: {expected_completion_year: {below: "
          "2030}}}\n"
          "  - {name: q, reason: r, record: Candidate, rows: {expected_completion_year: {at_least: "
          "2030}}}\n")),
      ElementsAre(
          "mou.yaml:14:5: error P006: grant is wholly removed by prohibitions \"p\", \"q\""));
  EXPECT_THAT(CheckText(WithProhibition(", record: Candidate, fields: [birth_date]")), IsEmpty());
  EXPECT_THAT(CheckText(WithProhibition(", period: {effective: 2026-07-02, expires: 2028-07-01}")),
              IsEmpty());
}

TEST(Check, P007GrantAddsNothing) {
  EXPECT_THAT(CheckText(WithGrants(Grant("less",
                                         "operations: [READ], rows: {expected_completion_year: "
                                         "{at_least: 2028}, subject_area: {in: [PHYSICS]}}, "
                                         "fields: {subject_area: pass}"))),
              ElementsAre("mou.yaml:29:5: warning P007: grant \"less\" adds nothing to grant "
                          "\"expected-completers\""));
}

TEST(Check, P008RuleDoesNotFit) {
  EXPECT_THAT(
      CheckWith("birth_date: {generalize: {to: YEAR, band: 5}}",
                "birth_date: {generalize: {keep_prefix: 4}}"),
      ElementsAre(HasSubstr("mou.yaml:25:7: error P008: rule \"generalize keep_prefix 4\" does not "
                            "fit field \"birth_date\" of kind date")));
  EXPECT_THAT(CheckWith("{generalize: {zip3: CENSUS_2000}}", "pseudonymize"),
              ElementsAre(HasSubstr("error P008: rule \"pseudonymize\" does not fit field "
                                    "\"home_postal_code\" of kind postal code")));
  EXPECT_THAT(CheckWith("{to: YEAR, band: 5}", "{to: YEAR, keep_prefix: 5}"),
              ElementsAre(HasSubstr("error P008")));
}

TEST(Check, P008RuleThatKeepsTheWholeValueIsAWarning) {
  EXPECT_THAT(CheckWith("expected_completion_year: pass",
                        "expected_completion_year: {generalize: {band: 1}}"),
              ElementsAre(HasSubstr("mou.yaml:28:7: warning P008: rule \"generalize band 1\" on "
                                    "field \"expected_completion_year\" keeps the whole value")));
}

TEST(Check, P008ConstraintDoesNotFit) {
  EXPECT_THAT(CheckWith("expected_completion_year: {at", "first_name: {at"),
              ElementsAre(HasSubstr("mou.yaml:21:7: error P008: a constraint does not fit field "
                                    "\"first_name\" of kind string")));
  EXPECT_THAT(CheckWith("subject_area: {in", "further_subject_areas: {in"),
              ElementsAre(HasSubstr("error P008: a constraint does not fit field "
                                    "\"further_subject_areas\" of kind repeated code")));
  EXPECT_THAT(CheckWith("{in: [MATHEMATICS, PHYSICS, CHEMISTRY]}", "{at_least: PHYSICS}"),
              ElementsAre(HasSubstr("error P008")));
}

TEST(Check, P009RuleIsWeakerThanItsFloor) {
  const auto floor = [](absl::string_view rules, absl::string_view more = "") {
    return absl::StrCat("floors: [{sensitivity: QUASI_IDENTIFIER, at_least: [", rules, "]", more,
                        "}]\ngrants:\n");
  };
  EXPECT_THAT(
      CheckWith("grants:\n", floor("{generalize: {zip3: CENSUS_2000}}")),
      ElementsAre(HasSubstr("mou.yaml:28:7: error P009: rule for \"subject_area\" (sensitivity "
                            "QUASI_IDENTIFIER) is weaker than its floor \"generalize zip3 "
                            "CENSUS_2000\""),
                  HasSubstr("mou.yaml:29:7: error P009")));
  EXPECT_THAT(CheckWith("grants:\n", floor("pass")), IsEmpty());
  EXPECT_THAT(
      CheckText(ExampleMouWith("  hiring_pipeline: P", "  other: O\n  hiring_pipeline: P")).size(),
      1u);
}

TEST(Check, P010ProhibitionRemovesNothing) {
  EXPECT_THAT(CheckText(WithProhibition(", record: Candidate, fields: [first_name]")),
              ElementsAre("mou.yaml:30:5: warning P010: prohibition \"p\" removes nothing"));
  EXPECT_THAT(CheckText(WithProhibition(
                  ", record: Candidate, rows: {expected_completion_year: {below: 2027}}")),
              ElementsAre(HasSubstr("warning P010")));
  // A row without the field is in every prohibition about it.
  EXPECT_THAT(CheckText(WithProhibition(", record: Candidate, rows: {sex: {in: [FEMALE]}}")),
              IsEmpty());
}

TEST(Check, P011PartyOrPurposeIsUsedByNoGrant) {
  EXPECT_THAT(CheckWith("purposes:\n", "purposes:\n  spare: Not used.\n"),
              ElementsAre("mou.yaml:11:3: warning P011: purpose \"spare\" is used by no grant"));
  EXPECT_THAT(CheckWith("catalog:", absl::StrCat("  - {organization: lake, signatory_ca: sha256:",
                                                 std::string(64, 'b'), "}\ncatalog:")),
              ElementsAre("mou.yaml:7:5: warning P011: party \"lake\" is used by no grant"));
}

TEST(Check, P012GrantsThatConflictNameARowInBoth) {
  EXPECT_THAT(
      CheckText(WithGrants(
          Grant("interns",
                "rows: {subject_area: {in: [PHYSICS, BIOLOGY]}, expected_completion_year: "
                "{below: 2029}}, fields: {birth_date: {generalize: {to: MONTH}}}"))),
      ElementsAre(
          "mou.yaml:29:209: error P012: grants \"expected-completers\" and \"interns\" give "
          "(row, birth_date) different rules (generalize YEAR band 5, generalize MONTH); a "
          "row in both: subject_area=PHYSICS, expected_completion_year=2027\n  hint: give "
          "both the same rule, or keep their rows apart"));
  // Rows apart.
  EXPECT_THAT(
      CheckText(WithGrants(Grant("interns",
                                 "rows: {subject_area: {in: [BIOLOGY]}}, fields: {birth_date: "
                                 "{generalize: {to: MONTH}}}"))),
      IsEmpty());
  // Operations apart.
  EXPECT_THAT(
      CheckText(WithGrants(
          Grant("interns", "operations: [SYNC], fields: {birth_date: {generalize: {to: MONTH}}}"))),
      IsEmpty());
}

TEST(Check, P009NothingOfAPersonsIdentityIsGranted) {
  const std::string grant = Grant("ids", "fields: {id: pass, source.school_year: pass}");
  std::string text = WithGrants(absl::StrReplaceAll(grant, {{"Candidate", "PersonIdentity"}}));
  absl::StrReplaceAll(
      {{Pin("Candidate"), absl::StrCat(Pin("Candidate"), ", ", Pin("PersonIdentity"))}}, &text);
  EXPECT_THAT(
      CheckText(text),
      AllOf(Contains(HasSubstr("error P009: rule for \"id\" is weaker than its floor \"drop\"")),
            Contains(HasSubstr("error P009: rule for \"source.school_year\" is weaker than "
                               "its floor \"drop\""))));
  const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", text);
  EXPECT_FALSE(CompiledMou::Compile(parsed.document, CatalogForTest()).ok());
}

TEST(Check, P036WarnsOfWhatIsNotBrokeredByDefault) {
  EXPECT_THAT(CheckWith("subject_area: pass", "subject_area: pass\n      disability: pass"),
              ElementsAre("mou.yaml:28:7: warning P036: \"disability\" is not brokered unless an "
                          "MOU needs it\n  hint: leave it out, or state in the purpose why it is "
                          "needed"));
}

TEST(Check, P013DirectIdentifierPassesAsDeidentifiedData) {
  EXPECT_THAT(
      CheckWith("birth_date: {generalize: {to: YEAR, band: 5}}", "last_surname: pass"),
      ElementsAre("mou.yaml:25:7: error P013: direct identifier \"last_surname\" passes although "
                  "the basis of its regime (FERPA) is de-identified data\n  hint: do not list it"));
  EXPECT_THAT(CheckWith("birth_date: {generalize: {to: YEAR, band: 5}}",
                        "last_surname: {generalize: {keep_prefix: 70}}"),
              ElementsAre(HasSubstr("error P013")));
  EXPECT_THAT(CheckWith("{basis: FERPA_DEIDENTIFIED", "{basis: FERPA_CONSENT"), IsEmpty());
}

TEST(Check, P014MissingAuthorityOrRecipient) {
  EXPECT_THAT(
      CheckWith("authority: [{basis: FERPA_DEIDENTIFIED, citation: \"34 CFR 99.31(b)(1)\"}]",
                "authority: []"),
      Contains("mou.yaml:8:1: error P014: missing: \"authority\" is empty\n  hint: state "
               "the legal basis of each regime"));
  EXPECT_THAT(CheckWith("to: [river-unified]", "to: []"),
              Contains(HasSubstr("mou.yaml:16:5: error P014")));
  EXPECT_THAT(CheckText(ExampleMouWith("prohibitions: []",
                                       "prohibitions: [{name: p, reason: r, fields: [sex]}]")),
              Contains(HasSubstr("error P014: missing \"prohibitions[0].record\"")));
}

TEST(Check, P016ExpiredOrExpiresSoon) {
  CheckOptions options;
  options.today = absl::CivilDay(2028, 6, 1);
  EXPECT_THAT(CheckText(ExampleMou(), options),
              ElementsAre("mou.yaml:9:31: warning P016: expires within 30 days, on 2028-07-01"));
  options.today = absl::CivilDay(2028, 7, 1);
  EXPECT_THAT(CheckText(ExampleMou(), options),
              ElementsAre("mou.yaml:9:31: warning P016: expired on 2028-07-01"));
  options.today = absl::CivilDay(2027, 7, 1);
  EXPECT_THAT(CheckText(ExampleMou(), options), IsEmpty());
}

TEST(Check, P018AnIdPassesAndLeavesPseudonymizedToTheSameRecipient) {
  std::string text = ExampleMouWith("{basis: FERPA_DEIDENTIFIED", "{basis: FERPA_CONSENT");
  absl::StrReplaceAll(
      {{"prohibitions: []\n",
        absl::StrCat(Grant("ids",
                           "rows: {subject_area: {in: [BIOLOGY]}}, fields: {candidate_id: "
                           "pass}"),
                     "prohibitions: []\n")}},
      &text);
  EXPECT_THAT(CheckText(text),
              ElementsAre(HasSubstr("error P018: \"candidate_id\" passes and also leaves "
                                    "pseudonymized to river-unified (grant "
                                    "\"expected-completers\"): the two can be joined")));
}

TEST(Check, P023TypeIsNotPinnedOrDiffers) {
  EXPECT_THAT(CheckWith(Pin("Candidate"), ""),
              ElementsAre(absl::StrCat("mou.yaml:18:5: error P023: type \"Candidate\" is not "
                                       "pinned\n  hint: add to `catalog`: ",
                                       Pin("Candidate"))));
  EXPECT_THAT(CheckWith(Pin("Candidate"), absl::StrCat("Candidate: sha256:", std::string(64, '0'))),
              ElementsAre(HasSubstr("mou.yaml:7:11: error P023: the digest of type \"Candidate\" "
                                    "differs from the catalog given")));
  EXPECT_THAT(
      CheckWith(Pin("Candidate"),
                absl::StrCat(Pin("Candidate"), ", Candidat: sha256:", std::string(64, '0'))),
      ElementsAre(HasSubstr("error P023: type \"Candidat\" is not in the catalog given; did "
                            "you mean \"Candidate\"?")));
}

TEST(Check, P025GrantListsNoField) {
  EXPECT_THAT(
      CheckText(WithGrants(Grant("empty", "fields: {}"))),
      Contains("mou.yaml:29:5: error P025: grant lists no field\n  hint: what is not listed "
               "does not leave"));
}

TEST(Check, P028ShortNameStandsForNoCode) {
  EXPECT_THAT(
      CheckWith("MATHEMATICS", "MATHEMATCS"),
      ElementsAre("mou.yaml:22:27: error P028: short name \"MATHEMATCS\" stands for no code "
                  "of AcademicSubject; did you mean \"MATHEMATICS\"?"));
  EXPECT_THAT(CheckWith("MATHEMATICS", "NO"), ElementsAre(HasSubstr("error P028")));
}

TEST(Check, P030NoBasisCoversARegimeOrTwoDo) {
  EXPECT_THAT(CheckWith("basis: FERPA_DEIDENTIFIED", "basis: STATE_PERSONNEL_LAW"),
              Contains("mou.yaml:24:7: error P030: no basis in `authority` covers the regime of "
                       "\"candidate_id\" (FERPA)"));
  EXPECT_THAT(CheckWith("authority: [", "authority: [{basis: FERPA_CONSENT, citation: x}, "),
              Contains(HasSubstr("mou.yaml:8:51: error P030: two bases in `authority` cover the "
                                 "regime FERPA, the first at line 8")));
}

TEST(Check, P031RepresentativeIsMissingOrNeedless) {
  EXPECT_THAT(CheckWith("basis: FERPA_DEIDENTIFIED", "basis: FERPA_AUDIT_OR_EVALUATION"),
              ElementsAre("mou.yaml:8:13: error P031: representative is missing for basis "
                          "FERPA_AUDIT_OR_EVALUATION"));
  EXPECT_THAT(CheckWith("{basis: FERPA", "{representative: Ann Lee, basis: FERPA"),
              ElementsAre("mou.yaml:8:14: error P031: representative is needless for basis "
                          "FERPA_DEIDENTIFIED"));
}

TEST(Check, P032ARuleOnAMessage) {
  EXPECT_THAT(CheckWith("subject_area: pass", "identification_codes: pass"),
              ElementsAre("mou.yaml:27:7: error P032: \"identification_codes\" is a message or a "
                          "map: list the fields inside it\n  hint: identification_codes.system, "
                          "identification_codes.value"));
}

TEST(Check, P034TermIsLongerThanAllowed) {
  CheckOptions options;
  options.max_term_days = 365;
  EXPECT_THAT(
      CheckText(ExampleMou(), options),
      ElementsAre("mou.yaml:9:1: error P034: term is longer than allowed: 731 days\n  hint: "
                  "at most 365 days"));
}

TEST(Check, P035AValueOfAnotherTypeThanItsField) {
  EXPECT_THAT(
      CheckWith("{at_least: 2027}", "{at_least: \"2027\"}"),
      ElementsAre(HasSubstr("mou.yaml:21:34: error P035: "
                            "\"grants[0].rows.expected_completion_year.at_least\" must be a "
                            "whole number, not the string \"2027\"")));
  EXPECT_THAT(CheckWith("expected_completion_year: {at_least: 2027}", "birth_date: {below: 2001}"),
              ElementsAre(HasSubstr("must be a date like 2026-07-01, not \"2001\"")));
  EXPECT_THAT(CheckWith("expires: 2028-07-01}", "expires: 2028-07-01, time_zone: Mars/Base}"),
              ElementsAre(HasSubstr("error P035: \"Mars/Base\" is no IANA time zone")));
  EXPECT_THAT(CheckWith("expires: 2028-07-01}", "expires: 2028-07-01, time_zone: ../passwd}"),
              ElementsAre(HasSubstr("error P035")));
}

TEST(Check, ReportsAllErrorsInOrderOfPlace) {
  const std::vector<std::string> all = CheckText(
      WithGrants(absl::StrCat(Grant("a", "fields: {nope: pass}"), Grant("b", "fields: {}"))));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0], HasSubstr("P001"));
  EXPECT_THAT(all[1], HasSubstr("P025"));
}

TEST(CompiledMou, IsNotMadeOfADocumentWithAnError) {
  for (const std::string& text :
       {ExampleMouWith("birth_date:", "birthdate:"), ExampleMouWith("version: 1", "version: x"),
        WithProhibition(""), WithGrants(Grant("b", "fields: {birth_date: pass}"))}) {
    const MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", text);
    const auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
    EXPECT_EQ(mou.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(mou.status().message()), HasSubstr("mou.yaml"));
  }
}

TEST(CompiledMou, IsMadeOfADocumentWhoseTypesAreNotHeld) {
  const MouDocument::Parsed parsed = MouDocument::Parse(
      "mou.yaml",
      ExampleMouWith(Pin("Candidate"), absl::StrCat("Candidate: sha256:", std::string(64, '0'))));
  const auto mou = CompiledMou::Compile(parsed.document, CatalogForTest());
  ASSERT_TRUE(mou.ok()) << mou.status();
  EXPECT_FALSE((*mou)->Holds("Candidate"));
  EXPECT_EQ((*mou)->grants()[0].type, nullptr);
}

}  // namespace
}  // namespace sluice::policy
