#include "server/audit/hash_tiles.h"

#include <utility>

namespace sluice::server {
namespace {

// Reads a tree's complete subtrees by way of tiles; keeps the last tile of leaves that it read,
// since a proof's lowest subtrees lie in one.
class TileSubtrees {
 public:
  explicit TileSubtrees(const HashTiles& tiles) : tiles_(tiles) {}

  absl::StatusOr<Hash> Read(int level, uint64_t index) {
    const int tile_level = level / 8;
    const int inner = level % 8;  // 1 << inner hashes of the tile are the subtree
    const uint64_t first = index << inner;
    const uint64_t tile = first / kTileWidth;
    const uint64_t offset = first % kTileWidth;
    const uint64_t width = uint64_t{1} << inner;
    const uint64_t needed = offset + width;
    if (tile_level != level_ || tile != tile_ || hashes_.size() < needed) {
      absl::StatusOr<std::vector<Hash>> hashes = tiles_.Tile(tile_level, tile, needed);
      if (!hashes.ok()) return hashes.status();
      hashes_ = *std::move(hashes);
      level_ = tile_level;
      tile_ = tile;
    }
    return CompleteRoot(absl::MakeSpan(hashes_).subspan(offset, width));
  }

 private:
  const HashTiles& tiles_;
  int level_ = -1;
  uint64_t tile_ = 0;
  std::vector<Hash> hashes_;
};

}  // namespace

void HashTiles::Push(int level, const Hash& hash) {
  std::vector<Hash>& hashes = levels_[level];
  hashes.push_back(hash);
  if (hashes.size() % kTileWidth != 0 || level + 1 == kTileLevels) return;
  Push(level + 1, CompleteRoot(absl::MakeSpan(hashes).last(kTileWidth)));
  if (level == 0) hashes.clear();
}

void HashTiles::Append(absl::Span<const Hash> leaves) {
  absl::MutexLock lock(&mutex_);
  for (const Hash& leaf : leaves) Push(0, leaf);
  size_ += leaves.size();
}

void HashTiles::Clear() {
  absl::MutexLock lock(&mutex_);
  for (std::vector<Hash>& level : levels_) level.clear();
  size_ = 0;
}

uint64_t HashTiles::size() const {
  absl::MutexLock lock(&mutex_);
  return size_;
}

absl::StatusOr<std::vector<Hash>> HashTiles::Tile(int level, uint64_t index, uint64_t width) const {
  const absl::Status outside = absl::InvalidArgumentError("the tree has no such tile");
  if (level < 0 || level >= kTileLevels || width == 0 || width > kTileWidth) return outside;
  const uint64_t begin = index * kTileWidth;
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t count = size_ >> (8 * level);
    if (index > count / kTileWidth || begin + width > count) return outside;
    if (level > 0 || index == size_ / kTileWidth) {
      const std::vector<Hash>& hashes = levels_[level];
      const auto first = hashes.begin() + (level == 0 ? 0 : begin);
      return std::vector<Hash>(first, first + width);
    }
  }
  absl::StatusOr<std::vector<Hash>> leaves = leaves_(begin, begin + width);
  if (leaves.ok() && leaves->size() != width) return absl::DataLossError("leaves are missing");
  return leaves;
}

absl::StatusOr<Hash> HashTiles::Root(uint64_t size) const {
  TileSubtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return RootOf(size, read);
}

absl::StatusOr<std::vector<Hash>> HashTiles::InclusionProof(uint64_t index, uint64_t size) const {
  if (size > this->size()) return absl::InvalidArgumentError("the log is not that long");
  TileSubtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return InclusionProofOf(index, size, read);
}

absl::StatusOr<std::vector<Hash>> HashTiles::ConsistencyProof(uint64_t old_size,
                                                              uint64_t new_size) const {
  if (new_size > this->size()) return absl::InvalidArgumentError("the log is not that long");
  TileSubtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return ConsistencyProofOf(old_size, new_size, read);
}

}  // namespace sluice::server
