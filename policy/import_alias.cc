#include "policy/import_alias.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/data_file.h"
#include "policy/embedded.h"

namespace sluice::policy {
namespace {

// "tpdm:Candidate"
bool IsEntity(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return false;
  const absl::string_view prefix = text.substr(0, colon);
  return !prefix.empty() && IsDataName(text.substr(colon + 1)) &&
         std::all_of(prefix.begin(), prefix.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

// "BirthData.BirthDate"
bool IsElement(absl::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '.'; });
}

}  // namespace

// Reads all files, one after the other.
class ImportAliases::Parser {
 public:
  Parser(ImportAliases& aliases, absl::string_view file) : aliases_(aliases), file_(file) {}

  absl::Status Parse(absl::string_view text) {
    return ReadDataFile(file_, text, [this](int line, const std::vector<absl::string_view>& cells) {
      return Line(line, cells);
    });
  }

 private:
  absl::Status Line(int line, const std::vector<absl::string_view>& cells) {
    if (cells[0] == "entity" && cells.size() == 3) return Entity(line, cells);
    if (cells[0] == "element" && cells.size() == 3) return Element(line, cells);
    return WrongLine(file_, line, "is no line `entity ENTITY TYPE` or `element ELEMENT FIELD`");
  }

  absl::Status Entity(int line, const std::vector<absl::string_view>& cells) {
    if (!IsEntity(cells[1])) return WrongLine(file_, line, "no entity: prefix:Name");
    type_ = aliases_.catalog_->Find(cells[2]);
    if (type_ == nullptr) return WrongLine(file_, line, "names a record type that there is not");
    entity_ = std::string(cells[1]);
    if (!aliases_.types_.emplace(entity_, type_).second) {
      return WrongLine(file_, line, absl::StrCat("a second ", entity_));
    }
    return absl::OkStatus();
  }

  absl::Status Element(int line, const std::vector<absl::string_view>& cells) {
    if (type_ == nullptr) return WrongLine(file_, line, "the entity line comes first");
    if (!IsElement(cells[1])) return WrongLine(file_, line, "no element: Name or Name.Name");
    const Field* const field = type_->Find(cells[2]);
    if (field == nullptr) {
      return WrongLine(file_, line,
                       absl::StrCat("names a field that ", type_->name(), " does not have"));
    }
    const std::string alias = absl::StrCat(entity_, ".", cells[1]);
    if (!aliases_.fields_.emplace(alias, AliasedField{type_, field}).second) {
      return WrongLine(file_, line, absl::StrCat(alias, " would name two fields"));
    }
    return absl::OkStatus();
  }

  ImportAliases& aliases_;
  const absl::string_view file_;
  std::string entity_;
  const RecordType* type_ = nullptr;
};

absl::StatusOr<std::shared_ptr<const ImportAliases>> ImportAliases::BuiltIn(
    std::shared_ptr<const Catalog> catalog) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const EmbeddedFile& file : EmbeddedAliases()) files.emplace_back(file.name, file.text);
  return Parse(files, std::move(catalog));
}

absl::StatusOr<std::shared_ptr<const ImportAliases>> ImportAliases::Parse(
    const std::vector<std::pair<std::string, std::string>>& files,
    std::shared_ptr<const Catalog> catalog) {
  auto aliases = std::make_shared<ImportAliases>();
  aliases->catalog_ = std::move(catalog);
  for (const auto& [name, text] : files) {
    const absl::Status read = Parser(*aliases, name).Parse(text);
    if (!read.ok()) return read;
  }
  return std::shared_ptr<const ImportAliases>(std::move(aliases));
}

const RecordType* ImportAliases::FindType(absl::string_view entity) const {
  const auto it = types_.find(entity);
  return it == types_.end() ? nullptr : it->second;
}

AliasedField ImportAliases::FindField(absl::string_view entity, absl::string_view element) const {
  auto it = fields_.find(absl::StrCat(entity, ".", element));
  if (it == fields_.end() && absl::ConsumeSuffix(&element, "Descriptor")) {
    it = fields_.find(absl::StrCat(entity, ".", element));
  }
  return it == fields_.end() ? AliasedField() : it->second;
}

std::vector<std::pair<std::string, const Field*>> ImportAliases::ElementsOf(
    const RecordType& type) const {
  std::vector<std::pair<std::string, const Field*>> elements;
  for (const auto& [alias, aliased] : fields_) {
    if (aliased.type != &type || aliased.field->kind == FieldKind::kMessage) continue;
    elements.emplace_back(alias.substr(alias.find('.') + 1), aliased.field);
  }
  std::sort(elements.begin(), elements.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second->path) < std::tie(b.first, b.second->path);
  });
  return elements;
}

}  // namespace sluice::policy
