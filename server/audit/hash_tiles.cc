#include "server/audit/hash_tiles.h"

#include <memory>
#include <utility>

namespace sluice::server {

// Reads a tree's complete subtrees by way of tiles.
class HashTiles::Subtrees {
 public:
  explicit Subtrees(const HashTiles& tiles) : tiles_(tiles), size_(tiles.size()) {}

  absl::StatusOr<Hash> Read(int level, uint64_t index) {
    const int tile_level = level / 8;
    const int inner = level % 8;  // 1 << inner hashes of the tile are the subtree
    const uint64_t first = index << inner;
    const uint64_t tile = first / kTileWidth;
    const uint64_t offset = first % kTileWidth;
    const uint64_t width = uint64_t{1} << inner;
    if (tile_level == 0 && tile < size_ / kTileWidth) {
      if (leaves_ == nullptr || leaves_->index != tile) {
        absl::StatusOr<std::shared_ptr<const LeafTile>> leaves = tiles_.CompleteLeafTile(tile);
        if (!leaves.ok()) return leaves.status();
        leaves_ = *std::move(leaves);
      }
      return leaves_->levels[inner][offset / width];
    }
    const absl::StatusOr<std::vector<Hash>> hashes = tiles_.Tile(tile_level, tile, offset + width);
    if (!hashes.ok()) return hashes.status();
    return CompleteRoot(absl::MakeSpan(*hashes).subspan(offset, width));
  }

 private:
  const HashTiles& tiles_;
  const uint64_t size_;
  std::shared_ptr<const LeafTile> leaves_;
};

absl::StatusOr<std::shared_ptr<const HashTiles::LeafTile>> HashTiles::CompleteLeafTile(
    uint64_t index) const {
  {
    absl::MutexLock lock(&mutex_);
    if (leaf_tile_ != nullptr && leaf_tile_->index == index) return leaf_tile_;
  }
  absl::StatusOr<std::vector<Hash>> leaves = Tile(0, index, kTileWidth);
  if (!leaves.ok()) return leaves.status();
  auto tile = std::make_shared<LeafTile>();
  tile->index = index;
  tile->levels.push_back(*std::move(leaves));
  while (tile->levels.back().size() > 1) {
    const std::vector<Hash>& below = tile->levels.back();
    std::vector<Hash> level(below.size() / 2);
    for (size_t i = 0; i < level.size(); ++i) level[i] = NodeHash(below[2 * i], below[2 * i + 1]);
    tile->levels.push_back(std::move(level));
  }
  absl::MutexLock lock(&mutex_);
  if (index >= levels_[1].size() || tile->levels.back().front() != levels_[1][index]) {
    return absl::DataLossError("the store's leaf hashes are not the log's");
  }
  leaf_tile_ = tile;
  return tile;
}

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
  leaf_tile_ = nullptr;
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

absl::StatusOr<Hash> HashTiles::Leaf(uint64_t index) const {
  {
    absl::MutexLock lock(&mutex_);
    if (index >= size_) return absl::InvalidArgumentError("the tree has no such leaf");
    if (index / kTileWidth == size_ / kTileWidth) return levels_[0][index % kTileWidth];
  }
  const absl::StatusOr<std::shared_ptr<const LeafTile>> tile = CompleteLeafTile(index / kTileWidth);
  if (!tile.ok()) return tile.status();
  return (*tile)->levels[0][index % kTileWidth];
}

absl::StatusOr<Hash> HashTiles::Root(uint64_t size) const {
  Subtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return RootOf(size, read);
}

absl::StatusOr<std::vector<Hash>> HashTiles::InclusionProof(uint64_t index, uint64_t size) const {
  if (size > this->size()) return absl::InvalidArgumentError("the log is not that long");
  Subtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return InclusionProofOf(index, size, read);
}

absl::StatusOr<std::vector<Hash>> HashTiles::ConsistencyProof(uint64_t old_size,
                                                              uint64_t new_size) const {
  if (new_size > this->size()) return absl::InvalidArgumentError("the log is not that long");
  Subtrees subtrees(*this);
  const auto read = [&](int level, uint64_t at) { return subtrees.Read(level, at); };
  return ConsistencyProofOf(old_size, new_size, read);
}

}  // namespace sluice::server
