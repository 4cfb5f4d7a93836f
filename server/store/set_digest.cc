#include "server/store/set_digest.h"

#include <openssl/evp.h>

#include <cstring>
#include <utility>

namespace sluice::server {
namespace {

void Xor(const Hash16& other, Hash16& into) {
  for (size_t i = 0; i < into.size(); ++i) into[i] ^= other[i];
}

}  // namespace

absl::StatusOr<SetDigest> SetDigest::Create(const policy::Secret& key) {
  if (key.size() != 32) return absl::InvalidArgumentError("a digest's key has another length");
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr ||
      EVP_EncryptInit_ex2(context.get(), EVP_aes_256_ecb(), key.bytes().data(), nullptr, nullptr) !=
          1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
    return absl::InternalError("AES failed");
  }
  return SetDigest(std::move(context));
}

void SetDigest::Toggle(const Hash16& id, absl::string_view tag) {
  if (tag.size() != sizeof(Hash16)) {
    sound_ = false;
    return;
  }
  ids_[waiting_] = id;
  std::memcpy(tags_[waiting_].data(), tag.data(), tag.size());
  if (++waiting_ == kBatch) Flush();
}

void SetDigest::ToggleAll(const Hash16& digest) { Xor(digest, sum_); }

// CBC-MAC of each: the first blocks through the cipher, XORed with the second, and through it
// again.
void SetDigest::Flush() {
  const int size = static_cast<int>(waiting_ * sizeof(Hash16));
  auto* const blocks = reinterpret_cast<unsigned char*>(ids_.data());
  int written = 0;
  if (EVP_EncryptUpdate(context_.get(), blocks, &written, blocks, size) != 1 || written != size) {
    sound_ = false;
  }
  for (size_t i = 0; i < waiting_; ++i) Xor(tags_[i], ids_[i]);
  if (EVP_EncryptUpdate(context_.get(), blocks, &written, blocks, size) != 1 || written != size) {
    sound_ = false;
  }
  for (size_t i = 0; i < waiting_; ++i) Xor(ids_[i], sum_);
  waiting_ = 0;
}

absl::StatusOr<Hash16> SetDigest::Value() {
  if (waiting_ > 0) Flush();
  if (!sound_) return absl::InternalError("a digest could not be computed");
  return sum_;
}

}  // namespace sluice::server
