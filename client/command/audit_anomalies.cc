// `sluice audit anomalies`: what stands out in the log, each finding with the entry behind it.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/command/audit.h"
#include "client/command/log_anomalies.h"
#include "client/command/table.h"
#include "client/command/time_option.h"

namespace sluice::client {
namespace {

struct AnomalyOptions {
  std::string since = "7d";
  std::string until;
  std::string hours = "7-19";
  std::string zone;
  int64_t denials = 10;
  bool fail_on_findings = false;
  std::string output = "text";
};

// "7-19": from the first hour's begin to the last one's.
absl::Status SetHours(const std::string& text, LogAnomalies::Options& options) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &options.begin_hour) ||
      !absl::SimpleAtoi(parts[1], &options.end_hour) || options.begin_hour < 0 ||
      options.end_hour > 24 || options.begin_hour >= options.end_hour) {
    return absl::InvalidArgumentError("--hours: two full hours of a day, as in 7-19");
  }
  return absl::OkStatus();
}

absl::StatusOr<LogAnomalies::Options> OptionsOf(const AnomalyOptions& given, absl::Time now) {
  LogAnomalies::Options options;
  const absl::StatusOr<absl::Time> since = ParseMoment(given.since, now);
  if (!since.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--since: ", since.status().message()));
  }
  options.since = *since;
  if (!given.until.empty()) {
    const absl::StatusOr<absl::Time> until = ParseMoment(given.until, now);
    if (!until.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--until: ", until.status().message()));
    }
    options.until = *until;
  }
  if (options.until <= options.since) {
    return absl::InvalidArgumentError("--until: must be after --since");
  }
  if (absl::Status status = SetHours(given.hours, options); !status.ok()) return status;
  options.zone = absl::LocalTimeZone();
  if (!given.zone.empty() && !absl::LoadTimeZone(given.zone, &options.zone)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--time-zone: there is no \"", given.zone, "\"; as in America/Chicago"));
  }
  options.denials = given.denials;
  return options;
}

bool PrintAll(const std::vector<Anomaly>& findings, const std::string& form) {
  const bool text = form == "text";
  Table table(
      text ? std::vector<Table::Column>{{"INDEX"},
                                        {"TIME (UTC)"},
                                        {"FINDING"},
                                        {"WHO", Table::Fit::kMayShorten},
                                        {"WHAT", Table::Fit::kMayShorten}}
           : std::vector<Table::Column>{{"index"}, {"time"}, {"finding"}, {"who"}, {"what"}});
  for (const Anomaly& it : findings) {
    const std::string time = absl::FormatTime(text ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ",
                                              it.time, absl::UTCTimeZone());
    table.Add({absl::StrCat(it.index), time, NameOf(it.kind), it.who, it.what},
              {{"index", it.index},
               {"time", time},
               {"finding", NameOf(it.kind)},
               {"who", it.who},
               {"what", it.what}});
  }
  if (text && findings.empty()) return true;
  return table.Print(form);
}

ExitCode Anomalies(Session& session, const AnomalyOptions& given) {
  const absl::StatusOr<LogAnomalies::Options> options = OptionsOf(given, absl::Now());
  if (!options.ok()) return FailUsage(options.status().message());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  LogPages pages(**gateway, [&session] { return session.NewRetry(); },
                 {.start = 0, .type = "", .filter = {}, .until = {}});
  LogAnomalies anomalies(*options);
  {
    Progress progress("entries");
    for (;;) {
      const absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page = pages.Next();
      if (!page.ok()) return Fail(page.status());
      if (!page->has_value()) break;
      for (const v1::LogEntry& entry : **page) anomalies.Add(LogEntryView(entry));
      progress.Add(static_cast<int64_t>((*page)->size()));
    }
  }
  const std::vector<Anomaly> findings = anomalies.Findings();
  if (!PrintAll(findings, given.output)) return kFailed;
  if (given.output == "text") {
    const auto count = static_cast<int64_t>(findings.size());
    const std::string said = absl::StrCat(
        findings.empty() ? "nothing stands out" : absl::StrCat(Grouped(count), " findings"),
        ", by the first ", Grouped(pages.log_size()),
        " entries of the log, as far as they are shown to you\n");
    if (!Print(said)) return kFailed;
  }
  const ExitCode end = EndOfPages(pages);
  return end == kDone && given.fail_on_findings && !findings.empty() ? kCheckFailed : end;
}

}  // namespace

void AddAuditAnomalies(CLI::App* noun, Session& session) {
  auto options = std::make_shared<AnomalyOptions>();
  CLI::App* anomalies = session.AddVerb(
      noun, "anomalies",
      "What stands out: first times, unusual volume and hours, repeated denials, each with its "
      "entry",
      "sluice audit anomalies --since 7d --time-zone America/Chicago",
      [&session, options] { return Anomalies(session, *options); });
  anomalies
      ->add_option("--since", options->since,
                   "Findings from this time on; what was before is what they are held against: "
                   "2027-01-31 (UTC), 2027-01-31T08:00:00Z, or how long ago: 7d, 12h")
      ->type_name(kTimeValue)
      ->capture_default_str();
  anomalies->add_option("--until", options->until, "Before this time")->type_name(kTimeValue);
  anomalies
      ->add_option("--hours", options->hours,
                   "Working hours, Monday to Friday: at others no person is expected")
      ->type_name("HOURS")
      ->capture_default_str();
  anomalies
      ->add_option("--time-zone", options->zone,
                   "Of hours and days: America/Chicago (this machine's)")
      ->type_name("ZONE");
  anomalies
      ->add_option("--denials", options->denials,
                   "So many denials of one organization and code within an hour are a finding")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  anomalies->add_flag("--fail-on-findings", options->fail_on_findings,
                      "End with 3 if there is a finding");
  AddOutput(anomalies, options->output, kTableForms);
}

}  // namespace sluice::client
