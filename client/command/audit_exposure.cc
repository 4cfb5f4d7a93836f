// `sluice audit exposure`: all that one principal received, for whoever has to say what a stolen
// certificate was used for.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/audit.h"
#include "client/command/entry_option.h"
#include "client/command/log_exposure.h"
#include "client/command/time_option.h"

namespace sluice::client {
namespace {

struct ExposureOptions {
  EntryOptions entries;
  std::string output = "text";
};

ExitCode Exposure(Session& session, const ExposureOptions& options) {
  const absl::StatusOr<v1::EntryFilter> filter = FilterOf(options.entries, absl::Now());
  if (!filter.ok()) return FailUsage(filter.status().message());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  LogPages pages(**gateway, [&session] { return session.NewRetry(); },
                 {.start = 0, .type = "", .filter = *filter, .until = {}});
  LogExposure exposure;
  {
    Progress progress("entries");
    for (;;) {
      const absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page = pages.Next();
      if (!page.ok()) return Fail(page.status());
      if (!page->has_value()) break;
      for (const v1::LogEntry& entry : **page) exposure.Add(LogEntryView(entry));
      progress.Add(static_cast<int64_t>((*page)->size()));
    }
  }
  bool printed;
  if (options.output == "text") {
    printed = PrintColored(absl::StrCat(exposure.Text(StandardOutput()), "by the first ",
                                        Grouped(pages.log_size()),
                                        " entries of the log, as far as they are shown to you\n"));
  } else if (options.output == "json") {
    Table::Json json = exposure.ToJson();
    json["log_size"] = pages.log_size();
    printed = Print(JsonText(json, 2));
  } else {
    printed = exposure.ReceivedTable().Print(options.output);
  }
  return printed ? EndOfPages(pages) : kFailed;
}

}  // namespace

void AddAuditExposure(CLI::App* noun, Session& session) {
  auto options = std::make_shared<ExposureOptions>();
  CLI::App* exposure = session.AddVerb(
      noun, "exposure", "All that one principal received: whose, under which clause, which fields",
      "sluice audit exposure --principal /org/river-unified/system/hr --since 2027-01-31",
      [&session, options] { return Exposure(session, *options); });
  exposure
      ->add_option("--principal", options->entries.principal,
                   "The system (/org/NAME/system/NAME), or the SHA-256 of the certificate's key")
      ->type_name("ID")
      ->required();
  exposure
      ->add_option("--since", options->entries.since,
                   "From this time on: 2027-01-31 (UTC), 2027-01-31T08:00:00Z, or how long ago: "
                   "7d, 12h")
      ->type_name(kTimeValue);
  exposure->add_option("--until", options->entries.until, "Before this time")
      ->type_name(kTimeValue);
  AddOutput(exposure, options->output, kTableForms);
}

}  // namespace sluice::client
