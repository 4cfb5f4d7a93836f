// Hashes as the database keeps them: end to end.
#ifndef SLUICE_SERVER_STORE_HASH_BYTES_H_
#define SLUICE_SERVER_STORE_HASH_BYTES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/store.h"

namespace sluice::server {

std::string JoinHashes(const std::vector<Hash>& hashes);
// DATA_LOSS unless the length is a multiple of a hash's.
absl::StatusOr<std::vector<Hash>> SplitHashes(absl::string_view bytes);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_HASH_BYTES_H_
