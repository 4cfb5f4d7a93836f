#include "policy/catalog.h"

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/digest.h"
#include "sluice/v1/records.pb.h"
#include "tests/support/catalog_of.h"

namespace sluice::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

const Catalog& BuiltIn() {
  static const auto* const catalog = new std::shared_ptr<const Catalog>(Catalog::BuiltIn().value());
  return **catalog;
}

constexpr char kRecord[] =
    "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_FERPA } } ";

void ExpectRefused(const std::string& body, const std::string& what) {
  const CatalogOf made(body);
  ASSERT_FALSE(made.result().ok()) << body;
  EXPECT_THAT(std::string(made.result().status().message()), HasSubstr(what));
}

std::string Optional(const std::string& field, const std::string& name = "x") {
  return "field { name: '" + name +
         "' number: 2 label: LABEL_OPTIONAL proto3_optional: true "
         "oneof_index: 1 " +
         field + " } oneof_decl { name: '_" + name + "' }";
}

TEST(Catalog, HoldsTheBuiltInTypesInOrderOfName) {
  std::vector<std::string> names;
  for (const RecordType* const type : BuiltIn().types()) names.push_back(type->name());
  EXPECT_THAT(names,
              ElementsAre("Candidate", "Employment", "OpenStaffPosition", "ProgramEnrollment"));
  EXPECT_EQ(BuiltIn().Find("Nobody"), nullptr);
}

TEST(Catalog, EveryScalarOfTheBuiltInTypesIsAnnotated) {
  for (const RecordType* const type : BuiltIn().types()) {
    for (const Field* const leaf : type->leaves()) {
      EXPECT_NE(leaf->sensitivity, v1::SENSITIVITY_UNSPECIFIED) << type->name() << leaf->path;
      EXPECT_FALSE(leaf->ed_fi_element.empty()) << type->name() << leaf->path;
      EXPECT_FALSE(leaf->regimes.empty()) << type->name() << leaf->path;
    }
  }
}

// A changed golden file is a changed promise: every document that pins the type must pin it anew.
TEST(Catalog, CanonicalTextIsTheGoldenFiles) {
  for (const RecordType* const type : BuiltIn().types()) {
    EXPECT_EQ(type->canonical_text(),
              ReadFile(std::string(SLUICE_SOURCE_DIR) + "/policy/testdata/canonical_text/" +
                       type->name() + ".txt"))
        << type->name();
    EXPECT_EQ(type->digest(), Sha256Digest(type->canonical_text()));
  }
}

TEST(Catalog, FindsAFieldInsideAMessage) {
  const RecordType& type = *BuiltIn().Find("ProgramEnrollment");
  const Field* const name = type.Find("program.program_name");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(name->kind, FieldKind::kString);
  EXPECT_TRUE(name->key);
  EXPECT_TRUE(name->singular_path);
  EXPECT_EQ(type.Find("program")->kind, FieldKind::kMessage);
  EXPECT_FALSE(type.Find("cohorts.term")->singular_path);
  EXPECT_EQ(type.Find("program.nothing"), nullptr);
}

TEST(Catalog, KnowsTheKindOfEachField) {
  const RecordType& type = *BuiltIn().Find("Candidate");
  EXPECT_EQ(type.Find("birth_date")->kind, FieldKind::kDate);
  EXPECT_EQ(type.Find("tuition_cost")->kind, FieldKind::kDecimal);
  EXPECT_EQ(type.Find("home_postal_code")->kind, FieldKind::kPostalCode);
  EXPECT_EQ(type.Find("sex")->kind, FieldKind::kCode);
  EXPECT_EQ(type.Find("first_generation_student")->kind, FieldKind::kBool);
  EXPECT_EQ(type.Find("expected_completion_year")->kind, FieldKind::kInteger);
}

TEST(Catalog, NamesTheSubjectFields) {
  const RecordType& type = *BuiltIn().Find("Candidate");
  EXPECT_THAT(type.subject_fields(), ElementsAre(type.Find("candidate_id")));
  EXPECT_EQ(type.Find("candidate_id")->id_space, "candidate");
  EXPECT_TRUE(BuiltIn().Find("OpenStaffPosition")->subject_fields().empty());
}

TEST(Catalog, ACodeSetWithoutAFileIsEmpty) {
  const CodeSet* const set = BuiltIn().Find("Candidate")->Find("visa")->code_set;
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->name(), "Visa");
  EXPECT_TRUE(set->codes().empty());
}

TEST(Catalog, AFieldHasTheTypesRegimesUnlessItSaysOtherwise) {
  const CatalogOf made(MessageT(
      Optional("type: TYPE_BOOL options { [sluice.v1.field] { regimes: REGIME_PUBLIC } }")));
  EXPECT_THAT(made.type().Find("x")->regimes, ElementsAre(v1::REGIME_PUBLIC));
  EXPECT_THAT(made.type().Find("id")->regimes, ElementsAre(v1::REGIME_FERPA));
}

TEST(Catalog, AFieldWithoutAnnotationIsThereAndUnspecified) {
  const CatalogOf made(MessageT(Optional("type: TYPE_BOOL")));
  EXPECT_EQ(made.type().Find("x")->sensitivity, v1::SENSITIVITY_UNSPECIFIED);
}

TEST(Catalog, ADifferentFloorIsADifferentDigest) {
  const std::string date = "type: TYPE_MESSAGE type_name: '.google.type.Date' ";
  const auto with = [&](const std::string& floor) {
    return CatalogOf(MessageT("field { name: 'x' number: 2 label: LABEL_OPTIONAL " + date +
                              "options { [sluice.v1.field] { " + floor + " } } }"))
        .type()
        .digest();
  };
  EXPECT_NE(with("floor { generalize { to: DATE_PRECISION_YEAR } }"), with(""));
}

TEST(Catalog, RefusesATypeWithoutRecordAnnotation) {
  ExpectRefused("message_type { name: 'T' }", "no (sluice.v1.record) annotation");
}

TEST(Catalog, RefusesATypeWithoutRegime) {
  ExpectRefused("message_type { name: 'T' options { [sluice.v1.record] { ed_fi_entity: 'x' } } }",
                "no regime");
}

TEST(Catalog, RefusesATypeWithoutKey) {
  ExpectRefused(std::string("message_type { name: 'T' ") + kRecord + "}", "has no key");
}

TEST(Catalog, RefusesAMap) {
  ExpectRefused(
      MessageT(
          "field { name: 'm' number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE "
          "type_name: '.t.T.MEntry' } nested_type { name: 'MEntry' options { map_entry: true } "
          "field { name: 'key' number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } "
          "field { name: 'value' number: 2 label: LABEL_OPTIONAL type: TYPE_STRING } }"),
      "T.m: is a map");
}

TEST(Catalog, RefusesAOneof) {
  ExpectRefused(std::string("message_type { name: 'T' ") + kRecord +
                    "field { name: 'a' number: 1 label: LABEL_OPTIONAL type: TYPE_STRING "
                    "oneof_index: 0 } oneof_decl { name: 'o' } }",
                "has a oneof");
}

TEST(Catalog, RefusesACycle) {
  ExpectRefused(MessageT("field { name: 'again' number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE "
                         "type_name: '.t.T' }"),
                "contains itself");
}

TEST(Catalog, AcceptsAMessageThatStandsTwiceWithoutACycle) {
  EXPECT_TRUE(CatalogOf(MessageT("field { name: 'a' number: 2 label: LABEL_OPTIONAL "
                                 "type: TYPE_MESSAGE type_name: '.google.type.Date' } "
                                 "field { name: 'b' number: 3 label: LABEL_OPTIONAL "
                                 "type: TYPE_MESSAGE type_name: '.google.type.Date' }"))
                  .result()
                  .ok());
}

TEST(Catalog, RefusesAScalarWithoutExplicitPresence) {
  ExpectRefused(MessageT("field { name: 'x' number: 2 label: LABEL_OPTIONAL type: TYPE_BOOL }"),
                "T.x: has no explicit presence");
}

TEST(Catalog, RefusesAKeyFieldThatRepeats) {
  ExpectRefused(MessageT("field { name: 'x' number: 2 label: LABEL_REPEATED type: TYPE_STRING "
                         "options { [sluice.v1.field] { key: true } } }"),
                "T.x: is repeated and part of the key");
}

TEST(Catalog, RefusesTypesThatNoRuleKnows) {
  for (const std::string type : {"TYPE_DOUBLE", "TYPE_FLOAT", "TYPE_BYTES"}) {
    ExpectRefused(MessageT(Optional("type: " + type)),
                  "T.x: is of a type that no field rule knows");
  }
}

TEST(Catalog, RefusesAnIdSpaceOnANumber) {
  ExpectRefused(
      MessageT(Optional("type: TYPE_INT64 options { [sluice.v1.field] { id_space: 'person' } }")),
      "is no string");
}

TEST(Catalog, RefusesAFloorThatDoesNotFit) {
  ExpectRefused(MessageT(Optional("type: TYPE_STRING options { [sluice.v1.field] { "
                                  "floor { generalize { zip3: 'CENSUS_2000' } } } }")),
                "is no postal code");
}

TEST(Catalog, RefusesAnUnknownSensitivity) {
  ExpectRefused(
      MessageT(Optional("type: TYPE_BOOL options { [sluice.v1.field] { sensitivity: 77 } }")),
      "an unknown sensitivity");
}

TEST(Catalog, RefusesTwoTypesOfOneName) {
  const auto* const type = v1::Candidate::descriptor();
  EXPECT_FALSE(Catalog::Create({type, type}, CodeSets::BuiltIn().value()).ok());
}

}  // namespace
}  // namespace sluice::policy
