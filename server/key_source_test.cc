#include "server/key_source.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/keys.h"

namespace sluice::server {
namespace {

using policy::Secret;
using ::testing::HasSubstr;

class KeySourceTest : public ::testing::Test {
 protected:
  KeySourceTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "source.XXXXXX");
    parent_ = mkdtemp(pattern.data());
    setenv("CREDENTIALS_DIRECTORY", parent_.c_str(), 1);
    source_.directory = parent_ + "/keys";
    source_.credential = "sluice-keys";
  }
  ~KeySourceTest() override {
    unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::remove_all(parent_);
  }

  void Write(absl::string_view name, const std::string& content, mode_t mode = 0400) const {
    const std::string path = absl::StrCat(parent_, "/", name);
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << content;
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  absl::StatusOr<std::unique_ptr<Keys>> Open() const { return Keys::Open(source_, absl::Now); }
  // What of `status` somebody can act by.
  static void ExpectRefusal(const absl::Status& status, absl::string_view text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
  }

  std::string parent_;
  KeySource source_;
};

TEST_F(KeySourceTest, ACredentialWrapsTheDirectory) {
  Write("sluice-keys", std::string(32, 'w'));
  const Secret hash_key = Open().value()->StoreHashKey().value();
  EXPECT_TRUE(Open().value()->StoreHashKey().value() == hash_key);
  KeySource without = source_;
  without.credential.clear();
  ExpectRefusal(Keys::Open(without, absl::Now).status(), "keys.credential");
}

TEST_F(KeySourceTest, ANewCredentialTakesOverFromTheFormer) {
  Write("sluice-keys", std::string(32, 'w'));
  const Secret hash_key = Open().value()->StoreHashKey().value();
  Write("new", std::string(32, 'x'));
  source_.former_credential = std::exchange(source_.credential, "new");
  EXPECT_TRUE(Open().value()->StoreHashKey().value() == hash_key);
  source_.former_credential.clear();
  std::filesystem::remove(parent_ + "/sluice-keys");
  EXPECT_TRUE(Open().value()->StoreHashKey().value() == hash_key);
}

TEST_F(KeySourceTest, SaysWhatIsWrongWithACredential) {
  ExpectRefusal(Open().status(), absl::StrCat(parent_,
                                              "/sluice-keys is not there: the unit needs "
                                              "LoadCredentialEncrypted=sluice-keys:FILE"));
  for (const size_t size : {0, 31, 33, 5000}) {
    Write("sluice-keys", std::string(size, 'w'));
    ExpectRefusal(Open().status(), "sluice-keys");
  }
  Write("sluice-keys", std::string(32, 'w'), 0404);
  ExpectRefusal(Open().status(), "open to others");
  // As systemd lets a service of another user in.
  Write("sluice-keys", std::string(32, 'w'), 0440);
  EXPECT_TRUE(Open().ok());
  unsetenv("CREDENTIALS_DIRECTORY");
  ExpectRefusal(Open().status(), "CREDENTIALS_DIRECTORY is not set");
  EXPECT_FALSE(CheckKeySource(source_).ok());
}

TEST_F(KeySourceTest, ACredentialsNameLeadsNowhereElse) {
  for (const char* name : {"", ".", "..", "../a", "a/b", "/a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadCredential(name).status())) << name;
  }
}

TEST_F(KeySourceTest, APinStandsInAPrivateFileOrACredential) {
  Write("pin", "1234\n", 0600);
  const TokenSource file{.pin_file = parent_ + "/pin"};
  EXPECT_TRUE(ReadPin(file).value() == Secret::Copy("1234"));
  EXPECT_TRUE(ReadPin({.pin_credential = "pin"}).value() == Secret::Copy("1234"));
  Write("pin", "12 34", 0600);
  EXPECT_TRUE(ReadPin(file).value() == Secret::Copy("12 34"));
  Write("pin", "1234\n", 0640);
  ExpectRefusal(ReadPin(file).status(), parent_ + "/pin is open to others");
  Write("pin", "\n", 0600);
  ExpectRefusal(ReadPin(file).status(), "empty");
  std::filesystem::remove(parent_ + "/pin");
  ExpectRefusal(ReadPin(file).status(), parent_ + "/pin is not there");
}

TEST_F(KeySourceTest, SaysWhatIsWrongWithAModule) {
  Write("sluice-keys", std::string(32, 'w'));
  Write("pin", "1234", 0600);
  source_.pkcs11 =
      TokenSource{.module = parent_ + "/no.so", .token = "sluice", .pin_file = parent_ + "/pin"};
  ExpectRefusal(CheckKeySource(source_), parent_ + "/no.so is not there");
  Write("no.so", "no library", 0600);
  ExpectRefusal(CheckKeySource(source_), parent_ + "/no.so can't be loaded");
  Write("no.so", "no library", 0666);
  ExpectRefusal(CheckKeySource(source_), "can be changed by others");
}

}  // namespace
}  // namespace sluice::server
