#include "client/command/evidence.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/command/log_entry.h"
#include "client/command/output.h"
#include "client/file.h"

namespace sluice::client {
namespace {

std::string Count(uint64_t n) {
  return absl::StrCat(Grouped(static_cast<int64_t>(n)), n == 1 ? " entry" : " entries");
}

const char* NameOf(EvidenceReport::History history) {
  using History = EvidenceReport::History;
  switch (history) {
    case History::kNoneHeld:
      return "NONE_HELD";
    case History::kContinued:
      return "CONTINUED";
    case History::kUnproven:
      return "UNPROVEN";
    case History::kOlder:
      return "OLDER";
  }
  return "";
}

std::string HistoryText(const EvidenceReport& report, const std::optional<LogCheckpoint>& held) {
  using History = EvidenceReport::History;
  const std::string of_held =
      held.has_value() ? absl::StrCat("the checkpoint held (", Count(held->size), ")") : "";
  switch (report.history) {
    case History::kNoneHeld:
      return "no checkpoint of this log was held to compare it with";
    case History::kContinued:
      return absl::StrCat("continues ", of_held);
    case History::kUnproven:
      return absl::StrCat("newer than ", of_held,
                          "; the bundle does not show that it continues that one");
    case History::kOlder:
      return absl::StrCat("older than ", of_held,
                          "; the bundle does not show that the log still contains it");
  }
  return "";
}

// "disclosure 2, outcome 1"
std::map<std::string, int64_t> Types(const EvidenceBundle& bundle) {
  std::map<std::string, int64_t> types;
  for (const EvidenceBundle::Run& run : bundle.runs) {
    for (const EvidenceBundle::Entry& entry : run.entries) {
      v1::LogEntry read;
      read.set_body(entry.body);
      const LogEntryView view(read);
      ++types[view.is_entry() ? view.type() : "unreadable"];
    }
  }
  return types;
}

std::string ChoiceText(const EvidenceBundle& bundle) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : bundle.filter) parts.push_back(absl::StrCat(name, " ", value));
  return parts.empty() ? "shown to who made the bundle" : absl::StrJoin(parts, ", ");
}

}  // namespace

std::string CosignedText(uint64_t size, const std::vector<CosignedBy>& by) {
  return absl::StrCat(
      "  witnesses  ",
      absl::StrJoin(by, "\n             ",
                    [&](std::string* out, const CosignedBy& one) {
                      absl::StrAppend(
                          out, one.witness, " cosigned the first ",
                          Grouped(static_cast<int64_t>(size)), " entries at ",
                          absl::FormatTime("%Y-%m-%d %H:%M:%SZ", one.time, absl::UTCTimeZone()));
                    }),
      "\n");
}

Table::Json CosignedJson(const std::vector<CosignedBy>& by) {
  Table::Json json = Table::Json::array();
  for (const CosignedBy& one : by) {
    json.push_back(
        {{"name", one.witness},
         {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", one.time, absl::UTCTimeZone())}});
  }
  return json;
}

std::string EvidenceText(const EvidenceBundle& bundle, const EvidenceReport& report,
                         const LogTrust& trust) {
  std::string text = absl::StrCat("  history    ", HistoryText(report, trust.before), "\n");
  if (report.earlier.has_value()) {
    absl::StrAppend(&text, "             continues an earlier one that is in the bundle (",
                    Count(report.earlier->size), ")\n");
  }
  if (bundle.subject.has_value()) {
    absl::StrAppend(&text, "  entries    ", Grouped(report.entries), " disclosures of records of ",
                    bundle.subject->owner, "\n             ",
                    bundle.subject->ordinals.empty()
                        ? "whom they are about, this bundle does not show"
                        : absl::StrCat("each about who has the ordinals ",
                                       absl::StrJoin(bundle.subject->ordinals, " "),
                                       " there; whose these are, its owner says"),
                    "\n             that there are no others, it can't show\n");
  } else if (bundle.is_range) {
    absl::StrAppend(&text, "  entries    all from ", bundle.begin, " to ", bundle.end - 1, ": ",
                    Grouped(report.entries), "\n");
  } else {
    absl::StrAppend(&text, "  entries    ", Grouped(report.entries), " of those before ",
                    bundle.end, bundle.begin > 0 ? absl::StrCat(" from ", bundle.begin, " on") : "",
                    ": ", ChoiceText(bundle),
                    "\n             that there are no others, no bundle of a selection can show\n");
  }
  const std::map<std::string, int64_t> types = Types(bundle);
  if (!types.empty()) {
    absl::StrAppend(&text, "  types      ",
                    absl::StrJoin(types, ", ",
                                  [](std::string* out, const auto& type) {
                                    absl::StrAppend(out, type.first, " ", Grouped(type.second));
                                  }),
                    "\n");
  }
  return text;
}

namespace {

// By the key given, or the one held: never by the bundle's own.
absl::StatusOr<LogTrust> TrustForBundle(Session& session, LogTrustOptions options,
                                        const EvidenceBundle& bundle) {
  if (options.vkey.empty()) {
    const absl::StatusOr<LogVerifierKey> shown = LogVerifierKey::Parse(bundle.vkey);
    if (!shown.ok()) return absl::DataLossError(shown.status().message());
    const HeldCheckpoints checkpoints(options.state.empty() ? HeldCheckpoints::DefaultDirectory()
                                                            : options.state);
    const absl::StatusOr<std::optional<HeldCheckpoints::Held>> held =
        checkpoints.Load(shown->name());
    if (!held.ok()) return held.status();
    if (!held->has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("no key of the log ", shown->name(),
                       " is held, and the one in the bundle proves nothing of itself: compare it "
                       "with what the operator tells you, and give it with --vkey: ",
                       shown->text()));
    }
    options.vkey = (*held)->key.text();
  }
  return TrustLog(session, options);
}

Table::Json JsonOf(const EvidenceBundle& bundle, const EvidenceReport& report,
                   const LogTrust& trust) {
  Table::Json json = {{"origin", report.checkpoint.origin},
                      {"size", report.checkpoint.size},
                      {"entries_verified", report.entries},
                      {"range", bundle.is_range},
                      {"begin", bundle.begin},
                      {"end", bundle.end},
                      {"history", NameOf(report.history)}};
  if (trust.before.has_value()) json["held_size"] = trust.before->size;
  if (report.earlier.has_value()) json["continues_size"] = report.earlier->size;
  if (bundle.subject.has_value()) {
    json["subject"] = {{"owner", bundle.subject->owner}, {"ordinals", bundle.subject->ordinals}};
  }
  if (!bundle.filter.empty()) json["filter"] = Table::Json::object();
  for (const auto& [name, value] : bundle.filter) json["filter"][name] = value;
  json["types"] = Table::Json::object();
  for (const auto& [type, count] : Types(bundle)) json["types"][type] = count;
  return json;
}

}  // namespace

ExitCode VerifyEvidenceFile(Session& session, const LogTrustOptions& trust_options,
                            const EvidenceOptions& options) {
  const absl::StatusOr<std::string> text = ReadFile(options.file);
  if (!text.ok()) return Fail(text.status());
  const absl::StatusOr<EvidenceBundle> bundle = EvidenceBundle::Parse(*text);
  if (!bundle.ok()) return FailVerify(bundle.status());
  const absl::StatusOr<LogTrust> trust = TrustForBundle(session, trust_options, *bundle);
  if (!trust.ok()) return FailVerify(trust.status());
  absl::StatusOr<EvidenceReport> report = VerifyEvidence(*bundle, trust->key, trust->before);
  if (!report.ok()) return FailVerify(report.status());
  if (report->history == EvidenceReport::History::kOlder && !options.older) {
    report->failures.push_back(absl::StrCat(
        "the bundle's checkpoint (", Count(report->checkpoint.size),
        ") is older than the one held (", Count(trust->before->size),
        "): the log may have gone another way since; --older takes it for what it was then"));
  }
  const absl::StatusOr<std::optional<WitnessQuorum>> quorum = TrustWitnesses(options.witnesses);
  if (!quorum.ok()) return Fail(quorum.status());
  std::optional<std::vector<CosignedBy>> cosigned;
  if (quorum->has_value()) {
    absl::StatusOr<std::vector<CosignedBy>> by =
        VerifyCosigned(report->checkpoint, **quorum, absl::Now());
    if (by.ok()) cosigned = *std::move(by);
    if (!by.ok()) report->failures.push_back(std::string(by.status().message()));
  }
  if (!report->failures.empty()) {
    return FailVerify(absl::DataLossError(absl::StrJoin(report->failures, "\n")));
  }
  if (options.output == "json") {
    Table::Json json = JsonOf(*bundle, *report, *trust);
    if (cosigned.has_value()) json["witnesses"] = CosignedJson(*cosigned);
    return Print(JsonText(json, -1)) ? kDone : kFailed;
  }
  return Print(absl::StrCat(
             "verified: ", report->checkpoint.origin, ", ", Count(report->checkpoint.size),
             "\n  signature  good, of the key ", trust_options.vkey.empty() ? "held" : "given",
             "\n", cosigned.has_value() ? CosignedText(report->checkpoint.size, *cosigned) : "",
             EvidenceText(*bundle, *report, *trust)))
             ? kDone
             : kFailed;
}

}  // namespace sluice::client
