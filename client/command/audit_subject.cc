// `sluice audit subject`: what of one person left, to whom, when, under which clause.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/command/audit.h"
#include "client/command/log_trust.h"
#include "client/command/subject_report.h"
#include "client/command/table.h"
#include "client/subject_proof.h"

namespace sluice::client {
namespace {

struct SubjectOptions {
  SubjectIdOptions subject;
  std::string output = "text";
  bool prove = false;
  LogTrustOptions trust;
};

struct Report : SubjectReport {
  std::optional<SubjectProof> proof;
};

// From the log itself, and holds the checkpoint that it was proved by.
absl::Status Prove(Session& session, const LogTrustOptions& options, Report& report) {
  const absl::StatusOr<LogTrust> trust = TrustLog(session, options);
  if (!trust.ok()) return trust.status();
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return gateway.status();
  Progress progress("entries");
  absl::StatusOr<SubjectProof> proof = ProveSubject(
      **gateway, trust->key, trust->before, report.claim, [&] { return session.NewRetry(); },
      [&progress](int64_t n) { progress.Add(n); });
  if (!proof.ok()) return proof.status();
  report.proof = *std::move(proof);
  return trust->checkpoints.Save(trust->key, report.proof->log.checkpoint);
}

std::string TimeText(const v1::SubjectDisclosure& disclosure) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ",
                          absl::FromUnixSeconds(disclosure.disclosure_time().seconds()),
                          absl::UTCTimeZone());
}

std::string FieldsText(const v1::SubjectDisclosure& disclosure) {
  std::vector<std::string> fields;
  for (const v1::DisclosedField& field : disclosure.fields()) {
    fields.push_back(field.rule() == "pass" ? field.path()
                                            : absl::StrCat(field.path(), " (", field.rule(), ")"));
  }
  return absl::StrJoin(fields, ", ");
}

std::string ClauseText(const v1::SubjectDisclosure& disclosure) {
  return absl::StrCat(disclosure.mou(), " version ", disclosure.version(), ", ",
                      absl::StrJoin(disclosure.grants(), " "));
}

// To whom the party may pass it on: 34 CFR 99.32(b).
std::string RedisclosureText(const v1::SubjectDisclosure& disclosure) {
  if (disclosure.redisclosure() == v1::REDISCLOSURE_PROHIBITED) return "nobody";
  if (disclosure.redisclosure() == v1::REDISCLOSURE_LISTED) {
    return absl::StrJoin(disclosure.redisclose_to(), " ");
  }
  return "unknown";
}

std::string PurposeText(const v1::SubjectDisclosure& disclosure) {
  return disclosure.purpose_description().empty()
             ? disclosure.purpose()
             : absl::StrCat(disclosure.purpose(), ": ", disclosure.purpose_description());
}

// What 34 CFR 99.32 asks for, and where the log says it.
Table TableOf(const Report& report, bool text) {
  Table table({{"index"},
               {"time"},
               {"party"},
               {"system", Table::Fit::kMayShorten},
               {"purpose", Table::Fit::kMayShorten},
               {"may redisclose to"},
               {"authority"},
               {"clause"},
               {"record"},
               {"fields", Table::Fit::kMayShorten},
               {"rows"},
               {"recordable"}});
  for (const v1::SubjectDisclosure& it : report.claim.disclosures) {
    table.Add(
        {absl::StrCat(it.index()), TimeText(it), it.recipient(),
         it.system().empty() ? it.spki() : it.system(), text ? it.purpose() : PurposeText(it),
         RedisclosureText(it), absl::StrJoin(it.authority(), " "), ClauseText(it), it.record_type(),
         FieldsText(it), absl::StrCat(it.rows_released()), it.recordable() ? "yes" : "no"},
        Table::Json::parse(ProtoJson(it)));
  }
  return table;
}

std::string Summary(const Report& report) {
  std::set<std::string> recipients;
  for (const v1::SubjectDisclosure& it : report.claim.disclosures)
    recipients.insert(it.recipient());
  const auto count = [](int64_t n, absl::string_view what) {
    return absl::StrCat(Grouped(n), " ", what, n == 1 ? "" : "s");
  };
  std::string text = absl::StrCat(
      report.claim.disclosures.empty()
          ? "nothing of this person left"
          : absl::StrCat(count(static_cast<int64_t>(report.claim.disclosures.size()), "disclosure"),
                         " to ", count(static_cast<int64_t>(recipients.size()), "organization")),
      ", by the first ", Grouped(report.claim.log_size), " entries of the log\n");
  if (report.unreadable > 0) {
    absl::StrAppend(&text, "of ", count(report.unreadable, "other disclosure"),
                    " nobody can tell any more whom they were about: the key was destroyed\n");
  }
  if (report.proof) {
    const bool all = report.proof->unopened == 0;
    absl::StrAppend(&text, "proved by the log itself: ", Grouped(report.proof->log.entries),
                    " entries are in it, and of ", count(report.proof->disclosures, "disclosure"),
                    " these are about this person", all ? ", and no others" : "", "\n");
    if (!all) {
      absl::StrAppend(&text, "of ", count(report.proof->unopened, "more disclosure"),
                      " nobody can tell any more: the key was destroyed, as the log says\n");
    }
  }
  return text;
}

std::string Html(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// A page to print and to keep; it needs nothing from anywhere else.
std::string Page(const Report& report, const v1::ListSubjectDisclosuresRequest& request) {
  std::string page = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<title>Record of disclosures</title>\n<style>\n"
      "body { font: 10pt/1.4 serif; margin: 2em; }\n"
      "table { border-collapse: collapse; width: 100%; }\n"
      "th, td { border-top: 1px solid #999; padding: .3em .5em; text-align: left; "
      "vertical-align: top; }\n"
      "thead { display: table-header-group; }\ntr { break-inside: avoid; }\n"
      "@page { size: landscape; margin: 15mm; }\n</style>\n</head>\n<body>\n"
      "<h1>Record of disclosures</h1>\n<p>",
      Html(request.parent()), ", ", Html(request.id_space()), " ",
      request.source_system().empty() ? "" : Html(request.source_system()) + " ",
      Html(request.id()), "<br>\n", Html(absl::StripSuffix(Summary(report), "\n")),
      "</p>\n<table>\n<thead><tr><th>Date</th><th>Party</th><th>Legitimate interest</th>"
      "<th>May redisclose to</th>"
      "<th>Basis</th><th>Clause</th><th>Record and fields</th><th>Log entry</th></tr></thead>\n"
      "<tbody>\n");
  for (const v1::SubjectDisclosure& it : report.claim.disclosures) {
    const auto cell = [&](const std::string& text) {
      absl::StrAppend(&page, "<td>", Html(text), "</td>");
    };
    page += "<tr>";
    cell(TimeText(it));
    cell(it.recipient());
    cell(PurposeText(it));
    cell(RedisclosureText(it));
    cell(absl::StrCat(absl::StrJoin(it.authority(), ", "),
                      it.recordable() ? "" : " (exempt, 34 CFR 99.32(d))"));
    cell(ClauseText(it));
    cell(absl::StrCat(it.record_type(), ": ", FieldsText(it)));
    cell(absl::StrCat(it.index()));
    page += "</tr>\n";
  }
  return page + "</tbody>\n</table>\n</body>\n</html>\n";
}

ExitCode Subject(Session& session, const SubjectOptions& options) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  const auto request = RequestAbout<v1::ListSubjectDisclosuresRequest>(options.subject, *parent);
  if (!request.ok()) return FailUsage(request.status().message());
  absl::StatusOr<SubjectReport> fetched = FetchSubjectReport(session, *request);
  if (!fetched.ok()) return Fail(fetched.status());
  Report report{*std::move(fetched), std::nullopt};
  if (options.prove) {
    const absl::Status proved = Prove(session, options.trust, report);
    if (!proved.ok()) return FailVerify(proved);
  }
  // What nobody can tell any more is missing.
  const ExitCode done = report.proof && report.proof->unopened > 0 ? kPartlyDone : kDone;
  if (options.output == "html") return Print(Page(report, *request)) ? done : kFailed;
  if (options.output != "text") {
    if (report.unreadable > 0 || report.proof) Note(absl::StrCat("sluice: ", Summary(report)));
    return TableOf(report, /*text=*/false).Print(options.output) ? done : kFailed;
  }
  if (!report.claim.disclosures.empty()) TableOf(report, /*text=*/true).Print("text");
  return Print(Summary(report)) ? done : kFailed;
}

}  // namespace

void AddAuditSubject(CLI::App* noun, Session& session) {
  auto options = std::make_shared<SubjectOptions>();
  CLI::App* subject =
      session.AddVerb(noun, "subject", "What of one person left: to whom, when, under which clause",
                      "sluice audit subject --id-space candidate --id C20417 --output csv",
                      [&session, options] { return Subject(session, *options); });
  const SubjectIdFlags flags = AddSubjectId(subject, options->subject);
  flags.id_space->required();
  flags.id->required();
  subject->add_flag("--prove", options->prove,
                    "Make the report from the log itself as well, entry by entry with its proof, "
                    "and compare");
  AddLogTrust(subject, options->trust);
  AddOutput(subject, options->output, {"text", "json", "ndjson", "csv", "html"});
}

}  // namespace sluice::client
