#include "policy/code_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "policy/data_file.h"
#include "policy/digest.h"
#include "policy/embedded.h"

namespace sluice::policy {

// Reads a file line by line; the columns of a `code` line are the declared maps, in order.
class CodeSet::Parser {
 public:
  explicit Parser(absl::string_view file) : file_(file) {}

  absl::StatusOr<CodeSet> Parse(absl::string_view text) {
    const absl::Status read =
        ReadDataFile(file_, text, [this](int line, const std::vector<absl::string_view>& cells) {
          return Line(line, cells);
        });
    if (!read.ok()) return read;
    if (set_.name_.empty()) return WrongLine(file_, 1, "no code_set line");
    if (set_.codes_.empty()) return WrongLine(file_, 1, "no code");
    set_.text_ = std::string(text);
    set_.digest_ = Sha256Digest(text);
    return std::move(set_);
  }

 private:
  absl::Status Line(int line, const std::vector<absl::string_view>& cells) {
    if (cells[0] == "code_set") return Name(line, cells);
    if (set_.name_.empty()) return WrongLine(file_, line, "the code_set line comes first");
    if (cells[0] == "code") return Code(line, cells);
    if (!set_.codes_.empty()) return WrongLine(file_, line, "maps are declared before the codes");
    if (cells[0] == "coarser") return Coarser(line, cells);
    if (cells[0] == "hierarchy") return Hierarchy(line, cells);
    return WrongLine(file_, line, absl::StrCat("unknown line \"", cells[0], "\""));
  }

  absl::Status Name(int line, const std::vector<absl::string_view>& cells) {
    if (!set_.name_.empty()) return WrongLine(file_, line, "a second code_set line");
    if (cells.size() != 2 || !IsDataName(cells[1]))
      return WrongLine(file_, line, "code_set takes one name");
    set_.name_ = std::string(cells[1]);
    return absl::OkStatus();
  }

  absl::Status Coarser(int line, const std::vector<absl::string_view>& cells) {
    if (cells.size() != 3 || !IsDataName(cells[1]) || !IsCode(cells[2])) {
      return WrongLine(file_, line,
                       "coarser takes a name and the code that stands for the unknown");
    }
    const auto [it, inserted] = set_.coarser_.try_emplace(std::string(cells[1]));
    if (!inserted) return WrongLine(file_, line, "declared twice");
    it->second.other = std::string(cells[2]);
    columns_.push_back({std::string(cells[1]), 0});
    return absl::OkStatus();
  }

  absl::Status Hierarchy(int line, const std::vector<absl::string_view>& cells) {
    if (cells.size() < 3 || !IsDataName(cells[1])) {
      return WrongLine(file_, line,
                       "hierarchy takes a name and, for each level, the unknown's code");
    }
    const auto [it, inserted] = set_.hierarchies_.try_emplace(std::string(cells[1]));
    if (!inserted) return WrongLine(file_, line, "declared twice");
    for (size_t i = 2; i < cells.size(); ++i) {
      if (!IsCode(cells[i])) return WrongLine(file_, line, "not a code");
      it->second.push_back({{}, std::string(cells[i])});
      const absl::Status tree = Parent(line, cells[1], i - 1, cells, 2);
      if (!tree.ok()) return tree;
      columns_.push_back({std::string(cells[1]), static_cast<uint32_t>(i - 1)});
    }
    return absl::OkStatus();
  }

  absl::Status Code(int line, const std::vector<absl::string_view>& cells) {
    if (cells.size() != 2 + columns_.size()) {
      return WrongLine(file_, line,
                       absl::StrCat("a code has ", columns_.size(), " columns after it"));
    }
    for (size_t i = 1; i < cells.size(); ++i) {
      if (!IsCode(cells[i]))
        return WrongLine(file_, line, "not a code: uri://namespace/Descriptor#Value");
    }
    const std::string code(cells[1]);
    if (!set_.known_.emplace(code, set_.codes_.size()).second) {
      return WrongLine(file_, line, "the code stands twice");
    }
    set_.codes_.push_back(code);
    set_.by_short_name_[ShortName(code)].push_back(code);
    size_t first = 2;  // of this hierarchy's columns
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto& [name, level] = columns_[i];
      const std::string to(cells[2 + i]);
      if (level == 0) {
        set_.coarser_[name].to.emplace(code, to);
        continue;
      }
      if (level == 1) first = 2 + i;
      set_.hierarchies_[name][level - 1].to.emplace(code, to);
      const absl::Status tree = Parent(line, name, level, cells, first);
      if (!tree.ok()) return tree;
    }
    return absl::OkStatus();
  }

  // Remembers the parent of the value on `level`, which must be the same wherever it stands:
  // otherwise a level could not be computed from the one below.
  absl::Status Parent(int line, absl::string_view hierarchy, uint32_t level,
                      const std::vector<absl::string_view>& cells, size_t first) {
    if (level < 2) return absl::OkStatus();
    const std::string parent(cells[first + level - 1]);
    const auto [it, inserted] = parents_.emplace(
        absl::StrCat(hierarchy, "\t", level, "\t", cells[first + level - 2]), parent);
    if (!inserted && it->second != parent) {
      return WrongLine(file_, line, "not a tree: one value has two parents");
    }
    return absl::OkStatus();
  }

  const absl::string_view file_;
  CodeSet set_;
  std::vector<std::pair<std::string, uint32_t>> columns_;  // map, level; level 0: a coarser set
  absl::flat_hash_map<std::string, std::string> parents_;
};

absl::StatusOr<CodeSet> CodeSet::Parse(absl::string_view file_name, absl::string_view text) {
  return Parser(file_name).Parse(text);
}

CodeSet CodeSet::Empty(absl::string_view name) {
  CodeSet set;
  set.name_ = std::string(name);
  return set;
}

std::vector<std::string> CodeSet::Resolve(absl::string_view short_name) const {
  const auto it = by_short_name_.find(short_name);
  return it == by_short_name_.end() ? std::vector<std::string>() : it->second;
}

std::string CodeSet::ShortName(absl::string_view code) {
  const size_t hash = code.find('#');
  if (hash != absl::string_view::npos) code.remove_prefix(hash + 1);
  std::string name;
  for (const char c : code) {
    if (absl::ascii_isalnum(c)) {
      name.push_back(absl::ascii_toupper(c));
    } else if (name.empty() || name.back() != '_') {
      name.push_back('_');
    }
  }
  return name;
}

const CodeMap* CodeSet::Coarser(absl::string_view code_set) const {
  const auto it = coarser_.find(code_set);
  return it == coarser_.end() ? nullptr : &it->second;
}

const CodeMap* CodeSet::Level(absl::string_view hierarchy, uint32_t level) const {
  const auto it = hierarchies_.find(hierarchy);
  if (it == hierarchies_.end() || level < 1 || level > it->second.size()) return nullptr;
  return &it->second[level - 1];
}

std::vector<std::string> CodeSet::coarser_sets() const {
  std::vector<std::string> names;
  for (const auto& [name, map] : coarser_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> CodeSet::hierarchies() const {
  std::vector<std::string> names;
  for (const auto& [name, levels] : hierarchies_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

uint32_t CodeSet::levels(absl::string_view hierarchy) const {
  const auto it = hierarchies_.find(hierarchy);
  return it == hierarchies_.end() ? 0 : static_cast<uint32_t>(it->second.size());
}

absl::StatusOr<std::shared_ptr<const CodeSets>> CodeSets::BuiltIn() {
  std::vector<CodeSet> sets;
  for (const EmbeddedFile& file : EmbeddedCodeSets()) {
    absl::StatusOr<CodeSet> set = CodeSet::Parse(file.name, file.text);
    if (!set.ok()) return set.status();
    sets.push_back(*std::move(set));
  }
  return Create(std::move(sets));
}

absl::StatusOr<std::shared_ptr<const CodeSets>> CodeSets::Create(std::vector<CodeSet> sets) {
  auto all = std::make_shared<CodeSets>();
  for (CodeSet& set : sets) {
    const std::string name = set.name();
    if (!all->sets_.emplace(name, std::make_unique<CodeSet>(std::move(set))).second) {
      return absl::InvalidArgumentError(absl::StrCat("two code sets are named ", name));
    }
  }
  return std::shared_ptr<const CodeSets>(std::move(all));
}

std::vector<const CodeSet*> CodeSets::all() const {
  std::vector<const CodeSet*> all;
  for (const auto& [name, set] : sets_) all.push_back(set.get());
  return all;
}

const CodeSet* CodeSets::Find(absl::string_view name) const {
  const auto it = sets_.find(name);
  return it == sets_.end() ? nullptr : it->second.get();
}

}  // namespace sluice::policy
