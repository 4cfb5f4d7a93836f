#include "client/command/log_trust.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/file.h"

namespace sluice::client {
namespace {

// A key is given as itself or as the file that it stands in.
absl::StatusOr<LogVerifierKey> GivenKey(const std::string& given) {
  if (absl::StrContains(given, '+') && LogVerifierKey::Parse(given).ok()) {
    return LogVerifierKey::Parse(given);
  }
  const absl::StatusOr<std::string> text = ReadFile(given);
  if (!text.ok()) return text.status();
  return LogVerifierKey::Parse(*text);
}

// The key that the log itself shows.
absl::StatusOr<LogVerifierKey> ShownKey(Session& session, const std::string& directory) {
  if (!directory.empty()) return GivenKey(directory + "/vkey");
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return gateway.status();
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetCheckpointResponse> response =
      retry.Run([&] { return (*gateway)->GetCheckpoint(); });
  if (!response.ok()) return response.status();
  return LogVerifierKey::Parse(response->vkey());
}

}  // namespace

void AddLogTrust(CLI::App* verb, LogTrustOptions& options) {
  verb->add_option("--vkey", options.vkey, "The log's verifier key, or its file")
      ->type_name(kFileValue);
  verb->add_option("--state", options.state,
                   "Where the last checkpoint is held (~/.local/state/sluice)")
      ->type_name(kDirectoryValue);
}

absl::StatusOr<LogTrust> TrustLog(Session& session, const LogTrustOptions& options) {
  const HeldCheckpoints checkpoints(options.state.empty() ? HeldCheckpoints::DefaultDirectory()
                                                          : options.state);
  const absl::StatusOr<LogVerifierKey> key =
      options.vkey.empty() ? ShownKey(session, options.directory) : GivenKey(options.vkey);
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::optional<HeldCheckpoints::Held>> held = checkpoints.Load(key->name());
  if (!held.ok()) return held.status();
  LogTrust trust{checkpoints, *key, std::nullopt};
  if (held->has_value()) {
    trust.before = (*held)->checkpoint;
    if ((*held)->key.text() != key->text()) {
      return absl::DataLossError(absl::StrCat("the log ", key->name(),
                                              " is signed by another key than before: held is ",
                                              (*held)->key.text(), ", shown is ", key->text()));
    }
  } else if (options.vkey.empty()) {
    Note(
        absl::StrCat("sluice: this log was not seen before; its own key is believed: ", key->text(),
                     "\n  compare it with what the operator tells you, or give --vkey\n"));
  }
  return trust;
}

ExitCode FailVerify(const absl::Status& status) {
  const ExitCode code = Fail(status);
  return absl::IsDataLoss(status) ? kCheckFailed : code;
}

}  // namespace sluice::client
