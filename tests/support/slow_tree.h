// The tree of RFC 6962 as its text defines it: recursive, from all leaves, each time anew. What the
// fast one is held against.
#ifndef SLUICE_TESTS_SUPPORT_SLOW_TREE_H_
#define SLUICE_TESTS_SUPPORT_SLOW_TREE_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "server/audit/merkle.h"

namespace sluice::server::slow {

using Leaves = absl::Span<const Hash>;

inline size_t LargestPowerBelow(size_t n) {
  size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

// MTH
inline Hash Root(Leaves leaves) {
  if (leaves.empty()) return Sha256("");
  if (leaves.size() == 1) return leaves[0];
  const size_t k = LargestPowerBelow(leaves.size());
  return NodeHash(Root(leaves.subspan(0, k)), Root(leaves.subspan(k)));
}

// PATH
inline std::vector<Hash> Inclusion(size_t m, Leaves leaves) {
  if (leaves.size() <= 1) return {};
  const size_t k = LargestPowerBelow(leaves.size());
  std::vector<Hash> path;
  if (m < k) {
    path = Inclusion(m, leaves.subspan(0, k));
    path.push_back(Root(leaves.subspan(k)));
  } else {
    path = Inclusion(m - k, leaves.subspan(k));
    path.push_back(Root(leaves.subspan(0, k)));
  }
  return path;
}

// SUBPROOF
inline std::vector<Hash> Consistency(size_t m, Leaves leaves, bool whole = true) {
  if (m == leaves.size()) return whole ? std::vector<Hash>() : std::vector<Hash>{Root(leaves)};
  const size_t k = LargestPowerBelow(leaves.size());
  std::vector<Hash> proof;
  if (m <= k) {
    proof = Consistency(m, leaves.subspan(0, k), whole);
    proof.push_back(Root(leaves.subspan(k)));
  } else {
    proof = Consistency(m - k, leaves.subspan(k), false);
    proof.push_back(Root(leaves.subspan(0, k)));
  }
  return proof;
}

// The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); nullopt if it has not the right
// length.
inline std::optional<Hash> RootOfInclusion(size_t index, size_t size, const Hash& leaf,
                                           absl::Span<const Hash> proof) {
  if (index >= size) return std::nullopt;
  size_t fn = index;
  size_t sn = size - 1;
  Hash root = leaf;
  for (const Hash& hash : proof) {
    if (sn == 0) return std::nullopt;
    if ((fn & 1) != 0 || fn == sn) {
      root = NodeHash(hash, root);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      root = NodeHash(root, hash);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return std::nullopt;
  return root;
}

// Whether a consistency proof leads from one root to the other (RFC 9162, 2.1.4.2).
inline bool IsConsistent(size_t first, size_t second, const Hash& first_root,
                         const Hash& second_root, std::vector<Hash> proof) {
  if (first == 0) return proof.empty();
  if (first == second) return proof.empty() && first_root == second_root;
  if ((first & (first - 1)) == 0) proof.insert(proof.begin(), first_root);
  if (proof.empty()) return false;
  size_t fn = first - 1;
  size_t sn = second - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  Hash fr = proof[0];
  Hash sr = proof[0];
  for (size_t i = 1; i < proof.size(); ++i) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = NodeHash(proof[i], fr);
      sr = NodeHash(proof[i], sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = NodeHash(sr, proof[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return fr == first_root && sr == second_root && sn == 0;
}

}  // namespace sluice::server::slow

#endif  // SLUICE_TESTS_SUPPORT_SLOW_TREE_H_
