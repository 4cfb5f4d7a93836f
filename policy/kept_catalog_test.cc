#include "policy/kept_catalog.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "policy/operator_types.h"

namespace sluice::policy {
namespace {

using ::testing::HasSubstr;

constexpr char kLocker[] =
    "file { name: 'locker.proto' package: 'acme' syntax: 'proto3' "
    "dependency: 'sluice/v1/catalog.proto' message_type { name: 'Locker' "
    "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_PERSONNEL } } "
    "field { name: 'locker_id' number: 1 label: LABEL_OPTIONAL proto3_optional: true oneof_index: "
    "0 "
    "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: SENSITIVITY_DIRECT_IDENTIFIER "
    "key: true id_space: 'staff' } } } oneof_decl { name: '_locker_id' } "
    "field { name: 'floor' number: 2 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1 "
    "type: TYPE_INT64 options { [sluice.v1.field] { sensitivity: SENSITIVITY_OPERATIONAL } } } "
    "oneof_decl { name: '_floor' } "
    "field { name: 'part' number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE "
    "type_name: '.acme.Locker.Part' } "
    "nested_type { name: 'Part' field { name: 'size' number: 1 label: LABEL_OPTIONAL "
    "proto3_optional: true oneof_index: 0 type: TYPE_STRING options { [sluice.v1.field] { "
    "sensitivity: SENSITIVITY_OPERATIONAL code_set: 'Sex' } } } oneof_decl { name: '_size' } } } }";

std::shared_ptr<const Catalog> CatalogWith(const std::string& text) {
  google::protobuf::FileDescriptorSet set;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set)) << text;
  auto catalog = CatalogWithTypes({{"locker.binpb", set.SerializeAsString()}});
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return catalog.ok() ? *catalog : nullptr;
}

std::string Changed(absl::string_view from, absl::string_view to) {
  std::string text = kLocker;
  EXPECT_EQ(absl::StrReplaceAll({{from, to}}, &text), 1) << from;
  return text;
}

void ExpectDoesNotFollow(absl::string_view from, absl::string_view to, const std::string& what) {
  const auto after = CatalogAfter(CatalogWith(Changed(from, to)), {Keep(*CatalogWith(kLocker))});
  ASSERT_FALSE(after.ok()) << what;
  EXPECT_THAT(std::string(after.status().message()), HasSubstr(what));
}

TEST(KeptCatalog, GivesEachTypeAsItWas) {
  for (const auto& catalog : {Catalog::BuiltIn().value(), CatalogWith(kLocker)}) {
    const auto again = CatalogFromKept(Keep(*catalog));
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ((*again)->types().size(), catalog->types().size());
    for (const RecordType* const type : catalog->types()) {
      EXPECT_EQ((*again)->Find(type->name())->canonical_text(), type->canonical_text());
    }
  }
}

TEST(KeptCatalog, HoldsTheVersionThatAnOlderDocumentPins) {
  const auto before = CatalogWith(kLocker);
  const std::string digest = before->Find("Locker")->digest();
  const auto after =
      CatalogAfter(CatalogWith(Changed(
                       "} nested_type",
                       "} field { name: 'color' number: 4 label: LABEL_OPTIONAL proto3_optional: "
                       "true oneof_index: 2 type: TYPE_STRING options { [sluice.v1.field] { "
                       "sensitivity: SENSITIVITY_PUBLIC } } } oneof_decl { name: '_color' } "
                       "nested_type")),
                   {Keep(*before)});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE((*after)->Find("Locker")->digest(), digest);
  EXPECT_NE((*after)->Find("Locker")->Find("color"), nullptr);
  const RecordType* const older = (*after)->FindVersion("Locker", digest);
  ASSERT_NE(older, nullptr);
  EXPECT_EQ(older->Find("color"), nullptr);
  EXPECT_EQ((*after)->FindVersion("Locker", "sha256:00"), nullptr);
  EXPECT_EQ((*after)->FindVersion("Desk", digest), nullptr);
}

TEST(KeptCatalog, HoldsATypeThatIsNoLongerInUse) {
  const auto before = CatalogWith(kLocker);
  const auto after = CatalogAfter(Catalog::BuiltIn().value(), {Keep(*before)});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ((*after)->Find("Locker"), nullptr);
  EXPECT_NE((*after)->FindVersion("Locker", before->Find("Locker")->digest()), nullptr);
}

TEST(KeptCatalog, IsKeptOnceEachVersionIs) {
  const auto built_in = Catalog::BuiltIn().value();
  EXPECT_FALSE(IsKept(*built_in, {}));
  EXPECT_TRUE(IsKept(*built_in, {Keep(*built_in)}));
  EXPECT_FALSE(IsKept(*CatalogWith(kLocker), {Keep(*built_in)}));
  EXPECT_TRUE(IsKept(*built_in, {Keep(*CatalogWith(kLocker))}));
}

TEST(KeptCatalog, RefusesARenumberedField) {
  ExpectDoesNotFollow("name: 'floor' number: 2", "name: 'floor' number: 9",
                      "Locker.floor: has another number, 9 and not 2, than in the version in use");
}

TEST(KeptCatalog, RefusesARenumberedFieldInsideAMessage) {
  ExpectDoesNotFollow("name: 'size' number: 1", "name: 'size' number: 7",
                      "Locker.part.size: has another number, 7 and not 1,");
}

TEST(KeptCatalog, RefusesAFieldThatTakesAnothersNumber) {
  ExpectDoesNotFollow("name: 'floor' number: 2", "name: 'room' number: 2",
                      "Locker.room: its number, 2, is another field's, floor, rather than");
}

TEST(KeptCatalog, RefusesAFieldOfAnotherType) {
  ExpectDoesNotFollow("type: TYPE_INT64", "type: TYPE_STRING",
                      "Locker.floor: has another type than in the version in use");
  ExpectDoesNotFollow("type: TYPE_INT64", "type: TYPE_SINT64", "Locker.floor: has another type");
}

TEST(KeptCatalog, RefusesAFieldThatRepeatsOtherwise) {
  ExpectDoesNotFollow("name: 'part' number: 3 label: LABEL_REPEATED",
                      "name: 'part' number: 3 label: LABEL_OPTIONAL",
                      "Locker.part: repeats otherwise");
}

TEST(KeptCatalog, RefusesAnotherKeyAndOtherSubjects) {
  ExpectDoesNotFollow("sensitivity: SENSITIVITY_OPERATIONAL } } } oneof_decl { name: '_floor' }",
                      "sensitivity: SENSITIVITY_OPERATIONAL key: true } } } oneof_decl { name: "
                      "'_floor' }",
                      "Locker.floor: is newly in the key or names a subject, rather");
  ExpectDoesNotFollow("id_space: 'staff'", "id_space: 'person'",
                      "Locker.locker_id: is otherwise in the key or names another subject");
  ExpectDoesNotFollow("id_space: 'staff'", "", "Locker.locker_id: is otherwise in the key");
  ExpectDoesNotFollow("id_space: 'staff'", "id_space: 'staff' canonical_form { fold_case: true }",
                      "Locker.locker_id: is otherwise in the key");
}

TEST(KeptCatalog, AllowsAnotherSensitivityAndAFieldLess) {
  const std::string kept = Keep(*CatalogWith(kLocker));
  EXPECT_TRUE(CatalogAfter(CatalogWith(Changed("SENSITIVITY_DIRECT_IDENTIFIER",
                                               "SENSITIVITY_QUASI_IDENTIFIER")),
                           {kept})
                  .ok());
  EXPECT_TRUE(CatalogAfter(CatalogWith(Changed("field { name: 'part' number: 3 label: "
                                               "LABEL_REPEATED type: TYPE_MESSAGE type_name: "
                                               "'.acme.Locker.Part' } ",
                                               "")),
                           {kept})
                  .ok());
}

TEST(KeptCatalog, RefusesBytesThatAreNone) {
  EXPECT_FALSE(CatalogFromKept("not this").ok());
  std::string bytes = Keep(*CatalogWith(kLocker));
  bytes.resize(bytes.size() / 2);
  EXPECT_FALSE(CatalogFromKept(bytes).ok());
}

}  // namespace
}  // namespace sluice::policy
