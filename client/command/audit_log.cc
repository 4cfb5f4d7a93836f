// `sluice audit log`: the entries that concern this organization, chosen, counted, or as they come.
#include <signal.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/command/audit.h"
#include "client/command/entry_option.h"
#include "client/command/log_printer.h"
#include "client/command/log_summary.h"

namespace sluice::client {
namespace {

constexpr int64_t kShown = 100;  // if nothing else is asked for
constexpr absl::Duration kLeastInterval = absl::Milliseconds(100);

struct LogOptions {
  EntryOptions entries;
  std::optional<int64_t> start;
  std::optional<int64_t> limit;
  bool follow = false;
  std::string interval = "2s";
  bool summary = false;
  std::string output = "text";
};

absl::Status Unwritten() {
  return absl::FailedPreconditionError("standard output can't be written");
}

// Of what is followed; nothing else watches for it.
volatile sig_atomic_t g_interrupted = 0;

// One listing and who takes its entries.
class Listing {
 public:
  Listing(Session& session, Gateway& gateway, const LogOptions& options, v1::EntryFilter filter)
      : session_(session),
        gateway_(gateway),
        type_(options.entries.type),
        filter_(std::move(filter)),
        left_(options.limit.value_or(
            options.follow || options.summary ? std::numeric_limits<int64_t>::max() : kShown)) {}

  bool full() const { return left_ == 0; }
  LogPages PagesFrom(int64_t start) const {
    return LogPages(gateway_, [this] { return session_.NewRetry(); },
                    {.start = start, .type = type_, .filter = filter_, .until = {}});
  }
  // Gives `take` a batch at a time until it returns false, as many are taken as may be, or somebody
  // interrupts.
  template <typename Take>
  absl::Status Run(LogPages& pages, Take take) {
    while (left_ > 0 && g_interrupted == 0) {
      absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page =
          pages.Next(static_cast<int32_t>(std::min<int64_t>(left_, 1000)));
      if (!page.ok()) return page.status();
      if (!page->has_value()) break;
      std::vector<v1::LogEntry>& entries = **page;
      if (static_cast<int64_t>(entries.size()) > left_) entries.resize(static_cast<size_t>(left_));
      left_ -= static_cast<int64_t>(entries.size());
      if (!take(entries)) return Unwritten();
    }
    return absl::OkStatus();
  }

 private:
  Session& session_;
  Gateway& gateway_;
  const std::string type_;
  const v1::EntryFilter filter_;
  int64_t left_;
};

// The first interrupt ends what is followed; a second one ends the process, as ever.
void WatchForInterrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

void WaitUnlessInterrupted(absl::Duration interval) {
  for (const absl::Time end = absl::Now() + interval; g_interrupted == 0;) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    absl::SleepFor(std::min(left, absl::Milliseconds(50)));
  }
}

absl::StatusOr<int64_t> PublishedSize(Session& session, Gateway& gateway) {
  const absl::StatusOr<LogCheckpoint> checkpoint = PublishedCheckpoint(session, gateway);
  if (!checkpoint.ok()) return checkpoint.status();
  return static_cast<int64_t>(checkpoint->size);
}

// To list is itself an entry. So it asks for the checkpoint, which is none, and lists only when the
// log has grown by more than its own reading: an idle log stays idle.
ExitCode Follow(Session& session, Gateway& gateway, const LogOptions& options,
                absl::Duration interval, Listing& listing) {
  LogPrinter printer(options.output, LogPrinter::Layout::kLines);
  int64_t next = options.start.value_or(0);
  int64_t known = -1;  // a log of this size has nothing new
  if (!options.start.has_value() && options.entries.since.empty()) {
    const absl::StatusOr<int64_t> size = PublishedSize(session, gateway);
    if (!size.ok()) return Fail(size.status());
    next = known = *size;
  }
  ExitCode code = kDone;
  for (; g_interrupted == 0; WaitUnlessInterrupted(interval)) {
    const absl::StatusOr<int64_t> size = PublishedSize(session, gateway);
    if (!size.ok()) return Fail(size.status());
    if (*size <= known) continue;
    LogPages pages = listing.PagesFrom(next);
    const absl::Status status =
        listing.Run(pages, [&](const auto& entries) { return printer.Add(entries); });
    if (!status.ok()) return Fail(status);
    if (const ExitCode end = EndOfPages(pages); end != kDone) code = end;
    if (listing.full()) break;
    next = pages.next_index();
    known = pages.log_size() + 1;
  }
  // The terminal shows the interrupt as ^C, and the prompt is to stand below it.
  if (g_interrupted != 0 && StandardError().is_terminal) Note("\n");
  return code;
}

ExitCode Summarize(const LogOptions& options, Listing& listing) {
  LogPages pages = listing.PagesFrom(options.start.value_or(0));
  LogSummary summary;
  {
    Progress progress("entries");
    const absl::Status status = listing.Run(pages, [&](const std::vector<v1::LogEntry>& entries) {
      for (const v1::LogEntry& entry : entries) summary.Add(LogEntryView(entry));
      progress.Add(static_cast<int64_t>(entries.size()));
      return true;
    });
    if (!status.ok()) return Fail(status);
  }
  if (!summary.Print(options.output, StandardOutput(), EnvironmentIsUtf8())) {
    return Fail(Unwritten());
  }
  return EndOfPages(pages);
}

ExitCode Log(Session& session, const LogOptions& options) {
  const absl::StatusOr<v1::EntryFilter> filter = FilterOf(options.entries, absl::Now());
  if (!filter.ok()) return FailUsage(filter.status().message());
  absl::Duration interval;
  if (!absl::ParseDuration(options.interval, &interval) || interval < kLeastInterval) {
    return FailUsage(absl::StrCat("--interval: must be ", absl::FormatDuration(kLeastInterval),
                                  " or more, as in 500ms or 2s"));
  }
  if (options.follow) {
    if (options.output == "json") {
      return FailUsage("--follow has no end, and so no JSON array: use --output ndjson");
    }
    AllowPaging(false);
    WatchForInterrupt();
  }
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  Listing listing(session, **gateway, options, *filter);
  if (options.follow) return Follow(session, **gateway, options, interval, listing);
  if (options.summary) return Summarize(options, listing);
  LogPages pages = listing.PagesFrom(options.start.value_or(0));
  LogPrinter printer(options.output, LogPrinter::Layout::kPages);
  const absl::Status status =
      listing.Run(pages, [&](const auto& entries) { return printer.Add(entries); });
  if (!status.ok()) return Fail(status);
  if (!printer.End())
    return Fail(absl::FailedPreconditionError("standard output can't be written"));
  return EndOfPages(pages);
}

}  // namespace

void AddAuditLog(CLI::App* noun, Session& session) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* log = session.AddVerb(noun, "log", "Print entries that concern this organization",
                                  "sluice audit log --result DENIAL --since 7d --summary",
                                  [&session, options] { return Log(session, *options); });
  AddEntryOptions(log, options->entries);
  log->add_option("--start", options->start, "The first index")->check(CLI::NonNegativeNumber);
  log->add_option("--limit", options->limit,
                  "At most how many (100; with --follow or --summary as many as there are)")
      ->check(CLI::PositiveNumber);
  CLI::Option* follow = log->add_flag(
      "--follow", options->follow,
      "Print entries as they come, from now on or from --start or --since, until interrupted");
  log->add_option("--interval", options->interval, "With --follow: how often to look")
      ->type_name("DURATION")
      ->capture_default_str();
  log->add_flag("--summary", options->summary, "Print how many there are of each kind, and when")
      ->excludes(follow);
  AddOutput(log, options->output, kTableForms);
}

}  // namespace sluice::client
