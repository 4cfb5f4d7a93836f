#include "server/collection_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/trust_files.h"

namespace sluice::server {
namespace {

constexpr absl::string_view kFirstLine = "sluice collections 2";
constexpr size_t kNameDigits = 32;

std::string TextOf(const CollectionProgress& progress) {
  std::string text = absl::StrCat(kFirstLine, "\n", progress.position, "\n");
  for (const auto& [name, position] : progress.collections) {
    absl::StrAppend(&text, name, " ", position, "\n");
  }
  return text;
}

// False if it is none of ours.
bool Parse(absl::string_view text, CollectionProgress& progress) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() < 3 || !absl::SimpleAtoi(lines[1], &progress.position)) return false;
  for (size_t i = 2; i + 1 < lines.size(); ++i) {
    const absl::string_view name = lines[i].substr(0, kNameDigits);
    if (name.size() != kNameDigits ||
        !std::all_of(name.begin(), name.end(), absl::ascii_isxdigit)) {
      return false;
    }
    int64_t& position = progress.collections[std::string(name)];
    if (!absl::SimpleAtoi(lines[i].substr(kNameDigits), &position)) return false;
  }
  return TextOf(progress) == text;
}

// Whether nothing has gone back.
bool IsAsFarAs(const CollectionProgress& noted, const CollectionProgress& now) {
  return now.position >= noted.position &&
         std::all_of(noted.collections.begin(), noted.collections.end(), [&](const auto& before) {
           const auto found = now.collections.find(before.first);
           return found != now.collections.end() && found->second >= before.second;
         });
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
  noted_ = {};
  if (!Parse(text, noted_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " is not what a gateway wrote there; `sluiced store verify`, then take it away"));
  }
  if (!IsAsFarAs(noted_, *now)) {
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
  if (*now == noted_) return absl::OkStatus();
  absl::Status status = ReplaceFile(path_, TextOf(*now));
  if (status.ok()) noted_ = *now;
  return status;
}

}  // namespace sluice::server
