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
