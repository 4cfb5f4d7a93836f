#include "server/audit/tile_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "server/audit/checkpoint.h"

namespace sluice::server {
namespace {

constexpr char kCheckpoint[] = "checkpoint";
constexpr char kPending[] = "pending";
constexpr char kVkey[] = "vkey";
// How many of the newest leaf tiles a start compares byte by byte.
constexpr uint64_t kComparedAtStart = 16;

// How wide tile `index` of a level with `count` hashes is.
uint64_t WidthOf(uint64_t index, uint64_t count) {
  return std::min(kTileWidth, count - index * kTileWidth);
}

uint64_t TilesOf(uint64_t count) { return (count + kTileWidth - 1) / kTileWidth; }

}  // namespace

absl::StatusOr<std::unique_ptr<TileWriter>> TileWriter::Open(const std::string& path,
                                                             absl::string_view vkey,
                                                             const Store* store,
                                                             const HashTiles* tiles) {
  absl::StatusOr<std::unique_ptr<TileDirectory>> directory = TileDirectory::Open(path);
  if (!directory.ok()) return directory.status();
  std::unique_ptr<TileWriter> writer =
      absl::WrapUnique(new TileWriter(*std::move(directory), store, tiles));
  absl::Status status = writer->CheckLocalCheckpoints(vkey);
  if (!status.ok()) return status;
  const uint64_t full = writer->published_.size / kTileWidth;
  status = writer->Repair(full - std::min(full, kComparedAtStart));
  if (!status.ok()) return status;
  status = writer->directory_->Write(kVkey, absl::StrCat(vkey, "\n"));
  if (!status.ok()) return status;
  return writer;
}

absl::StatusOr<TileWriter::Published> TileWriter::ReadCheckpoint(
    const std::string& file, const NoteVerifier& verifier) const {
  absl::StatusOr<std::optional<std::string>> note = directory_->Read(file);
  if (!note.ok()) return note.status();
  if (!note->has_value()) return Published();
  absl::StatusOr<Checkpoint> local = OpenCheckpoint(**note, verifier);
  if (!local.ok()) {
    return absl::DataLossError("tile directory: its checkpoint is not one of this log's key");
  }
  if (local->size > tiles_.size()) {
    return absl::DataLossError(absl::StrCat("the log was rolled back: its directory has ",
                                            local->size, " entries, the store ", tiles_.size()));
  }
  absl::StatusOr<Hash> root = tiles_.Root(local->size);
  if (!root.ok()) return root.status();
  if (*root != local->root) {
    return absl::DataLossError(
        "the log was changed: its directory's checkpoint is of other entries");
  }
  return Published{**std::move(note), local->size};
}

absl::Status TileWriter::CheckLocalCheckpoints(absl::string_view vkey) {
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(vkey);
  if (!verifier.ok()) return verifier.status();
  const absl::Status pending = ReadCheckpoint(kPending, *verifier).status();
  if (!pending.ok()) return pending;
  absl::StatusOr<Published> checkpoint = ReadCheckpoint(kCheckpoint, *verifier);
  if (!checkpoint.ok()) return checkpoint.status();
  published_ = *std::move(checkpoint);
  written_ = published_.size;
  return absl::OkStatus();
}

absl::StatusOr<std::string> TileWriter::TileBytes(int level, uint64_t index, uint64_t width) const {
  absl::StatusOr<std::vector<Hash>> hashes = tiles_.Tile(level, index, width);
  if (!hashes.ok()) return hashes.status();
  std::string bytes;
  bytes.reserve(width * sizeof(Hash));
  for (const Hash& hash : *hashes) absl::StrAppend(&bytes, HashBytes(hash));
  return bytes;
}

absl::StatusOr<std::string> TileWriter::BundleBytes(uint64_t index, uint64_t width) const {
  absl::StatusOr<std::vector<Hash>> leaves = tiles_.Tile(0, index, width);
  if (!leaves.ok()) return leaves.status();
  std::string bytes;
  uint64_t count = 0;
  const uint64_t begin = index * kTileWidth;
  const absl::Status read = store_.ReadLogRows(begin, begin + width, [&](const LogRow& row) {
    // An entry that is not what the tree says never gets into a bundle.
    if (row.body.size() > UINT16_MAX || LeafHash(row.body) != (*leaves)[count]) return false;
    bytes.push_back(static_cast<char>(row.body.size() >> 8));
    bytes.push_back(static_cast<char>(row.body.size() & 0xff));
    bytes.append(row.body);
    return ++count < width;
  });
  if (!read.ok()) return read;
  if (count != width) return absl::DataLossError("the log holds an entry that was not hashed");
  return bytes;
}

absl::Status TileWriter::WriteTiles(uint64_t size) {
  if (size <= written_) return absl::OkStatus();
  for (int level = 0; level < kTileLevels; ++level) {
    const uint64_t before = written_ >> (8 * level);
    const uint64_t count = size >> (8 * level);
    if (before == count) break;  // so it is above, too
    for (uint64_t index = before / kTileWidth; index < TilesOf(count); ++index) {
      const uint64_t width = WidthOf(index, count);
      absl::StatusOr<std::string> bytes = TileBytes(level, index, width);
      if (!bytes.ok()) return bytes.status();
      absl::Status written = directory_->Write(TilePath(level, index, width), *bytes);
      if (!written.ok()) return written;
      if (level > 0) continue;
      bytes = BundleBytes(index, width);
      if (!bytes.ok()) return bytes.status();
      written = directory_->Write(BundlePath(index, width), *bytes);
      if (!written.ok()) return written;
    }
  }
  written_ = size;
  return absl::OkStatus();
}

absl::Status TileWriter::Prepare(uint64_t size, absl::string_view checkpoint) {
  const absl::Status written = WriteTiles(size);
  return written.ok() ? directory_->Write(kPending, checkpoint) : written;
}

absl::Status TileWriter::Publish(uint64_t size, absl::string_view checkpoint) {
  if (checkpoint == published_.note) return absl::OkStatus();
  absl::Status written = WriteTiles(size);
  // After all that it vouches for.
  if (written.ok()) written = directory_->Write(kCheckpoint, checkpoint);
  if (!written.ok()) return written;
  const uint64_t before = published_.size;
  published_ = {std::string(checkpoint), size};

  // All that are full now, and not the last one alone: a crash may have left partial tiles of a
  // size that was never published.
  for (int level = 0; level < kTileLevels; ++level) {
    const uint64_t full = (size >> (8 * level)) / kTileWidth;
    for (uint64_t index = (before >> (8 * level)) / kTileWidth; index < full; ++index) {
      const absl::Status dropped = DropPartial(level, index);
      if (!dropped.ok()) return dropped;
    }
  }
  return absl::OkStatus();
}

absl::Status TileWriter::RepairFile(const std::string& path, absl::StatusOr<std::string> bytes) {
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<std::optional<std::string>> there = directory_->Read(path);
  if (there.ok() && *there == *bytes) return absl::OkStatus();
  return directory_->Write(path, *bytes);
}

bool TileWriter::LooksWhole(uint64_t index) const {
  absl::StatusOr<std::optional<uint64_t>> tile =
      directory_->FileSize(TilePath(0, index, kTileWidth));
  absl::StatusOr<std::optional<uint64_t>> bundle =
      directory_->FileSize(BundlePath(index, kTileWidth));
  return tile.ok() && *tile == kTileWidth * sizeof(Hash) && bundle.ok() && bundle->value_or(0) > 0;
}

absl::Status TileWriter::DropPartial(int level, uint64_t index) {
  absl::Status removed = directory_->RemoveFiles(TilePath(level, index, kTileWidth) + ".p");
  if (!removed.ok() || level > 0) return removed;
  return directory_->RemoveFiles(BundlePath(index, kTileWidth) + ".p");
}

absl::Status TileWriter::Repair(uint64_t compared) {
  for (int level = 0; level < kTileLevels; ++level) {
    const uint64_t count = published_.size >> (8 * level);
    for (uint64_t index = 0; index < TilesOf(count); ++index) {
      const uint64_t width = WidthOf(index, count);
      if (level == 0 && index < compared && LooksWhole(index)) continue;
      absl::Status status =
          RepairFile(TilePath(level, index, width), TileBytes(level, index, width));
      if (status.ok() && level == 0) {
        status = RepairFile(BundlePath(index, width), BundleBytes(index, width));
      }
      // A crash may have come between a full tile and the end of its partial ones.
      if (status.ok() && width == kTileWidth) status = DropPartial(level, index);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status TileWriter::Health(uint64_t min_free) const {
  if (!fault().ok()) return fault();
  const absl::Status in_place = directory_->InPlace();
  if (!in_place.ok()) return in_place;
  absl::StatusOr<uint64_t> free = directory_->FreeBytes();
  if (!free.ok()) return free.status();
  if (*free < min_free) {
    return absl::ResourceExhaustedError(
        absl::StrCat("tile directory: ", *free, " bytes are free, ", min_free, " are needed"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
