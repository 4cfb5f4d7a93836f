// `sluice audit verify`: that the log is what it was, and holds what it shows.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/audit.h"
#include "client/command/evidence.h"
#include "client/command/log_trust.h"
#include "client/command/table.h"
#include "client/log_directory.h"
#include "client/log_verifier.h"
#include "client/log_witness.h"

namespace sluice::client {
namespace {

struct VerifyOptions {
  LogTrustOptions trust;
  WitnessOptions witnesses;
  std::string output = "text";
  int64_t start = 0;
  EvidenceOptions evidence;
};

// Who cosigned, and what: the log's whole checkpoint, or a part of the log that it begins with.
struct Witnessed {
  uint64_t size = 0;
  std::vector<CosignedBy> by;
};

ExitCode Verify(Session& session, const VerifyOptions& options) {
  if (!options.evidence.file.empty()) {
    EvidenceOptions evidence = options.evidence;
    evidence.output = options.output;
    evidence.witnesses = options.witnesses;
    return VerifyEvidenceFile(session, options.trust, evidence);
  }
  const absl::StatusOr<LogTrust> trust = TrustLog(session, options.trust);
  if (!trust.ok()) return FailVerify(trust.status());
  const absl::StatusOr<std::optional<WitnessQuorum>> quorum = TrustWitnesses(options.witnesses);
  if (!quorum.ok()) return Fail(quorum.status());
  const std::optional<LogCheckpoint>& before = trust->before;
  const std::string& directory = options.trust.directory;

  LogReport report;
  LogCheckpoint cosigned;
  {
    Progress progress("entries");
    const auto count = [&progress](int64_t n) { progress.Add(n); };
    if (!directory.empty()) {
      absl::StatusOr<LogCheckpoint> checkpoint =
          VerifyLogDirectory(directory, trust->key, before, count);
      if (!checkpoint.ok()) return FailVerify(checkpoint.status());
      report.checkpoint = *std::move(checkpoint);
      report.entries = static_cast<int64_t>(report.checkpoint.size);
      report.whole = true;
      report.continued = before.has_value();
      cosigned = report.checkpoint;
    } else {
      const absl::StatusOr<Gateway*> gateway = session.GetGateway();
      if (!gateway.ok()) return Fail(gateway.status());
      if (quorum->has_value()) {
        // First, so that what is verified then is no shorter.
        absl::StatusOr<LogCheckpoint> shown =
            FetchCosigned(**gateway, trust->key, session.NewRetry());
        if (!shown.ok()) return FailVerify(shown.status());
        cosigned = *std::move(shown);
      }
      absl::StatusOr<LogReport> verified = VerifyLog(
          **gateway, trust->key, before, options.start, [&] { return session.NewRetry(); }, count);
      if (!verified.ok()) return FailVerify(verified.status());
      report = *std::move(verified);
      if (quorum->has_value()) {
        const absl::Status proved =
            ProveCosigned(**gateway, cosigned, report.checkpoint, session.NewRetry());
        if (!proved.ok()) return FailVerify(proved);
      }
    }
  }
  std::optional<Witnessed> witnessed;
  if (quorum->has_value()) {
    absl::StatusOr<std::vector<CosignedBy>> by = VerifyCosigned(cosigned, **quorum, absl::Now());
    if (!by.ok()) return FailVerify(by.status());
    witnessed = {cosigned.size, *std::move(by)};
  }
  if (const absl::Status saved = trust->checkpoints.Save(trust->key, report.checkpoint);
      !saved.ok()) {
    return Fail(saved);
  }
  if (options.output == "json") {
    Table::Json json = {{"origin", report.checkpoint.origin},
                        {"size", report.checkpoint.size},
                        {"entries_verified", report.entries},
                        {"whole", report.whole}};
    if (before.has_value()) json["continues_size"] = before->size;
    if (witnessed.has_value()) {
      json["cosigned_size"] = witnessed->size;
      json["witnesses"] = CosignedJson(witnessed->by);
    }
    return Print(JsonText(json, -1)) ? kDone : kFailed;
  }
  const std::string entries =
      report.whole ? absl::StrCat("all ", Grouped(report.entries), " entries are in it")
                   : absl::StrCat(Grouped(report.entries), " entries that you may see are in it");
  Print(absl::StrCat(
      "verified: ", report.checkpoint.origin, ", ",
      Grouped(static_cast<int64_t>(report.checkpoint.size)), " entries\n  ", "signature  good\n",
      witnessed.has_value() ? CosignedText(witnessed->size, witnessed->by) : "", "  history    ",
      before.has_value()
          ? absl::StrCat("continues the checkpoint held (", before->size, " entries)")
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
  CLI::Option* directory =
      verify
          ->add_option("--directory", options->trust.directory,
                       "Verify this copy of the log's directory, whole and offline")
          ->type_name(kDirectoryValue);
  CLI::Option* bundle = verify
                            ->add_option("BUNDLE", options->evidence.file,
                                         "Verify this bundle (sluice audit bundle), offline")
                            ->type_name(kFileValue)
                            ->excludes(directory);
  AddLogTrust(verify, options->trust);
  AddWitnesses(verify, options->witnesses);
  AddOutput(verify, options->output, {"text", "json"});
  verify->add_option("--start", options->start, "The first entry to look at")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->excludes(bundle);
  verify
      ->add_flag("--older", options->evidence.older,
                 "Take a bundle whose checkpoint is older than the one held")
      ->needs(bundle);
}

}  // namespace sluice::client
