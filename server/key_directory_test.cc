#include "server/key_directory.h"

#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {
std::atomic<bool> locks_are_known{true};
}  // namespace

// In the place of the C library's: a file system that knows no locks.
extern "C" int flock(int file, int operation) noexcept {
  if (locks_are_known) return static_cast<int>(syscall(SYS_flock, file, operation));
  errno = ENOLCK;
  return -1;
}

namespace sluice::server {
namespace {

using policy::Secret;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

class KeyDirectoryTest : public ::testing::Test {
 protected:
  KeyDirectoryTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "directory.XXXXXX");
    parent_ = mkdtemp(pattern.data());
    dir_ = parent_ + "/keys";
  }
  ~KeyDirectoryTest() override {
    locks_are_known = true;
    std::filesystem::remove_all(parent_);
  }

  static KeyWrapping Under(char key, std::optional<char> former = std::nullopt) {
    std::optional<Secret> other;
    if (former) other = Secret::Copy(std::string(32, *former));
    return KeyWrapping(Secret::Copy(std::string(32, key)), std::move(other));
  }
  absl::StatusOr<std::unique_ptr<KeyDirectory>> TryOpen(KeyWrapping wrapping = {}) {
    return KeyDirectory::Open(
        dir_, [] { return kNow; }, std::move(wrapping));
  }
  std::unique_ptr<KeyDirectory> Open(KeyWrapping wrapping = {}) {
    absl::StatusOr<std::unique_ptr<KeyDirectory>> opened = TryOpen(std::move(wrapping));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  static absl::StatusOr<Secret> Ensure(const KeyDirectory& directory, absl::string_view name) {
    return directory.Ensure(name, [] { return RandomKey(32); });
  }
  static absl::Status Destroy(const KeyDirectory& directory, absl::string_view name) {
    return directory.Destroy(name, [](const MadeKey&) { return absl::OkStatus(); });
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  std::string Content(absl::string_view name) const {
    std::stringstream bytes;
    bytes << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return bytes.str();
  }
  void Write(absl::string_view name, const std::string& content) const {
    std::ofstream(Path(name), std::ios::binary | std::ios::trunc) << content;
    ASSERT_EQ(chmod(Path(name).c_str(), 0600), 0);
  }
  static std::string Text(const Secret& secret) {
    return std::string(reinterpret_cast<const char*>(secret.bytes().data()), secret.size());
  }

  std::string parent_;
  std::string dir_;
};

// --- Its manifest ---

TEST_F(KeyDirectoryTest, ANewDirectoryHasAManifestBeforeItHasKeys) {
  Open();
  EXPECT_EQ(ParseManifest(Content("manifest")), KeyManifest());
}

TEST_F(KeyDirectoryTest, RefusesKeysWithoutAManifest) {
  ASSERT_TRUE(Ensure(*Open(), "a.key").ok());
  std::filesystem::rename(Path("manifest"), parent_ + "/aside");
  const absl::Status refused = TryOpen().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(Path("manifest")));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("put it back"));
  EXPECT_FALSE(std::filesystem::exists(Path("manifest")));
  std::filesystem::rename(parent_ + "/aside", Path("manifest"));
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(KeyDirectoryTest, OtherFilesAreNoKeys) {
  std::filesystem::create_directory(dir_);
  ASSERT_EQ(chmod(dir_.c_str(), 0700), 0);
  Write("client-cas.pem", "of TLS");
  EXPECT_TRUE(TryOpen().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Ensure(*Open(), "client-cas.pem.2").status()));
}

TEST_F(KeyDirectoryTest, ClearsWhatItLeftItselfAndNothingThatAnotherIsWriting) {
  ASSERT_TRUE(Ensure(*Open(), "a.key").ok());
  for (const char* const own : {"b.key.77.new", "manifest.4194304.new"}) Write(own, "half a");
  // A gateway's `client-cas` file is on its way while `store verify` opens the same directory.
  for (const char* const other : {"client-cas-g1.pem.new", "g1.new"}) Write(other, "half a");
  Open();
  EXPECT_FALSE(std::filesystem::exists(Path("b.key.77.new")));
  EXPECT_FALSE(std::filesystem::exists(Path("manifest.4194304.new")));
  EXPECT_TRUE(std::filesystem::exists(Path("client-cas-g1.pem.new")));
  EXPECT_TRUE(std::filesystem::exists(Path("g1.new")));
}

TEST_F(KeyDirectoryTest, RefusesAManifestThatIsCutAnywhere) {
  ASSERT_TRUE(Ensure(*Open(), "a.key").ok());
  ASSERT_TRUE(Ensure(*Open(), "b.key").ok());
  const std::string whole = Content("manifest");
  for (size_t size = 0; size < whole.size(); size += 7) {
    Write("manifest", whole.substr(0, size));
    const absl::Status refused = TryOpen().status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << size;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("put it back"));
  }
  Write("manifest", whole);
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(KeyDirectoryTest, AManifestThatGoesWhileItIsInUseStopsIt) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  ASSERT_TRUE(std::filesystem::remove(Path("manifest")));
  EXPECT_TRUE(absl::IsDataLoss(directory->Find("a.key").status()));
  EXPECT_TRUE(absl::IsDataLoss(Ensure(*directory, "b.key").status()));
  EXPECT_FALSE(std::filesystem::exists(Path("b.key")));
}

TEST_F(KeyDirectoryTest, FollowsAManifestThatAnotherHasWritten) {
  const std::unique_ptr<KeyDirectory> ours = Open();
  const std::unique_ptr<KeyDirectory> theirs = Open();
  ASSERT_TRUE(Ensure(*theirs, "a.key").ok());
  EXPECT_TRUE(ours->Find("a.key").value() == theirs->Find("a.key").value());
  ASSERT_TRUE(Destroy(*theirs, "a.key").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ours->Find("a.key").status()));
}

// Were it parsed for each key, it would be read each time; what is not read anew is not noticed.
TEST_F(KeyDirectoryTest, ReadsAManifestOnceAChange) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  struct stat before {};
  ASSERT_EQ(stat(Path("manifest").c_str(), &before), 0);
  std::string garbled = Content("manifest");
  garbled[0] ^= 1;
  Write("manifest", garbled);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, Path("manifest").c_str(), times, 0), 0);
  EXPECT_TRUE(directory->Find("a.key").ok());
  ASSERT_EQ(utimensat(AT_FDCWD, Path("manifest").c_str(), nullptr, 0), 0);
  EXPECT_TRUE(absl::IsDataLoss(directory->Find("a.key").status()));
}

TEST_F(KeyDirectoryTest, MakesNoKeyThatAManifestWouldGrowTooLargeBy) {
  ASSERT_TRUE(Ensure(*Open(), "a.key").ok());
  KeyManifest full = *ParseManifest(Content("manifest"));
  for (int i = 0; i < 90'000; ++i) {
    const std::string name = absl::StrCat("k", i, ".kek");
    full[name] = {.name = name, .digest = KeyDigest(name, Secret(1)), .created = kNow};
  }
  Write("manifest", ManifestText(full));
  ASSERT_GT(Content("manifest").size(), 8u << 20);
  const std::unique_ptr<KeyDirectory> directory = Open();
  const absl::Status refused = directory
                                   ->Ensure("b.key",
                                            [] {
                                              ADD_FAILURE() << "it was made";
                                              return RandomKey(32);
                                            })
                                   .status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("as many keys as one may"));
  EXPECT_FALSE(std::filesystem::exists(Path("b.key")));
  EXPECT_TRUE(Ensure(*directory, "a.key").ok());
  EXPECT_TRUE(Destroy(*directory, "a.key").ok());
  EXPECT_TRUE(TryOpen().ok());
}

// --- Its lock, its place ---

TEST_F(KeyDirectoryTest, RefusesAFileSystemWithoutLocks) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  locks_are_known = false;
  const absl::Status refused = TryOpen().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("knows locks"));
  EXPECT_FALSE(Ensure(*directory, "b.key").ok());
  EXPECT_FALSE(directory->Find("a.key").ok());
  EXPECT_FALSE(directory->List().ok());
  EXPECT_FALSE(Destroy(*directory, "a.key").ok());
  locks_are_known = true;
  EXPECT_TRUE(directory->Find("a.key").ok());
  EXPECT_FALSE(std::filesystem::exists(Path("b.key")));
}

TEST_F(KeyDirectoryTest, MakesNoKeyInADirectoryThatWasMovedAway) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  std::filesystem::rename(dir_, parent_ + "/aside");
  const absl::Status gone = Ensure(*directory, "b.key").status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(gone.message()), HasSubstr(dir_));
  Open();  // another one in its place
  EXPECT_TRUE(absl::IsFailedPrecondition(Ensure(*directory, "b.key").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Destroy(*directory, "a.key")));
  EXPECT_FALSE(std::filesystem::exists(parent_ + "/aside/b.key"));
  std::filesystem::remove_all(dir_);
  std::filesystem::rename(parent_ + "/aside", dir_);
  EXPECT_TRUE(Ensure(*directory, "b.key").ok());
}

// --- What has to go before a key's file does ---

TEST_F(KeyDirectoryTest, DestroyingGoesOnWhereItFailed) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  std::string digest;
  EXPECT_TRUE(absl::IsUnavailable(directory->Destroy("a.key", [&](const MadeKey& key) {
    digest = key.digest;
    return absl::UnavailableError("not now");
  })));
  EXPECT_EQ(digest, directory->List().value().at(0).digest);
  // It is destroyed from here on, and known not to be gone.
  EXPECT_TRUE(absl::IsFailedPrecondition(directory->Find("a.key").status()));
  EXPECT_TRUE(directory->List().value().at(0).there);
  ASSERT_TRUE(Destroy(*directory, "a.key").ok());
  EXPECT_FALSE(directory->List().value().at(0).there);
}

// --- Wrapped files ---

TEST_F(KeyDirectoryTest, WrappedFilesHoldNoKeyAndOpenUnderTheirKeyOnly) {
  const Secret key = Ensure(*Open(Under('w')), "a.key").value();
  EXPECT_THAT(Content("a.key"), Not(HasSubstr(Text(key).substr(0, 8))));
  EXPECT_TRUE(Open(Under('w'))->Find("a.key").value() == key);
  for (const absl::Status& refused : {TryOpen(Under('x')).status(), TryOpen().status()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(Path("a.key")));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("keys.credential"));
  }
}

TEST_F(KeyDirectoryTest, WhatStoodUnwrappedIsWrappedAtTheNextStart) {
  const Secret key = Ensure(*Open(), "a.key").value();
  EXPECT_THAT(Content("a.key"), HasSubstr(Text(key)));
  const std::string before = Content("manifest");
  EXPECT_TRUE(Open(Under('w'))->Find("a.key").value() == key);
  EXPECT_THAT(Content("a.key"), Not(HasSubstr(Text(key).substr(0, 8))));
  EXPECT_EQ(Content("manifest"), before);
}

TEST_F(KeyDirectoryTest, WhatAFileHeldBeforeIsOverwritten) {
  const std::unique_ptr<KeyDirectory> directory = Open();
  ASSERT_TRUE(Ensure(*directory, "a.key").ok());
  ASSERT_TRUE(Ensure(*directory, "b.key").ok());
  std::ifstream wrapped(Path("a.key"), std::ios::binary);
  std::ifstream destroyed(Path("b.key"), std::ios::binary);
  ASSERT_TRUE(Destroy(*directory, "b.key").ok());
  Open(Under('w'));
  for (std::ifstream* former : {&wrapped, &destroyed}) {
    std::string bytes(32, 'x');
    EXPECT_TRUE(former->read(bytes.data(), 32));
    EXPECT_EQ(bytes, std::string(32, '\0'));
  }
}

TEST_F(KeyDirectoryTest, AFormerKeyOpensOnceAndNeverAgain) {
  const Secret key = Ensure(*Open(Under('w')), "a.key").value();
  const std::string old_copy = Content("a.key");
  EXPECT_TRUE(Open(Under('x', 'w'))->Find("a.key").value() == key);
  EXPECT_TRUE(Open(Under('x'))->Find("a.key").value() == key);
  EXPECT_FALSE(TryOpen(Under('w')).ok());
  // A copy from before is worth nothing to who has only the new key.
  Write("a.key", old_copy);
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen(Under('x')).status()));
}

TEST_F(KeyDirectoryTest, TakesNoUnwrappedKeyThatSomebodyPutsBesideWrappedOnes) {
  const std::unique_ptr<KeyDirectory> directory = Open(Under('w'));
  Write("a.key", std::string(32, 'p'));
  EXPECT_TRUE(absl::IsFailedPrecondition(directory->Find("a.key").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Ensure(*directory, "a.key").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Under('w'))->Find("a.key").status()));
}

TEST_F(KeyDirectoryTest, EachChangedByteOfAWrappedFileIsNoticed) {
  ASSERT_TRUE(Ensure(*Open(Under('w')), "a.key").ok());
  const std::string whole = Content("a.key");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 1;
    Write("a.key", changed);
    const absl::StatusOr<std::unique_ptr<KeyDirectory>> opened = TryOpen(Under('w'));
    EXPECT_FALSE(opened.ok() && (*opened)->Find("a.key").ok()) << i;
    EXPECT_EQ(Content("a.key"), changed) << i;
  }
}

TEST_F(KeyDirectoryTest, AWrappedFileUnderAnothersNameIsDataLoss) {
  {
    const std::unique_ptr<KeyDirectory> directory = Open(Under('w'));
    ASSERT_TRUE(Ensure(*directory, "a.key").ok());
    ASSERT_TRUE(Ensure(*directory, "b.key").ok());
  }
  std::filesystem::copy_file(Path("a.key"), Path("b.key"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(absl::IsDataLoss(Open(Under('w'))->Find("b.key").status()));
}

}  // namespace
}  // namespace sluice::server
