#include "client/log_proofs.h"

#include <cstring>
#include <string>

namespace sluice::client {
namespace {

template <typename Hashes>
absl::StatusOr<std::vector<TreeHash>> ReadHashes(const Hashes& hashes) {
  std::vector<TreeHash> read;
  for (const std::string& bytes : hashes) {
    TreeHash hash;
    if (bytes.size() != hash.size()) {
      return absl::DataLossError("a proof has a hash that is not 32 bytes long");
    }
    std::memcpy(hash.data(), bytes.data(), hash.size());
    read.push_back(hash);
  }
  return read;
}

}  // namespace

absl::StatusOr<std::vector<TreeHash>> FetchInclusionProof(Gateway& gateway, uint64_t index,
                                                          uint64_t size,
                                                          const std::function<Retry()>& new_retry) {
  v1::GetInclusionProofRequest request;
  request.set_index(static_cast<int64_t>(index));
  request.set_tree_size(static_cast<int64_t>(size));
  Retry retry = new_retry();
  const absl::StatusOr<v1::GetInclusionProofResponse> response =
      retry.Run([&] { return gateway.GetInclusionProof(request); });
  if (!response.ok()) return response.status();
  return ReadHashes(response->hashes());
}

absl::StatusOr<std::vector<TreeHash>> FetchConsistencyProof(
    Gateway& gateway, uint64_t old_size, uint64_t new_size,
    const std::function<Retry()>& new_retry) {
  if (old_size == 0 || old_size >= new_size) return std::vector<TreeHash>();
  v1::GetConsistencyProofRequest request;
  request.set_old_size(static_cast<int64_t>(old_size));
  request.set_new_size(static_cast<int64_t>(new_size));
  Retry retry = new_retry();
  const absl::StatusOr<v1::GetConsistencyProofResponse> response =
      retry.Run([&] { return gateway.GetConsistencyProof(request); });
  if (!response.ok()) return response.status();
  return ReadHashes(response->hashes());
}

}  // namespace sluice::client
