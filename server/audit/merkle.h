// The log's tree: RFC 6962 hashes over SHA-256, the compact range that grows it, and its proofs.
// Proofs are computed from the hashes of complete subtrees, whoever keeps them.
//
// Pure functions and values.
#ifndef SLUICE_SERVER_AUDIT_MERKLE_H_
#define SLUICE_SERVER_AUDIT_MERKLE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::server {

using Hash = std::array<uint8_t, 32>;

Hash Sha256(absl::string_view bytes);
// SHA-256(0x00 || entry).
Hash LeafHash(absl::string_view entry);
// SHA-256(0x01 || left || right).
Hash NodeHash(const Hash& left, const Hash& right);
// SHA-256 of nothing.
Hash EmptyRoot();

inline absl::string_view HashBytes(const Hash& hash) {
  return absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
}

// The roots of the complete subtrees that a tree of `size` leaves consists of, largest first: all
// that is needed to append to it and to know its root.
class CompactRange {
 public:
  CompactRange() = default;
  // INVALID_ARGUMENT unless there is one hash for each bit that is set in `size`.
  static absl::StatusOr<CompactRange> Create(uint64_t size, std::vector<Hash> roots);

  void Append(const Hash& leaf);
  Hash Root() const;
  uint64_t size() const { return size_; }
  const std::vector<Hash>& roots() const { return roots_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

// The root of a complete subtree of a power of two of hashes.
Hash CompleteRoot(absl::Span<const Hash> hashes);

// Gives the hash of the complete subtree over leaves [index << level, (index + 1) << level).
using SubtreeReader = absl::FunctionRef<absl::StatusOr<Hash>(int level, uint64_t index)>;

// The root of the first `size` leaves.
absl::StatusOr<Hash> RootOf(uint64_t size, SubtreeReader subtree);
// RFC 6962, 2.1.1. INVALID_ARGUMENT unless index < size.
absl::StatusOr<std::vector<Hash>> InclusionProofOf(uint64_t index, uint64_t size,
                                                   SubtreeReader subtree);
// The root of the tree in which this proof puts a leaf; whoever knows the tree compares it with its
// own. INVALID_ARGUMENT unless index < size and the proof has as many hashes as that takes.
absl::StatusOr<Hash> RootOfInclusion(uint64_t index, uint64_t size, const Hash& leaf,
                                     absl::Span<const Hash> proof);
// RFC 6962, 2.1.2; empty from size 0 and from a size to itself. INVALID_ARGUMENT unless
// old_size <= new_size.
absl::StatusOr<std::vector<Hash>> ConsistencyProofOf(uint64_t old_size, uint64_t new_size,
                                                     SubtreeReader subtree);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_MERKLE_H_
