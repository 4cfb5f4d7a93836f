#include "client/log_tree.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice::client {
namespace {

TreeHash Sha256(const void* bytes, size_t size) {
  TreeHash hash;
  // Without SHA-256 nothing here means anything.
  if (EVP_Digest(bytes, size, hash.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return hash;
}

}  // namespace

TreeHash EmptyRoot() { return Sha256("", 0); }

TreeHash LeafHash(absl::string_view entry) {
  std::string bytes(1, '\0');
  bytes.append(entry.data(), entry.size());
  return Sha256(bytes.data(), bytes.size());
}

TreeHash NodeHash(const TreeHash& left, const TreeHash& right) {
  uint8_t bytes[65] = {1};
  std::memcpy(bytes + 1, left.data(), left.size());
  std::memcpy(bytes + 33, right.data(), right.size());
  return Sha256(bytes, sizeof(bytes));
}

void TreeHasher::Add(const TreeHash& leaf) {
  subtrees_.push_back(leaf);
  // Each one bit at the size's low end is a subtree as large as the one that grew at the end.
  for (uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    const TreeHash right = subtrees_.back();
    subtrees_.pop_back();
    subtrees_.back() = NodeHash(subtrees_.back(), right);
  }
  ++size_;
}

TreeHash TreeHasher::Root() const {
  if (subtrees_.empty()) return EmptyRoot();
  TreeHash root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i-- > 0;) root = NodeHash(subtrees_[i], root);
  return root;
}

// RFC 9162, 2.1.3.2: the same tree as RFC 6962's, with the check spelt out.
absl::Status VerifyInclusion(const TreeHash& leaf, uint64_t index, uint64_t size,
                             absl::Span<const TreeHash> proof, const TreeHash& root) {
  if (index >= size) return absl::DataLossError("the entry is beyond the tree's end");
  uint64_t fn = index;
  uint64_t sn = size - 1;
  TreeHash hash = leaf;
  for (const TreeHash& sibling : proof) {
    if (sn == 0) return absl::DataLossError("the inclusion proof is too long");
    if ((fn & 1) != 0 || fn == sn) {
      hash = NodeHash(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return absl::DataLossError("the inclusion proof is too short");
  if (hash != root) {
    return absl::DataLossError("the inclusion proof leads to another root than the checkpoint's");
  }
  return absl::OkStatus();
}

absl::Status VerifyRange(absl::Span<const TreeHash> leaves, uint64_t first, uint64_t size,
                         absl::Span<const TreeHash> proof, const TreeHash& root) {
  if (leaves.empty()) return absl::DataLossError("a range of no entry proves nothing");
  if (first >= size || leaves.size() > size - first) {
    return absl::DataLossError("the entries are beyond the tree's end");
  }
  std::vector<TreeHash> row(leaves.begin(), leaves.end());
  uint64_t begin = first;    // of the row, at this level
  uint64_t last = size - 1;  // of the tree
  size_t taken = 0;          // of the proof
  for (; last > 0; begin >>= 1, last >>= 1) {
    const bool before = (begin & 1) != 0;
    const uint64_t end = begin + row.size() - 1;
    const bool after = (end & 1) == 0 && end < last;
    if (proof.size() - taken < static_cast<size_t>(before) + static_cast<size_t>(after)) {
      return absl::DataLossError("the proof is too short");
    }
    std::vector<TreeHash> whole;
    if (before) whole.push_back(proof[taken++]);
    whole.insert(whole.end(), row.begin(), row.end());
    if (after) whole.push_back(proof[taken++]);
    row.clear();
    for (size_t i = 0; i + 1 < whole.size(); i += 2) {
      row.push_back(NodeHash(whole[i], whole[i + 1]));
    }
    // What is left alone at the tree's end goes up as it is.
    if (whole.size() % 2 != 0) row.push_back(whole.back());
  }
  if (taken != proof.size()) return absl::DataLossError("the proof is too long");
  if (row.front() != root) {
    return absl::DataLossError("the proof leads to another root than the checkpoint's");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TreeHash>> RangeProof(uint64_t first, uint64_t last, uint64_t size,
                                                 absl::Span<const TreeHash> first_proof,
                                                 absl::Span<const TreeHash> last_proof) {
  const auto wrong = [] {
    return absl::InvalidArgumentError("an inclusion proof has another length than its tree wants");
  };
  if (first > last || last >= size) return wrong();
  std::vector<TreeHash> proof;
  size_t left = 0;
  size_t right = 0;
  for (uint64_t end = size - 1; end > 0; first >>= 1, last >>= 1, end >>= 1) {
    const bool first_has_sibling = (first & 1) != 0 || first < end;
    const bool last_has_sibling = (last & 1) != 0 || last < end;
    if ((first_has_sibling && left == first_proof.size()) ||
        (last_has_sibling && right == last_proof.size())) {
      return wrong();
    }
    // The others stand within the range.
    if ((first & 1) != 0) proof.push_back(first_proof[left]);
    if ((last & 1) == 0 && last < end) proof.push_back(last_proof[right]);
    left += first_has_sibling ? 1 : 0;
    right += last_has_sibling ? 1 : 0;
  }
  if (left != first_proof.size() || right != last_proof.size()) return wrong();
  return proof;
}

// RFC 9162, 2.1.4.2.
absl::Status VerifyConsistency(uint64_t old_size, const TreeHash& old_root, uint64_t new_size,
                               const TreeHash& new_root, absl::Span<const TreeHash> proof) {
  if (old_size > new_size) return absl::DataLossError("the log has become shorter");
  const auto different = [] {
    return absl::DataLossError("the trees' roots are not those of one log");
  };
  if (old_size == 0 || old_size == new_size) {
    if (!proof.empty()) return absl::DataLossError("the consistency proof is too long");
    const TreeHash& expected = old_size == 0 ? EmptyRoot() : new_root;
    return old_root == expected ? absl::OkStatus() : different();
  }
  // A complete old tree is itself the first hash of the way.
  std::vector<TreeHash> way;
  if ((old_size & (old_size - 1)) == 0) way.push_back(old_root);
  way.insert(way.end(), proof.begin(), proof.end());
  if (way.empty()) return absl::DataLossError("the consistency proof is empty");
  uint64_t fn = old_size - 1;
  uint64_t sn = new_size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  TreeHash old_hash = way.front();
  TreeHash new_hash = way.front();
  for (size_t i = 1; i < way.size(); ++i) {
    if (sn == 0) return absl::DataLossError("the consistency proof is too long");
    if ((fn & 1) != 0 || fn == sn) {
      old_hash = NodeHash(way[i], old_hash);
      new_hash = NodeHash(way[i], new_hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, way[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return absl::DataLossError("the consistency proof is too short");
  if (old_hash != old_root || new_hash != new_root) return different();
  return absl::OkStatus();
}

}  // namespace sluice::client
