#include "server/key_encryption_keys.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/keys.h"

namespace sluice::server {
namespace {

using policy::Secret;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);  // 2026-09-21T14:13:20Z

KekName Data(std::string owner) { return {KekScope::kOwnerData, std::move(owner)}; }
KekName DictionaryOf(std::string owner) { return {KekScope::kOwnerDictionary, std::move(owner)}; }

class KeyEncryptionKeysTest : public ::testing::Test {
 protected:
  KeyEncryptionKeysTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "keks.XXXXXX");
    parent_ = mkdtemp(pattern.data());
    dir_ = parent_ + "/keys";
  }
  ~KeyEncryptionKeysTest() override { std::filesystem::remove_all(parent_); }

  std::unique_ptr<KeyEncryptionKeys> Open() { return OpenIn(dir_); }
  std::unique_ptr<KeyEncryptionKeys> OpenIn(const std::string& directory) {
    absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks =
        OpenKeyEncryptionKeys({.directory = directory}, [this] { return now_; });
    EXPECT_TRUE(keks.ok()) << keks.status();
    return *std::move(keks);
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }

  std::string parent_;
  std::string dir_;
  absl::Time now_ = kNow;
  const Secret key_ = Secret::Copy(std::string(32, 'd'));
};

TEST_F(KeyEncryptionKeysTest, UnwrapsAfterARestartWhatItWrapped) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  keks = Open();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  EXPECT_TRUE(keks->Unwrap(Data("a"), wrapped).value() == key_);
}

TEST_F(KeyEncryptionKeysTest, EachNameHasAKeyOfItsOwn) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  KekName second = Data("a");
  second.version = 2;
  const std::vector<KekName> names = {Data("a"), DictionaryOf("a"), Data("b"),
                                      second,    DictionaryOf(""),  DictionaryOf("operator")};
  for (const KekName& name : names) ASSERT_TRUE(keks->Create(name).ok());
  for (const KekName& of : names) {
    const std::string wrapped = keks->Wrap(of, key_).value();
    for (const KekName& by : names) {
      const absl::StatusOr<Secret> unwrapped = keks->Unwrap(by, wrapped);
      EXPECT_EQ(unwrapped.ok(), of == by);
      if (of != by) {
        EXPECT_TRUE(absl::IsFailedPrecondition(unwrapped.status()));
      }
    }
  }
}

TEST_F(KeyEncryptionKeysTest, OneThatWasNeverMadeIsNotFound) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  EXPECT_TRUE(absl::IsNotFound(keks->Wrap(Data("a"), key_).status()));
  EXPECT_TRUE(absl::IsNotFound(keks->Unwrap(Data("a"), std::string(40, 'w')).status()));
  EXPECT_TRUE(absl::IsNotFound(keks->Destroy(Data("a"))));
}

TEST_F(KeyEncryptionKeysTest, OneThatIsLostIsDataLossAndNotMadeAnew) {
  ASSERT_TRUE(Open()->Create(Data("a")).ok());
  ASSERT_TRUE(std::filesystem::remove(Path("owner-a.data.1.kek")));
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  EXPECT_TRUE(absl::IsDataLoss(keks->Create(Data("a"))));
  EXPECT_TRUE(absl::IsDataLoss(keks->Wrap(Data("a"), key_).status()));
  EXPECT_TRUE(absl::IsDataLoss(keks->Unwrap(Data("a"), std::string(40, 'w')).status()));
  EXPECT_EQ(keks->List().value().at(0).state, KeyEncryptionKeys::State::kLost);
}

TEST_F(KeyEncryptionKeysTest, ATruncatedOrAnotherFileIsDataLoss) {
  ASSERT_TRUE(Open()->Create(Data("a")).ok());
  for (const size_t size : {0, 31, 32}) {
    std::ofstream(Path("owner-a.data.1.kek"), std::ios::trunc) << std::string(size, 'x');
    EXPECT_TRUE(absl::IsDataLoss(Open()->Wrap(Data("a"), key_).status())) << size;
  }
}

TEST_F(KeyEncryptionKeysTest, AnotherGatewaysKeyringUnwrapsNothing) {
  std::unique_ptr<KeyEncryptionKeys> ours = Open();
  std::unique_ptr<KeyEncryptionKeys> theirs = OpenIn(parent_ + "/theirs");
  ASSERT_TRUE(ours->Create(Data("a")).ok());
  ASSERT_TRUE(theirs->Create(Data("a")).ok());
  const std::string wrapped = ours->Wrap(Data("a"), key_).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(theirs->Unwrap(Data("a"), wrapped).status()));
}

TEST_F(KeyEncryptionKeysTest, ADestroyedOneIsToldFromALostOneAndNeverMadeAgain) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(keks->Create(Data("b")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  const std::string others = keks->Wrap(Data("b"), key_).value();
  const uint64_t before = keks->destroyed();
  now_ += absl::Hours(24);
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_GT(keks->destroyed(), before);
  EXPECT_FALSE(std::filesystem::exists(Path("owner-a.data.1.kek")));
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = keks->Unwrap(Data("a"), wrapped).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("destroyed on 2026-09-22"));
    EXPECT_EQ(keks->Create(Data("a")).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(keks->Wrap(Data("a"), key_).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(keks->Destroy(Data("a")).ok());
    EXPECT_TRUE(keks->Unwrap(Data("b"), others).ok());
    keks = Open();
  }
}

TEST_F(KeyEncryptionKeysTest, ALostOneCanBeDestroyed) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(std::filesystem::remove(Path("owner-a.data.1.kek")));
  EXPECT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(keks->Create(Data("a")).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyEncryptionKeysTest, AFileThatComesBackStaysDestroyedAndGoesAtTheNextStart) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  const std::string wrapped = keks->Wrap(Data("a"), key_).value();
  const std::string file = Path("owner-a.data.1.kek");
  std::filesystem::copy_file(file, parent_ + "/copy");
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  // As if a crash had come before the file went, or somebody had put the copy back.
  std::filesystem::copy_file(parent_ + "/copy", file);
  EXPECT_EQ(keks->Unwrap(Data("a"), wrapped).status().code(),
            absl::StatusCode::kFailedPrecondition);
  keks = Open();
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(keks->Unwrap(Data("a"), wrapped).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyEncryptionKeysTest, ListsNamesStatesAndTimesAndNoOtherKeys) {
  ASSERT_TRUE(
      Keys::Open({.directory = dir_}, [this] { return now_; }).value()->StoreHashKey().ok());
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  ASSERT_TRUE(keks->Create(DictionaryOf("a")).ok());
  ASSERT_TRUE(keks->Create(Data("b-2")).ok());
  ASSERT_TRUE(keks->Create(DictionaryOf("")).ok());
  now_ += absl::Hours(1);
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  const std::vector<KeyEncryptionKeys::Listed> all = keks->List().value();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].name, Data("a"));
  EXPECT_EQ(all[0].state, KeyEncryptionKeys::State::kDestroyed);
  EXPECT_EQ(all[0].created, kNow + absl::Hours(1));
  EXPECT_EQ(all[0].destroyed, kNow + absl::Hours(1));
  EXPECT_EQ(all[1].name, Data("b-2"));
  EXPECT_EQ(all[1].state, KeyEncryptionKeys::State::kKept);
  EXPECT_EQ(all[1].created, kNow);
  EXPECT_EQ(all[2].name, DictionaryOf(""));
  EXPECT_EQ(all[3].name, DictionaryOf("a"));
}

TEST_F(KeyEncryptionKeysTest, RefusesNamesThatNoOrganizationHas) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  for (const char* owner : {"../a", "A", "a/b", "a.b", "a b", "a\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(keks->Create(Data(owner)))) << owner;
  }
  KekName name = Data("a");
  name.version = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(keks->Create(name)));
}

TEST_F(KeyEncryptionKeysTest, TwoWhoShareTheDirectoryMakeOneKey) {
  std::unique_ptr<KeyEncryptionKeys> first = Open();
  std::unique_ptr<KeyEncryptionKeys> second = Open();
  std::vector<std::thread> threads;
  std::vector<std::string> wrapped(20);
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      KeyEncryptionKeys& keks = i % 2 == 0 ? *first : *second;
      const KekName name = Data(absl::StrCat("o", i / 4));
      EXPECT_TRUE(keks.Create(name).ok());
      wrapped[i] = keks.Wrap(name, key_).value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(second->Unwrap(Data(absl::StrCat("o", i / 4)), wrapped[i]).value() == key_) << i;
  }
}

TEST_F(KeyEncryptionKeysTest, AnotherProcesssDestructionBindsHere) {
  std::unique_ptr<KeyEncryptionKeys> first = Open();
  std::unique_ptr<KeyEncryptionKeys> second = Open();
  ASSERT_TRUE(first->Create(Data("a")).ok());
  const std::string wrapped = second->Wrap(Data("a"), key_).value();
  ASSERT_TRUE(first->Destroy(Data("a")).ok());
  EXPECT_EQ(second->Unwrap(Data("a"), wrapped).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyEncryptionKeysTest, TheUsableVersionIsTheNewestThatWasNotDestroyed) {
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  const auto usable = [&] { return keks->UsableVersion(KekScope::kOwnerData, "a").value(); };
  EXPECT_EQ(usable(), 1);
  ASSERT_TRUE(keks->Create(Data("a")).ok());
  ASSERT_TRUE(keks->Create({KekScope::kOwnerData, "b", 7}).ok());
  ASSERT_TRUE(keks->Create({KekScope::kOwnerDictionary, "a", 8}).ok());
  EXPECT_EQ(usable(), 1);
  ASSERT_TRUE(keks->Create({KekScope::kOwnerData, "a", 2}).ok());
  EXPECT_EQ(usable(), 2);
  ASSERT_TRUE(keks->Destroy(Data("a")).ok());
  EXPECT_EQ(usable(), 2);
  ASSERT_TRUE(keks->Destroy({KekScope::kOwnerData, "a", 2}).ok());
  EXPECT_EQ(usable(), 3);
}

TEST_F(KeyEncryptionKeysTest, AReferenceWithoutATokenSaysSo) {
  std::unique_ptr<KeyDirectory> directory =
      KeyDirectory::Open(dir_, [this] { return now_; }).value();
  ASSERT_TRUE(directory->Ensure("owner-a.data.1.kek", MakeTokenReference).ok());
  std::unique_ptr<KeyEncryptionKeys> keks = Open();
  for (const absl::Status& status :
       {keks->Wrap(Data("a"), key_).status(), keks->Destroy(Data("a"))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("keys.pkcs11"));
  }
  // It is known as destroyed, and goes nowhere before it is.
  EXPECT_TRUE(std::filesystem::exists(Path("owner-a.data.1.kek")));
  EXPECT_FALSE(OpenKeyEncryptionKeys({.directory = dir_}, absl::Now).ok());
}

}  // namespace
}  // namespace sluice::server
