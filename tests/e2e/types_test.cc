// An operator's own record types, from one start of the gateway to the next.
#include <signal.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "sluice/v1/catalog.pb.h"
#include "tests/e2e/deployment.h"

namespace sluice::tests {
namespace {

// `Locker` with a key and one more field under a number.
void WriteLocker(const Deployment& deployment, int number) {
  // So that the annotations' names are known.
  v1::FieldAnnotation::descriptor();
  google::protobuf::FileDescriptorSet set;
  const std::string text = absl::StrCat(
      "file { name: 'locker.proto' package: 'acme' syntax: 'proto3' dependency: "
      "'sluice/v1/catalog.proto' message_type { name: 'Locker' options { [sluice.v1.record] { "
      "ed_fi_entity: 'none' regimes: REGIME_PUBLIC } } field { name: 'id' number: 1 label: "
      "LABEL_OPTIONAL proto3_optional: true oneof_index: 0 type: TYPE_STRING options { "
      "[sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC key: true } } } oneof_decl { name: "
      "'_id' } field { name: 'floor' number: ",
      number,
      " label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1 type: TYPE_INT64 options { "
      "[sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC } } } oneof_decl { name: '_floor' } } "
      "}");
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set)) << text;
  std::filesystem::create_directories(deployment.Path("types"));
  WriteFile(deployment.Path("types/locker.binpb"), set.SerializeAsString());
}

TEST(OperatorTypesE2eTest, AFieldIsNotRenumberedAgainstTheVersionInUse) {
  Deployment deployment;
  deployment.WriteConfiguration(absl::StrCat(deployment.Configuration(), "types: types\n"));
  WriteLocker(deployment, 2);
  deployment.Start();
  EXPECT_EQ(deployment.End(SIGTERM), 0);
  WriteLocker(deployment, 5);
  EXPECT_NE(deployment.RunAnother(), 0) << "it would read old records by the new number";
  // Nothing of the refused version was kept.
  WriteLocker(deployment, 2);
  deployment.Start();
  EXPECT_EQ(deployment.End(SIGTERM), 0);
}

}  // namespace
}  // namespace sluice::tests
