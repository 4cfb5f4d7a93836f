// AES-256 key wrap with padding (RFC 5649), which is PKCS#11's CKM_AES_KEY_WRAP_PAD: a key under
// another, with an integrity check of its own.
#ifndef SLUICE_SERVER_KEY_WRAP_H_
#define SLUICE_SERVER_KEY_WRAP_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::server {

// INVALID_ARGUMENT unless `kek` has 32 bytes and `key` at least one.
absl::StatusOr<std::string> WrapKey(const policy::Secret& kek, const policy::Secret& key);
// DATA_LOSS if these bytes are not what WrapKey made under this key.
absl::StatusOr<policy::Secret> UnwrapKey(const policy::Secret& kek, absl::string_view wrapped);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_WRAP_H_
