// Writes the log's tiles and checkpoint (C2SP tlog-tiles) from the store, after commit. What is in
// the directory can always be made again from the store; what the directory's checkpoint says can't
// be taken back, so a store that does not agree with it is refused.
//
// Thread-compatible: the log's background thread, or whoever ticks.
#ifndef SLUICE_SERVER_AUDIT_TILE_WRITER_H_
#define SLUICE_SERVER_AUDIT_TILE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/hash_tiles.h"
#include "server/audit/signed_note.h"
#include "server/audit/tile_directory.h"
#include "server/store/store.h"

namespace sluice::server {

class TileWriter {
 public:
  // `tiles` holds the store's log as a whole. DATA_LOSS if the directory's checkpoint is of a
  // longer log, of another one, or not signed by this key. What the checkpoint promises and is
  // missing or torn is written again; the newest tiles and bundles are compared whole.
  static absl::StatusOr<std::unique_ptr<TileWriter>> Open(const std::string& path,
                                                          absl::string_view vkey,
                                                          const Store* store,
                                                          const HashTiles* tiles);

  // Writes what the log has grown by, then the checkpoint of this size, then drops partial tiles
  // that are full now. Does nothing if it is published already.
  absl::Status Publish(uint64_t size, absl::string_view checkpoint);
  // Of Publish all but the checkpoint, which is kept as `pending`: others are to sign it first, and
  // a store that does not agree with it is refused from then on, too.
  absl::Status Prepare(uint64_t size, absl::string_view checkpoint);

  struct Published {
    std::string note;  // empty: none
    uint64_t size = 0;
  };
  // The directory's checkpoint.
  const Published& published() const { return published_; }

  // Writes again what is not as the store has it: of leaf tiles and bundles from number `compared`
  // on by their bytes, of those before by their size alone.
  absl::Status Repair(uint64_t compared);

  // Not OK once only a restart helps.
  const absl::Status& fault() const { return directory_->fault(); }
  // OK while the directory is the one that was opened, with `min_free` bytes to spare.
  absl::Status Health(uint64_t min_free) const;

 private:
  TileWriter(std::unique_ptr<TileDirectory> directory, const Store* store, const HashTiles* tiles)
      : directory_(std::move(directory)), store_(*store), tiles_(*tiles) {}

  absl::StatusOr<Published> ReadCheckpoint(const std::string& file,
                                           const NoteVerifier& verifier) const;
  absl::Status CheckLocalCheckpoints(absl::string_view vkey);
  absl::Status WriteTiles(uint64_t size);
  absl::StatusOr<std::string> TileBytes(int level, uint64_t index, uint64_t width) const;
  absl::StatusOr<std::string> BundleBytes(uint64_t index, uint64_t width) const;
  absl::Status RepairFile(const std::string& path, absl::StatusOr<std::string> bytes);
  // Whether a full leaf tile and its bundle are there, by their size.
  bool LooksWhole(uint64_t index) const;
  absl::Status DropPartial(int level, uint64_t index);

  const std::unique_ptr<TileDirectory> directory_;
  const Store& store_;
  const HashTiles& tiles_;
  Published published_;
  uint64_t written_ = 0;  // of this size all tiles are there
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_TILE_WRITER_H_
