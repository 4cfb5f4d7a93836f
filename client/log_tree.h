// The log's tree as a verifier sees it: RFC 6962 hashing, and the checks of its two proofs. Written
// from the RFC, apart from what the gateway grows its tree with, so that a mistake of one is found
// by the other.
//
// Pure; a TreeHasher is not thread-safe.
#ifndef SLUICE_CLIENT_LOG_TREE_H_
#define SLUICE_CLIENT_LOG_TREE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::client {

using TreeHash = std::array<uint8_t, 32>;

// SHA-256 of nothing.
TreeHash EmptyRoot();
TreeHash LeafHash(absl::string_view entry);
TreeHash NodeHash(const TreeHash& left, const TreeHash& right);

// The root of the leaves added so far, in space that grows with their logarithm.
class TreeHasher {
 public:
  void Add(const TreeHash& leaf);
  uint64_t size() const { return size_; }
  TreeHash Root() const;

 private:
  uint64_t size_ = 0;
  // Roots of the complete subtrees that make up the tree, largest first: one for each bit of size_.
  std::vector<TreeHash> subtrees_;
};

// That the leaf stands at `index` in the tree of `size` with this root. DATA_LOSS if not.
absl::Status VerifyInclusion(const TreeHash& leaf, uint64_t index, uint64_t size,
                             absl::Span<const TreeHash> proof, const TreeHash& root);

// That the leaves stand at `first` and after it in the tree of `size` with this root. `proof`:
// level by level from the leaves up, the sibling before them and then the one after them, where
// there is one. Of one leaf that is its inclusion proof. DATA_LOSS if not.
absl::Status VerifyRange(absl::Span<const TreeHash> leaves, uint64_t first, uint64_t size,
                         absl::Span<const TreeHash> proof, const TreeHash& root);

// The proof for VerifyRange, out of the inclusion proofs of the first and of the last leaf.
// INVALID_ARGUMENT unless these are as long as such proofs are.
absl::StatusOr<std::vector<TreeHash>> RangeProof(uint64_t first, uint64_t last, uint64_t size,
                                                 absl::Span<const TreeHash> first_proof,
                                                 absl::Span<const TreeHash> last_proof);

// That the tree of `old_size` is the beginning of the one of `new_size`. DATA_LOSS if not.
absl::Status VerifyConsistency(uint64_t old_size, const TreeHash& old_root, uint64_t new_size,
                               const TreeHash& new_root, absl::Span<const TreeHash> proof);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_TREE_H_
