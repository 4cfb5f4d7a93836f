// Random ids of 128 bits, for records and subjects.
#ifndef SLUICE_SERVER_STORE_RANDOM_IDS_H_
#define SLUICE_SERVER_STORE_RANDOM_IDS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/store/name_hash.h"

namespace sluice::server {

// UNAVAILABLE if the system's randomness fails: never weak ones.
absl::StatusOr<std::vector<Hash16>> RandomIds(size_t count);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RANDOM_IDS_H_
