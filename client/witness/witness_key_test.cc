#include "client/witness/witness_key.h"

#include <string>

#include "absl/strings/match.h"
#include "client/witness/witness_for_test.h"
#include "gtest/gtest.h"

namespace sluice::witness {
namespace {

constexpr char kText[] =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

// The seed of RFC 8032's first example, under a name: its id and public key are not ours to choose.
policy::Secret KnownSecret() {
  const std::string seed =
      absl::HexStringToBytes("049d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  return policy::Secret::Copy(
      absl::StrCat("PRIVATE", "+KEY+witness.example/w1+eb762cc2+", absl::Base64Escape(seed), "\n"));
}

client::NoteSignature Parsed(absl::string_view line) {
  return client::ParseSignedNote(absl::StrCat(kText, "\n", line))->signatures[0];
}

TEST(WitnessKey, IsNamedAsTheSpecificationSays) {
  const auto key = WitnessKey::Parse(KnownSecret());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->name(), "witness.example/w1");
  EXPECT_EQ(key->vkey(),
            "witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
  EXPECT_TRUE(*key->SecretText() == KnownSecret());
}

TEST(WitnessKey, CosignsTheSameBytesAtTheSameTime) {
  const auto key = WitnessKey::Parse(KnownSecret());
  ASSERT_TRUE(key.ok());
  const auto line = key->Cosign(kText, absl::FromUnixSeconds(1679315147));
  ASSERT_TRUE(line.ok());
  // Made by other software, of the same key and time.
  EXPECT_EQ(*line,
            "\u2014 witness.example/w1 63YswgAAAABkGFDL+TPmh4BYuAjsYRoqMJCWb/"
            "gWJaeRF/kmm5tlCr9sJ57DLErur7K0yDXc2ArN+TIuotuB/HbuL3AJsp3bv/aNCQ==\n");
  EXPECT_EQ(CosignedAt(key->vkey(), kText, *line), 1679315147);
}

TEST(WitnessKey, VerifiesItsOwnAndNothingElse) {
  const auto key = WitnessKey::Generate("w");
  const auto other = WitnessKey::Generate("w");
  ASSERT_TRUE(key.ok() && other.ok());
  const absl::Time time = absl::FromUnixSeconds(1700000000);
  client::NoteSignature signature = Parsed(*key->Cosign(kText, time));
  EXPECT_EQ(*key->Verify(kText, signature), time);
  EXPECT_TRUE(absl::IsNotFound(other->Verify(kText, signature).status()));
  EXPECT_TRUE(absl::IsDataLoss(key->Verify("another\n", signature).status()));
  for (size_t i = 0; i < signature.bytes.size(); ++i) {
    client::NoteSignature changed = signature;
    changed.bytes[i] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(key->Verify(kText, changed).status())) << i;
  }
  signature.bytes.pop_back();
  EXPECT_TRUE(absl::IsDataLoss(key->Verify(kText, signature).status()));
}

TEST(WitnessKey, RefusesANameThatASignatureLineCantHold) {
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a+b"), std::string("a\n"),
        std::string(256, 'a'), std::string("\xC3\xA9")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(WitnessKey::Generate(name).status())) << name;
  }
  EXPECT_TRUE(WitnessKey::Generate(std::string(255, 'a')).ok());
}

TEST(WitnessKey, RefusesATextThatIsNoKey) {
  const policy::Secret known = KnownSecret();
  const std::string good(known.bytes().begin(), known.bytes().end() - 1);
  ASSERT_TRUE(WitnessKey::Parse(policy::Secret::Copy(good)).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(WitnessKey::Parse(policy::Secret::Copy(good.substr(0, i))).ok()) << i;
    std::string changed = good;
    changed[i] ^= 1;
    EXPECT_FALSE(WitnessKey::Parse(policy::Secret::Copy(changed)).ok()) << i;
  }
}

TEST(WitnessKey, DoesNotCosignBeforeTheEpoch) {
  EXPECT_FALSE(WitnessKey::Generate("w")->Cosign(kText, absl::FromUnixSeconds(-1)).ok());
}

}  // namespace
}  // namespace sluice::witness
