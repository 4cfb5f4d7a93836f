// `sluice catalog`: the record types, offline.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"

namespace sluice::client {
namespace {

using Json = Table::Json;

// "SENSITIVITY_PUBLIC" without its enum's name.
std::string Short(const std::string& name) {
  const size_t underscore = name.find('_');
  return underscore == std::string::npos ? name : name.substr(underscore + 1);
}

absl::string_view KindName(policy::FieldKind kind) {
  switch (kind) {
    case policy::FieldKind::kString:
      return "string";
    case policy::FieldKind::kCode:
      return "code";
    case policy::FieldKind::kPostalCode:
      return "postal code";
    case policy::FieldKind::kInteger:
      return "integer";
    case policy::FieldKind::kBool:
      return "bool";
    case policy::FieldKind::kDate:
      return "date";
    case policy::FieldKind::kDecimal:
      return "decimal";
    case policy::FieldKind::kMessage:
      return "message";
  }
  return "";
}

std::vector<std::string> RegimeNames(const policy::Field& field) {
  std::vector<std::string> names;
  for (const v1::Regime regime : field.regimes) names.push_back(Short(v1::Regime_Name(regime)));
  return names;
}

std::vector<std::string> FloorTexts(const policy::Field& field) {
  if (field.withheld) return {"drop"};
  std::vector<std::string> texts;
  for (const policy::FieldRule& rule : field.floor) texts.push_back(rule.ToString());
  return texts;
}

ExitCode List(Session& session, const std::string& output) {
  const absl::StatusOr<const policy::Catalog*> catalog = session.GetCatalog();
  if (!catalog.ok()) return Fail(catalog.status());
  // `catalog show` prints the digest to copy.
  Table table({{"RECORD TYPE"},
               {"FIELDS"},
               {"ED-FI ENTITY", Table::Fit::kMayShorten},
               {"DIGEST", Table::Fit::kMayShorten}});
  for (const policy::RecordType* type : (*catalog)->types()) {
    table.Add(
        {type->name(), absl::StrCat(type->leaves().size()), type->ed_fi_entity(), type->digest()},
        {{"name", type->name()},
         {"fields", type->leaves().size()},
         {"ed_fi_entity", type->ed_fi_entity()},
         {"digest", type->digest()}});
  }
  return table.Print(output) ? kDone : kFailed;
}

std::string KeyText(const policy::Field& field) {
  return field.optional_in_key ? "key, optional"
         : field.key           ? "key"
         : field.required      ? "required"
                               : "";
}

std::string SubjectText(const policy::Field& field) {
  return field.id_scope.empty() ? field.id_space
                                : absl::StrCat(field.id_space, " with ", field.id_scope);
}

Json FieldJson(const policy::Field& field) {
  Json json = {{"path", field.path},
               {"kind", std::string(KindName(field.kind))},
               {"repeated", !field.singular_path},
               {"sensitivity", Short(v1::Sensitivity_Name(field.sensitivity))},
               {"regimes", RegimeNames(field)},
               {"key", field.key},
               {"ed_fi_element", field.ed_fi_element}};
  if (field.optional_in_key) json["optional_in_key"] = true;
  if (field.required) json["required"] = true;
  if (field.names_subject()) json["id_space"] = field.id_space;
  if (!field.id_scope.empty()) json["id_scope"] = field.id_scope;
  if (field.closed) json["closed"] = true;
  if (field.not_brokered) json["not_brokered"] = true;
  if (!FloorTexts(field).empty()) json["floor"] = FloorTexts(field);
  if (field.code_set != nullptr) json["code_set"] = field.code_set->name();
  return json;
}

Table FieldTable(const policy::RecordType& type) {
  constexpr Table::Fit kMayShorten = Table::Fit::kMayShorten;
  Table table({{"FIELD"},
               {"KIND", kMayShorten},
               {"SENSITIVITY", kMayShorten},
               {"REGIME", kMayShorten},
               {"KEY", kMayShorten},
               {"SUBJECT", kMayShorten},
               {"FLOOR", kMayShorten},
               {"CODE SET", kMayShorten},
               {"NOTE", kMayShorten}});
  for (const policy::Field* field : type.leaves()) {
    table.Add({field->path + (field->singular_path ? "" : " (repeated)"),
               std::string(KindName(field->kind)), Short(v1::Sensitivity_Name(field->sensitivity)),
               absl::StrJoin(RegimeNames(*field), ","), KeyText(*field), SubjectText(*field),
               absl::StrJoin(FloorTexts(*field), " | "),
               absl::StrCat(field->code_set == nullptr ? "" : field->code_set->name(),
                            field->closed ? " (closed)" : ""),
               field->not_brokered ? "not brokered by default" : ""},
              FieldJson(*field));
  }
  return table;
}

ExitCode Show(const policy::RecordType& type, const std::string& output) {
  const Table table = FieldTable(type);
  if (output == "ndjson" || output == "csv") return table.Print(output) ? kDone : kFailed;
  if (output == "json") {
    Json fields = Json::array();
    for (const policy::Field* field : type.leaves()) fields.push_back(FieldJson(*field));
    const Json json = {{"name", type.name()},
                       {"ed_fi_entity", type.ed_fi_entity()},
                       {"digest", type.digest()},
                       {"fields", std::move(fields)}};
    return Print(JsonText(json, 2)) ? kDone : kFailed;
  }
  Print(absl::StrCat(type.name(), "\n\nTo pin it in an MOU:\n  catalog: {", type.name(), ": ",
                     type.digest(), "}\n\n"));
  return table.Print(output) ? kDone : kFailed;
}

}  // namespace

void AddCatalog(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("catalog", "Record types: their fields and digests");
  noun->require_subcommand(1);
  auto output = std::make_shared<std::string>("text");
  auto name = std::make_shared<std::string>();
  CLI::App* list = session.AddVerb(noun, "list", "List the record types", "sluice catalog list",
                                   [&session, output] { return List(session, *output); });
  CLI::App* show = session.AddVerb(
      noun, "show", "Show a record type's fields, and the digest to pin",
      "sluice catalog show Candidate", [&session, output, name] {
        const absl::StatusOr<const policy::RecordType*> type = session.GetType(*name);
        if (!type.ok()) return Fail(type.status());
        return Show(**type, *output);
      });
  show->add_option("TYPE", *name, "The record type")->required();
  for (CLI::App* verb : {list, show}) AddOutput(verb, *output, kTableForms);
}

}  // namespace sluice::client
