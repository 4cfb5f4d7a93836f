// Checks against catalogs that have what the built-in one has not: floors, fields without an
// annotation, short names that stand for several codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/check.h"
#include "policy/code_set.h"
#include "tests/support/catalog_of.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What is found in an MOU about T. Its grant's rows and fields are on lines 15 and 16, its floors
// on line 17.
std::vector<std::string> CheckT(const CatalogOf& catalog, absl::string_view fields,
                                absl::string_view rows = "{}", absl::string_view floors = "") {
  const std::string ca = absl::StrCat("sha256:", std::string(64, 'a'));
  const std::string yaml = absl::StrCat(
      "mou: t\nversion: 1\ntitle: About T\nparties:\n"
      "  - {organization: state-university, signatory_ca: ",
      ca, "}\n  - {organization: river-unified, signatory_ca: ", ca,
      "}\ncatalog: {T: ", catalog.type().digest(),
      "}\nauthority: [{basis: FERPA_DEIDENTIFIED, citation: \"34 CFR 99.31(b)(1)\"}]\n"
      "term: {effective: 2026-07-01, expires: 2028-07-01}\n"
      "purposes: {hiring: Plan the hiring of teachers.}\n"
      "obligations: {destroy_within_days: 60, redisclosure: PROHIBITED}\n"
      "grants:\n"
      "  - {name: g, from: state-university, to: [river-unified], purpose: hiring, record: T,\n"
      "     operations: [READ],\n"
      "     rows: ",
      rows, ",\n     fields: ", fields, "}\n", floors, "prohibitions: []\n");
  const MouDocument::Parsed parsed = MouDocument::Parse("t.yaml", yaml);
  EXPECT_THAT(parsed.findings, IsEmpty()) << parsed.findings[0].ToString();
  std::vector<std::string> all;
  for (const Finding& finding : Check(parsed.document, catalog.catalog(), CheckOptions())) {
    all.push_back(finding.ToString());
  }
  return all;
}

// T has a date that leaves by its year at most, or by bands of ten for integers.
CatalogOf WithFloors() {
  return CatalogOf(
      MessageT(FieldOfT("born", 2, "type: TYPE_MESSAGE type_name: '.google.type.Date'",
                        "sensitivity: SENSITIVITY_QUASI_IDENTIFIER "
                        "floor { generalize { to: DATE_PRECISION_YEAR } }") +
               FieldOfT("score", 3, "type: TYPE_INT32",
                        "sensitivity: SENSITIVITY_SENSITIVE floor { generalize { band: 10 } } "
                        "floor { generalize { cap: 50 } }")));
}

TEST(CheckCatalog, P009RuleIsWeakerThanTheCatalogsFloor) {
  const CatalogOf catalog = WithFloors();
  EXPECT_THAT(
      CheckT(catalog, "{born: {generalize: {to: MONTH}}, score: {generalize: {band: 5}}}"),
      ElementsAre(HasSubstr("t.yaml:16:15: error P009: rule for \"born\" (sensitivity "
                            "QUASI_IDENTIFIER) is weaker than its floor \"generalize YEAR\""),
                  HasSubstr("error P009: rule for \"score\" (sensitivity SENSITIVE) is weaker than "
                            "its floor \"generalize band 10\" or \"generalize cap 50\"")));
  EXPECT_THAT(CheckT(catalog, "{born: pass}"), ElementsAre(HasSubstr("error P009")));
}

TEST(CheckCatalog, ARuleMeetsAFloorThatIsAtLeastAsStrongAsOneOfItsRules) {
  const CatalogOf catalog = WithFloors();
  for (const char* score : {"{band: 10}", "{band: 20}", "{cap: 50}", "{cap: 40}"}) {
    EXPECT_THAT(CheckT(catalog, absl::StrCat("{born: {generalize: {to: YEAR, band: 5}}, score: "
                                             "{generalize: ",
                                             score, "}}")),
                IsEmpty())
        << score;
  }
}

TEST(CheckCatalog, P026FloorIsLowerThanTheCatalogs) {
  const CatalogOf catalog = WithFloors();
  constexpr char kFields[] = "{born: {generalize: {to: YEAR}}}";
  EXPECT_THAT(CheckT(catalog, kFields, "{}",
                     "floors: [{sensitivity: QUASI_IDENTIFIER, at_least: [{generalize: {to: "
                     "YEAR}}, {generalize: {to: MONTH}}]}]\n"),
              ElementsAre(HasSubstr("t.yaml:17:79: error P026: floor \"generalize MONTH\" is lower "
                                    "than the catalog's for \"born\"")));
  // One as high may stand, one for another sensitivity says nothing of it.
  EXPECT_THAT(CheckT(catalog, kFields, "{}",
                     "floors: [{sensitivity: QUASI_IDENTIFIER, at_least: [{generalize: {to: "
                     "YEAR}}]}, {sensitivity: OPERATIONAL, at_least: [{generalize: {to: "
                     "MONTH}}]}]\n"),
              IsEmpty());
}

TEST(CheckCatalog, P027FieldWithoutAnnotationIsGrantedToNobody) {
  const CatalogOf catalog(MessageT(FieldOfT("known", 2, "type: TYPE_INT32") +
                                   FieldOfT("new", 3, "type: TYPE_INT32", "")));
  EXPECT_THAT(CheckT(catalog, "{known: pass, new: pass}"),
              ElementsAre(HasSubstr("t.yaml:16:28: error P027: field annotation missing in the "
                                    "catalog: \"new\" cannot be granted")));
  // Nor do rows go by it: that would tell of it.
  EXPECT_THAT(CheckT(catalog, "{known: pass}", "{new: {at_least: 3}}"),
              ElementsAre(HasSubstr("t.yaml:15:13: error P027")));
  EXPECT_THAT(CheckT(catalog, "{known: pass}"), IsEmpty());
}

TEST(CheckCatalog, P028ShortNameStandsForSeveralCodes) {
  std::vector<CodeSet> sets;
  sets.push_back(CodeSet::Parse("Shade.tsv",
                                "code_set\tShade\ncode\turi://a/Shade#Not set\n"
                                "code\turi://b/Shade#Not-Set\ncode\turi://a/Shade#Red\n")
                     .value());
  const CatalogOf catalog(MessageT(FieldOfT("shade", 2, "type: TYPE_STRING",
                                            "sensitivity: SENSITIVITY_PUBLIC code_set: 'Shade'")),
                          CodeSets::Create(std::move(sets)).value());
  EXPECT_THAT(CheckT(catalog, "{shade: pass}", "{shade: {in: [RED, NOT_SET]}}"),
              ElementsAre(HasSubstr("t.yaml:15:31: error P028: short name \"NOT_SET\" stands for "
                                    "several codes of Shade: {uri://a/Shade#Not set, "
                                    "uri://b/Shade#Not-Set}")));
  EXPECT_THAT(CheckT(catalog, "{shade: pass}", "{shade: {in: [RED, \"uri://b/Shade#Not-Set\"]}}"),
              IsEmpty());
}

}  // namespace
}  // namespace sluice::policy
