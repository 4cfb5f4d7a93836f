// A checkpoint (C2SP tlog-checkpoint): the log's origin, size and root, three lines, no extensions.
//
// A value.
#ifndef SLUICE_SERVER_AUDIT_CHECKPOINT_H_
#define SLUICE_SERVER_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/merkle.h"
#include "server/audit/signed_note.h"

namespace sluice::server {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root{};

  // The text that is signed.
  std::string Body() const;
};

// INVALID_ARGUMENT unless the text is exactly what Body gives.
absl::StatusOr<Checkpoint> ParseCheckpointBody(absl::string_view body);
// The same of a note that `verifier` vouches for and whose origin is the key's name.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteVerifier& verifier);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_CHECKPOINT_H_
