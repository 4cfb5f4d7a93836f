#include "server/store/set_digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sluice::server {
namespace {

policy::Secret KeyOf(char byte) { return policy::Secret::Copy(std::string(32, byte)); }

struct Member {
  Hash16 id{};
  std::string tag;
};

std::vector<Member> Members(size_t count) {
  std::mt19937_64 random(count);
  std::vector<Member> members(count);
  for (Member& member : members) {
    for (uint8_t& byte : member.id) byte = static_cast<uint8_t>(random());
    for (int i = 0; i < 16; ++i) member.tag.push_back(static_cast<char>(random()));
  }
  return members;
}

Hash16 DigestOf(const std::vector<Member>& members, char key = 'k') {
  SetDigest digest = SetDigest::Create(KeyOf(key)).value();
  for (const Member& member : members) digest.Toggle(member.id, member.tag);
  return digest.Value().value();
}

// The same, one by one, in CBC mode from a zero block.
Hash16 Plainly(const std::vector<Member>& members) {
  Hash16 sum{};
  for (const Member& member : members) {
    CipherContext context(EVP_CIPHER_CTX_new());
    const unsigned char iv[16] = {};
    const std::string key(32, 'k');
    EXPECT_EQ(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_cbc(),
                                  reinterpret_cast<const unsigned char*>(key.data()), iv, nullptr),
              1);
    std::string blocks(member.id.begin(), member.id.end());
    blocks += member.tag;
    unsigned char out[64];
    int size = 0;
    EXPECT_EQ(EVP_EncryptUpdate(context.get(), out, &size,
                                reinterpret_cast<const unsigned char*>(blocks.data()), 32),
              1);
    EXPECT_EQ(size, 32);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] ^= out[16 + i];
  }
  return sum;
}

TEST(SetDigest, IsTheSumOfACbcMacOfEachMember) {
  for (const size_t count : {0, 1, 2, 63, 64, 65, 128, 1000}) {
    EXPECT_EQ(DigestOf(Members(count)), Plainly(Members(count))) << count;
  }
}

TEST(SetDigest, DependsOnNoOrder) {
  std::vector<Member> members = Members(200);
  const Hash16 before = DigestOf(members);
  std::shuffle(members.begin(), members.end(), std::mt19937_64(1));
  EXPECT_EQ(DigestOf(members), before);
}

TEST(SetDigest, IsAsBeforeWhenWhatCameHasGone) {
  const std::vector<Member> members = Members(100);
  SetDigest digest = SetDigest::Create(KeyOf('k')).value();
  digest.ToggleAll(DigestOf(members));
  for (size_t i = 50; i < 100; ++i) digest.Toggle(members[i].id, members[i].tag);
  EXPECT_EQ(digest.Value().value(), DigestOf({members.begin(), members.begin() + 50}));
}

TEST(SetDigest, TellsEveryMemberFromEveryOther) {
  std::vector<Member> members = Members(3);
  const Hash16 before = DigestOf(members);
  std::swap(members[0].tag, members[1].tag);
  EXPECT_NE(DigestOf(members), before);
  std::swap(members[0].tag, members[1].tag);
  for (size_t i = 0; i < 16; ++i) {
    members[2].id[i] ^= 1;
    EXPECT_NE(DigestOf(members), before);
    members[2].id[i] ^= 1;
    members[2].tag[i] ^= 1;
    EXPECT_NE(DigestOf(members), before);
    members[2].tag[i] ^= 1;
  }
  EXPECT_NE(DigestOf(members, 'x'), before) << "under another key";
}

TEST(SetDigest, RefusesATagOfAnotherLength) {
  SetDigest digest = SetDigest::Create(KeyOf('k')).value();
  digest.Toggle(Hash16{}, "short");
  EXPECT_FALSE(digest.Value().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(SetDigest::Create(policy::Secret(31)).status()));
}

}  // namespace
}  // namespace sluice::server
