// Verifies a log's directory (C2SP tlog-tiles) offline: derives the whole tree anew from the entry
// bundles, compares every tile with it, and the root with the checkpoint. Says which entry or tile
// is wrong, and in what.
#ifndef SLUICE_CLIENT_LOG_DIRECTORY_H_
#define SLUICE_CLIENT_LOG_DIRECTORY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/log_checkpoint.h"

namespace sluice::client {

// "tile/0/x001/234", with ".p/112" where `width` is below 256. `level` "entries" for bundles.
std::string TilePath(absl::string_view level, uint64_t index, uint64_t width);

// The entries of a bundle. DATA_LOSS on bytes that are not whole entries.
absl::StatusOr<std::vector<std::string>> ParseEntryBundle(absl::string_view bytes);

// Reads `checkpoint` and all that it covers. `held`: an earlier checkpoint that this log must
// contain. DATA_LOSS with index and cause. `progress` is told of entries as they are verified.
absl::StatusOr<LogCheckpoint> VerifyLogDirectory(const std::string& directory,
                                                 const LogVerifierKey& key,
                                                 const std::optional<LogCheckpoint>& held,
                                                 const std::function<void(int64_t)>& progress);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_DIRECTORY_H_
