#include "client/import/mapping_draft.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

// Letters and digits alone, in lower case: "First Name", "first_name" and "FirstName" are one.
std::string Plain(absl::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) plain.push_back(absl::ascii_tolower(c));
  }
  return plain;
}

std::string Base(absl::string_view column) {
  std::string plain = Plain(column);
  if (absl::EndsWith(plain, "descriptor")) plain.resize(plain.size() - 10);
  return plain;
}

// "Rating12" -> ("Rating", 12)
struct NumberedColumn {
  std::string name;
  int number = -1;
};
NumberedColumn SplitNumber(absl::string_view column) {
  size_t end = column.size();
  while (end > 0 && absl::ascii_isdigit(static_cast<unsigned char>(column[end - 1]))) --end;
  NumberedColumn split = {std::string(column.substr(0, end)), -1};
  if (end == 0 || end == column.size() || column.size() - end > 2 ||
      !absl::SimpleAtoi(column.substr(end), &split.number)) {
    return {std::string(column), -1};
  }
  return split;
}

// The names that a field may have in a file, in plain form.
class Names {
 public:
  Names(const policy::RecordType& type, const MappingLibrary& library,
        const policy::ImportAliases& aliases)
      : type_(type) {
    for (const Mapping& mapping : library.mappings()) {
      if (mapping.record != type.name()) continue;
      for (const FieldMapping& field : mapping.fields) AddAll(field.value, field.field);
      for (const RepeatMapping& repeat : mapping.repeats) {
        for (const FieldMapping& field : repeat.values) {
          if (field.field.empty()) AddAll(field.value, repeat.field);
        }
      }
    }
    for (const policy::Field* leaf : type.leaves()) {
      Add(leaf->path, leaf->path);
      Add(leaf->name, leaf->path);
      const std::string& element = leaf->ed_fi_element;
      if (element == "none") continue;
      Add(element, leaf->path);
      Add(element.substr(element.rfind('.') + 1), leaf->path);
    }
    for (const auto& [element, field] : aliases.ElementsOf(type)) Add(element, field->path);
  }

  // The field that a column is; `guessed` if only by a near name.
  const policy::Field* Find(absl::string_view column, bool& guessed) const {
    guessed = false;
    for (const std::string& name : {Plain(column), Base(column)}) {
      const auto found = paths_.find(name);
      if (found != paths_.end()) return type_.Find(found->second);
    }
    guessed = true;
    std::vector<std::string> known;
    for (const auto& [name, path] : paths_) known.push_back(name);
    const std::string near = policy::Nearest(Base(column), known);
    return near.empty() ? nullptr : type_.Find(paths_.at(near));
  }

 private:
  void Add(absl::string_view name, const std::string& path) {
    const std::string plain = Base(name);
    if (!plain.empty()) paths_.try_emplace(plain, path);
  }
  void AddAll(const ValueMapping& value, const std::string& path) {
    for (const std::string& column : value.columns) {
      Add(absl::StrReplaceAll(column, {{"{n}", ""}}), path);
    }
  }

  const policy::RecordType& type_;
  std::map<std::string, std::string> paths_;
};

// A column's name as a YAML value.
std::string Quoted(absl::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  }) && absl::ascii_isalpha(static_cast<unsigned char>(name[0]));
  if (plain) return std::string(name);
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// What a comment may hold: no line's end.
std::string InComment(absl::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = '?';
  }
  return text;
}

bool CanName(absl::string_view column) {
  return std::all_of(column.begin(), column.end(),
                     [](unsigned char c) { return c >= 0x20 && c < 0x7F; }) &&
         !column.empty();
}

}  // namespace

const policy::RecordType* NearestType(const policy::Catalog& catalog, const MappingLibrary& library,
                                      const policy::ImportAliases& aliases,
                                      const std::vector<std::string>& columns) {
  const policy::RecordType* nearest = nullptr;
  int most = 0;
  for (const policy::RecordType* type : catalog.types()) {
    const Names names(*type, library, aliases);
    int found = 0;
    std::set<std::string> paths;
    for (const std::string& column : columns) {
      bool guessed;
      const policy::Field* field = names.Find(SplitNumber(column).name, guessed);
      if (field == nullptr || !paths.insert(field->path).second) continue;
      // What names the record says more of its type than what many types have.
      found += guessed ? 1 : field->key ? 6 : 2;
    }
    if (found > most) nearest = type;
    most = std::max(most, found);
  }
  return nearest;
}

std::string DraftMapping(const policy::RecordType& type, const MappingLibrary& library,
                         const policy::ImportAliases& aliases, absl::string_view file_name,
                         const std::vector<std::string>& columns) {
  const Names names(type, library, aliases);
  std::string name;
  for (const char c : file_name.substr(0, file_name.rfind('.'))) {
    const bool letter = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (letter || (!name.empty() && name.back() != '-')) {
      name.push_back(letter ? absl::ascii_tolower(static_cast<unsigned char>(c)) : '-');
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();

  std::string fields, unmapped;
  std::set<std::string> taken;
  std::map<std::string, std::pair<int, int>> ranges;  // of numbered columns
  for (const std::string& column : columns) {
    const NumberedColumn split = SplitNumber(column);
    if (split.number < 0) continue;
    const auto [at, is_new] = ranges.try_emplace(split.name, split.number, split.number);
    at->second = {std::min(at->second.first, split.number),
                  std::max(at->second.second, split.number)};
  }
  std::string repeats;
  for (const std::string& column : columns) {
    if (!CanName(column)) {
      absl::StrAppend(&unmapped, "#   ", InComment(column), "\n");
      continue;
    }
    bool guessed;
    const NumberedColumn split = SplitNumber(column);
    const policy::Field* field = names.Find(column, guessed);
    if ((field == nullptr || guessed) && split.number >= 0) {
      field = names.Find(split.name, guessed);
      // One entry for all the numbers of a repeated scalar.
      if (field != nullptr && field->repeated && taken.insert(field->path).second) {
        absl::StrAppend(&repeats, "  ", field->path, ": {columns: ", ranges[split.name].first, "..",
                        ranges[split.name].second, ", value: ", Quoted(split.name + "{n}"), "}",
                        guessed ? "  # guessed" : "", "\n");
        continue;
      }
      if (field != nullptr && field->repeated) continue;
    }
    // What stands inside a repeated message needs a person's eye: a draft does not guess it.
    if (field == nullptr || !(field->singular_path || field->path == field->name) ||
        !taken.insert(field->path).second) {
      absl::StrAppend(&unmapped, "#   ", InComment(column), "\n");
      continue;
    }
    absl::StrAppend(&fields, "  ", field->path, ": ", Quoted(column), guessed ? "  # guessed" : "",
                    "\n");
  }
  std::string missing;
  for (const policy::Field* leaf : type.leaves()) {
    if (leaf->key && taken.count(leaf->path) == 0) {
      absl::StrAppend(&missing, "  # ", leaf->path,
                      ": ?  # part of the key; no column looks like it\n");
    }
  }
  std::string text =
      absl::StrCat("# Drafted from the header of ", InComment(file_name),
                   ". Read it before you use it.\nmapping: ", name.empty() ? "drafted" : name,
                   "\nrecord: ", type.name(), "\nformat: csv\n");
  if (CanName(file_name)) absl::StrAppend(&text, "files: [", Quoted(file_name), "]\n");
  absl::StrAppend(&text, "trim: true\nfields:\n", fields, missing);
  if (!repeats.empty()) absl::StrAppend(&text, "repeat:\n", repeats);
  if (!unmapped.empty()) absl::StrAppend(&text, "# No field looks like these columns:\n", unmapped);
  return text;
}

}  // namespace sluice::client
