#include "policy/catalog.h"

#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/digest.h"
#include "sluice/v1/candidate_records.pb.h"
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
  EXPECT_THAT(names, ElementsAre("Candidate", "CommunityMembership", "Credential", "Employment",
                                 "EvaluationRating", "MentorAssignment", "OpenStaffPosition",
                                 "Organization", "PdAttendance", "PersonIdentity", "Placement",
                                 "Program", "ProgramEnrollment", "Recognition", "SharedResource",
                                 "SurveyResponse", "WorkforceProjection"));
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

TEST(Catalog, DigestsAreTheGoldenFiles) {
  std::string digests;
  for (const RecordType* const type : BuiltIn().types()) {
    absl::StrAppend(&digests, type->name(), "\t", type->digest(), "\n");
  }
  EXPECT_EQ(digests, ReadFile(std::string(SLUICE_SOURCE_DIR) + "/policy/testdata/digests.txt"));
}

TEST(Catalog, NamesTheSecondPersonOfARow) {
  const auto subjects = [](const char* type) {
    std::vector<std::string> texts;
    for (const Field* const field : BuiltIn().Find(type)->subject_fields()) {
      texts.push_back(absl::StrCat(field->path, ":", field->id_space, ":", field->id_scope));
    }
    return texts;
  };
  EXPECT_THAT(subjects("MentorAssignment"),
              ElementsAre("candidate_id:candidate:", "staff_id:staff:"));
  EXPECT_THAT(
      subjects("EvaluationRating"),
      ElementsAre("person_id:person:source_system", "evaluator.person_id:person:source_system",
                  "reviewers.person_id:person:source_system"));
  EXPECT_THAT(subjects("SurveyResponse"),
              ElementsAre("respondent_id:person:respondent_source_system",
                          "target_id:person:target_source_system"));
  EXPECT_THAT(subjects("CommunityMembership"),
              ElementsAre("person_id:person:source_system",
                          "counterpart_id:person:counterpart_source_system"));
  EXPECT_THAT(subjects("PersonIdentity"), ElementsAre());
}

TEST(Catalog, WithholdsEveryFieldOfAPersonsIdentity) {
  for (const RecordType* const type : BuiltIn().types()) {
    for (const Field* const leaf : type->leaves()) {
      EXPECT_EQ(leaf->withheld, type->name() == "PersonIdentity") << type->name() << leaf->path;
    }
  }
}

TEST(Catalog, KnowsWhatIsNotBrokeredByDefault) {
  std::vector<std::string> paths;
  for (const RecordType* const type : BuiltIn().types()) {
    for (const Field* const leaf : type->leaves()) {
      if (leaf->not_brokered) paths.push_back(absl::StrCat(type->name(), ".", leaf->path));
    }
  }
  EXPECT_THAT(paths,
              ElementsAre("Candidate.identification_codes.value", "Candidate.citizenship",
                          "Candidate.visa", "Candidate.disability", "Candidate.background_check",
                          "Employment.identification_codes.value", "Employment.leaves.begin_date",
                          "Employment.leaves.end_date", "Employment.leaves.event_category"));
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

TEST(Catalog, RefusesAnIdScopeThatIsNoCodeBesideTheId) {
  const auto with = [](const std::string& scope) {
    return MessageT(
        Optional("type: TYPE_STRING options { [sluice.v1.field] { id_space: 'person' "
                 "id_scope: '" +
                 scope + "' } }"));
  };
  ExpectRefused(with("nothing"), "T.x: has an id scope that is no single code beside a single id");
  ExpectRefused(with("id"), "T.x: has an id scope that is no single code beside a single id");
}

TEST(Catalog, RefusesAnIdInTheKeyWhoseScopeIsNot) {
  ExpectRefused(
      std::string("message_type { name: 'T' ") + kRecord +
          "field { name: 'id' number: 1 type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: "
          "true oneof_index: 0 options { [sluice.v1.field] { key: true id_space: 'person' "
          "id_scope: "
          "'x' } } } oneof_decl { name: '_id' } " +
          Optional("type: TYPE_STRING options { [sluice.v1.field] { code_set: 'Sex' } }") + " }",
      "T.id: is part of the key, and its id scope is not");
}

TEST(Catalog, RefusesAClosedCodeSetWithoutValues) {
  ExpectRefused(MessageT(Optional("type: TYPE_STRING options { [sluice.v1.field] { code_set: "
                                  "'Visa' closed: true } }")),
                "T.x: is closed to all but a code set that has no value");
}

TEST(Catalog, RefusesAKeyWhosePartsMayAllBeAbsent) {
  ExpectRefused(std::string("message_type { name: 'T' ") + kRecord +
                    "field { name: 'id' number: 1 type: TYPE_STRING label: LABEL_OPTIONAL "
                    "proto3_optional: true oneof_index: 0 options { [sluice.v1.field] { key: true "
                    "optional_in_key: true } } } oneof_decl { name: '_id' } }",
                "has no key");
}

TEST(Catalog, RefusesARequiredFieldThatCannotBe) {
  constexpr char kRequired[] = " options { [sluice.v1.field] { required: true } }";
  ExpectRefused(MessageT(std::string("field { name: 'x' number: 2 label: LABEL_REPEATED "
                                     "type: TYPE_STRING") +
                         kRequired + " }"),
                "T.x: is repeated and required");
  ExpectRefused(MessageT(std::string("field { name: 'm' number: 2 label: LABEL_OPTIONAL "
                                     "type: TYPE_MESSAGE type_name: '.t.M'") +
                         kRequired + " }") +
                    " message_type { name: 'M' }",
                "T.m: is a message and required");
  ExpectRefused(std::string("message_type { name: 'T' ") + kRecord +
                    "field { name: 'id' number: 1 type: TYPE_STRING label: LABEL_OPTIONAL "
                    "proto3_optional: true oneof_index: 0 options { [sluice.v1.field] { key: true "
                    "required: true } } } oneof_decl { name: '_id' } }",
                "T.id: is required as a part of the key already");
}

TEST(Catalog, RefusesNamesThatTheLogHasNoRoomFor) {
  const std::string field =
      "field { name: 'id' number: 1 type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: true "
      "oneof_index: 0 options { [sluice.v1.field] { key: true } } } oneof_decl { name: '_id' } }";
  ExpectRefused(absl::StrCat("message_type { name: '", std::string(65, 'T'), "' ", kRecord, field),
                "has a name of more than 64 characters");
  ExpectRefused(MessageT(Optional("type: TYPE_STRING", std::string(257, 'x'))),
                "has a path of more than 256 characters");
}

TEST(Catalog, WhatIsClosedRequiredOrNotBrokeredIsPartOfTheDigest) {
  const auto digest = [](const std::string& said) {
    const CatalogOf made(MessageT(Optional(
        "type: TYPE_STRING options { [sluice.v1.field] { code_set: 'Sex' " + said + " } }")));
    EXPECT_TRUE(made.result().ok()) << made.result().status();
    return (*made.result())->Find("T")->digest();
  };
  const std::set<std::string> digests = {digest(""), digest("closed: true"),
                                         digest("required: true"), digest("not_brokered: true")};
  EXPECT_EQ(digests.size(), 4u);
}

TEST(Catalog, RefusesATypeThatIsTooDeep) {
  std::string messages = MessageT(
      "field { name: 'm' number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: '.t.M1' }");
  for (int i = 1; i <= 20; ++i) {
    absl::StrAppend(&messages, " message_type { name: 'M", i,
                    "' field { name: 'm' number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE "
                    "type_name: '.t.M",
                    i + 1, "' } }");
  }
  ExpectRefused(messages + " message_type { name: 'M21' }", "is deeper than 16 messages");
}

// Two fields of the next message at each depth: 2^15 leaves of a few lines.
TEST(Catalog, RefusesATypeOfTooManyFields) {
  std::string messages = MessageT(
      "field { name: 'm' number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: '.t.M1' }");
  for (int i = 1; i <= 13; ++i) {
    absl::StrAppend(&messages, " message_type { name: 'M", i, "' ");
    for (int number = 1; number <= 2; ++number) {
      absl::StrAppend(&messages, "field { name: 'm", number, "' number: ", number,
                      " label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: '.t.M", i + 1, "' } ");
    }
    absl::StrAppend(&messages, "}");
  }
  ExpectRefused(messages + " message_type { name: 'M14' }", "has more than 2048 fields");
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
