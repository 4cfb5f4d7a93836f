// An operator's own record types, as the command meets them.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/command_for_test.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "sluice/v1/catalog.pb.h"

namespace sluice::client {
namespace {

class TypesCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    std::filesystem::create_directory(directory_ + "/types");
  }
  // A type `Locker` with a key, and what stands in it besides.
  void WriteLocker(const std::string& key, const std::string& more) {
    // The annotations, so that their names are known.
    v1::FieldAnnotation::descriptor();
    google::protobuf::FileDescriptorSet set;
    const std::string text = absl::StrCat(
        "file { name: 'locker.proto' package: 'acme' syntax: 'proto3' dependency: "
        "'sluice/v1/catalog.proto' message_type { name: 'Locker' options { [sluice.v1.record] { "
        "ed_fi_entity: 'none' regimes: REGIME_PUBLIC } } field { name: 'id' number: 1 label: "
        "LABEL_OPTIONAL proto3_optional: true oneof_index: 0 type: TYPE_STRING options { "
        "[sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC ",
        key, " } } } oneof_decl { name: '_id' } ", more, " } }");
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set)) << text;
    service_->Write("types/locker.binpb", set.SerializeAsString());
  }
};

constexpr char kKey[] = "key: true";

TEST_F(TypesCommandTest, AreRefusedForACycleAMapAndAMissingKey) {
  WriteLocker(kKey, "");
  EXPECT_EQ(Run("catalog show Locker --types types").code, kDone);
  const std::vector<std::pair<std::string, const char*>> wrong = {
      {"field { name: 'inner' number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "
       "'.acme.Locker' options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC } } }",
       "contains itself"},
      {"field { name: 'tags' number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "
       "'.acme.Locker.TagsEntry' options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC } "
       "} } nested_type { name: 'TagsEntry' field { name: 'key' number: 1 label: LABEL_OPTIONAL "
       "type: TYPE_STRING } field { name: 'value' number: 2 label: LABEL_OPTIONAL type: "
       "TYPE_STRING } options { map_entry: true } }",
       "map"}};
  for (const auto& [more, reason] : wrong) {
    WriteLocker(kKey, more);
    ExpectError("catalog list --types types", kFailed, "Locker");
    ExpectError("catalog list --types types", kFailed, reason);
  }
  WriteLocker("", "");
  ExpectError("record publish Locker x.ndjson --types types", kFailed, "key");
}

}  // namespace
}  // namespace sluice::client
