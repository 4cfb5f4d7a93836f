#include "server/store/sealed_bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/hkdf.h"
#include "tests/support/allocation_count.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr char kContent[] = "Ada Lovelace, 1815-12-10";
constexpr char kAssociated[] = "state-university Candidate 42";

Secret Key(char c) { return Secret::Copy(std::string(32, c)); }

std::string Sealed(SealingKey& key, absl::string_view associated, absl::string_view content) {
  std::string buffer;
  return std::string(key.Seal(associated, content, buffer).value());
}

absl::StatusOr<std::string> Opened(const Secret& subkey, absl::string_view associated,
                                   absl::string_view sealed) {
  const std::optional<SealedParts> parts = ParseSealed(sealed);
  if (!parts) return absl::DataLossError("no envelope");
  const OpeningKey key = OpeningKey::Create(subkey).value();
  std::string buffer;
  const absl::StatusOr<absl::string_view> content = key.Open(associated, *parts, buffer);
  if (!content.ok()) return content.status();
  return std::string(*content);
}

// AES-GCM as NIST SP 800-38D writes it down, bit by bit, over single AES blocks.
class GcmByTheBook {
 public:
  using Block = std::array<uint8_t, 16>;

  explicit GcmByTheBook(const Secret& key) : aes_(EVP_CIPHER_CTX_new()) {
    EXPECT_EQ(
        EVP_EncryptInit_ex(aes_.get(), EVP_aes_256_ecb(), nullptr, key.bytes().data(), nullptr), 1);
    h_ = Encrypt({});
  }

  // Ciphertext and tag.
  std::string Seal(const std::string& nonce, const std::string& associated, std::string content) {
    Block counter{};
    std::copy(nonce.begin(), nonce.end(), counter.begin());
    counter[15] = 1;
    const Block mask = Encrypt(counter);
    for (size_t i = 0; i < content.size(); i += 16) {
      for (int at = 15; at >= 12 && ++counter[at] == 0; --at) {
      }
      const Block stream = Encrypt(counter);
      for (size_t j = i; j < content.size() && j < i + 16; ++j) {
        content[j] = static_cast<char>(content[j] ^ stream[j - i]);
      }
    }
    Block y{};
    Hash(associated, y);
    Hash(content, y);
    std::string lengths;
    for (const size_t size : {associated.size(), content.size()}) {
      for (int shift = 56; shift >= 0; shift -= 8) {
        lengths.push_back(static_cast<char>(uint64_t{size} * 8 >> shift));
      }
    }
    Hash(lengths, y);
    for (size_t i = 0; i < 16; ++i) content.push_back(static_cast<char>(y[i] ^ mask[i]));
    return content;
  }

 private:
  Block Encrypt(Block block) {
    int size = 0;
    EXPECT_EQ(EVP_EncryptUpdate(aes_.get(), block.data(), &size, block.data(), 16), 1);
    return block;
  }

  void Hash(const std::string& bytes, Block& y) {
    for (size_t i = 0; i < bytes.size(); i += 16) {
      for (size_t j = i; j < bytes.size() && j < i + 16; ++j) {
        y[j - i] = static_cast<uint8_t>(y[j - i] ^ bytes[j]);
      }
      Block z{};
      Block v = h_;
      for (int bit = 0; bit < 128; ++bit) {
        if ((y[bit / 8] >> (7 - bit % 8) & 1) != 0) {
          for (int k = 0; k < 16; ++k) z[k] ^= v[k];
        }
        const bool carry = (v[15] & 1) != 0;
        for (int k = 15; k >= 0; --k) {
          v[k] = static_cast<uint8_t>(v[k] >> 1 | (k > 0 ? v[k - 1] << 7 : 0));
        }
        if (carry) v[0] ^= 0xe1;
      }
      y = z;
    }
  }

  CipherContext aes_;
  Block h_{};
};

TEST(SealedBytes, OpenToWhatWasSealed) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  for (const size_t size : {0, 1, 15, 16, 17, 220, 100'000}) {
    const std::string content(size, 'c');
    const std::string sealed = Sealed(key, kAssociated, content);
    EXPECT_EQ(sealed.size(), size + kSealBytes);
    EXPECT_EQ(SealedContentSize(sealed.size()), size);
    EXPECT_EQ(Opened(Key('k'), kAssociated, sealed).value(), content);
  }
  EXPECT_EQ(Opened(Key('k'), "", Sealed(key, "", "")).value(), "");
}

TEST(SealedBytes, AreAsTheStandardWritesIt) {
  SealingKey key = SealingKey::Create(0x01020304, Key('k')).value();
  GcmByTheBook book(Key('k'));
  for (size_t i = 0; i < 300; ++i) {
    std::string content, associated;
    for (size_t j = 0; j < i; ++j) content.push_back(static_cast<char>(i * 31 + j * 7));
    for (size_t j = 0; j < i / 2; ++j) associated.push_back(static_cast<char>(i * 3 + j * 11));
    std::string header = {1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0};
    header.push_back(static_cast<char>(i >> 8));
    header.push_back(static_cast<char>(i));
    const std::string nonce = std::string(4, '\0') + header.substr(5);
    EXPECT_EQ(absl::BytesToHexString(Sealed(key, associated, content)),
              absl::BytesToHexString(header + book.Seal(nonce, associated, content)))
        << i;
  }
}

TEST(SealedBytes, EachBitCounts) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  const std::string sealed = Sealed(key, kAssociated, kContent);
  for (size_t i = 0; i < sealed.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = sealed;
      other[i] = static_cast<char>(other[i] ^ 1 << bit);
      if (i >= 1 && i < 5) {
        // The subkey's id is looked up, so another one is another key.
        EXPECT_NE(ParseSealed(other)->subkey, 7u);
        continue;
      }
      EXPECT_TRUE(absl::IsDataLoss(Opened(Key('k'), kAssociated, other).status())) << i;
    }
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(Opened(Key('k'), kAssociated, sealed.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Opened(Key('k'), kAssociated, sealed + "x").ok());
}

TEST(SealedBytes, EachBitOfWhatTheyBelongToCounts) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  const std::string associated = kAssociated;
  const std::string sealed = Sealed(key, associated, kContent);
  for (size_t i = 0; i < associated.size(); ++i) {
    std::string other = associated;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(Opened(Key('k'), other, sealed).status())) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(Opened(Key('k'), "", sealed).status()));
  EXPECT_TRUE(absl::IsDataLoss(Opened(Key('k'), associated + "x", sealed).status()));
}

TEST(SealedBytes, OpenUnderNoOtherSubkey) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  const std::string sealed = Sealed(key, kAssociated, kContent);
  EXPECT_TRUE(absl::IsDataLoss(Opened(Key('K'), kAssociated, sealed).status()));
}

TEST(SealedBytes, NoNonceComesTwice) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  std::set<uint64_t> counters;
  std::set<std::string> sealed;
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes = Sealed(key, kAssociated, kContent);
    EXPECT_TRUE(counters.insert(ParseSealed(bytes)->counter).second);
    EXPECT_TRUE(sealed.insert(bytes.substr(kSealHeaderBytes)).second);
  }
  // One that could not be sealed has used its nonce, or none.
  std::string buffer;
  EXPECT_FALSE(key.Seal(kAssociated, std::string(kMaxSealedContent + 1, 'x'), buffer).ok());
  EXPECT_TRUE(counters.insert(ParseSealed(Sealed(key, "", ""))->counter).second);
}

TEST(SealedBytes, NothingOfAnUnsoundContentIsLeft) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  const std::string sealed = Sealed(key, kAssociated, kContent);
  const OpeningKey opening = OpeningKey::Create(Key('k')).value();
  std::string buffer;
  ASSERT_TRUE(opening.Open(kAssociated, *ParseSealed(sealed), buffer).ok());
  const absl::Status status = opening.Open("other", *ParseSealed(sealed), buffer).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(buffer.find("Lovelace"), std::string::npos);
  EXPECT_FALSE(std::string(status.message()).find("Lovelace") != std::string::npos);
  // And the key still opens what is sound.
  EXPECT_EQ(opening.Open(kAssociated, *ParseSealed(sealed), buffer).value(), kContent);
}

TEST(SealedBytes, ASubkeyHas32Bytes) {
  for (const size_t size : {0, 16, 31, 33}) {
    const Secret key = Secret::Copy(std::string(size, 'k'));
    EXPECT_TRUE(absl::IsInvalidArgument(SealingKey::Create(1, key).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(OpeningKey::Create(key).status()));
  }
}

TEST(SealedBytes, OnceWarmNothingIsAllocated) {
  SealingKey key = SealingKey::Create(7, Key('k')).value();
  const OpeningKey opening = OpeningKey::Create(Key('k')).value();
  const std::string content(220, 'c');
  std::string buffer, sealing;
  std::string sealed = Sealed(key, kAssociated, content);
  ASSERT_TRUE(key.Seal(kAssociated, content, sealing).ok());
  ASSERT_TRUE(opening.Open(kAssociated, *ParseSealed(sealed), buffer).ok());
  const size_t before = testing::AllocationCount();
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<absl::string_view> bytes = key.Seal(kAssociated, content, sealing);
    sealed.assign(bytes->data(), bytes->size());
    ASSERT_TRUE(opening.Open(kAssociated, *ParseSealed(sealed), buffer).ok());
  }
  EXPECT_EQ(testing::AllocationCount(), before);
}

// RFC 5869, test cases 1 and 3, cut to 32 bytes.
TEST(Hkdf, IsAsTheRfcHasIt) {
  const Secret key = Secret::Copy(std::string(22, '\x0b'));
  const auto hex = [](const Secret& secret) {
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(secret.bytes().data()), secret.size()));
  };
  EXPECT_EQ(hex(HkdfSha256(key, absl::HexStringToBytes("000102030405060708090a0b0c"),
                           absl::HexStringToBytes("f0f1f2f3f4f5f6f7f8f9"))
                    .value()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
  EXPECT_EQ(hex(HkdfSha256(key, "", "").value()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

}  // namespace
}  // namespace sluice::server
