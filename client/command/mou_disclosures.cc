// `sluice mou who-can` and `sluice mou what-can`: what documents disclose, all of it, asked by
// field and by recipient.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/command/mou.h"
#include "client/command/table.h"
#include "policy/disclosures.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

struct Options {
  std::string asked;
  std::vector<std::string> files;
  std::string output = "text";
};

// One line: a field that one grant gives one recipient.
struct Line {
  const policy::Disclosure* disclosure;
  const policy::PlanField* field;
};

Table NewTable() {
  return Table({{"to"},
                {"from"},
                {"record"},
                {"field"},
                {"rule"},
                {"purpose"},
                {"operations"},
                {"period"},
                {"rows", Table::Fit::kMayShorten},
                {"where"}});
}

// Adds what of `document` is `wanted`.
template <typename Wanted>
absl::Status AddTo(Table& table, const CompiledDocument& document, Wanted wanted) {
  policy::RowFrames frames;
  policy::AddToFrames(*document.mou, frames);
  const absl::StatusOr<std::vector<policy::Disclosure>> all =
      policy::DisclosuresOf(*document.mou, frames);
  if (!all.ok()) return all.status();
  for (const policy::Disclosure& d : *all) {
    for (const policy::PlanField* f : d.fields) {
      if (!wanted(Line{&d, f})) continue;
      const policy::CompiledGrant& grant = document.mou->grants()[d.grant];
      const std::string rows = policy::PieceText(d.rows, frames.at(d.type));
      const std::string where = absl::StrCat(document.document.file_name(), ":", grant.grant.line);
      Table::Json operations = Table::Json::array();
      for (v1::Operation operation : d.operations)
        operations.push_back(OperationsText({operation}));
      table.Add({std::string(d.recipient), std::string(d.owner), d.type->name(), f->field->path,
                 f->rule.ToString(), std::string(d.purpose), OperationsText(d.operations),
                 PeriodText(d.period), rows, where},
                {{"to", d.recipient},
                 {"from", d.owner},
                 {"record", d.type->name()},
                 {"field", f->field->path},
                 {"rule", f->rule.ToString()},
                 {"purpose", d.purpose},
                 {"operations", std::move(operations)},
                 {"effective", absl::FormatCivilTime(d.period.effective)},
                 {"expires", absl::FormatCivilTime(d.period.expires)},
                 {"rows", rows},
                 {"mou", document.mou->name()},
                 {"version", document.mou->version()},
                 {"grant", grant.grant.name},
                 {"file", document.document.file_name()},
                 {"line", grant.grant.line}});
    }
  }
  return absl::OkStatus();
}

// `nobody`: what text says where nothing is disclosed.
template <typename Wanted>
ExitCode PrintAll(Session& session, const Options& options, const std::string& nobody,
                  Wanted wanted) {
  Table table = NewTable();
  for (const std::string& file : options.files) {
    ExitCode code = kFailed;
    const std::optional<CompiledDocument> document = CompileDocument(session, file, code);
    if (!document.has_value()) return code;
    if (absl::Status added = AddTo(table, *document, wanted); !added.ok()) return Fail(added);
  }
  if (table.size() == 0 && options.output == "text") {
    return Print(nobody + "\n") ? kDone : kFailed;
  }
  return table.Print(options.output) ? kDone : kFailed;
}

ExitCode WhoCan(Session& session, const Options& options) {
  const std::pair<std::string, std::string> names =
      absl::StrSplit(options.asked, absl::MaxSplits('.', 1));
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(names.first);
  if (!type.ok()) return Fail(type.status());
  std::vector<std::string> paths;
  for (const policy::Field* leaf : (*type)->leaves()) paths.push_back(leaf->path);
  const policy::Field* const field = (*type)->Find(names.second);
  if (field == nullptr || field->kind == policy::FieldKind::kMessage) {
    return FailUsage(absl::StrCat("\"", names.second, "\" is no field of ", names.first,
                                  policy::DidYouMean(names.second, paths),
                                  ": ask for one like Candidate.birth_date"));
  }
  return PrintAll(session, options, "nobody can see " + options.asked, [&](const Line& line) {
    return line.disclosure->type->name() == (*type)->name() &&
           line.field->field->path == field->path;
  });
}

ExitCode WhatCan(Session& session, const Options& options) {
  return PrintAll(session, options, options.asked + " can see nothing",
                  [&](const Line& line) { return line.disclosure->recipient == options.asked; });
}

}  // namespace

void AddMouWhoCan(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* who = session.AddVerb(
      noun, "who-can", "Say who can see a field, of which rows, by which rule, for what, when",
      "sluice mou who-can Candidate.birth_date mou.yaml",
      [&session, options] { return WhoCan(session, *options); });
  who->add_option("FIELD", options->asked, "A record type and a field of it")->required();
  who->add_option("FILE", options->files, "The documents")->type_name(kFileValue)->required();
  AddOutput(who, options->output, kTableForms);
}

void AddMouWhatCan(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* what = session.AddVerb(noun, "what-can", "Say all that an organization can see",
                                   "sluice mou what-can river-unified mou.yaml",
                                   [&session, options] { return WhatCan(session, *options); });
  what->add_option("ORGANIZATION", options->asked, "The recipient")
      ->type_name(kOrganizationValue)
      ->required();
  what->add_option("FILE", options->files, "The documents")->type_name(kFileValue)->required();
  AddOutput(what, options->output, kTableForms);
}

}  // namespace sluice::client
