#include "policy/crosswalk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/data_file.h"
#include "policy/digest.h"
#include "policy/embedded.h"

namespace sluice::policy {

// Reads a file line by line.
class Crosswalk::Parser {
 public:
  Parser(absl::string_view file, const CodeSets& code_sets) : file_(file), code_sets_(code_sets) {}

  absl::StatusOr<Crosswalk> Parse(absl::string_view text) {
    const absl::Status read =
        ReadDataFile(file_, text, [this](int line, const std::vector<absl::string_view>& cells) {
          return Line(line, cells);
        });
    if (!read.ok()) return read;
    if (crosswalk_.to_.empty()) return WrongLine(file_, 1, "maps nothing");
    // Applied once: a result that is mapped on would be another value the second time.
    for (const auto& [from, to] : crosswalk_.to_) {
      if (crosswalk_.to_.contains(to)) {
        return WrongLine(file_, lines_[from], "its result is mapped on");
      }
    }
    crosswalk_.digest_ = Sha256Digest(text);
    return std::move(crosswalk_);
  }

 private:
  absl::Status Line(int line, const std::vector<absl::string_view>& cells) {
    if (cells.size() != 3) return WrongLine(file_, line, "has three columns");
    if (cells[0] == "crosswalk") return Header(line, cells);
    if (cells[0] != "map") {
      return WrongLine(file_, line, absl::StrCat("unknown line \"", cells[0], "\""));
    }
    if (code_set_ == nullptr) return WrongLine(file_, line, "the crosswalk line comes first");
    if (cells[1].empty()) return WrongLine(file_, line, "maps from nothing");
    if (!code_set_->Contains(cells[2])) {
      return WrongLine(file_, line, absl::StrCat("maps to no code of the set ", code_set_->name()));
    }
    const std::string from(cells[1]);
    if (!crosswalk_.to_.emplace(from, cells[2]).second) {
      return WrongLine(file_, line, absl::StrCat("stands twice, first at line ", lines_[from]));
    }
    lines_.emplace(from, line);
    return absl::OkStatus();
  }

  absl::Status Header(int line, const std::vector<absl::string_view>& cells) {
    if (code_set_ != nullptr) return WrongLine(file_, line, "a second crosswalk line");
    if (!IsDataName(cells[1])) return WrongLine(file_, line, "its name is no name");
    code_set_ = code_sets_.Find(cells[2]);
    if (code_set_ == nullptr) {
      return WrongLine(file_, line, "names a code set that there is not");
    }
    crosswalk_.name_ = std::string(cells[1]);
    crosswalk_.code_set_ = std::string(cells[2]);
    return absl::OkStatus();
  }

  const absl::string_view file_;
  const CodeSets& code_sets_;
  const CodeSet* code_set_ = nullptr;
  Crosswalk crosswalk_;
  absl::flat_hash_map<std::string, int> lines_;
};

absl::StatusOr<Crosswalk> Crosswalk::Parse(absl::string_view file_name, absl::string_view text,
                                           const CodeSets& code_sets) {
  return Parser(file_name, code_sets).Parse(text);
}

const std::string* Crosswalk::Find(absl::string_view from) const {
  const auto it = to_.find(from);
  return it == to_.end() ? nullptr : &it->second;
}

absl::StatusOr<std::shared_ptr<const Crosswalks>> Crosswalks::BuiltIn(const CodeSets& code_sets) {
  std::vector<Crosswalk> all;
  for (const EmbeddedFile& file : EmbeddedCrosswalks()) {
    absl::StatusOr<Crosswalk> crosswalk = Crosswalk::Parse(file.name, file.text, code_sets);
    if (!crosswalk.ok()) return crosswalk.status();
    all.push_back(*std::move(crosswalk));
  }
  return Create(std::move(all));
}

absl::StatusOr<std::shared_ptr<const Crosswalks>> Crosswalks::Create(std::vector<Crosswalk> all) {
  auto crosswalks = std::make_shared<Crosswalks>();
  crosswalks->all_ = std::move(all);
  std::sort(crosswalks->all_.begin(), crosswalks->all_.end(),
            [](const Crosswalk& a, const Crosswalk& b) { return a.name() < b.name(); });
  for (size_t i = 1; i < crosswalks->all_.size(); ++i) {
    if (crosswalks->all_[i - 1].name() == crosswalks->all_[i].name()) {
      return absl::InvalidArgumentError(
          absl::StrCat("two crosswalks are named ", crosswalks->all_[i].name()));
    }
  }
  return std::shared_ptr<const Crosswalks>(std::move(crosswalks));
}

const Crosswalk* Crosswalks::Find(absl::string_view name) const {
  for (const Crosswalk& crosswalk : all_) {
    if (crosswalk.name() == name) return &crosswalk;
  }
  return nullptr;
}

}  // namespace sluice::policy
