#include "server/key_wrap.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace sluice::server {
namespace {

using policy::Secret;

constexpr size_t kKekBytes = 32;
constexpr size_t kBlock = 8;
// Wrapped keys are short; what is longer is nothing of ours.
constexpr size_t kMaxKey = 4096;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

Context Start(const Secret& kek, bool wrap) {
  Context context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return nullptr;
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_CipherInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, kek.bytes().data(), nullptr,
                        wrap ? 1 : 0) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace

absl::StatusOr<std::string> WrapKey(const Secret& kek, const Secret& key) {
  if (kek.size() != kKekBytes || key.size() == 0 || key.size() > kMaxKey) {
    return absl::InvalidArgumentError("a key of another length can't be wrapped");
  }
  const Context context = Start(kek, true);
  std::string wrapped((key.size() + kBlock - 1) / kBlock * kBlock + kBlock, '\0');
  int size = 0;
  if (context == nullptr ||
      EVP_CipherUpdate(context.get(), reinterpret_cast<unsigned char*>(wrapped.data()), &size,
                       key.bytes().data(), static_cast<int>(key.size())) != 1 ||
      static_cast<size_t>(size) != wrapped.size()) {
    return absl::InternalError("key wrap failed");
  }
  return wrapped;
}

absl::StatusOr<Secret> UnwrapKey(const Secret& kek, absl::string_view wrapped) {
  if (kek.size() != kKekBytes) return absl::InvalidArgumentError("a key has another length");
  const absl::Status other = absl::DataLossError("a wrapped key is not of this key-encryption key");
  if (wrapped.size() < 2 * kBlock || wrapped.size() % kBlock != 0 || wrapped.size() > kMaxKey) {
    return other;
  }
  const Context context = Start(kek, false);
  if (context == nullptr) return absl::InternalError("key wrap failed");
  Secret whole(wrapped.size());
  int size = 0;
  if (EVP_CipherUpdate(context.get(), whole.mutable_bytes().data(), &size,
                       reinterpret_cast<const unsigned char*>(wrapped.data()),
                       static_cast<int>(wrapped.size())) != 1 ||
      size <= 0 || static_cast<size_t>(size) > whole.size()) {
    return other;
  }
  Secret key(static_cast<size_t>(size));
  std::copy_n(whole.bytes().begin(), key.size(), key.mutable_bytes().begin());
  return key;
}

}  // namespace sluice::server
