#include "client/profile.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "client/file.h"
#include "gtest/gtest.h"

namespace sluice::client {
namespace {

constexpr char kGood[] =
    "profiles:\n"
    "  default:\n"
    "    gateway: gateway.example.org:8443\n"
    "    ca: ca.pem\n"
    "    certificate: /etc/sluice/hr.pem\n"
    "    key: keys/hr.key\n"
    "    organization: river-unified\n"
    "  other: {gateway: \"127.0.0.1:1\", server_name: localhost}\n";

std::string Why(const std::string& text, const std::string& name = "default") {
  const auto profile = ParseProfile("/etc/sluice/config.yaml", text, name);
  EXPECT_TRUE(absl::IsInvalidArgument(profile.status()));
  return std::string(profile.status().message());
}

TEST(Profile, TakesPathsFromTheFilesDirectory) {
  const auto profile = ParseProfile("/home/ann/config.yaml", kGood, "default");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->gateway, "gateway.example.org:8443");
  EXPECT_EQ(profile->ca, "/home/ann/ca.pem");
  EXPECT_EQ(profile->certificate, "/etc/sluice/hr.pem");
  EXPECT_EQ(profile->key, "/home/ann/keys/hr.key");
  EXPECT_EQ(profile->organization, "river-unified");
}

TEST(Profile, FindsAProfileByName) {
  const auto profile = ParseProfile("c.yaml", kGood, "other");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->gateway, "127.0.0.1:1");
  EXPECT_EQ(profile->server_name, "localhost");
  EXPECT_EQ(profile->ca, "");
  EXPECT_TRUE(absl::StrContains(Why(kGood, "othr"), "did you mean \"other\"?"));
}

TEST(Profile, NamesEveryMistakeAtItsPlace) {
  const std::string why =
      Why("profiles:\n  default:\n    gatway: x\n    key: [a]\n  other:\n    server_nam: y\n");
  for (const char* text : {"config.yaml:3:5: ", "did you mean \"gateway\"?",
                           "config.yaml:4:10: ", "config.yaml:6:5: "}) {
    EXPECT_TRUE(absl::StrContains(why, text)) << why;
  }
}

TEST(Profile, RefusesWhatIsNoMappingOfProfiles) {
  for (const char* text : {"", "x", "profiles: x\n", "profiles:\n  default: x\n", "other: {}\n",
                           "profiles:\n  default: &a {}\n", "profiles: {}\nprofiles: {}\n"}) {
    EXPECT_FALSE(Why(text).empty()) << text;
  }
}

class LoadProfileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "profile-XXXXXX";
    directory_ = mkdtemp(name.data());
    setenv("SLUICE_CONFIG", (directory_ + "/config.yaml").c_str(), 1);
    unsetenv("SLUICE_PROFILE");
  }
  void TearDown() override {
    unsetenv("SLUICE_CONFIG");
    unsetenv("SLUICE_PROFILE");
    std::filesystem::remove_all(directory_);
  }
  std::string directory_;
};

TEST_F(LoadProfileTest, TheEnvironmentNamesTheProfile) {
  ASSERT_TRUE(ReplaceFile(directory_ + "/config.yaml", kGood).ok());
  EXPECT_EQ(LoadProfile("", false)->organization, "river-unified");
  setenv("SLUICE_PROFILE", "other", 1);
  EXPECT_EQ(LoadProfile("", false)->gateway, "127.0.0.1:1");
  EXPECT_EQ(LoadProfile("default", false)->organization, "river-unified");
}

TEST_F(LoadProfileTest, NeedsNoFileUnlessAProfileIsNamed) {
  EXPECT_TRUE(LoadProfile("", false).ok());
  EXPECT_TRUE(absl::IsNotFound(LoadProfile("other", false).status()));
  EXPECT_TRUE(absl::IsNotFound(LoadProfile("other", true).status()));
}

TEST_F(LoadProfileTest, AGatewayOnTheCommandLineIsNotMixedWithAnUnnamedProfile) {
  ASSERT_TRUE(ReplaceFile(directory_ + "/config.yaml", kGood).ok());
  EXPECT_EQ(LoadProfile("", true)->organization, "");
  EXPECT_EQ(LoadProfile("default", true)->organization, "river-unified");
}

}  // namespace
}  // namespace sluice::client
