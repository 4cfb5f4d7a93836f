// HKDF-SHA-256 (RFC 5869): 32 bytes of a key for one use.
#ifndef SLUICE_SERVER_STORE_HKDF_H_
#define SLUICE_SERVER_STORE_HKDF_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::server {

// Without salt where it is empty.
absl::StatusOr<policy::Secret> HkdfSha256(const policy::Secret& key, absl::string_view salt,
                                          absl::string_view info);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_HKDF_H_
