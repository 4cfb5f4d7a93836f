// Verifies the log over the network, as far as the caller may see it: the checkpoint's signature,
// that the log still contains the checkpoint held from before, and that every entry shown stands in
// it. A caller who is shown all entries gets the whole tree derived anew.
#ifndef SLUICE_CLIENT_LOG_VERIFIER_H_
#define SLUICE_CLIENT_LOG_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/gateway.h"
#include "client/log_checkpoint.h"
#include "client/retry.h"

namespace sluice::client {

using EntryVisitor = std::function<absl::Status(int64_t index, const std::string& body)>;

struct LogReport {
  LogCheckpoint checkpoint;
  int64_t entries = 0;     // verified
  bool whole = false;      // all of the log's
  bool continued = false;  // proven to contain the one held
};

// `key` vouches for `checkpoint`'s log. `start`: the first entry to look at. DATA_LOSS with index
// and cause where the log is not what it claims. `visit` is told of each entry, once that is
// proven to be the log's: with it each is proven by itself. Its failure ends the verification.
absl::StatusOr<LogReport> VerifyLog(Gateway& gateway, const LogVerifierKey& key,
                                    const std::optional<LogCheckpoint>& held, int64_t start,
                                    const std::function<Retry()>& new_retry,
                                    const std::function<void(int64_t)>& progress,
                                    const EntryVisitor& visit = nullptr);

// The last checkpoint of each log that was verified, in files of a directory, with the key that it
// was verified by: whoever keeps one can't be shown another history.
class HeldCheckpoints {
 public:
  // `$XDG_STATE_HOME/sluice`, or `~/.local/state/sluice`.
  static std::string DefaultDirectory();

  explicit HeldCheckpoints(std::string directory) : directory_(std::move(directory)) {}

  struct Held {
    LogVerifierKey key;
    LogCheckpoint checkpoint;
  };
  // Nothing if none is held. FAILED_PRECONDITION if the file was damaged.
  absl::StatusOr<std::optional<Held>> Load(absl::string_view origin) const;
  absl::Status Save(const LogVerifierKey& key, const LogCheckpoint& checkpoint) const;

 private:
  std::string PathOf(absl::string_view origin) const;

  const std::string directory_;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_VERIFIER_H_
