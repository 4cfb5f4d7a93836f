#include "server/store/random_ids.h"

#include <openssl/rand.h>

#include <limits>

namespace sluice::server {

absl::StatusOr<std::vector<Hash16>> RandomIds(size_t count) {
  constexpr size_t kMost = std::numeric_limits<int>::max() / sizeof(Hash16);
  if (count > kMost) return absl::InvalidArgumentError("too many records in one batch");
  std::vector<Hash16> ids(count);
  if (count > 0 && RAND_bytes(ids[0].data(), static_cast<int>(count * sizeof(Hash16))) != 1) {
    return absl::UnavailableError("the system's randomness has failed");
  }
  return ids;
}

}  // namespace sluice::server
