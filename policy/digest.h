// Digests as people read and pin them: `sha256:` and 64 hexadecimal digits. Pure.
#ifndef SLUICE_POLICY_DIGEST_H_
#define SLUICE_POLICY_DIGEST_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::policy {

std::string Sha256Digest(absl::string_view bytes);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_DIGEST_H_
