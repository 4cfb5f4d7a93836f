#include "server/catalog_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/text_format.h"
#include "tests/support/memory_store.h"

namespace sluice::server {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kLocker[] =
    "file { name: 'locker.proto' package: 'acme' syntax: 'proto3' "
    "dependency: 'sluice/v1/catalog.proto' message_type { name: 'Locker' "
    "options { [sluice.v1.record] { ed_fi_entity: 'none' regimes: REGIME_PUBLIC } } "
    "field { name: 'id' number: 1 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0 "
    "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC key: true } } "
    "} "
    "oneof_decl { name: '_id' } "
    "field { name: 'floor' number: 2 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1 "
    "type: TYPE_INT64 options { [sluice.v1.field] { sensitivity: SENSITIVITY_PUBLIC } } } "
    "oneof_decl { name: '_floor' } } }";

class CatalogStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "types-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& file, const std::string& bytes) {
    std::ofstream(directory_ + "/" + file, std::ios::binary) << bytes;
  }
  void WriteLocker(const std::string& text = kLocker) {
    google::protobuf::FileDescriptorSet set;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set));
    Write("locker.binpb", set.SerializeAsString());
  }
  std::string Refusal() {
    const auto catalog = OpenCatalog(directory_, store_);
    return std::string(catalog.status().message());
  }

  std::string directory_;
  MemoryStore store_;
};

TEST_F(CatalogStoreTest, KeepsWhatItRunsWithOnce) {
  EXPECT_TRUE(OpenCatalog("", store_).ok());
  EXPECT_THAT(*store_.Catalogs(), SizeIs(1));
  EXPECT_TRUE(OpenCatalog("", store_).ok());
  EXPECT_THAT(*store_.Catalogs(), SizeIs(1));
  WriteLocker();
  EXPECT_TRUE(OpenCatalog(directory_, store_).ok());
  EXPECT_THAT(*store_.Catalogs(), SizeIs(2));
}

TEST_F(CatalogStoreTest, HoldsAVersionThatIsNoLongerInTheDirectory) {
  WriteLocker();
  const auto before = OpenCatalog(directory_, store_);
  ASSERT_TRUE(before.ok()) << before.status();
  const std::string digest = (*before)->Find("Locker")->digest();
  WriteLocker(absl::StrReplaceAll(
      kLocker, {{"'_floor' }",
                 "'_floor' } field { name: 'room' number: 3 label: LABEL_REPEATED "
                 "type: TYPE_STRING options { [sluice.v1.field] { sensitivity: "
                 "SENSITIVITY_PUBLIC } } }"}}));
  const auto after = OpenCatalog(directory_, store_);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE((*after)->Find("Locker")->digest(), digest);
  EXPECT_NE((*after)->FindVersion("Locker", digest), nullptr);
  std::filesystem::remove(directory_ + "/locker.binpb");
  const auto without = OpenCatalog(directory_, store_);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ((*without)->Find("Locker"), nullptr);
  EXPECT_NE((*without)->FindVersion("Locker", digest), nullptr);
}

TEST_F(CatalogStoreTest, RefusesARenumberedFieldAndKeepsNothingOfIt) {
  WriteLocker();
  EXPECT_TRUE(OpenCatalog(directory_, store_).ok());
  WriteLocker(absl::StrReplaceAll(kLocker, {{"number: 2", "number: 5"}}));
  EXPECT_THAT(Refusal(), HasSubstr("Locker.floor: has another number, 5 and not 2"));
  EXPECT_THAT(*store_.Catalogs(), SizeIs(1));
  WriteLocker();
  EXPECT_TRUE(OpenCatalog(directory_, store_).ok());
}

TEST_F(CatalogStoreTest, RefusesWhatItCannotRead) {
  EXPECT_FALSE(OpenCatalog(directory_ + "/nowhere", store_).ok());
  Write("bad.binpb", "x");
  EXPECT_THAT(Refusal(), HasSubstr("bad.binpb: is no descriptor set"));
  Write("bad.binpb", std::string(policy::kMaxTypesFileBytes + 1, 'x'));
  EXPECT_THAT(Refusal(), HasSubstr("bad.binpb: is larger than 4 MiB"));
  std::filesystem::remove(directory_ + "/bad.binpb");
  std::filesystem::create_directory(directory_ + "/dir.binpb");
  EXPECT_THAT(Refusal(), HasSubstr("dir.binpb: cannot be read"));
}

TEST_F(CatalogStoreTest, LooksAtNoOtherFiles) {
  Write("README.md", "x");
  Write(".hidden.binpb", "x");
  EXPECT_TRUE(OpenCatalog(directory_, store_).ok());
}

}  // namespace
}  // namespace sluice::server
