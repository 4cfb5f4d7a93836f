#include "server/store/seal_keys.h"

#include <endian.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/hkdf.h"

namespace sluice::server {
namespace {

constexpr size_t kTagBytes = 16;

struct FreeFetched {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};

const unsigned char* Bytes(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Set up anew, key included, for each message: OpenSSL 3.0's SIV demands it.
CipherContext Start(const policy::Secret& key, bool seal) {
  const std::unique_ptr<EVP_CIPHER, FreeFetched> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-SIV", nullptr));
  CipherContext context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr ||
      EVP_CipherInit_ex2(context.get(), cipher.get(), key.bytes().data(), nullptr, seal ? 1 : 0,
                         nullptr) != 1) {
    return nullptr;
  }
  return context;
}

absl::Status NotSealed() { return absl::DataLossError("what is stored is not what was sealed"); }

}  // namespace

absl::StatusOr<std::shared_ptr<const SealKeys>> SealKeys::Create(const policy::Secret& hash_key) {
  if (hash_key.size() < 32) {
    return absl::InvalidArgumentError("the store's hash key has less than 32 bytes");
  }
  const auto derive = [&](absl::string_view use) {
    return HkdfSha256(hash_key, "", absl::StrCat("sluice/v1/store/seal/", use));
  };
  absl::StatusOr<policy::Secret> digest = derive("digest"), mac = derive("mac"),
                                 first = derive("siv-1"), second = derive("siv-2");
  for (const auto* key : {&digest, &mac, &first, &second}) {
    if (!key->ok()) return key->status();
  }
  policy::Secret siv(first->size() + second->size());
  const auto half =
      std::copy(first->bytes().begin(), first->bytes().end(), siv.mutable_bytes().begin());
  std::copy(second->bytes().begin(), second->bytes().end(), half);
  return std::shared_ptr<const SealKeys>(
      new SealKeys(*std::move(digest), std::move(siv), *std::move(mac)));
}

absl::StatusOr<SetDigest> SealKeys::DigestOf(absl::string_view use, absl::string_view owner) const {
  // A use has no colon.
  const absl::StatusOr<policy::Secret> key = HkdfSha256(digest_, "", absl::StrCat(use, ":", owner));
  if (!key.ok()) return key.status();
  return SetDigest::Create(*key);
}

absl::StatusOr<std::string> SealKeys::Seal(absl::string_view of, const Hash16& digest) const {
  const CipherContext context = Start(seal_, true);
  std::string sealed(kTagBytes + digest.size(), '\0');
  auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
  int size = 0;
  if (context == nullptr ||
      EVP_CipherUpdate(context.get(), nullptr, &size, Bytes(of), static_cast<int>(of.size())) !=
          1 ||
      EVP_CipherUpdate(context.get(), out + kTagBytes, &size, digest.data(),
                       static_cast<int>(digest.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out + kTagBytes + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, out) != 1) {
    return absl::InternalError("AES-SIV failed");
  }
  return sealed;
}

absl::StatusOr<Hash16> SealKeys::Open(absl::string_view of, absl::string_view sealed) const {
  Hash16 digest;
  if (sealed.size() != kTagBytes + digest.size()) return NotSealed();
  const CipherContext context = Start(seal_, false);
  if (context == nullptr) return absl::InternalError("AES-SIV failed");
  std::string tag(sealed.substr(0, kTagBytes));
  int size = 0;
  if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_CipherUpdate(context.get(), nullptr, &size, Bytes(of), static_cast<int>(of.size())) !=
          1 ||
      EVP_CipherUpdate(context.get(), digest.data(), &size, Bytes(sealed.substr(kTagBytes)),
                       static_cast<int>(digest.size())) != 1) {
    return NotSealed();
  }
  return digest;
}

absl::StatusOr<Hash> SealKeys::Mac(absl::string_view row) const {
  Hash mac;
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), mac_.bytes().data(), static_cast<int>(mac_.size()), Bytes(row), row.size(),
           mac.data(), &size) == nullptr ||
      size != mac.size()) {
    return absl::InternalError("HMAC failed");
  }
  return mac;
}

void AppendSealed(uint64_t number, std::string& words) {
  const uint64_t big_endian = htobe64(number);
  words.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

void AppendSealed(absl::string_view bytes, std::string& words) {
  AppendSealed(bytes.size(), words);
  words.append(bytes.data(), bytes.size());
}

}  // namespace sluice::server
