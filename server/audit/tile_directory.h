// The directory that other people's tools read the log from. A file in it is whole or not there,
// whatever crashes: written beside, synced, renamed, and the directory synced. One gateway holds it
// at a time.
//
// Thread-compatible; TileWriter owns it.
#ifndef SLUICE_SERVER_AUDIT_TILE_DIRECTORY_H_
#define SLUICE_SERVER_AUDIT_TILE_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// C2SP tlog-tiles: `tile/<level>/<index>`, the index in groups of three digits, those before the
// last with an `x`; `.p/<width>` after it if the tile is narrower than 256.
std::string TilePath(int level, uint64_t index, uint64_t width);
// `tile/entries/<index>`, the same way.
std::string BundlePath(uint64_t index, uint64_t width);

class TileDirectory {
 public:
  // Made if absent, readable by its owner alone: it holds entries. FAILED_PRECONDITION if another
  // process holds it.
  static absl::StatusOr<std::unique_ptr<TileDirectory>> Open(const std::string& path);
  ~TileDirectory();
  TileDirectory(const TileDirectory&) = delete;
  TileDirectory& operator=(const TileDirectory&) = delete;

  // Paths are relative, names of TilePath's kind. Durable on return. An fsync that failed is not
  // tried again: from then on nothing is written.
  absl::Status Write(const std::string& path, absl::string_view bytes);
  // nullopt if there is no such file.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& path) const;
  // nullopt if there is no such file.
  absl::StatusOr<std::optional<uint64_t>> FileSize(const std::string& path) const;
  // Removes a directory with the files in it, if it is there.
  absl::Status RemoveFiles(const std::string& path);

  // Not OK once an fsync has failed: what the disk has is not known.
  const absl::Status& fault() const { return fault_; }
  // FAILED_PRECONDITION if what stands at the path is not this directory any more.
  absl::Status InPlace() const;
  // What is left to whoever is not root.
  absl::StatusOr<uint64_t> FreeBytes() const;

 private:
  TileDirectory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status MakeParents(const std::string& path);
  absl::Status Sync(int fd, const std::string& path);

  const std::string path_;
  const int fd_;
  absl::flat_hash_set<std::string> made_;  // directories known to be there
  absl::Status fault_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_TILE_DIRECTORY_H_
