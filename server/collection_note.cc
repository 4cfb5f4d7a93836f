#include "server/collection_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/trust_files.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kFirstLine = "sluice collections 1";

std::string TextOf(const CollectionProgress& progress) {
  const absl::string_view digest(reinterpret_cast<const char*>(progress.digest.data()),
                                 progress.digest.size());
  return absl::StrCat(kFirstLine, "\n", progress.steps, "\n", absl::BytesToHexString(digest), "\n");
}

// False if it is none of ours.
bool Parse(absl::string_view text, CollectionProgress& progress) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() != 4 || !absl::SimpleAtoi(lines[1], &progress.steps)) return false;
  const std::string digest = absl::HexStringToBytes(lines[2]);
  if (digest.size() != progress.digest.size()) return false;
  std::copy(digest.begin(), digest.end(), progress.digest.begin());
  return TextOf(progress) == text;
}

}  // namespace

CollectionNote::CollectionNote(const Store* store, absl::string_view tile_directory)
    : store_(*store), path_(absl::StrCat(tile_directory, "/collections")) {}

absl::Status CollectionNote::Check() {
  const absl::StatusOr<CollectionProgress> now = store_.Progress();
  if (!now.ok()) return now.status();
  checked_ = false;
  if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) {
    checked_ = true;
    return Keep();
  }
  std::ifstream file(path_, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!Parse(text, noted_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " is not what a gateway wrote there; `sluiced store verify`, then take it away"));
  }
  if (now->steps < noted_.steps || (now->steps == noted_.steps && now->digest != noted_.digest)) {
    return absl::DataLossError(
        "collections of records are as they were before this gateway stopped: restore the store");
  }
  checked_ = true;
  return Keep();
}

absl::Status CollectionNote::Keep() {
  if (!checked_) return absl::OkStatus();
  const absl::StatusOr<CollectionProgress> now = store_.Progress();
  if (!now.ok()) return now.status();
  if (now->steps <= noted_.steps) return absl::OkStatus();
  absl::Status status = ReplaceFile(path_, TextOf(*now));
  if (status.ok()) noted_ = *now;
  return status;
}

}  // namespace sluice::server
