// The log's proofs as the gateway tells them. Nothing of them is believed before it is verified.
#ifndef SLUICE_CLIENT_LOG_PROOFS_H_
#define SLUICE_CLIENT_LOG_PROOFS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/gateway.h"
#include "client/log_tree.h"
#include "client/retry.h"

namespace sluice::client {

// DATA_LOSS on a hash that is none.
absl::StatusOr<std::vector<TreeHash>> FetchInclusionProof(Gateway& gateway, uint64_t index,
                                                          uint64_t size,
                                                          const std::function<Retry()>& new_retry);
// The same; empty without a call where there is nothing to prove.
absl::StatusOr<std::vector<TreeHash>> FetchConsistencyProof(
    Gateway& gateway, uint64_t old_size, uint64_t new_size,
    const std::function<Retry()>& new_retry);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_PROOFS_H_
