// `sluice audit export`: the log for other systems, a line an entry, from where the last export
// ended: into a file, to a syslog server or to standard output.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/audit.h"
#include "client/command/export_file.h"
#include "client/command/log_export.h"
#include "client/command/syslog_connection.h"

namespace sluice::client {
namespace {

struct ExportOptions {
  std::string format;  // empty: none was named
  std::optional<int64_t> start;
  std::string resume;
  std::string out;
  // The number that RFC 5612 keeps for examples: an organization that has one of its own names it.
  std::string sd_id = "sluice@32473";
  SyslogConnection::Options syslog;
};

// Where the lines go: a file, a syslog server, or standard output.
class ExportSink {
 public:
  ExportSink(std::unique_ptr<ExportFile> file, std::unique_ptr<SyslogConnection> syslog)
      : file_(std::move(file)), syslog_(std::move(syslog)) {}

  absl::Status Write(absl::string_view lines) {
    if (lines.empty()) return absl::OkStatus();
    if (file_ != nullptr) return file_->Write(lines);
    if (syslog_ != nullptr) return syslog_->Write(lines);
    if (Print(lines) && FlushOutput()) return absl::OkStatus();
    return absl::FailedPreconditionError("standard output can't be written");
  }

 private:
  std::unique_ptr<ExportFile> file_;
  std::unique_ptr<SyslogConnection> syslog_;
};

absl::StatusOr<ExportSink> SinkOf(const ExportOptions& options) {
  if (!options.syslog.server.empty()) {
    absl::StatusOr<std::unique_ptr<SyslogConnection>> syslog =
        SyslogConnection::Open(options.syslog);
    if (!syslog.ok()) return syslog.status();
    return ExportSink(nullptr, *std::move(syslog));
  }
  if (options.out.empty()) return ExportSink(nullptr, nullptr);
  absl::StatusOr<std::unique_ptr<ExportFile>> file = ExportFile::Open(
      options.out, options.resume.empty() ? ExportFile::Begin::kAnew : ExportFile::Begin::kAfter);
  if (!file.ok()) return file.status();
  return ExportSink(*std::move(file), nullptr);
}

// Where the export begins. DATA_LOSS if the cursor is of another log.
absl::StatusOr<ExportCursor> CursorOf(const ExportOptions& options, const std::string& origin) {
  ExportCursor cursor{origin, options.start.value_or(0)};
  if (options.resume.empty()) return cursor;
  absl::StatusOr<std::optional<ExportCursor>> saved = ExportCursor::Load(options.resume);
  if (!saved.ok()) return saved.status();
  if (!saved->has_value()) return cursor;
  if ((*saved)->origin != origin) {
    return absl::DataLossError(
        absl::StrCat(options.resume, " is of the log ", (*saved)->origin, ", and this is ", origin,
                     ": export it from its beginning, with a file of its own"));
  }
  return **saved;
}

ExitCode FailExport(const absl::Status& status) {
  const ExitCode code = Fail(status);
  return absl::IsDataLoss(status) ? kCheckFailed : code;
}

ExitCode Export(Session& session, ExportOptions options) {
  if (!options.syslog.server.empty()) {
    if (const absl::Status s = SyslogConnection::CheckServer(options.syslog.server); !s.ok()) {
      return FailUsage(absl::StrCat("--syslog: ", s.message()));
    }
    if (!options.format.empty() && options.format != "syslog") {
      return FailUsage("--syslog: a syslog server takes no other --format than syslog");
    }
    options.format = "syslog";
  } else if (options.format.empty()) {
    options.format = "jsonl";
  }
  if (!IsSdId(options.sd_id)) {
    return FailUsage("--sd-id: must be a name, @, and a private enterprise number");
  }
  AllowPaging(false);
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  const absl::StatusOr<LogCheckpoint> published = PublishedCheckpoint(session, **gateway);
  if (!published.ok()) return FailExport(published.status());
  absl::StatusOr<ExportCursor> cursor = CursorOf(options, published->origin);
  if (!cursor.ok()) return FailExport(cursor.status());
  absl::StatusOr<ExportSink> sink = SinkOf(options);
  if (!sink.ok()) return Fail(sink.status());

  const LogExport form{options.format, published->origin, SLUICE_VERSION, options.sd_id};
  const int64_t begin = cursor->next_index;
  LogPages pages(**gateway, [&session] { return session.NewRetry(); },
                 {.start = begin, .type = {}, .filter = {}, .until = {}});
  {
    Progress progress("entries",
                      std::max<int64_t>(static_cast<int64_t>(published->size) - begin, 0));
    while (true) {
      const absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page = pages.Next();
      if (!page.ok()) return FailExport(page.status());
      if (!page->has_value()) break;
      if (!options.resume.empty() && pages.log_size() < begin) {
        return FailExport(absl::DataLossError(
            absl::StrCat("the log has ", pages.log_size(), " entries, and ", begin,
                         " were exported before: it was rolled back (`sluice audit verify`)")));
      }
      std::string lines;
      for (const v1::LogEntry& entry : **page) lines += form.Line(LogEntryView(entry));
      if (const absl::Status s = sink->Write(lines); !s.ok()) return Fail(s);
      const int64_t before = std::exchange(cursor->next_index, pages.next_index());
      if (!options.resume.empty()) {
        if (const absl::Status s = cursor->Save(options.resume); !s.ok()) return Fail(s);
      }
      progress.Add(static_cast<int64_t>((*page)->size()), cursor->next_index - before);
    }
  }
  return EndOfPages(pages);
}

}  // namespace

void AddAuditExport(CLI::App* noun, Session& session) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* verb = session.AddVerb(
      noun, "export", "Write the entries that concern this organization for other systems",
      "sluice audit export --format ocsf --resume siem.cursor --out siem.ndjson",
      [&session, options] { return Export(session, *options); });
  verb->add_option("--format", options->format, "What a line is")
      ->check(CLI::IsMember({"jsonl", "ocsf", "cef", "syslog"}))
      ->default_str("jsonl");
  CLI::Option* start =
      verb->add_option("--start", options->start, "The first index")->check(CLI::NonNegativeNumber);
  verb->add_option("--resume", options->resume,
                   "Go on from the index that this file holds, and keep the next one in it")
      ->type_name(kFileValue)
      ->excludes(start);
  CLI::Option* out =
      verb->add_option("--out", options->out,
                       "Write to this file (with --resume: go on in it), not to standard output")
          ->type_name(kFileValue);
  CLI::Option* syslog =
      verb->add_option("--syslog", options->syslog.server,
                       "Send to this syslog server: tls://HOST[:PORT] or tcp://HOST[:PORT]")
          ->type_name("SERVER")
          ->excludes(out);
  verb->add_option("--syslog-ca", options->syslog.ca,
                   "The CA of its certificate (the system's, unless told)")
      ->type_name(kFileValue)
      ->needs(syslog);
  CLI::Option* certificate = verb->add_option("--syslog-certificate", options->syslog.certificate,
                                              "For a server that asks who sends")
                                 ->type_name(kFileValue)
                                 ->needs(syslog);
  certificate->needs(verb->add_option("--syslog-key", options->syslog.key, "That certificate's key")
                         ->type_name(kFileValue)
                         ->needs(certificate));
  verb->add_option("--sd-id", options->sd_id, "Of syslog's structured data: name@enterprise number")
      ->type_name("ID")
      ->capture_default_str();
}

}  // namespace sluice::client
