// `sluice mou diff`: what one document discloses that another does not.
#include "policy/mou_diff.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/mou.h"
#include "client/command/table.h"

namespace sluice::client {
namespace {

struct Options {
  std::string before;
  std::string after;
  std::string output = "text";
  std::string fail_on;
};

std::string RuleText(const policy::ChangedField& field) {
  if (!field.before.has_value()) return field.after->ToString();
  if (!field.after.has_value()) return field.before->ToString();
  if (*field.before == *field.after) return field.after->ToString();
  return absl::StrCat(field.before->ToString(), " -> ", field.after->ToString());
}

std::string FieldsText(const policy::Change& change) {
  return absl::StrJoin(change.fields, ", ", [](std::string* out, const policy::ChangedField& f) {
    absl::StrAppend(out, f.field->path, " (", RuleText(f), ")");
  });
}

std::string Rows(const policy::Change& change) {
  return policy::PieceText(change.rows, change.frame);
}

Table::Json JsonOf(const policy::Change& change) {
  Table::Json fields = Table::Json::array();
  for (const policy::ChangedField& f : change.fields) {
    Table::Json field = {{"field", f.field->path}};
    if (f.before.has_value()) field["before"] = f.before->ToString();
    if (f.after.has_value()) field["after"] = f.after->ToString();
    fields.push_back(std::move(field));
  }
  Table::Json operations = Table::Json::array();
  for (v1::Operation operation : change.operations)
    operations.push_back(OperationsText({operation}));
  return {{"change", policy::ChangeKindName(change.kind)},
          {"is_widening", policy::IsWidening(change.kind)},
          {"to", change.recipient},
          {"from", change.owner},
          {"purpose", change.purpose},
          {"record", change.type->name()},
          {"operations", std::move(operations)},
          {"effective", absl::FormatCivilTime(change.period.effective)},
          {"expires", absl::FormatCivilTime(change.period.expires)},
          {"rows", Rows(change)},
          {"fields", std::move(fields)},
          {"witness", change.Witness()}};
}

Table TableOf(const policy::MouDiff& diff) {
  Table table({{"change"},
               {"to"},
               {"from"},
               {"purpose"},
               {"record"},
               {"operations"},
               {"period"},
               {"rows"},
               {"fields"},
               {"witness"}});
  for (const policy::Change& change : diff.changes) {
    table.Add({policy::ChangeKindName(change.kind), change.recipient, change.owner, change.purpose,
               change.type->name(), OperationsText(change.operations), PeriodText(change.period),
               Rows(change), FieldsText(change), change.Witness()},
              JsonOf(change));
  }
  return table;
}

// A paragraph a change.
std::string TextOf(const policy::MouDiff& diff, int widenings) {
  std::string text;
  for (const policy::Change& change : diff.changes) {
    absl::StrAppend(&text, policy::ChangeKindName(change.kind), "  ", change.recipient, "  ",
                    change.type->name(), " of ", change.owner, "  ", change.purpose, "  ",
                    OperationsText(change.operations), "  ", PeriodText(change.period), "\n  ",
                    policy::IsWidening(change.kind) ? "+ " : "- ", Rows(change), "\n");
    for (const policy::ChangedField& field : change.fields) {
      absl::StrAppend(&text, "    ", field.field->path, ": ", RuleText(field), "\n");
    }
    absl::StrAppend(&text, "  for example on ", change.Witness(), "\n\n");
  }
  if (diff.is_time_zone_changed) {
    text += "the time zone changed: each day begins and ends at another hour\n";
  }
  absl::StrAppend(&text, diff.changes.size(), diff.changes.size() == 1 ? " change" : " changes",
                  ", ", widenings, " of them widening\n");
  return text;
}

int Widenings(const policy::MouDiff& diff) {
  return static_cast<int>(
      std::count_if(diff.changes.begin(), diff.changes.end(),
                    [](const policy::Change& change) { return policy::IsWidening(change.kind); }));
}

ExitCode RunDiff(Session& session, const Options& options) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> before = CompileDocument(session, options.before, code);
  if (!before.has_value()) return code;
  const std::optional<CompiledDocument> after = CompileDocument(session, options.after, code);
  if (!after.has_value()) return code;
  const absl::StatusOr<policy::MouDiff> diff = policy::Diff(*before->mou, *after->mou);
  if (!diff.ok()) return Fail(diff.status());
  const int widenings = Widenings(*diff);
  if (options.output == "text") {
    if (!Print(TextOf(*diff, widenings))) return kFailed;
  } else if (!TableOf(*diff).Print(options.output)) {
    return kFailed;
  }
  if (options.fail_on.empty() || (widenings == 0 && !diff->is_time_zone_changed)) return kDone;
  Note(absl::StrCat(options.after, " discloses what ", options.before, " does not\n"));
  return kGateFailed;
}

}  // namespace

absl::StatusOr<std::string> DiffText(const policy::CompiledMou& before,
                                     const policy::CompiledMou& after) {
  const absl::StatusOr<policy::MouDiff> diff = policy::Diff(before, after);
  if (!diff.ok()) return diff.status();
  return TextOf(*diff, Widenings(*diff));
}

void AddMouDiff(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* diff = session.AddVerb(
      noun, "diff", "Say what one document discloses that another does not, and the reverse",
      "sluice mou diff --fail-on widening mou-v1.yaml mou-v2.yaml",
      [&session, options] { return RunDiff(session, *options); });
  diff->add_option("BEFORE", options->before, "The document as it was")
      ->type_name(kFileValue)
      ->required();
  diff->add_option("AFTER", options->after, "The document as it shall be")
      ->type_name(kFileValue)
      ->required();
  diff->add_option("--fail-on", options->fail_on,
                   "End with 5 if somebody would receive more than before")
      ->check(CLI::IsMember({"widening"}));
  AddOutput(diff, options->output, kTableForms);
}

}  // namespace sluice::client
