#include "client/import/mapping.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/import/mapping_binding.h"
#include "policy/strict_yaml.h"

namespace sluice::client {
namespace {

struct NamedFormat {
  MappingFormat format;
  const char* name;
};
constexpr NamedFormat kFormats[] = {{MappingFormat::kCsv, "csv"},
                                    {MappingFormat::kEdFiCsv, "ed-fi-csv"},
                                    {MappingFormat::kEdFiJson, "ed-fi-json"},
                                    {MappingFormat::kEdFiXml, "ed-fi-xml"},
                                    {MappingFormat::kOneRoster, "oneroster"}};

// A crosswalk that the mapping names and does not have may be one that Sluice brings.
void AddShared(Mapping& mapping, const policy::Catalog& catalog) {
  const absl::StatusOr<std::shared_ptr<const policy::Crosswalks>> all =
      policy::Crosswalks::BuiltIn(catalog.code_sets());
  if (!all.ok()) return;  // then the name is not known
  const auto add = [&](const ValueMapping& value) {
    const policy::Crosswalk* known = (*all)->Find(value.crosswalk);
    if (known == nullptr || mapping.crosswalks.count(value.crosswalk) > 0) return;
    mapping.crosswalks[value.crosswalk].shared =
        std::shared_ptr<const policy::Crosswalk>(*all, known);
  };
  for (const FieldMapping& field : mapping.fields) add(field.value);
  for (const RepeatMapping& repeat : mapping.repeats) {
    for (const FieldMapping& field : repeat.values) add(field.value);
  }
}

policy::BinderIds MappingIds() { return {"M001", "M002", "M003", "M004", "M005"}; }

}  // namespace

absl::string_view FormatName(MappingFormat format) {
  for (const NamedFormat& named : kFormats) {
    if (named.format == format) return named.name;
  }
  return "";
}

std::optional<MappingFormat> FormatOfName(absl::string_view name) {
  for (const NamedFormat& named : kFormats) {
    if (named.name == name) return named.format;
  }
  return std::nullopt;
}

const std::vector<std::string>& FormatNames() {
  static const auto* const names = [] {
    auto* all = new std::vector<std::string>();
    for (const NamedFormat& named : kFormats) all->push_back(named.name);
    return all;
  }();
  return *names;
}

bool IsTabular(MappingFormat format) {
  switch (format) {
    case MappingFormat::kCsv:
    case MappingFormat::kEdFiCsv:
    case MappingFormat::kOneRoster:
      return true;
    case MappingFormat::kEdFiXml:
    case MappingFormat::kEdFiJson:
      return false;
  }
  return false;
}

MappingRead ReadMapping(absl::string_view file_name, absl::string_view bytes,
                        const policy::Catalog& catalog) {
  policy::YamlOptions options;
  options.subset_id = "M004";
  options.duplicate_key_id = "M006";
  policy::YamlRead yaml = policy::ReadStrictYaml(file_name, bytes, options);
  MappingRead read;
  read.findings = std::move(yaml.findings);
  if (!yaml.root.has_value()) return read;
  policy::YamlBinder binder(file_name, MappingIds());
  Mapping mapping = BindMapping(binder, *yaml.root);
  mapping.file = std::string(file_name);
  AddShared(mapping, catalog);
  for (policy::Finding& finding : binder.TakeFindings())
    read.findings.push_back(std::move(finding));
  for (policy::Finding& finding : CheckMapping(mapping, catalog)) {
    read.findings.push_back(std::move(finding));
  }
  std::stable_sort(read.findings.begin(), read.findings.end(),
                   [](const policy::Finding& a, const policy::Finding& b) {
                     return std::pair(a.place.line, a.place.column) <
                            std::pair(b.place.line, b.place.column);
                   });
  if (!policy::HasError(read.findings)) read.mapping = std::move(mapping);
  return read;
}

std::string Numbered(MappingFormat format, absl::string_view column, int n) {
  const bool first = n == 1 && !IsTabular(format);
  return absl::StrReplaceAll(
      first ? absl::StrReplaceAll(column, {{"[{n}]", ""}}) : std::string(column),
      {{"{n}", absl::StrCat(n)}});
}

bool LeavesOut(const Mapping& mapping, absl::string_view column) {
  const auto fits = [&](absl::string_view left) {
    absl::string_view rest = column;
    if (!IsTabular(mapping.format)) {
      return absl::ConsumePrefix(&rest, left) && (rest.empty() || rest[0] == '.');
    }
    const size_t at = left.find("{n}");
    if (at == absl::string_view::npos) return rest == left;
    return absl::ConsumePrefix(&rest, left.substr(0, at)) &&
           absl::ConsumeSuffix(&rest, left.substr(at + 3)) && !rest.empty() &&
           std::all_of(rest.begin(), rest.end(), absl::ascii_isdigit);
  };
  return std::any_of(mapping.left_out.begin(), mapping.left_out.end(),
                     [&](const auto& left) { return fits(left.first); });
}

}  // namespace sluice::client
