#include "server/audit/checkpoint.h"

#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::server {

std::string Checkpoint::Body() const {
  return absl::StrCat(origin, "\n", size, "\n", absl::Base64Escape(HashBytes(root)), "\n");
}

absl::StatusOr<Checkpoint> ParseCheckpointBody(absl::string_view body) {
  const std::vector<absl::string_view> lines = absl::StrSplit(body, '\n');
  Checkpoint checkpoint;
  std::string root;
  if (lines.size() != 4 || !IsNoteName(lines[0]) || !absl::SimpleAtoi(lines[1], &checkpoint.size) ||
      !absl::Base64Unescape(lines[2], &root) || root.size() != checkpoint.root.size()) {
    return absl::InvalidArgumentError("not a checkpoint");
  }
  checkpoint.origin = std::string(lines[0]);
  std::memcpy(checkpoint.root.data(), root.data(), root.size());
  // Leading zeros, signs, spaces and other ways to write the same are not the same.
  if (checkpoint.Body() != body) return absl::InvalidArgumentError("not a checkpoint");
  return checkpoint;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteVerifier& verifier) {
  absl::StatusOr<std::string> text = verifier.Open(note);
  if (!text.ok()) return text.status();
  absl::StatusOr<Checkpoint> checkpoint = ParseCheckpointBody(*text);
  if (!checkpoint.ok()) return checkpoint.status();
  if (checkpoint->origin != verifier.name()) {
    return absl::UnauthenticatedError("the checkpoint is of another log");
  }
  return checkpoint;
}

}  // namespace sluice::server
