// What a log is verified by: its key, and the checkpoint that was held from before. Whoever holds
// one can't be shown another history.
#ifndef SLUICE_CLIENT_COMMAND_LOG_TRUST_H_
#define SLUICE_CLIENT_COMMAND_LOG_TRUST_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/command/session.h"
#include "client/log_verifier.h"
#include "client/log_witness.h"

namespace sluice::client {

struct LogTrustOptions {
  std::string directory;  // of the log, where it is verified offline; empty: over the network
  std::string vkey;       // the key, or its file; empty: the one that was held, or the log shows
  std::string state;      // where checkpoints are held; empty: HeldCheckpoints::DefaultDirectory
};
// `--vkey` and `--state`.
void AddLogTrust(CLI::App* verb, LogTrustOptions& options);

struct LogTrust {
  HeldCheckpoints checkpoints;
  LogVerifierKey key;
  std::optional<LogCheckpoint> before;
};
// Says so where a log that was never seen is believed its own key. DATA_LOSS if it is signed by
// another key than before.
absl::StatusOr<LogTrust> TrustLog(Session& session, const LogTrustOptions& options);

// `--witness` and `--witness-quorum`.
struct WitnessOptions {
  std::vector<std::string> witnesses;  // each a key, or its file
  size_t quorum = 0;                   // 0: more than half of them
};
// Gives the first.
CLI::Option* AddWitnesses(CLI::App* verb, WitnessOptions& options);
// Nothing if no witness is given.
absl::StatusOr<std::optional<WitnessQuorum>> TrustWitnesses(const WitnessOptions& options);

// A log that is not what it claims fails a check; anything else is a failure to check.
ExitCode FailVerify(const absl::Status& status);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_TRUST_H_
