#include "client/command/import_report.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/command/output.h"
#include "client/record_json.h"
#include "google/protobuf/message.h"

namespace sluice::client {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxProblemsShown = 50;

std::string NameOf(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

std::string State(const ImportOutcome& outcome, const policy::Catalog& catalog,
                  ImportReport::Run run) {
  if (outcome.refused)
    return catalog.Find(outcome.record_type) == nullptr ? "not taken" : "refused";
  const bool part = !outcome.publish_status.ok() && outcome.published.records > 0;
  switch (run) {
    case ImportReport::Run::kPublish:
      return part ? "in part" : outcome.publish_status.ok() ? "published" : "failed";
    case ImportReport::Run::kCompare:
      return part                          ? "would be in part"
             : outcome.publish_status.ok() ? "would be published"
                                           : "would fail";
    case ImportReport::Run::kCheck:
      break;
  }
  return "would be sent";
}

Json OutcomeJson(const ImportOutcome& outcome, const std::string& state, ImportReport::Run run) {
  Json json;
  json["file"] = outcome.path;
  json["mapping"] = outcome.mapping;
  json["record_type"] = outcome.record_type;
  json["state"] = state;
  json["rows"] = outcome.rows;
  json["rows_not_taken"] = outcome.not_taken;
  json["bad_rows"] = outcome.bad_rows;
  json["repeated"] = outcome.repeated;
  json["records"] = outcome.records;
  json["committed"] = run == ImportReport::Run::kPublish ? outcome.published.records : 0;
  if (run != ImportReport::Run::kCheck) {
    json["new"] = outcome.published.added;
    json["changed"] = outcome.published.changed;
    json["unchanged"] = outcome.published.unchanged;
  }
  json["position"] = outcome.published.position;
  json["columns_not_read"] = outcome.unread;
  if (!outcome.unread_fields.empty()) json["fields_not_read"] = outcome.unread_fields;
  if (!outcome.reason.empty()) json["reason"] = outcome.reason;
  return json;
}

// "birthSexDescriptor (12), ...": the first of them, and how many more.
std::string FieldsNotRead(const std::map<std::string, int64_t>& fields) {
  constexpr size_t kMost = 20;
  std::string text;
  size_t n = 0;
  for (const auto& [field, count] : fields) {
    if (++n > kMost) break;
    absl::StrAppend(&text, text.empty() ? "" : ", ", Printable(field), " (", Grouped(count), ")");
  }
  if (n > kMost) {
    absl::StrAppend(&text, " and ", fields.size() - kMost, " more (--output json names all)");
  }
  return text;
}

std::string Samples(const ImportOutcome& outcome, const policy::Catalog& catalog) {
  const policy::RecordType* type = catalog.Find(outcome.record_type);
  std::string text;
  for (const std::string& bytes : outcome.samples) {
    const std::unique_ptr<google::protobuf::Message> record(type->prototype().New());
    if (!record->ParseFromString(bytes)) continue;
    absl::StrAppend(&text, "  ", RecordToJson(*record), "\n");
  }
  return text;
}

}  // namespace

void ImportReport::Add(const ImportProblem& problem) {
  ++problems_;
  if (json_) {
    Json json;
    json["file"] = problem.file;
    if (problem.line > 0) json["line"] = problem.line;
    if (!problem.column.empty()) json["column"] = problem.column;
    if (!problem.field.empty()) json["field"] = problem.field;
    json["reason"] = problem.reason;
    Print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  if (problems_ > kMaxProblemsShown) return;
  if (problem.line == 0) {
    // Lines that have their own places.
    for (const absl::string_view line : absl::StrSplit(problem.reason, '\n')) {
      Note(Printable(line) + "\n");
    }
    return;
  }
  Note(absl::StrCat(
      Printable(problem.file), ":", problem.line, ": ",
      problem.column.empty() ? "" : absl::StrCat("column ", Printable(problem.column), ": "),
      problem.column.empty() && !problem.field.empty() ? absl::StrCat(problem.field, ": ") : "",
      Printable(problem.reason), "\n"));
}

ExitCode ImportReport::End(const std::vector<ImportOutcome>& outcomes,
                           const std::vector<UnplannedFile>& unplanned,
                           const policy::Catalog& catalog, bool quiet) {
  const bool dry_run = run_ != Run::kPublish;
  if (!json_ && problems_ > kMaxProblemsShown) {
    Note(absl::StrCat("and ", Grouped(problems_ - kMaxProblemsShown),
                      " more (--output json names all)\n"));
  }
  std::vector<std::vector<std::string>> table = {{"file", "record type", "rows", "records", "new",
                                                  "changed", "unchanged", "bad rows", "state"}};
  std::string notes;
  Json files = Json::array();
  bool failed = !unplanned.empty(), done = false, sent_nothing = true;
  absl::Status status;
  for (const ImportOutcome& outcome : outcomes) {
    const std::string state = State(outcome, catalog, run_);
    const std::string name = Printable(NameOf(outcome.path));
    const auto sent = [&](int64_t n) {
      return run_ == Run::kCheck || outcome.refused ? "" : Grouped(n);
    };
    table.push_back({name, outcome.record_type, Grouped(outcome.rows), Grouped(outcome.records),
                     sent(outcome.published.added), sent(outcome.published.changed),
                     sent(outcome.published.unchanged), Grouped(outcome.bad_rows), state});
    if (!outcome.reason.empty() && outcome.reason.find('\n') == std::string::npos) {
      absl::StrAppend(&notes, name, ": ", Printable(outcome.reason), "\n");
    }
    if (!outcome.unread.empty() && !outcome.refused) {
      absl::StrAppend(&notes, name,
                      ": columns not read: ", Printable(absl::StrJoin(outcome.unread, ", ")), "\n");
    }
    if (!outcome.unread_fields.empty() && !outcome.refused) {
      absl::StrAppend(&notes, name, " as ", outcome.record_type,
                      ": fields not read: ", FieldsNotRead(outcome.unread_fields), "\n");
    }
    if (outcome.repeated > 0) {
      absl::StrAppend(&notes, name, ": ", Grouped(outcome.repeated),
                      " rows repeat a record of this publish and count once\n");
    }
    if (outcome.not_taken > 0) {
      absl::StrAppend(&notes, name, ": ", Grouped(outcome.not_taken),
                      " rows are none that the mapping takes\n");
    }
    if (dry_run) absl::StrAppend(&notes, Samples(outcome, catalog));
    files.push_back(OutcomeJson(outcome, state, run_));
    failed |= state == "refused" || !outcome.publish_status.ok() || outcome.bad_rows > 0;
    done |= outcome.publish_status.ok() && !outcome.refused;
    sent_nothing &= outcome.published.records == 0;
    if (status.ok()) status = outcome.publish_status;
  }
  for (const UnplannedFile& file : unplanned) {
    table.push_back({Printable(NameOf(file.path)), "", "", "", "", "", "", "", "not known"});
    absl::StrAppend(&notes, Printable(NameOf(file.path)), ": ", Printable(file.reason), "\n");
    files.push_back({{"file", file.path}, {"state", "not known"}, {"reason", file.reason}});
  }
  const bool well = status.ok() && !failed && (done || outcomes.size() > 1);
  if (json_) {
    Json summary;
    summary["problems"] = problems_;
    summary["dry_run"] = dry_run;
    if (run_ == Run::kCheck) summary["offline"] = true;
    summary["files"] = std::move(files);
    Print(summary.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else if (!quiet || !well || dry_run) {
    Print(TableText(table) + (notes.empty() ? "" : "\n" + notes));
  }
  if (!status.ok()) {
    const ExitCode code = Fail(status);
    return sent_nothing ? code : kPartlyDone;
  }
  if (well) return kDone;
  return done ? kPartlyDone : kCheckFailed;
}

}  // namespace sluice::client
