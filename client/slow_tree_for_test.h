// RFC 6962, section 2.1, word for word: slow, obvious, and with no code in common with what it
// tests but the two hashes.
//
// Immutable.
#ifndef SLUICE_CLIENT_SLOW_TREE_FOR_TEST_H_
#define SLUICE_CLIENT_SLOW_TREE_FOR_TEST_H_

#include <string>
#include <vector>

#include "client/log_tree.h"

namespace sluice::client {

class SlowTree {
 public:
  explicit SlowTree(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) leaves_.push_back(LeafHash(entry));
  }

  const TreeHash& leaf(size_t index) const { return leaves_[index]; }
  TreeHash Root(size_t size) const { return Mth(0, size); }
  std::vector<TreeHash> Inclusion(size_t index, size_t size) const { return Path(index, 0, size); }
  std::vector<TreeHash> Consistency(size_t before, size_t now) const {
    return before == 0 || before == now ? std::vector<TreeHash>() : SubProof(before, 0, now, true);
  }

 private:
  // The largest power of two below n.
  static size_t Split(size_t n) {
    size_t k = 1;
    while (2 * k < n) k *= 2;
    return k;
  }

  // MTH(D[begin:begin+n])
  TreeHash Mth(size_t begin, size_t n) const {
    if (n == 0) return EmptyRoot();
    if (n == 1) return leaves_[begin];
    const size_t k = Split(n);
    return NodeHash(Mth(begin, k), Mth(begin + k, n - k));
  }

  // PATH(m, D[begin:begin+n])
  std::vector<TreeHash> Path(size_t m, size_t begin, size_t n) const {
    if (n == 1) return {};
    const size_t k = Split(n);
    std::vector<TreeHash> path = m < k ? Path(m, begin, k) : Path(m - k, begin + k, n - k);
    path.push_back(m < k ? Mth(begin + k, n - k) : Mth(begin, k));
    return path;
  }

  // SUBPROOF(m, D[begin:begin+n], complete)
  std::vector<TreeHash> SubProof(size_t m, size_t begin, size_t n, bool complete) const {
    if (m == n) return complete ? std::vector<TreeHash>() : std::vector<TreeHash>{Mth(begin, n)};
    const size_t k = Split(n);
    std::vector<TreeHash> proof =
        m <= k ? SubProof(m, begin, k, complete) : SubProof(m - k, begin + k, n - k, false);
    proof.push_back(m <= k ? Mth(begin + k, n - k) : Mth(begin, k));
    return proof;
  }

  std::vector<TreeHash> leaves_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_SLOW_TREE_FOR_TEST_H_
