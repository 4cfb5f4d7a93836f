#include "policy/operator_types.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "google/type/date.pb.h"
#include "gtest/gtest.h"
#include "sluice/v1/candidate_records.pb.h"

namespace sluice::policy {
namespace {

using google::protobuf::FileDescriptorSet;
using ::testing::HasSubstr;

constexpr char kRecord[] =
    "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_PERSONNEL } } ";

// A field with presence. `more`: its type, and its options.
std::string Field(const std::string& name, int number, const std::string& more) {
  return absl::StrCat("field { name: '", name, "' number: ", number,
                      " label: LABEL_OPTIONAL proto3_optional: true oneof_index: ", number - 1, " ",
                      more, " } oneof_decl { name: '_", name, "' } ");
}

std::string Key() {
  return Field("locker_id", 1,
               "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: "
               "SENSITIVITY_DIRECT_IDENTIFIER key: true id_space: 'staff' } }");
}

std::string Message(const std::string& inside) {
  return absl::StrCat("message_type { name: 'Locker' ", kRecord, inside, "}");
}

// A set of one file, as protoc writes it.
std::string SetOf(const std::string& messages, const std::string& file = "locker.proto",
                  const std::string& package = "acme") {
  FileDescriptorSet set;
  const std::string text =
      absl::StrCat("file { name: '", file, "' package: '", package,
                   "' syntax: 'proto3' dependency: 'sluice/v1/catalog.proto' dependency: "
                   "'google/type/date.proto' ",
                   messages, "}");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set)) << text;
  return set.SerializeAsString();
}

void ExpectRefused(const std::vector<TypesFile>& files, const std::string& what) {
  const auto catalog = CatalogWithTypes(files);
  ASSERT_FALSE(catalog.ok()) << what;
  EXPECT_EQ(catalog.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(catalog.status().message()), HasSubstr(what));
}

void ExpectRefused(const std::string& messages, const std::string& what) {
  ExpectRefused({{"locker.binpb", SetOf(messages)}}, what);
}

std::string Locker() {
  return Message(Key() + Field("kind", 2,
                               "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: "
                               "SENSITIVITY_OPERATIONAL code_set: 'Sex' } }"));
}

TEST(OperatorTypes, StandBesideTheBuiltInOnes) {
  const auto catalog = CatalogWithTypes({{"locker.binpb", SetOf(Locker())}});
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const RecordType* const type = (*catalog)->Find("Locker");
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->Find("locker_id")->id_space, "staff");
  EXPECT_EQ(type->Find("kind")->kind, FieldKind::kCode);
  EXPECT_EQ((*catalog)->Find("Candidate")->digest(),
            Catalog::BuiltIn().value()->Find("Candidate")->digest());
}

TEST(OperatorTypes, NoFilesGiveTheBuiltInCatalog) {
  EXPECT_EQ(CatalogWithTypes({}).value()->types().size(),
            Catalog::BuiltIn().value()->types().size());
}

TEST(OperatorTypes, MayBringTheFilesThatTheyImport) {
  FileDescriptorSet set;
  google::type::Date::descriptor()->file()->CopyTo(set.add_file());
  FileDescriptorSet own;
  ASSERT_TRUE(own.ParseFromString(SetOf(Locker())));
  *set.add_file() = own.file(0);
  EXPECT_TRUE(CatalogWithTypes({{"locker.binpb", set.SerializeAsString()}}).ok());
}

// A date that the set defines otherwise is not what its types mean by one.
TEST(OperatorTypes, CannotBringAnotherDate) {
  FileDescriptorSet set;
  google::protobuf::FileDescriptorProto& date = *set.add_file();
  google::type::Date::descriptor()->file()->CopyTo(&date);
  date.mutable_message_type(0)->mutable_field(0)->set_type(
      google::protobuf::FieldDescriptorProto::TYPE_STRING);
  FileDescriptorSet own;
  ASSERT_TRUE(own.ParseFromString(SetOf(
      Message(Key() + "field { name: 'since' number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE "
                      "type_name: '.google.type.Date' options { [sluice.v1.field] { sensitivity: "
                      "SENSITIVITY_QUASI_IDENTIFIER } } }"))));
  *set.add_file() = own.file(0);
  const auto catalog = CatalogWithTypes({{"locker.binpb", set.SerializeAsString()}});
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const auto* const since = (*catalog)->Find("Locker")->descriptor().FindFieldByName("since");
  EXPECT_EQ(since->message_type(), google::type::Date::descriptor());
}

TEST(OperatorTypes, MayBringACodeSet) {
  const std::string locker = absl::StrReplaceAll(Locker(), {{"'Sex'", "'LockerKind'"}});
  const std::string kinds = "code_set\tLockerKind\ncode\turi://acme/LockerKindDescriptor#Tall\n";
  const auto catalog =
      CatalogWithTypes({{"LockerKind.tsv", kinds}, {"locker.binpb", SetOf(locker)}});
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ((*catalog)->Find("Locker")->Find("kind")->code_set->codes().size(), 1u);
  ExpectRefused({{"Sex.tsv", "code_set\tSex\ncode\turi://acme/SexDescriptor#X\n"}},
                "Sex.tsv: a second code set Sex");
}

TEST(OperatorTypes, AreRefusedWithoutARecordAnnotation) {
  ExpectRefused("message_type { name: 'Locker' " + Key() + "}",
                "locker.binpb: has no record type: no message has a (sluice.v1.record) annotation");
}

TEST(OperatorTypes, AreRefusedWithAFieldWithoutAnnotation) {
  ExpectRefused(Message(Key() + Field("kind", 2, "type: TYPE_STRING")),
                "locker.binpb: Locker.kind: no (sluice.v1.field) annotation says its sensitivity");
}

TEST(OperatorTypes, AreRefusedIfTheyContainThemselves) {
  ExpectRefused(Message(Key() + "field { name: 'inner' number: 2 label: LABEL_REPEATED type: "
                                "TYPE_MESSAGE type_name: '.acme.Locker' }"),
                "locker.binpb: catalog: acme.Locker: contains itself");
}

TEST(OperatorTypes, AreRefusedWithAMap) {
  ExpectRefused(
      Message(Key() +
              "field { name: 'm' number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "
              "'.acme.Locker.MEntry' } nested_type { name: 'MEntry' options { map_entry: true } "
              "field { name: 'key' number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } "
              "field { name: 'value' number: 2 label: LABEL_OPTIONAL type: TYPE_STRING } }"),
      "locker.binpb: catalog: acme.Locker.m: is a map");
}

TEST(OperatorTypes, AreRefusedWithoutAKey) {
  ExpectRefused(Message(Field("kind", 1,
                              "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: "
                              "SENSITIVITY_OPERATIONAL } }")),
                "locker.binpb: catalog: acme.Locker: has no key");
}

TEST(OperatorTypes, AreRefusedWithAOneof) {
  ExpectRefused(Message("field { name: 'a' number: 1 label: LABEL_OPTIONAL type: TYPE_STRING "
                        "oneof_index: 0 } oneof_decl { name: 'o' } "),
                "locker.binpb: catalog: acme.Locker: has a oneof");
}

TEST(OperatorTypes, AreRefusedWithAScalarWithoutPresence) {
  ExpectRefused(Message(Key() + "field { name: 'n' number: 2 label: LABEL_OPTIONAL type: "
                                "TYPE_INT64 options { [sluice.v1.field] { sensitivity: "
                                "SENSITIVITY_OPERATIONAL } } }"),
                "locker.binpb: catalog: acme.Locker.n: has no explicit presence");
}

TEST(OperatorTypes, AreRefusedUnderABuiltInName) {
  ExpectRefused(absl::StrReplaceAll(Locker(), {{"'Locker'", "'Candidate'"}}),
                "locker.binpb: a record type named Candidate stands in the built-in types, too");
}

TEST(OperatorTypes, AreRefusedUnderTheNameOfAnother) {
  ExpectRefused(
      {{"a.binpb", SetOf(Locker(), "a.proto", "a")}, {"b.binpb", SetOf(Locker(), "b.proto", "b")}},
      "b.binpb: a record type named Locker stands in a.binpb, too");
}

TEST(OperatorTypes, AreRefusedIfAFileDiffersFromItsNamesake) {
  ExpectRefused({{"a.binpb", SetOf(Locker())},
                 {"b.binpb", SetOf(absl::StrReplaceAll(Locker(), {{"'Locker'", "'Desk'"}}))}},
                "b.binpb: locker.proto differs from the one in another file");
}

TEST(OperatorTypes, AreRefusedWithACodeSetThatThereIsNot) {
  ExpectRefused(absl::StrReplaceAll(Locker(), {{"'Sex'", "'Sax'"}}),
                "locker.binpb: Locker.kind: there is no code set Sax");
}

TEST(OperatorTypes, AreRefusedIfTheirImportsAreNotThere) {
  FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(SetOf(Locker())));
  set.mutable_file(0)->add_dependency("nowhere.proto");
  ExpectRefused({{"locker.binpb", set.SerializeAsString()}}, "locker.binpb: locker.proto: ");
}

TEST(OperatorTypes, AreRefusedWhereTheyAreNoDescriptorSet) {
  ExpectRefused({{"locker.binpb", "syntax = \"proto3\";"}}, "locker.binpb: is no descriptor set");
  ExpectRefused({{"locker.binpb", ""}}, "locker.binpb: has no record type");
  ExpectRefused({{"locker.txt", SetOf(Locker())}}, "locker.txt: is no .binpb and no .tsv");
  ExpectRefused({{"locker.binpb", std::string(kMaxTypesFileBytes + 1, 'x')}},
                "locker.binpb: is larger than 4 MiB");
}

// Whatever a byte becomes: refused with the file's name, or a type as strict as any.
TEST(OperatorTypes, ACorruptByteIsRefusedOrGivesAnAnnotatedType) {
  const std::string whole = SetOf(Locker());
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {1, 0x80}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      const auto catalog = CatalogWithTypes({{"locker.binpb", bytes}});
      if (!catalog.ok()) {
        EXPECT_THAT(std::string(catalog.status().message()), HasSubstr("locker.binpb: "));
        continue;
      }
      for (const RecordType* const type : (*catalog)->types()) {
        for (const auto* const leaf : type->leaves()) {
          EXPECT_NE(leaf->sensitivity, v1::SENSITIVITY_UNSPECIFIED) << type->name() << leaf->path;
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::policy
