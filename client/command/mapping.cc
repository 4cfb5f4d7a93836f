// `sluice mapping`: how files of others' making become records.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/findings.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/import/mapping_draft.h"
#include "client/import/mapping_library.h"
#include "client/import/record_file.h"
#include "policy/import_alias.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

using Json = Table::Json;

struct Options {
  std::vector<std::string> files;
  std::string file;
  std::string name;
  std::string type;
  std::string output = "text";
};

absl::StatusOr<MappingLibrary> GetLibrary(Session& session) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) return catalog.status();
  return MappingLibrary::BuiltIn(**catalog);
}

ExitCode List(Session& session, const Options& options) {
  const absl::StatusOr<MappingLibrary> library = GetLibrary(session);
  if (!library.ok()) return Fail(library.status());
  Table table({{"mapping"}, {"format"}, {"record type"}, {"files", Table::Fit::kMayShorten}});
  for (const Mapping& mapping : library->mappings()) {
    const std::string format(FormatName(mapping.format));
    Json entry = {{"mapping", mapping.name}, {"format", format}, {"title", mapping.title}};
    if (!mapping.record.empty()) entry["record_type"] = mapping.record;
    if (!mapping.refused.empty()) entry["refused"] = mapping.refused;
    entry["files"] = mapping.files;
    table.Add({mapping.name, format, mapping.record.empty() ? "(not taken)" : mapping.record,
               absl::StrJoin(mapping.files, ", ")},
              std::move(entry));
  }
  return table.Print(options.output) ? kDone : kFailed;
}

ExitCode Show(Session& session, const Options& options) {
  const absl::StatusOr<MappingLibrary> library = GetLibrary(session);
  if (!library.ok()) return Fail(library.status());
  const absl::string_view text = MappingLibrary::TextOf(options.name);
  if (text.empty()) {
    std::vector<std::string> names;
    for (const Mapping& mapping : library->mappings()) names.push_back(mapping.name);
    return Fail(absl::NotFoundError(absl::StrCat("there is no mapping \"", options.name, "\"",
                                                 policy::DidYouMean(options.name, names),
                                                 " (`sluice mapping list` shows them)")));
  }
  Print(text);
  return kDone;
}

ExitCode Check(Session& session, const Options& options) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) return Fail(catalog.status());
  std::vector<policy::Finding> findings;
  for (const std::string& file : options.files) {
    const absl::StatusOr<std::string> bytes = ReadFile(file);
    if (!bytes.ok()) return Fail(bytes.status());
    for (policy::Finding& finding : ReadMapping(file, *bytes, **catalog).findings) {
      findings.push_back(std::move(finding));
    }
  }
  return PrintFindings(findings, options.files, options.output, session.quiet());
}

ExitCode Suggest(Session& session, const Options& options) {
  const absl::StatusOr<MappingLibrary> library = GetLibrary(session);
  if (!library.ok()) return Fail(library.status());
  const std::shared_ptr<const policy::Catalog>& catalog = session.shared_catalog();
  const auto aliases = policy::ImportAliases::BuiltIn(catalog);
  if (!aliases.ok()) return Fail(aliases.status());
  const absl::StatusOr<std::unique_ptr<RowSource>> rows = OpenRows(options.file, Mapping(), "", {});
  if (!rows.ok()) return Fail(rows.status());
  const policy::RecordType* type = NearestType(*catalog, *library, **aliases, (*rows)->columns());
  if (!options.type.empty()) {
    const absl::StatusOr<const policy::RecordType*> named = session.GetType(options.type);
    if (!named.ok()) return Fail(named.status());
    type = *named;
  }
  if (type == nullptr) {
    return Fail(absl::NotFoundError(
        absl::StrCat("the header of ", options.file,
                     " looks like no record type: name it (--record), see `sluice catalog list`")));
  }
  Print(DraftMapping(*type, *library, **aliases,
                     std::filesystem::path(options.file).filename().string(), (*rows)->columns()));
  return kDone;
}

}  // namespace

void AddMapping(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("mapping", "Mappings: how other systems' files become records");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list =
      session.AddVerb(noun, "list", "List the mappings that Sluice brings", "sluice mapping list",
                      [&session, options] { return List(session, *options); });
  AddOutput(list, options->output, kTableForms);
  CLI::App* show = session.AddVerb(noun, "show", "Print one, to begin one's own from",
                                   "sluice mapping show ed-fi-candidate > candidate.yaml",
                                   [&session, options] { return Show(session, *options); });
  show->add_option("NAME", options->name, "As `mapping list` names it")
      ->type_name(kMappingValue)
      ->required();
  CLI::App* check = session.AddVerb(noun, "check", "Check mappings against the catalog",
                                    "sluice mapping check candidate.yaml",
                                    [&session, options] { return Check(session, *options); });
  check->add_option("FILE", options->files, "The mappings")->required();
  AddOutput(check, options->output, kFindingForms);
  CLI::App* suggest =
      session.AddVerb(noun, "suggest", "Draft a mapping from the header of a CSV file",
                      "sluice mapping suggest --record Candidate export.csv > candidate.yaml",
                      [&session, options] { return Suggest(session, *options); });
  suggest->add_option("FILE", options->file, "The file")->required();
  suggest->add_option("--record", options->type, "The record type; by default the nearest")
      ->type_name(kTypeValue);
}

}  // namespace sluice::client
