#include "server/store/seal_keys.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace sluice::server {
namespace {

std::shared_ptr<const SealKeys> KeysOf(char byte) {
  return SealKeys::Create(policy::Secret::Copy(std::string(32, byte))).value();
}

constexpr Hash16 kDigest = {1, 2, 3};

TEST(SealKeys, OpensWhatItSealed) {
  const std::string sealed = KeysOf('k')->Seal("of this", kDigest).value();
  EXPECT_EQ(KeysOf('k')->Open("of this", sealed).value(), kDigest);
}

TEST(SealKeys, OpensNothingElse) {
  const auto keys = KeysOf('k');
  const std::string sealed = keys->Seal("of this", kDigest).value();
  EXPECT_TRUE(absl::IsDataLoss(keys->Open("of that", sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(KeysOf('x')->Open("of this", sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(keys->Open("of this", "").status()));
  EXPECT_TRUE(absl::IsDataLoss(keys->Open("of this", sealed.substr(1)).status()));
  for (size_t i = 0; i < sealed.size(); ++i) {
    for (const int bit : {1, 128}) {
      std::string corrupt = sealed;
      corrupt[i] = static_cast<char>(corrupt[i] ^ bit);
      EXPECT_TRUE(absl::IsDataLoss(keys->Open("of this", corrupt).status())) << i;
    }
  }
}

TEST(SealKeys, ShowsNothingOfADigest) {
  // Of equal digests at two positions nobody sees that they are equal.
  const auto keys = KeysOf('k');
  std::string one, two;
  AppendSealed(uint64_t{1}, one);
  AppendSealed(uint64_t{2}, two);
  EXPECT_NE(keys->Seal(one, kDigest).value().substr(16),
            keys->Seal(two, kDigest).value().substr(16));
}

TEST(SealKeys, GivesEachOwnerAndUseAKeyOfItsOwn) {
  std::set<Hash16> digests;
  for (const char key : {'k', 'x'}) {
    for (const char* const use : {"records", "state"}) {
      for (const char* const owner : {"", "state-university", "river-unified"}) {
        SetDigest digest = KeysOf(key)->DigestOf(use, owner).value();
        digest.Toggle(kDigest, std::string(16, 't'));
        digests.insert(digest.Value().value());
      }
    }
  }
  EXPECT_EQ(digests.size(), 12u);
}

TEST(SealKeys, WordsOfOneSealAreNoOthers) {
  std::string one, two;
  AppendSealed("ab", one);
  AppendSealed("c", one);
  AppendSealed("a", two);
  AppendSealed("bc", two);
  EXPECT_NE(KeysOf('k')->Mac(one).value(), KeysOf('k')->Mac(two).value());
  EXPECT_NE(KeysOf('k')->Mac(one).value(), KeysOf('x')->Mac(one).value());
}

TEST(SealKeys, RefusesAShortKey) {
  EXPECT_TRUE(absl::IsInvalidArgument(SealKeys::Create(policy::Secret(31)).status()));
}

}  // namespace
}  // namespace sluice::server
