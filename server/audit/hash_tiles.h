// The log's tree in tiles of 256 hashes, as C2SP tlog-tiles cuts it: every complete tile's root is
// kept in memory (1 MiB for each 8 million entries), leaf hashes are read from the store. Roots and
// proofs of any size so far cost a few hundred hashes and at most two reads; those of entries that
// stand near one another share them.
//
// Thread-safe.
#ifndef SLUICE_SERVER_AUDIT_HASH_TILES_H_
#define SLUICE_SERVER_AUDIT_HASH_TILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/audit/merkle.h"

namespace sluice::server {

inline constexpr uint64_t kTileWidth = 256;
inline constexpr int kTileLevels = 8;  // what a 64-bit size can need

class HashTiles {
 public:
  // Gives the leaf hashes [begin, end).
  using LeafReader = std::function<absl::StatusOr<std::vector<Hash>>(uint64_t, uint64_t)>;

  explicit HashTiles(LeafReader leaves) : leaves_(std::move(leaves)) {}

  void Append(absl::Span<const Hash> leaves) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets all.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The hashes of one tile: the first `width` of tile `index` at `level`. INVALID_ARGUMENT if the
  // tree does not have them.
  absl::StatusOr<std::vector<Hash>> Tile(int level, uint64_t index, uint64_t width) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // A leaf's hash as it was appended. INVALID_ARGUMENT from the size on; DATA_LOSS if the leaves
  // that are read make another tree.
  absl::StatusOr<Hash> Leaf(uint64_t index) const ABSL_LOCKS_EXCLUDED(mutex_);
  // INVALID_ARGUMENT above the size, DATA_LOSS as Leaf.
  absl::StatusOr<Hash> Root(uint64_t size) const;
  absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size) const;
  absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t new_size) const;

 private:
  class Subtrees;
  // A complete tile of leaves with all that is hashed from them: level by level, from the leaves to
  // the tile's root.
  struct LeafTile {
    uint64_t index;
    std::vector<std::vector<Hash>> levels;
  };

  // DATA_LOSS if its leaves are no more those that were appended.
  absl::StatusOr<std::shared_ptr<const LeafTile>> CompleteLeafTile(uint64_t index) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Push(int level, const Hash& hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LeafReader leaves_;

  mutable absl::Mutex mutex_;
  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of level 0 the leaves of the last, incomplete tile; of each level above, all.
  std::vector<Hash> levels_[kTileLevels] ABSL_GUARDED_BY(mutex_);
  // The last that was asked for.
  mutable std::shared_ptr<const LeafTile> leaf_tile_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_HASH_TILES_H_
