#include "client/import/mapping_library.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/import/mappings/embedded.h"
#include "client/import/row_mapper.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

bool NamesFile(const Mapping& mapping, absl::string_view file_name) {
  return std::any_of(mapping.files.begin(), mapping.files.end(), [&](const std::string& name) {
    return absl::EqualsIgnoreCase(name, file_name);
  });
}

bool Has(const std::vector<std::string>& columns, const std::string& column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// How many columns a mapping can't do without, if the header has them all; 0 if it has not.
size_t HeaderFit(const Mapping& mapping, const std::vector<std::string>& columns) {
  std::set<std::string> needed;
  bool fits = true;
  const auto need = [&](const ValueMapping& value, int n) {
    if (value.is_constant() || value.optional || !value.from.empty()) return;
    for (const std::string& column : value.columns) {
      const std::string name = Numbered(mapping.format, column, n);
      if (!Has(columns, name)) continue;
      needed.insert(name);
      return;
    }
    fits = false;
  };
  const auto need_column = [&](const std::string& column) {
    fits &= Has(columns, column);
    needed.insert(column);
  };
  for (const FieldMapping& field : mapping.fields) need(field.value, 0);
  for (const RepeatMapping& repeat : mapping.repeats) {
    if (!repeat.join.empty()) continue;
    for (const FieldMapping& field : repeat.values) need(field.value, repeat.first);
  }
  for (const RowCondition& condition : mapping.where) need_column(condition.column);
  for (const JoinMapping& join : mapping.joins) {
    for (const auto& [own, other] : join.on) need_column(own);
  }
  // What is not taken is known by what it would leave out.
  if (mapping.record.empty()) {
    for (const auto& [column, reason] : mapping.left_out) need_column(column);
  }
  return fits ? needed.size() : 0;
}

// Of each type the mapping that fits best: versions of one format differ by a column or two. Null
// beside a type: several fit alike.
std::map<std::string, const Mapping*> BestFits(const std::vector<const Mapping*>& mappings,
                                               const std::vector<std::string>& columns) {
  std::map<std::string, const Mapping*> best;
  std::map<std::string, size_t> most;
  for (const Mapping* mapping : mappings) {
    const size_t fit = HeaderFit(*mapping, columns);
    if (fit == 0 || fit < most[mapping->record]) continue;
    best[mapping->record] = fit == most[mapping->record] ? nullptr : mapping;
    most[mapping->record] = fit;
  }
  return best;
}

}  // namespace

absl::StatusOr<MappingLibrary> MappingLibrary::BuiltIn(const policy::Catalog& catalog) {
  MappingLibrary library;
  for (const EmbeddedMapping& embedded : EmbeddedMappings()) {
    MappingRead read = ReadMapping(absl::StrCat(embedded.name, ".yaml"), embedded.bytes, catalog);
    if (!read.mapping.has_value()) {
      return absl::InternalError(read.findings.empty() ? "a mapping can't be read"
                                                       : read.findings[0].ToString());
    }
    library.mappings_.push_back(*std::move(read.mapping));
  }
  return library;
}

const Mapping* MappingLibrary::Find(absl::string_view name) const {
  for (const Mapping& mapping : mappings_) {
    if (mapping.name == name) return &mapping;
  }
  return nullptr;
}

absl::string_view MappingLibrary::TextOf(absl::string_view name) {
  for (const EmbeddedMapping& embedded : EmbeddedMappings()) {
    if (embedded.name == name) return embedded.bytes;
  }
  return "";
}

absl::StatusOr<std::vector<const Mapping*>> MappingLibrary::Recognize(
    MappingFormat format, const std::string& file_name,
    const std::vector<std::string>& columns) const {
  std::vector<const Mapping*> named, all;
  std::vector<std::string> names;
  std::set<std::string> types;
  for (const Mapping& mapping : mappings_) {
    if (mapping.format != format) continue;
    names.insert(names.end(), mapping.files.begin(), mapping.files.end());
    all.push_back(&mapping);
    if (!NamesFile(mapping, file_name)) continue;
    named.push_back(&mapping);
    types.insert(mapping.record);
  }
  // A name says what is meant; which column is then missing is said when it is bound.
  if (!named.empty() && (types.size() == named.size() || !IsTabular(format))) return named;
  std::vector<const Mapping*> found;
  if (IsTabular(format)) {
    for (const auto& [type, mapping] : BestFits(named.empty() ? all : named, columns)) {
      if (mapping == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("several mappings fit the header of ",
                                                       file_name,
                                                       ": name the one that is meant (--mapping)"));
      }
      found.push_back(mapping);
    }
  }
  if (!found.empty()) return found;
  if (!named.empty()) return named;
  return absl::NotFoundError(absl::StrCat("no ", FormatName(format), " mapping is for ", file_name,
                                          policy::DidYouMean(file_name, names),
                                          ": `sluice mapping suggest` drafts one"));
}

}  // namespace sluice::client
