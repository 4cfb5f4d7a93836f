#include "server/audit/merkle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <utility>

namespace sluice::server {
namespace {

// A context for each thread, and what it hashes by: to make the one or to look up the other for
// each node would cost more than the hashing.
class Sha256Context {
 public:
  Sha256Context() : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {}

  // The parts are hashed as one. There is no way to go on without a hash.
  Hash Of(std::initializer_list<absl::string_view> parts) {
    Hash hash;
    unsigned size = 0;
    if (sha256_ == nullptr || context_ == nullptr ||
        EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr) != 1) {
      std::abort();
    }
    for (absl::string_view part : parts) {
      if (EVP_DigestUpdate(context_.get(), part.data(), part.size()) != 1) std::abort();
    }
    if (EVP_DigestFinal_ex(context_.get(), hash.data(), &size) != 1 || size != hash.size()) {
      std::abort();
    }
    return hash;
  }

 private:
  struct Free {
    void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD, Free> sha256_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

Hash HashOf(std::initializer_list<absl::string_view> parts) {
  thread_local Sha256Context context;
  return context.Of(parts);
}

// The root of leaves [begin, end). `begin` is a multiple of a power of two that is no smaller than
// the range, as it is for every range that RFC 6962's recursion meets.
absl::StatusOr<Hash> RangeRoot(uint64_t begin, uint64_t end, SubtreeReader subtree) {
  const uint64_t size = end - begin;
  if (std::has_single_bit(size)) {
    const int level = std::countr_zero(size);
    return subtree(level, begin >> level);
  }
  const uint64_t split = std::bit_floor(size);
  absl::StatusOr<Hash> left = RangeRoot(begin, begin + split, subtree);
  if (!left.ok()) return left.status();
  absl::StatusOr<Hash> right = RangeRoot(begin + split, end, subtree);
  if (!right.ok()) return right.status();
  return NodeHash(*left, *right);
}

// Where the left subtree of a tree of `size` > 1 leaves ends.
uint64_t SplitOf(uint64_t size) { return std::bit_floor(size - 1); }

}  // namespace

Hash Sha256(absl::string_view bytes) { return HashOf({bytes}); }

Hash LeafHash(absl::string_view entry) { return HashOf({absl::string_view("\0", 1), entry}); }

Hash NodeHash(const Hash& left, const Hash& right) {
  return HashOf({absl::string_view("\1", 1), HashBytes(left), HashBytes(right)});
}

Hash EmptyRoot() { return HashOf({}); }

absl::StatusOr<CompactRange> CompactRange::Create(uint64_t size, std::vector<Hash> roots) {
  if (roots.size() != static_cast<size_t>(std::popcount(size))) {
    return absl::InvalidArgumentError("the compact range does not fit its size");
  }
  CompactRange range;
  range.size_ = size;
  range.roots_ = std::move(roots);
  return range;
}

void CompactRange::Append(const Hash& leaf) {
  Hash hash = leaf;
  // Each trailing one of the size is a subtree that this leaf completes to one of twice its size.
  for (int merges = std::countr_one(size_); merges > 0; --merges) {
    hash = NodeHash(roots_.back(), hash);
    roots_.pop_back();
  }
  roots_.push_back(hash);
  ++size_;
}

Hash CompactRange::Root() const {
  if (roots_.empty()) return EmptyRoot();
  Hash root = roots_.back();
  for (size_t i = roots_.size() - 1; i-- > 0;) root = NodeHash(roots_[i], root);
  return root;
}

Hash CompleteRoot(absl::Span<const Hash> hashes) {
  std::vector<Hash> level(hashes.begin(), hashes.end());
  while (level.size() > 1) {
    for (size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = NodeHash(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  return level.front();
}

absl::StatusOr<Hash> RootOf(uint64_t size, SubtreeReader subtree) {
  if (size == 0) return EmptyRoot();
  return RangeRoot(0, size, subtree);
}

absl::StatusOr<std::vector<Hash>> InclusionProofOf(uint64_t index, uint64_t size,
                                                   SubtreeReader subtree) {
  if (index >= size) return absl::InvalidArgumentError("the index is not in a tree of this size");
  std::vector<Hash> proof;
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {  // from the root down; a proof goes up
    const uint64_t middle = begin + SplitOf(end - begin);
    const bool left = index < middle;
    absl::StatusOr<Hash> sibling =
        left ? RangeRoot(middle, end, subtree) : RangeRoot(begin, middle, subtree);
    if (!sibling.ok()) return sibling.status();
    proof.push_back(*sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<Hash> RootOfInclusion(uint64_t index, uint64_t size, const Hash& leaf,
                                     absl::Span<const Hash> proof) {
  if (index >= size) return absl::InvalidArgumentError("the index is not in a tree of this size");
  std::vector<bool> left;  // from the root down, where the leaf is
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {
    const uint64_t middle = begin + SplitOf(end - begin);
    left.push_back(index < middle);
    (left.back() ? end : begin) = middle;
  }
  if (proof.size() != left.size()) {
    return absl::InvalidArgumentError("the proof has another length");
  }
  Hash root = leaf;
  for (const Hash& sibling : proof) {
    root = left.back() ? NodeHash(root, sibling) : NodeHash(sibling, root);
    left.pop_back();
  }
  return root;
}

absl::StatusOr<std::vector<Hash>> ConsistencyProofOf(uint64_t old_size, uint64_t new_size,
                                                     SubtreeReader subtree) {
  if (old_size > new_size) {
    return absl::InvalidArgumentError("the old size is larger than the new one");
  }
  std::vector<Hash> proof;
  if (old_size == 0 || old_size == new_size) return proof;
  uint64_t begin = 0;
  uint64_t end = new_size;
  bool whole = true;  // whether [begin, old_size) is the old tree as a whole, whose root is known
  while (end != old_size) {
    const uint64_t middle = begin + SplitOf(end - begin);
    const bool left = old_size <= middle;
    absl::StatusOr<Hash> sibling =
        left ? RangeRoot(middle, end, subtree) : RangeRoot(begin, middle, subtree);
    if (!sibling.ok()) return sibling.status();
    proof.push_back(*sibling);
    if (!left) whole = false;
    (left ? end : begin) = middle;
  }
  if (!whole) {
    absl::StatusOr<Hash> last = RangeRoot(begin, old_size, subtree);
    if (!last.ok()) return last.status();
    proof.push_back(*last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

}  // namespace sluice::server
