#include "server/keys.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class KeysTest : public ::testing::Test {
 protected:
  KeysTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "keys.XXXXXX");
    parent_ = mkdtemp(pattern.data());
    dir_ = parent_ + "/keys";
  }
  ~KeysTest() override { std::filesystem::remove_all(parent_); }

  std::unique_ptr<Keys> Open() {
    absl::StatusOr<std::unique_ptr<Keys>> keys = Keys::Open({.directory = dir_}, absl::Now);
    EXPECT_TRUE(keys.ok()) << keys.status();
    return *std::move(keys);
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  static mode_t Mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string parent_;
  std::string dir_;
};

TEST_F(KeysTest, MakesEachKeyOnceAndKeepsIt) {
  std::unique_ptr<Keys> keys = Open();
  const policy::Secret seed = keys->LogSigningSeed().value();
  const policy::Secret hash = keys->StoreHashKey().value();
  const policy::Secret page = keys->PageTokenKey().value();
  const policy::Secret root = keys->CreatePseudonymRoot("stem-pipeline").value();
  EXPECT_EQ(seed.size(), 32u);
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(page.size(), 64u);
  EXPECT_EQ(root.size(), 32u);
  EXPECT_FALSE(seed == hash);
  EXPECT_TRUE(keys->LogSigningSeed().value() == seed);

  keys = Open();
  EXPECT_TRUE(keys->LogSigningSeed().value() == seed);
  EXPECT_TRUE(keys->StoreHashKey().value() == hash);
  EXPECT_TRUE(keys->PageTokenKey().value() == page);
  EXPECT_TRUE(keys->PseudonymRoot("stem-pipeline").value() == root);
  EXPECT_TRUE(keys->CreatePseudonymRoot("stem-pipeline").value() == root);
}

TEST_F(KeysTest, FilesAreTheOwnersAlone) {
  std::unique_ptr<Keys> keys = Open();
  ASSERT_TRUE(keys->LogSigningSeed().ok());
  ASSERT_TRUE(keys->CreatePseudonymRoot("a").ok());
  EXPECT_THAT(Files(), UnorderedElementsAre("log-signing.key", "mou-a.root", "manifest"));
  for (const std::string& name : Files()) EXPECT_EQ(Mode(Path(name)), 0600u) << name;
  EXPECT_EQ(Mode(dir_), 0700u);
}

TEST_F(KeysTest, RefusesADirectoryThatOthersCanRead) {
  Open();
  ASSERT_EQ(chmod(dir_.c_str(), 0750), 0);
  const absl::Status status = Keys::Open({.directory = dir_}, absl::Now).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("chmod 0700 ", dir_)));
}

TEST_F(KeysTest, RefusesAKeyThatOthersCanRead) {
  ASSERT_TRUE(Open()->StoreHashKey().ok());
  for (mode_t mode : {0640, 0604, 0620}) {
    ASSERT_EQ(chmod(Path("store-hash.key").c_str(), mode), 0);
    const absl::Status status = Keys::Open({.directory = dir_}, absl::Now).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("chmod 0600 ", Path("store-hash.key"))));
  }
}

TEST_F(KeysTest, RefusesAKeyThatWasOpenedToOthersSinceTheStart) {
  ASSERT_TRUE(Open()->StoreHashKey().ok());
  std::unique_ptr<Keys> keys = Open();
  ASSERT_EQ(chmod(Path("store-hash.key").c_str(), 0644), 0);
  EXPECT_EQ(keys->StoreHashKey().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeysTest, FollowsNoLinkAndNoDirectory) {
  Open();
  ASSERT_EQ(symlink("/dev/zero", Path("store-hash.key").c_str()), 0);
  EXPECT_EQ(Keys::Open({.directory = dir_}, absl::Now).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(unlink(Path("store-hash.key").c_str()), 0);
  ASSERT_EQ(mkdir(Path("store-hash.key").c_str(), 0700), 0);
  EXPECT_EQ(Keys::Open({.directory = dir_}, absl::Now).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeysTest, ARootThatWasNeverMadeIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Open()->PseudonymRoot("stem-pipeline").status()));
}

TEST_F(KeysTest, AKeyThatWasMadeAndIsGoneIsDataLoss) {
  {
    std::unique_ptr<Keys> keys = Open();
    ASSERT_TRUE(keys->CreatePseudonymRoot("a").ok());
    ASSERT_TRUE(keys->LogSigningSeed().ok());
  }
  ASSERT_EQ(unlink(Path("mou-a.root").c_str()), 0);
  ASSERT_EQ(unlink(Path("log-signing.key").c_str()), 0);
  std::unique_ptr<Keys> keys = Open();
  EXPECT_TRUE(absl::IsDataLoss(keys->PseudonymRoot("a").status()));
  EXPECT_TRUE(absl::IsDataLoss(keys->CreatePseudonymRoot("a").status()));
  EXPECT_TRUE(absl::IsDataLoss(keys->LogSigningSeed().status()));
  EXPECT_THAT(Files(), UnorderedElementsAre("manifest"));
}

TEST_F(KeysTest, AnotherKeyUnderTheNameIsDataLoss) {
  ASSERT_TRUE(Open()->CreatePseudonymRoot("a").ok());
  for (size_t size : {size_t{32}, size_t{31}, size_t{0}}) {
    std::ofstream(Path("mou-a.root"), std::ios::binary | std::ios::trunc) << std::string(size, 'x');
    EXPECT_TRUE(absl::IsDataLoss(Open()->PseudonymRoot("a").status())) << size;
  }
}

TEST_F(KeysTest, ARootThatWasDestroyedIsNeitherReadNorMadeAgain) {
  const std::unique_ptr<Keys> keys = Open();
  ASSERT_TRUE(keys->CreatePseudonymRoot("a").ok());
  const policy::Secret kept = keys->CreatePseudonymRoot("b").value();
  std::ostringstream bytes;
  bytes << std::ifstream(Path("mou-a.root"), std::ios::binary).rdbuf();
  ASSERT_TRUE(keys->DestroyPseudonymRoot("a").ok());
  EXPECT_TRUE(keys->DestroyPseudonymRoot("a").ok());
  EXPECT_TRUE(keys->DestroyPseudonymRoot("never-made").ok());
  EXPECT_FALSE(std::filesystem::exists(Path("mou-a.root")));
  // As from a copy of the directory.
  std::ofstream(Path("mou-a.root"), std::ios::binary) << bytes.str();
  ASSERT_EQ(chmod(Path("mou-a.root").c_str(), 0600), 0);
  const std::unique_ptr<Keys> another = Open();
  for (Keys* const its : {keys.get(), another.get()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(its->PseudonymRoot("a").status()));
    EXPECT_TRUE(absl::IsFailedPrecondition(its->CreatePseudonymRoot("a").status()));
    EXPECT_TRUE(its->PseudonymRoot("b").value() == kept);
  }
}

TEST_F(KeysTest, AKeyWithoutItsLineIsTakenUp) {
  // As after a crash between the two.
  Open();
  std::filesystem::copy_file(Path("manifest"), parent_ + "/before");
  const policy::Secret root = Open()->CreatePseudonymRoot("a").value();
  std::filesystem::copy_file(parent_ + "/before", Path("manifest"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(Open()->CreatePseudonymRoot("a").value() == root);
  ASSERT_EQ(unlink(Path("mou-a.root").c_str()), 0);
  EXPECT_TRUE(absl::IsDataLoss(Open()->PseudonymRoot("a").status()));
}

TEST_F(KeysTest, ClearsWhatACrashLeft) {
  Open();
  const std::string left = Path("mou-a.root.123.new");
  std::ofstream(left) << "half a k";
  ASSERT_EQ(chmod(left.c_str(), 0600), 0);
  EXPECT_TRUE(Open()->CreatePseudonymRoot("a").ok());
  EXPECT_THAT(Files(), UnorderedElementsAre("mou-a.root", "manifest"));
}

TEST_F(KeysTest, AGarbledManifestIsDataLoss) {
  ASSERT_TRUE(Open()->CreatePseudonymRoot("a").ok());
  std::ofstream(Path("manifest"), std::ios::app) << "half a li";
  EXPECT_TRUE(absl::IsDataLoss(Keys::Open({.directory = dir_}, absl::Now).status()));
}

TEST_F(KeysTest, RefusesNamesThatNoMouHas) {
  std::unique_ptr<Keys> keys = Open();
  for (const char* name : {"", "../a", "A", "a/b", "-a", "1a", "a.root"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(keys->CreatePseudonymRoot(name).status())) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(keys->PseudonymRoot(name).status())) << name;
  }
}

TEST_F(KeysTest, TwoWhoShareTheDirectoryGetOneKey) {
  std::unique_ptr<Keys> first = Open();
  std::unique_ptr<Keys> second = Open();
  std::vector<std::thread> threads;
  std::vector<policy::Secret> roots;
  for (int i = 0; i < 40; ++i) roots.emplace_back(0);
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&, i] {
      Keys& keys = i % 2 == 0 ? *first : *second;
      roots[i] = keys.CreatePseudonymRoot(absl::StrCat("m", i / 4)).value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(roots[i] == roots[i / 4 * 4]) << i;
  std::unique_ptr<Keys> third = Open();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(third->PseudonymRoot(absl::StrCat("m", i)).value() == roots[i * 4]);
  }
}

TEST_F(KeysTest, SharersLoseNoLineOfTheManifest) {
  std::unique_ptr<Keys> first = Open();
  std::unique_ptr<Keys> second = Open();
  ASSERT_TRUE(first->CreatePseudonymRoot("a").ok());
  ASSERT_TRUE(second->CreatePseudonymRoot("b").ok());
  ASSERT_TRUE(first->CreatePseudonymRoot("c").ok());
  for (const char* name : {"mou-a.root", "mou-b.root", "mou-c.root"}) {
    ASSERT_EQ(unlink(Path(name).c_str()), 0);
  }
  std::unique_ptr<Keys> third = Open();
  for (const char* mou : {"a", "b", "c"}) {
    EXPECT_TRUE(absl::IsDataLoss(third->PseudonymRoot(mou).status())) << mou;
  }
}

TEST_F(KeysTest, AWriteThatFailsMakesNoKey) {
  std::unique_ptr<Keys> keys = Open();
  const std::string obstacle = Path(absl::StrCat("store-hash.key.", getpid(), ".new"));
  ASSERT_EQ(mkdir(obstacle.c_str(), 0700), 0);
  EXPECT_FALSE(keys->StoreHashKey().ok());
  ASSERT_EQ(rmdir(obstacle.c_str()), 0);
  EXPECT_TRUE(keys->StoreHashKey().ok());
}

}  // namespace
}  // namespace sluice::server
