#include "policy/mou_schema.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/mou_binding.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::policy {
namespace {

using Json = nlohmann::ordered_json;

Json Ref(const std::string& definition) { return {{"$ref", "#/definitions/" + definition}}; }

// As Ref, with words of its own, which draft 7 reads beside no $ref.
Json Said(const std::string& says, Json schema) {
  return {{"description", says}, {"allOf", Json::array({std::move(schema)})}};
}

Json Pattern(const char* pattern) { return {{"type", "string"}, {"pattern", pattern}}; }

Json Prose(const char* says) {
  return {{"type", "string"}, {"minLength", 1}, {"description", says}};
}

Json ListOf(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

// A mapping of these keys and no others.
Json Mapping(Json properties, std::vector<std::string> required) {
  Json mapping = {
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  if (!required.empty()) mapping["required"] = std::move(required);
  return mapping;
}

Json OneOf(const google::protobuf::EnumDescriptor& type, absl::string_view prefix) {
  return {{"enum", EnumNames(type, prefix)}};
}

// --- Field rules ---

// What `generalize` may have for a kind; null: nothing.
Json GeneralizeOf(const Field& field) {
  const Json width = {{"type", "integer"}, {"minimum", 1}};
  const Json whole = {{"type", "integer"}};
  switch (field.kind) {
    case FieldKind::kDate:
      return Mapping({{"to", OneOf(*v1::DatePrecision_descriptor(), "DATE_PRECISION_")},
                      {"band", width},
                      {"cap", whole},
                      {"floor", whole}},
                     {"to"});
    case FieldKind::kInteger: {
      Json mapping = Mapping({{"band", width}, {"cap", whole}, {"floor", whole}}, {});
      mapping["minProperties"] = 1;
      return mapping;
    }
    case FieldKind::kString:
      return Mapping({{"keep_prefix", width}}, {"keep_prefix"});
    case FieldKind::kPostalCode:
      return Mapping({{"zip3", {{"type", "string"}}}}, {"zip3"});
    case FieldKind::kCode: {
      const std::vector<std::string> hierarchies = field.code_set->hierarchies();
      const std::vector<std::string> coarser = field.code_set->coarser_sets();
      Json ways = Json::array();
      if (!coarser.empty()) {
        ways.push_back(Mapping({{"code_set", {{"enum", coarser}}}}, {"code_set"}));
      }
      for (const std::string& hierarchy : hierarchies) {
        ways.push_back(Mapping({{"hierarchy", {{"const", hierarchy}}},
                                {"level",
                                 {{"type", "integer"},
                                  {"minimum", 1},
                                  {"maximum", field.code_set->levels(hierarchy)}}}},
                               {"hierarchy", "level"}));
      }
      return ways.empty() ? Json() : Json{{"anyOf", std::move(ways)}};
    }
    case FieldKind::kBool:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return Json();
}

Json RuleOf(const Field& field) {
  Json words = Json::array({"pass"});
  if (field.names_subject()) words.push_back("pseudonymize");
  Json rules = Json::array({{{"enum", std::move(words)}}});
  Json generalize = GeneralizeOf(field);
  if (!generalize.is_null()) {
    rules.push_back(Mapping({{"generalize", std::move(generalize)}}, {"generalize"}));
  }
  Json rule = {{"anyOf", std::move(rules)}};
  if (!field.ed_fi_element.empty()) rule["description"] = field.ed_fi_element;
  return rule;
}

// Of any kind of field: a floor's.
Json AnyRule() {
  const Json width = {{"type", "integer"}, {"minimum", 1}};
  const Json whole = {{"type", "integer"}};
  const Json text = {{"type", "string"}};
  Json generalize = Mapping({{"to", OneOf(*v1::DatePrecision_descriptor(), "DATE_PRECISION_")},
                             {"band", width},
                             {"cap", whole},
                             {"floor", whole},
                             {"keep_prefix", width},
                             {"zip3", text},
                             {"code_set", text},
                             {"hierarchy", text},
                             {"level", width}},
                            {});
  generalize["minProperties"] = 1;
  return {
      {"anyOf", Json::array({{{"enum", {"pass", "pseudonymize"}}},
                             Mapping({{"generalize", std::move(generalize)}}, {"generalize"})})}};
}

// --- Rows ---

// Null: no row is chosen by it.
Json ConstraintOf(const Field& field) {
  if (!field.singular_path) return Json();
  Json value;
  bool has_interval = false;
  switch (field.kind) {
    case FieldKind::kInteger:
      value = {{"type", "integer"}};
      has_interval = true;
      break;
    case FieldKind::kDate:
      value = Ref("date");
      has_interval = true;
      break;
    case FieldKind::kBool:
      value = {{"type", "boolean"}};
      break;
    case FieldKind::kCode: {
      std::set<std::string> names;
      for (const std::string& code : field.code_set->codes())
        names.insert(CodeSet::ShortName(code));
      // Whole codes, too.
      Json ways = Json::array({{{"type", "string"}}});
      if (!names.empty()) ways.insert(ways.begin(), Json{{"enum", names}});
      value = {{"anyOf", std::move(ways)}};
      break;
    }
    case FieldKind::kString:
    case FieldKind::kPostalCode:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      return Json();
  }
  Json set = Mapping({{"in", ListOf(value)}}, {"in"});
  if (!has_interval) return set;
  Json interval = Mapping({{"at_least", value}, {"below", value}}, {});
  interval["minProperties"] = 1;
  return {{"anyOf", Json::array({std::move(set), std::move(interval)})}};
}

// --- Record types ---

// What a clause about records of a type has: by `record`.
Json OfTypes(const Catalog& catalog, absl::string_view fields) {
  Json all = Json::array();
  for (const RecordType* type : catalog.types()) {
    Json properties = {{"rows", Ref("rows_of_" + type->name())}};
    if (!fields.empty()) properties[std::string(fields)] = Ref("fields_of_" + type->name());
    all.push_back(
        {{"if",
          {{"properties", {{"record", {{"const", type->name()}}}}}, {"required", {"record"}}}},
         {"then", {{"properties", std::move(properties)}}}});
  }
  return all;
}

void AddType(const RecordType& type, Json& definitions) {
  Json fields = Json::object(), rows = Json::object();
  for (const Field* leaf : type.leaves()) {
    fields[leaf->path] = RuleOf(*leaf);
    if (Json constraint = ConstraintOf(*leaf); !constraint.is_null()) {
      rows[leaf->path] = std::move(constraint);
    }
  }
  definitions["fields_of_" + type.name()] = Mapping(std::move(fields), {});
  definitions["rows_of_" + type.name()] = Mapping(std::move(rows), {});
}

// --- The document ---

Json GrantSchema(const Catalog& catalog, const Json& types) {
  Json grant = Mapping({{"name", Ref("name")},
                        {"from", Said("The owner: a party", Ref("name"))},
                        {"to", ListOf(Ref("name"))},
                        {"purpose", Ref("purpose")},
                        {"record", {{"enum", types}}},
                        {"rows", {{"type", "object"}, {"maxProperties", 6}}},
                        {"fields", {{"type", "object"}, {"maxProperties", 256}}},
                        {"period", Ref("period")},
                        {"operations", ListOf({{"enum", {"READ", "SYNC"}}})}},
                       {"name", "from", "to", "purpose", "record", "fields"});
  grant["allOf"] = OfTypes(catalog, "fields");
  return grant;
}

Json ProhibitionSchema(const Catalog& catalog, const Json& types) {
  Json prohibition = Mapping({{"name", Ref("name")},
                              {"reason", Prose("Why")},
                              {"from", ListOf(Ref("name"))},
                              {"to", ListOf(Ref("name"))},
                              {"purposes", ListOf(Ref("purpose"))},
                              {"record", {{"enum", types}}},
                              {"rows", {{"type", "object"}, {"maxProperties", 6}}},
                              {"fields", ListOf({{"type", "string"}})},
                              {"period", Ref("period")}},
                             {"name", "reason"});
  prohibition["allOf"] = OfTypes(catalog, "");
  return prohibition;
}

Json Definitions(const Catalog& catalog) {
  Json definitions = {{"name", Pattern("^[a-z][a-z0-9-]{0,62}$")},
                      {"purpose", Pattern("^[a-z][a-z0-9_]{0,62}$")},
                      {"digest", Pattern("^sha256:[0-9a-f]{64}$")},
                      {"date", Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")},
                      {"rule", AnyRule()},
                      {"period", Mapping({{"effective", Said("The first day", Ref("date"))},
                                          {"expires", Said("The first day after it", Ref("date"))}},
                                         {"effective", "expires"})}};
  for (const RecordType* type : catalog.types()) AddType(*type, definitions);
  return definitions;
}

}  // namespace

std::string MouSchema(const Catalog& catalog) {
  Json types = Json::array(), pins = Json::object();
  for (const RecordType* type : catalog.types()) {
    types.push_back(type->name());
    pins[type->name()] = Ref("digest");
  }
  Json properties = {
      {"mou", Said("Its name", Ref("name"))},
      {"version",
       {{"type", "integer"}, {"minimum", 1}, {"description", "One more than the version before"}}},
      {"title", Prose("What it is about")},
      {"catalog", Said("The record types' digests: sluice mou fmt --pin writes them",
                       Mapping(std::move(pins), {}))},
      {"parties", ListOf(Mapping({{"organization", Ref("name")},
                                  {"signatory_ca", Said("The SubjectPublicKeyInfo of the CA of "
                                                        "its signatories",
                                                        Ref("digest"))}},
                                 {"organization", "signatory_ca"}))},
      {"authority", ListOf(Mapping({{"basis", OneOf(*v1::Basis_descriptor(), "BASIS_")},
                                    {"citation", Prose("The law's place")},
                                    {"representative", Prose("With FERPA_AUDIT_OR_EVALUATION")}},
                                   {"basis", "citation"}))},
      {"term", Mapping({{"effective", Said("The first day", Ref("date"))},
                        {"expires", Said("The first day after it", Ref("date"))},
                        {"time_zone", {{"type", "string"}, {"description", "IANA; UTC"}}}},
                       {"effective", "expires"})},
      {"purposes",
       {{"type", "object"},
        {"propertyNames", Ref("purpose")},
        {"additionalProperties", Prose("What it is for")}}},
      {"obligations",
       Mapping({{"destroy_within_days", {{"type", "integer"}, {"minimum", 0}, {"maximum", 36500}}},
                {"redisclosure", OneOf(*v1::Redisclosure_descriptor(), "REDISCLOSURE_")},
                {"redisclose_to", ListOf(Ref("name"))}},
               {"destroy_within_days", "redisclosure"})},
      {"floors",
       ListOf(Mapping({{"sensitivity", OneOf(*v1::Sensitivity_descriptor(), "SENSITIVITY_")},
                       {"purpose", Ref("purpose")},
                       {"at_least", ListOf(Ref("rule"))}},
                      {"sensitivity", "at_least"}))},
      {"grants", ListOf(GrantSchema(catalog, types))},
      {"prohibitions", ListOf(ProhibitionSchema(catalog, types))}};
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "A memorandum of understanding, as Sluice reads it"}};
  schema.update(
      Mapping(std::move(properties), {"mou", "version", "title", "parties", "authority", "term",
                                      "purposes", "obligations", "prohibitions"}));
  schema["definitions"] = Definitions(catalog);
  return schema.dump(1) + "\n";
}

}  // namespace sluice::policy
