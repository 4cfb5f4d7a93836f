#include "client/log_directory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/file.h"

namespace sluice::client {
namespace {

constexpr uint64_t kTileWidth = 256;

// A tile's file: that of the width asked for, or the full one that has replaced it since.
absl::StatusOr<std::string> ReadTile(const std::string& directory, absl::string_view level,
                                     uint64_t index, uint64_t width) {
  absl::StatusOr<std::string> bytes =
      ReadFile(absl::StrCat(directory, "/", TilePath(level, index, width)));
  if (bytes.ok() || width == kTileWidth || !absl::IsNotFound(bytes.status())) return bytes;
  absl::StatusOr<std::string> full =
      ReadFile(absl::StrCat(directory, "/", TilePath(level, index, kTileWidth)));
  return full.ok() ? full : bytes;
}

// What is missing of a log is a gap in it, and not a failure to look.
absl::Status NoTile(const absl::Status& read, absl::string_view path, uint64_t begin,
                    uint64_t width) {
  if (!absl::IsNotFound(read)) return read;
  return absl::DataLossError(
      absl::StrCat("entries ", begin, " to ", begin + width - 1, ": there is no ", path));
}

// How many entries a bundle begins with that are what was hashed.
uint64_t GoodEntries(absl::string_view bytes, const std::vector<TreeHash>& hashes) {
  uint64_t count = 0;
  while (bytes.size() >= 2 && count < hashes.size()) {
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
    bytes.remove_prefix(2);
    if (bytes.size() < size || LeafHash(bytes.substr(0, size)) != hashes[count]) break;
    bytes.remove_prefix(size);
    ++count;
  }
  return count;
}

// One level of the tree, as its tiles should hold it.
struct Level {
  uint64_t tile = 0;
  std::vector<TreeHash> hashes;
};

TreeHash RootOf(const std::vector<TreeHash>& hashes) {
  TreeHasher hasher;
  for (const TreeHash& hash : hashes) hasher.Add(hash);
  return hasher.Root();
}

class DirectoryVerifier {
 public:
  DirectoryVerifier(const std::string& directory, const LogCheckpoint& checkpoint,
                    const std::optional<LogCheckpoint>& held)
      : directory_(directory), checkpoint_(checkpoint), held_(held), levels_(1) {}

  absl::Status Run(const std::function<void(int64_t)>& progress) {
    if (held_.has_value() && held_->size == 0 && held_->root != EmptyRoot()) return NotHeld();
    for (uint64_t begin = 0; begin < checkpoint_.size; begin += kTileWidth) {
      const uint64_t width = std::min(kTileWidth, checkpoint_.size - begin);
      if (const absl::Status read = AddBundle(begin / kTileWidth, width); !read.ok()) return read;
      if (progress) progress(static_cast<int64_t>(width));
    }
    if (const absl::Status compared = CompareRest(); !compared.ok()) return compared;
    if (from_entries_.Root() == checkpoint_.root) return first_wrong_tile_;
    // Whose fault? Where the tiles lead to the checkpoint's root, an entry was changed.
    if (from_tiles_.Root() == checkpoint_.root && !first_wrong_entry_.ok()) {
      return first_wrong_entry_;
    }
    return absl::DataLossError(absl::StrCat(
        "the checkpoint's root is not that of the ", checkpoint_.size, " entries in the directory",
        first_wrong_entry_.ok() ? "; entries and tiles agree with one another"
                                : absl::StrCat("; also, ", first_wrong_entry_.message())));
  }

 private:
  absl::Status NotHeld() const {
    return absl::DataLossError(
        absl::StrCat("the log's first ", held_->size,
                     " entries are not those of the checkpoint that was held: its history was "
                     "changed"));
  }

  absl::Status AddBundle(uint64_t tile, uint64_t width) {
    const std::string path = TilePath("entries", tile, width);
    const absl::StatusOr<std::string> bytes = ReadTile(directory_, "entries", tile, width);
    if (!bytes.ok()) return NoTile(bytes.status(), path, tile * kTileWidth, width);
    const absl::StatusOr<std::vector<TreeHash>> hashes = ReadHashes(0, tile, width);
    if (!hashes.ok()) return hashes.status();
    absl::StatusOr<std::vector<std::string>> entries = ParseEntryBundle(*bytes);
    if (!entries.ok()) {
      return absl::DataLossError(
          absl::StrCat("entry ", tile * kTileWidth + GoodEntries(*bytes, *hashes), ": ", path, " ",
                       entries.status().message(), ", and from there on is not what was hashed"));
    }
    if (entries->size() < width) {
      return absl::DataLossError(
          absl::StrCat(path, ": has ", entries->size(), " entries where the checkpoint covers ",
                       width, ": entry ", tile * kTileWidth + entries->size(), " is missing"));
    }
    for (uint64_t i = 0; i < width; ++i) {
      const TreeHash leaf = LeafHash((*entries)[i]);
      if (leaf != (*hashes)[i] && first_wrong_entry_.ok()) {
        const uint64_t index = tile * kTileWidth + i;
        first_wrong_entry_ = absl::DataLossError(
            absl::StrCat("entry ", index, ": its bytes in ", path,
                         " are not those that were hashed into ", TilePath("0", tile, width)));
        first_wrong_tile_ = absl::DataLossError(
            absl::StrCat("entry ", index, ": its hash in ", TilePath("0", tile, width),
                         " is wrong; the entry itself is as the checkpoint says"));
      }
      from_entries_.Add(leaf);
      from_tiles_.Add((*hashes)[i]);
      levels_[0].hashes.push_back(leaf);
      if (held_.has_value() && from_entries_.size() == held_->size &&
          from_entries_.Root() != held_->root) {
        return NotHeld();
      }
    }
    if (levels_[0].hashes.size() == kTileWidth) return Carry();
    return absl::OkStatus();
  }

  // A level's tile is full: its root goes one level up.
  absl::Status Carry() {
    for (size_t l = 0; levels_[l].hashes.size() == kTileWidth; ++l) {
      if (const absl::Status compared = Compare(l); !compared.ok()) return compared;
      if (l + 1 == levels_.size()) levels_.emplace_back();
      levels_[l + 1].hashes.push_back(RootOf(levels_[l].hashes));
      levels_[l].hashes.clear();
      ++levels_[l].tile;
    }
    return absl::OkStatus();
  }

  absl::Status CompareRest() {
    for (size_t l = 0; l < levels_.size(); ++l) {
      if (levels_[l].hashes.empty()) continue;
      if (const absl::Status compared = Compare(l); !compared.ok()) return compared;
    }
    return absl::OkStatus();
  }

  // Level 0 is compared entry by entry already.
  absl::Status Compare(size_t level) {
    if (level == 0 || !first_wrong_tile_.ok()) return absl::OkStatus();
    const Level& at = levels_[level];
    const absl::StatusOr<std::vector<TreeHash>> hashes =
        ReadHashes(level, at.tile, at.hashes.size());
    if (!hashes.ok()) return hashes.status();
    for (size_t i = 0; i < at.hashes.size(); ++i) {
      if ((*hashes)[i] == at.hashes[i]) continue;
      first_wrong_tile_ = absl::DataLossError(
          absl::StrCat("entries from ", (at.tile * kTileWidth + i) << (8 * level), ": ",
                       TilePath(absl::StrCat(level), at.tile, at.hashes.size()), ": hash ", i,
                       " is not that of the tile below"));
      break;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<TreeHash>> ReadHashes(size_t level, uint64_t tile, uint64_t width) {
    const std::string name = absl::StrCat(level);
    const absl::StatusOr<std::string> bytes = ReadTile(directory_, name, tile, width);
    const uint64_t entries = uint64_t{1} << (8 * level);  // below each hash
    if (!bytes.ok()) {
      return NoTile(bytes.status(), TilePath(name, tile, width), tile * kTileWidth * entries,
                    width * entries);
    }
    if (bytes->size() % sizeof(TreeHash) != 0 || bytes->size() / sizeof(TreeHash) < width ||
        bytes->size() / sizeof(TreeHash) > kTileWidth) {
      return absl::DataLossError(absl::StrCat(
          "entries from ",
          (tile * kTileWidth + std::min<uint64_t>(bytes->size() / sizeof(TreeHash), width)) *
              entries,
          ": ", TilePath(name, tile, width), " has ", bytes->size(), " bytes where ", width,
          " hashes have ", width * sizeof(TreeHash)));
    }
    std::vector<TreeHash> hashes(width);
    std::memcpy(hashes.data(), bytes->data(), width * sizeof(TreeHash));
    return hashes;
  }

  const std::string& directory_;
  const LogCheckpoint& checkpoint_;
  const std::optional<LogCheckpoint>& held_;
  std::vector<Level> levels_;
  TreeHasher from_entries_;
  TreeHasher from_tiles_;
  absl::Status first_wrong_entry_;
  absl::Status first_wrong_tile_;
};

}  // namespace

std::string TilePath(absl::string_view level, uint64_t index, uint64_t width) {
  std::string name = absl::StrFormat("%03d", index % 1000);
  for (index /= 1000; index > 0; index /= 1000) {
    name = absl::StrCat(absl::StrFormat("x%03d/", index % 1000), name);
  }
  return absl::StrCat("tile/", level, "/", name,
                      width < kTileWidth ? absl::StrCat(".p/", width) : "");
}

absl::StatusOr<std::vector<std::string>> ParseEntryBundle(absl::string_view bytes) {
  std::vector<std::string> entries;
  while (!bytes.empty()) {
    if (bytes.size() < 2) return absl::DataLossError("ends inside an entry's length");
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
    bytes.remove_prefix(2);
    if (bytes.size() < size) return absl::DataLossError("ends inside an entry");
    if (entries.size() == kTileWidth) return absl::DataLossError("has more than 256 entries");
    entries.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return entries;
}

absl::StatusOr<LogCheckpoint> VerifyLogDirectory(const std::string& directory,
                                                 const LogVerifierKey& key,
                                                 const std::optional<LogCheckpoint>& held,
                                                 const std::function<void(int64_t)>& progress) {
  const absl::StatusOr<std::string> note = ReadFile(directory + "/checkpoint");
  if (!note.ok()) return note.status();
  absl::StatusOr<LogCheckpoint> checkpoint = OpenCheckpoint(*note, key);
  if (!checkpoint.ok()) return checkpoint.status();
  if (held.has_value() && held->size > checkpoint->size) {
    return absl::DataLossError(absl::StrCat("the log was rolled back: it has ", checkpoint->size,
                                            " entries, and ", held->size, " were held"));
  }
  DirectoryVerifier verifier(directory, *checkpoint, held);
  if (const absl::Status verified = verifier.Run(progress); !verified.ok()) return verified;
  return checkpoint;
}

}  // namespace sluice::client
