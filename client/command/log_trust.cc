#include "client/command/log_trust.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/file.h"

namespace sluice::client {
namespace {

// A key is given as itself or as the file that it stands in.
template <typename Key>
absl::StatusOr<Key> GivenKey(const std::string& given) {
  if (absl::StrContains(given, '+') && Key::Parse(given).ok()) return Key::Parse(given);
  const absl::StatusOr<std::string> text = ReadFile(given);
  if (!text.ok()) return text.status();
  return Key::Parse(*text);
}

// The key that the log itself shows.
absl::StatusOr<LogVerifierKey> ShownKey(Session& session, const std::string& directory) {
  if (!directory.empty()) return GivenKey<LogVerifierKey>(directory + "/vkey");
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
  const absl::StatusOr<LogVerifierKey> key = options.vkey.empty()
                                                 ? ShownKey(session, options.directory)
                                                 : GivenKey<LogVerifierKey>(options.vkey);
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

CLI::Option* AddWitnesses(CLI::App* verb, WitnessOptions& options) {
  CLI::Option* const witness =
      verb->add_option("--witness", options.witnesses,
                       "A witness's verifier key, or its file; as often as there are witnesses")
          ->type_name(kFileValue)
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--witness-quorum", options.quorum,
                   "How many of them must have cosigned; else more than half")
      ->check(CLI::PositiveNumber)
      ->needs(witness);
  return witness;
}

absl::StatusOr<std::optional<WitnessQuorum>> TrustWitnesses(const WitnessOptions& options) {
  if (options.witnesses.empty()) return std::nullopt;
  std::vector<WitnessVerifierKey> keys;
  for (const std::string& given : options.witnesses) {
    absl::StatusOr<WitnessVerifierKey> key = GivenKey<WitnessVerifierKey>(given);
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  absl::StatusOr<WitnessQuorum> quorum = MakeQuorum(std::move(keys), options.quorum);
  if (!quorum.ok()) return quorum.status();
  return *std::move(quorum);
}

ExitCode FailVerify(const absl::Status& status) {
  const ExitCode code = Fail(status);
  return absl::IsDataLoss(status) ? kCheckFailed : code;
}

}  // namespace sluice::client
