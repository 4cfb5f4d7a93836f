// `sluice audit verify`: that the log is what it was, and holds what it shows.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/audit.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/log_directory.h"
#include "client/log_verifier.h"

namespace sluice::client {
namespace {

struct VerifyOptions {
  std::string directory;
  std::string vkey;
  std::string state;
  std::string output = "text";
  int64_t start = 0;
};

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
absl::StatusOr<LogVerifierKey> ShownKey(Session& session, const VerifyOptions& options) {
  if (!options.directory.empty()) return GivenKey(options.directory + "/vkey");
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return gateway.status();
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetCheckpointResponse> response =
      retry.Run([&] { return (*gateway)->GetCheckpoint(); });
  if (!response.ok()) return response.status();
  return LogVerifierKey::Parse(response->vkey());
}

// A log that is not what it claims fails a check; anything else is a failure to check.
ExitCode FailVerify(const absl::Status& status) {
  const ExitCode code = Fail(status);
  return absl::IsDataLoss(status) ? kCheckFailed : code;
}

ExitCode Verify(Session& session, const VerifyOptions& options) {
  const HeldCheckpoints checkpoints(options.state.empty() ? HeldCheckpoints::DefaultDirectory()
                                                          : options.state);
  const absl::StatusOr<LogVerifierKey> key =
      options.vkey.empty() ? ShownKey(session, options) : GivenKey(options.vkey);
  if (!key.ok()) return Fail(key.status());
  const absl::StatusOr<std::optional<HeldCheckpoints::Held>> held = checkpoints.Load(key->name());
  if (!held.ok()) return Fail(held.status());
  std::optional<LogCheckpoint> before;
  if (held->has_value()) {
    before = (*held)->checkpoint;
    if ((*held)->key.text() != key->text()) {
      return FailVerify(absl::DataLossError(
          absl::StrCat("the log ", key->name(), " is signed by another key than before: held is ",
                       (*held)->key.text(), ", shown is ", key->text())));
    }
  } else if (options.vkey.empty()) {
    Note(
        absl::StrCat("sluice: this log was not seen before; its own key is believed: ", key->text(),
                     "\n  compare it with what the operator tells you, or give --vkey\n"));
  }

  LogReport report;
  {
    Progress progress("entries");
    const auto count = [&progress](int64_t n) { progress.Add(n); };
    if (!options.directory.empty()) {
      absl::StatusOr<LogCheckpoint> checkpoint =
          VerifyLogDirectory(options.directory, *key, before, count);
      if (!checkpoint.ok()) return FailVerify(checkpoint.status());
      report.checkpoint = *std::move(checkpoint);
      report.entries = static_cast<int64_t>(report.checkpoint.size);
      report.whole = true;
      report.continued = before.has_value();
    } else {
      const absl::StatusOr<Gateway*> gateway = session.GetGateway();
      if (!gateway.ok()) return Fail(gateway.status());
      absl::StatusOr<LogReport> verified = VerifyLog(
          **gateway, *key, before, options.start, [&] { return session.NewRetry(); }, count);
      if (!verified.ok()) return FailVerify(verified.status());
      report = *std::move(verified);
    }
  }
  if (const absl::Status saved = checkpoints.Save(*key, report.checkpoint); !saved.ok()) {
    return Fail(saved);
  }
  if (options.output == "json") {
    Table::Json json = {{"origin", report.checkpoint.origin},
                        {"size", report.checkpoint.size},
                        {"entries_verified", report.entries},
                        {"whole", report.whole}};
    if (before.has_value()) json["continues_size"] = before->size;
    return Print(JsonText(json, -1)) ? kDone : kFailed;
  }
  const std::string entries =
      report.whole ? absl::StrCat("all ", Grouped(report.entries), " entries are in it")
                   : absl::StrCat(Grouped(report.entries), " entries that you may see are in it");
  Print(absl::StrCat("verified: ", report.checkpoint.origin, ", ",
                     Grouped(static_cast<int64_t>(report.checkpoint.size)), " entries\n  ",
                     "signature  good\n  history    ",
                     before.has_value() ? absl::StrCat("continues the checkpoint held (",
                                                       before->size, " entries)")
                                        : "none held before; this checkpoint is held now",
                     "\n  entries    ", entries, "\n"));
  return kDone;
}

}  // namespace

void AddAuditVerify(CLI::App* noun, Session& session) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verify =
      session.AddVerb(noun, "verify", "Prove that the log is what it was, and holds what it shows",
                      "sluice audit verify --vkey vkey --directory /var/lib/sluice/log",
                      [&session, options] { return Verify(session, *options); });
  verify
      ->add_option("--directory", options->directory,
                   "Verify this copy of the log's directory, whole and offline")
      ->type_name(kDirectoryValue);
  verify->add_option("--vkey", options->vkey, "The log's verifier key, or its file")
      ->type_name(kFileValue);
  verify
      ->add_option("--state", options->state,
                   "Where the last checkpoint is held (~/.local/state/sluice)")
      ->type_name(kDirectoryValue);
  AddOutput(verify, options->output, {"text", "json"});
  verify->add_option("--start", options->start, "The first entry to look at")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

}  // namespace sluice::client
