#include "server/key_wrap.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"

namespace sluice::server {
namespace {

using policy::Secret;

Secret Hex(absl::string_view hex) { return Secret::Copy(absl::HexStringToBytes(hex)); }

// The algorithm as RFC 5649 writes it down, block by block.
std::string WrappedByTheBook(const Secret& kek, std::string key) {
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  const std::unique_ptr<EVP_CIPHER_CTX, Free> aes(EVP_CIPHER_CTX_new());
  EXPECT_EQ(EVP_EncryptInit_ex(aes.get(), EVP_aes_256_ecb(), nullptr, kek.bytes().data(), nullptr),
            1);
  const auto encrypt = [&](std::string block) {
    int size = 0;
    auto* const bytes = reinterpret_cast<unsigned char*>(block.data());
    EXPECT_EQ(EVP_EncryptUpdate(aes.get(), bytes, &size, bytes, 16), 1);
    return block;
  };
  std::string a = absl::HexStringToBytes("a65959a6");
  for (int shift = 24; shift >= 0; shift -= 8) a.push_back(static_cast<char>(key.size() >> shift));
  key.resize((key.size() + 7) / 8 * 8);
  const size_t n = key.size() / 8;
  for (size_t j = 0; j < 6; ++j) {
    for (size_t i = 0; i < n; ++i) {
      const std::string b = encrypt(a + key.substr(8 * i, 8));
      const size_t t = n * j + i + 1;
      a = b.substr(0, 8);
      a[6] = static_cast<char>(a[6] ^ t >> 8);
      a[7] = static_cast<char>(a[7] ^ t);
      key.replace(8 * i, 8, b, 8, 8);
    }
  }
  return a + key;
}

TEST(KeyWrap, GivesBackWhatItWrapped) {
  const Secret kek = Secret::Copy(std::string(32, 'k'));
  for (const size_t size : {1, 7, 8, 9, 31, 32, 33, 64}) {
    const Secret key = Secret::Copy(std::string(size, 'd'));
    const std::string wrapped = WrapKey(kek, key).value();
    EXPECT_EQ(wrapped.size(), (size + 7) / 8 * 8 + 8);
    EXPECT_TRUE(UnwrapKey(kek, wrapped).value() == key) << size;
  }
}

TEST(KeyWrap, EachByteCounts) {
  const Secret kek = Secret::Copy(std::string(32, 'k'));
  const std::string wrapped = WrapKey(kek, Secret::Copy(std::string(32, 'd'))).value();
  for (size_t i = 0; i < wrapped.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = wrapped;
      other[i] = static_cast<char>(other[i] ^ 1 << bit);
      EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(kek, other).status())) << i << " " << bit;
    }
  }
  for (size_t size = 0; size < wrapped.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(kek, wrapped.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(kek, wrapped + wrapped).status()));
}

TEST(KeyWrap, AnotherKeyUnwrapsNothing) {
  const std::string wrapped =
      WrapKey(Secret::Copy(std::string(32, 'k')), Secret::Copy(std::string(32, 'd'))).value();
  EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(Secret::Copy(std::string(32, 'K')), wrapped).status()));
}

TEST(KeyWrap, KeysOfOtherLengthsAreRefused) {
  const Secret good = Secret::Copy(std::string(32, 'k'));
  for (const size_t size : {0, 16, 31, 33}) {
    const Secret bad = Secret::Copy(std::string(size, 'k'));
    EXPECT_TRUE(absl::IsInvalidArgument(WrapKey(bad, good).status())) << size;
    EXPECT_TRUE(absl::IsInvalidArgument(UnwrapKey(bad, std::string(40, 'w')).status())) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(WrapKey(good, Secret(0)).status()));
}

TEST(KeyWrap, IsAsTheRfcWritesIt) {
  const Secret kek = Hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  for (const size_t size : {9, 20, 32}) {
    std::string key;
    for (size_t i = 0; i < size; ++i) key.push_back(static_cast<char>(i * 7 + 1));
    EXPECT_EQ(absl::BytesToHexString(WrapKey(kek, Secret::Copy(key)).value()),
              absl::BytesToHexString(WrappedByTheBook(kek, key)))
        << size;
  }
}

}  // namespace
}  // namespace sluice::server
