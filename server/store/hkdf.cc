#include "server/store/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstdint>
#include <memory>

#include "absl/types/span.h"

namespace sluice::server {
namespace {

constexpr size_t kKeyBytes = 32;

struct FreeKdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

char kSha256[] = "SHA256";

OSSL_PARAM Octets(const char* name, const void* bytes, size_t size) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(bytes), size);
}

}  // namespace

absl::StatusOr<policy::Secret> HkdfSha256(const policy::Secret& key, absl::string_view salt,
                                          absl::string_view info) {
  std::unique_ptr<EVP_KDF, FreeKdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  if (kdf == nullptr) return absl::InternalError("no HKDF");
  std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(kdf.get()));
  if (context == nullptr) return absl::InternalError("no HKDF context");
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256, 0),
      Octets(OSSL_KDF_PARAM_KEY, key.bytes().data(), key.size()),
      Octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      salt.empty() ? OSSL_PARAM_construct_end()
                   : Octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      OSSL_PARAM_construct_end()};
  policy::Secret subkey(kKeyBytes);
  if (EVP_KDF_derive(context.get(), subkey.mutable_bytes().data(), subkey.size(), parameters) !=
      1) {
    return absl::InternalError("HKDF failed");
  }
  return subkey;
}

}  // namespace sluice::server
