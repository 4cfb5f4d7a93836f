#include "server/store/hash_bytes.h"

#include <algorithm>

namespace sluice::server {

std::string JoinHashes(const std::vector<Hash>& hashes) {
  std::string bytes;
  bytes.reserve(hashes.size() * sizeof(Hash));
  for (const Hash& hash : hashes) bytes.append(hash.begin(), hash.end());
  return bytes;
}

absl::StatusOr<std::vector<Hash>> SplitHashes(absl::string_view bytes) {
  if (bytes.size() % sizeof(Hash) != 0) {
    return absl::DataLossError("stored hashes have another length");
  }
  std::vector<Hash> hashes(bytes.size() / sizeof(Hash));
  for (size_t i = 0; i < hashes.size(); ++i) {
    const absl::string_view one = bytes.substr(i * sizeof(Hash), sizeof(Hash));
    std::copy(one.begin(), one.end(), hashes[i].begin());
  }
  return hashes;
}

}  // namespace sluice::server
