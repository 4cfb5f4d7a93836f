// The body of `add-checkpoint` (C2SP tlog-witness): from which size a log says that it has grown,
// the proof of that, and the checkpoint that it has grown to. Anything that is not to the letter is
// refused.
//
// A value.
#ifndef SLUICE_CLIENT_WITNESS_ADD_CHECKPOINT_REQUEST_H_
#define SLUICE_CLIENT_WITNESS_ADD_CHECKPOINT_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/log_checkpoint.h"
#include "client/log_tree.h"

namespace sluice::witness {

inline constexpr size_t kMaxProofHashes = 63;
// Our own take 8 KiB at most. A note may have 16 signatures, and of algorithms to come one takes
// over 3 KiB.
inline constexpr size_t kMaxRequestBytes = size_t{64} << 10;

struct AddCheckpointRequest {
  uint64_t old_size = 0;
  std::vector<client::TreeHash> proof;
  std::string checkpoint;   // the note's bytes
  client::SignedNote note;  // of which no signature was looked into
  client::TreeHead head;
};

// INVALID_ARGUMENT, with what is wrong, unless the body is as specified.
absl::StatusOr<AddCheckpointRequest> ParseAddCheckpointRequest(absl::string_view body);

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_ADD_CHECKPOINT_REQUEST_H_
