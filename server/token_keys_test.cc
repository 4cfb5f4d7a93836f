// Key-encryption keys of a key directory that stand on a PKCS#11 token.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/pkcs11_token.h"
#include "tests/support/softhsm_fixture.h"

namespace sluice::server {
namespace {

using policy::Secret;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using State = KeyEncryptionKeys::State;

KekName Data(std::string owner, int32_t version = 1) {
  return {KekScope::kOwnerData, std::move(owner), version};
}

class TokenKeysTest : public SoftHsmTest {
 protected:
  size_t KeysOnToken() const {
    return Pkcs11Token::Open(*source_.pkcs11).value()->Ids().value().size();
  }
  std::string FileOf(absl::string_view owner) const {
    return absl::StrCat(source_.directory, "/owner-", owner, ".data.1.kek");
  }

  const Secret key_ = Secret::Copy(std::string(32, 'd'));
};

TEST_F(TokenKeysTest, UnwrapsAfterARestartWhatItWrapped) {
  std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  keks.reset();
  keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  EXPECT_TRUE(keks->Unwrap(Data("a"), wrapped).value() == key_);
  EXPECT_EQ(KeysOnToken(), 1u);
}

TEST_F(TokenKeysTest, EachNameHasAKeyOfItsOwn) {
  const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  const std::vector<KekName> names = {
      Data("a"), Data("b"), Data("a", 2), {KekScope::kOwnerDictionary, "a"}};
  for (const KekName& name : names) ASSERT_TRUE(keks->Create(name).ok());
  for (const KekName& of : names) {
    const std::string wrapped = keks->Wrap(of, key_).value();
    for (const KekName& by : names) {
      const absl::StatusOr<Secret> unwrapped = keks->Unwrap(by, wrapped);
      EXPECT_EQ(unwrapped.ok(), of == by);
      EXPECT_TRUE(of == by || absl::IsFailedPrecondition(unwrapped.status()));
    }
  }
}

TEST_F(TokenKeysTest, OneThatIsGoneFromTheTokenIsLostAndNotMadeAnew) {
  std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  keks.reset();
  LoseTokens();
  InitToken(kTokenLabel);
  keks = OpenKeks();
  const absl::Status lost = keks->Unwrap(Data("a"), wrapped).status();
  EXPECT_TRUE(absl::IsDataLoss(lost)) << lost;
  EXPECT_THAT(std::string(lost.message()), HasSubstr("another gateway's token"));
  EXPECT_TRUE(absl::IsDataLoss(keks->Wrap(Data("a"), key_).status()));
  EXPECT_EQ(keks->List().value().at(0).state, State::kLost);
  EXPECT_EQ(KeysOnToken(), 0u);
  // Nobody has to look for it any more.
  EXPECT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(keks->List().value().at(0).state, State::kDestroyed);
}

TEST_F(TokenKeysTest, ADestroyedOneIsGoneFromTheTokenAndKnownToBe) {
  std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(keks->Create(Data("b")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(KeysOnToken(), 1u);
  for (int i = 0; i < 2; ++i) {
    const absl::Status destroyed = keks->Unwrap(Data("a"), wrapped).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(destroyed)) << destroyed;
    EXPECT_THAT(std::string(destroyed.message()), HasSubstr("was destroyed on"));
    EXPECT_TRUE(absl::IsFailedPrecondition(keks->Create(Data("a"))));
    EXPECT_EQ(keks->List().value().at(0).state, State::kDestroyed);
    EXPECT_EQ(keks->List().value().at(1).state, State::kKept);
    EXPECT_EQ(keks->UsableVersion(KekScope::kOwnerData, "a").value(), 2);
    keks.reset();
    keks = OpenKeks();
  }
}

TEST_F(TokenKeysTest, WhatACrashLeftOfADestructionEndsAtTheNextStart) {
  std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  faults().result = CKR_DEVICE_REMOVED;
  faults().fail = 1000;
  EXPECT_TRUE(absl::IsUnavailable(keks->Destroy(Data("a"))));
  faults().fail = 0;
  // It stands there yet, and nobody uses it.
  EXPECT_EQ(KeysOnToken(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(keks->Wrap(Data("a"), key_).status()));
  keks.reset();
  keks = OpenKeks();
  EXPECT_EQ(KeysOnToken(), 0u);
}

TEST_F(TokenKeysTest, OneThatTheTokenKeepsIsBeingDestroyedUntilItIsGone) {
  const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  faults().destroy_nothing = true;
  EXPECT_FALSE(keks->Destroy(Data("a")).ok());
  faults().destroy_nothing = false;
  EXPECT_EQ(keks->List().value().at(0).state, State::kDestroying);
  EXPECT_EQ(keks->UsableVersion(KekScope::kOwnerData, "a").value(), 2);
  std::filesystem::rename(FileOf("a"), Path("aside"));
  EXPECT_EQ(keks->List().value().at(0).state, State::kDestroying) << "on the token";
  std::filesystem::rename(Path("aside"), FileOf("a"));
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(keks->List().value().at(0).state, State::kDestroyed);
  EXPECT_EQ(KeysOnToken(), 0u);
}

TEST_F(TokenKeysTest, DestroysOnTheTokenThoughItsFileIsGone) {
  std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(std::filesystem::remove(FileOf("a")));
  EXPECT_TRUE(absl::IsDataLoss(keks->Wrap(Data("a"), key_).status()));
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(KeysOnToken(), 0u);
}

TEST_F(TokenKeysTest, AKeyThatCouldNotBeMadeIsMadeLater) {
  const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  faults().result = CKR_DEVICE_MEMORY;
  faults().fail = 1000;
  EXPECT_TRUE(absl::IsUnavailable(keks->Create(Data("a"))));
  faults().fail = 0;
  EXPECT_TRUE(absl::IsNotFound(keks->Wrap(Data("a"), key_).status()));
  EXPECT_TRUE(keks->Create(Data("a")).ok());
  EXPECT_TRUE(keks->Wrap(Data("a"), key_).ok());
}

TEST_F(TokenKeysTest, KeysInFilesAreUsedOnAndNewOnesStandOnTheToken) {
  KeySource files = source_;
  files.pkcs11.reset();
  std::string wrapped;
  {
    const auto keks = OpenKeyEncryptionKeys(files, absl::Now).value();
    ASSERT_TRUE(keks->Create(Data("a")).ok());
    wrapped = keks->Wrap(Data("a"), key_).value();
  }
  {
    const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
    EXPECT_TRUE(keks->Unwrap(Data("a"), wrapped).value() == key_);
    ASSERT_TRUE(keks->Create(Data("a", 2)).ok());
    EXPECT_EQ(KeysOnToken(), 1u);
    ASSERT_TRUE(keks->Destroy(Data("a")).ok());
    EXPECT_EQ(KeysOnToken(), 1u);
    EXPECT_TRUE(keks->Wrap(Data("a", 2), key_).ok());
  }
  const absl::Status refused =
      OpenKeyEncryptionKeys(files, absl::Now).value()->Wrap(Data("a", 2), key_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("keys.pkcs11"));
}

TEST_F(TokenKeysTest, TwoGatewaysOnOneTokenHaveKeysOfTheirOwn) {
  const std::unique_ptr<KeyEncryptionKeys> ours = OpenKeks();
  ASSERT_TRUE(ours->Create(Data("a")).ok());
  source_.directory = Path("theirs");
  const std::unique_ptr<KeyEncryptionKeys> theirs = OpenKeks();
  ASSERT_TRUE(theirs->Create(Data("a")).ok());
  const std::string wrapped = ours->Wrap(Data("a"), key_).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(theirs->Unwrap(Data("a"), wrapped).status()));
  ASSERT_TRUE(theirs->Destroy(Data("a")).ok());
  EXPECT_TRUE(ours->Unwrap(Data("a"), wrapped).ok());
}

TEST_F(TokenKeysTest, ACredentialWrapsTheReferencesToo) {
  std::ofstream(Path("sluice-keys")) << std::string(32, 'w');
  setenv("CREDENTIALS_DIRECTORY", parent_.c_str(), 1);
  std::string wrapped;
  source_.credential = "sluice-keys";
  ASSERT_EQ(chmod(Path("sluice-keys").c_str(), 0400), 0);
  {
    const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
    ASSERT_TRUE(keks->Create(Data("a")).ok());
    wrapped = keks->Wrap(Data("a"), key_).value();
  }
  EXPECT_TRUE(OpenKeks()->Unwrap(Data("a"), wrapped).value() == key_);
}

// --- Two processes ---

// What the other one does: makes the keys of all owners, and wraps under each.
TEST_F(TokenKeysTest, DISABLED_TheOtherProcess) {
  setenv("SOFTHSM2_CONF", getenv("SLUICE_OTHERS_CONF"), 1);
  const std::string parent = getenv("SLUICE_OTHERS_PARENT");
  source_.directory = parent + "/keys";
  source_.pkcs11->pin_file = parent + "/pin";
  const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
  for (int i = 0; i < 10; ++i) {
    const KekName name = Data(absl::StrCat("o", i));
    ASSERT_TRUE(keks->Create(name).ok());
    const std::string path = absl::StrCat(parent, "/wrapped.", i);
    std::ofstream(path + ".new", std::ios::binary) << keks->Wrap(name, key_).value();
    std::filesystem::rename(path + ".new", path);
  }
}

TEST_F(TokenKeysTest, TwoProcessesMakeOneKeyAndSeeEachOthersDestruction) {
  setenv("SLUICE_OTHERS_CONF", Path("softhsm2.conf").c_str(), 1);
  setenv("SLUICE_OTHERS_PARENT", parent_.c_str(), 1);
  std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::string filter = "--gtest_filter=TokenKeysTest.DISABLED_TheOtherProcess";
  std::string disabled = "--gtest_also_run_disabled_tests";
  char* arguments[] = {self.data(), filter.data(), disabled.data(), nullptr};
  posix_spawn_file_actions_t silently;
  posix_spawn_file_actions_init(&silently);
  posix_spawn_file_actions_addopen(&silently, STDOUT_FILENO, Path("said").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t other = -1;
  ASSERT_EQ(posix_spawn(&other, self.c_str(), &silently, nullptr, arguments, environ), 0);
  {
    const std::unique_ptr<KeyEncryptionKeys> keks = OpenKeks();
    for (int i = 9; i >= 0; --i) EXPECT_TRUE(keks->Create(Data(absl::StrCat("o", i))).ok());
    int status = 0;
    ASSERT_EQ(waitpid(other, &status, 0), other);
    ASSERT_EQ(status, 0) << std::ifstream(Path("said")).rdbuf();
    for (int i = 0; i < 10; ++i) {
      std::ifstream file(Path(absl::StrCat("wrapped.", i)), std::ios::binary);
      const std::string wrapped((std::istreambuf_iterator<char>(file)),
                                std::istreambuf_iterator<char>());
      EXPECT_TRUE(keks->Unwrap(Data(absl::StrCat("o", i)), wrapped).value() == key_) << i;
    }
    EXPECT_EQ(KeysOnToken(), 10u);
    ASSERT_TRUE(keks->Destroy(Data("o3")).ok());
  }
  // By then it can't make one of them any more.
  ASSERT_EQ(posix_spawn(&other, self.c_str(), &silently, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&silently);
  int status = 0;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_NE(status, 0);
  EXPECT_EQ(KeysOnToken(), 9u);
}

}  // namespace
}  // namespace sluice::server
