#include "client/record_csv.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxIndex = 1000;

// Whether a spreadsheet may run the text, its quotes at the front aside. Some take the signs in
// full width for the same.
bool Runs(absl::string_view text) {
  while (!text.empty() && text[0] == '\'') text.remove_prefix(1);
  for (const absl::string_view sign :
       {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"}) {
    if (absl::StartsWith(text, sign)) return true;
  }
  return false;
}

bool IsText(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

absl::Status Column(absl::string_view column, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat("column ", column, ": ", status.message()));
}

// "race[0]" -> ("race", 0)
bool SplitStep(absl::string_view step, std::string& name, int& index) {
  index = -1;
  const size_t bracket = step.find('[');
  name = std::string(step.substr(0, bracket));
  if (bracket == absl::string_view::npos) return true;
  if (step.back() != ']') return false;
  const absl::string_view digits = step.substr(bracket + 1, step.size() - bracket - 2);
  return !digits.empty() && digits.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(digits, &index) && index < kMaxIndex;
}

// Every column of a field: its leaves, each repeated step `repeat` times.
void Expand(const FieldDescriptor& field, const std::string& prefix, int repeat,
            std::vector<std::string>& columns) {
  for (int i = 0; i < (field.is_repeated() ? repeat : 1); ++i) {
    const std::string here =
        absl::StrCat(prefix, field.name(), field.is_repeated() ? absl::StrCat("[", i, "]") : "");
    if (!IsStructure(field)) {
      columns.push_back(here);
      continue;
    }
    for (int f = 0; f < field.message_type()->field_count(); ++f) {
      Expand(*field.message_type()->field(f), here + ".", repeat, columns);
    }
  }
}

// The columns of the field at a path without indices.
absl::Status ExpandPath(const Descriptor& type, absl::string_view path, const std::string& prefix,
                        int repeat, std::vector<std::string>& columns) {
  const std::pair<absl::string_view, absl::string_view> split =
      absl::StrSplit(path, absl::MaxSplits('.', 1));
  const FieldDescriptor* field = FindField(type, split.first);
  if (field == nullptr) return NoSuchField(type, split.first);
  if (split.second.empty()) {
    Expand(*field, prefix, repeat, columns);
    return absl::OkStatus();
  }
  if (!IsStructure(*field)) return NoSuchField(type, path);
  for (int i = 0; i < (field->is_repeated() ? repeat : 1); ++i) {
    const std::string here = absl::StrCat(prefix, field->name(),
                                          field->is_repeated() ? absl::StrCat("[", i, "].") : ".");
    const absl::Status expanded =
        ExpandPath(*field->message_type(), split.second, here, repeat, columns);
    if (!expanded.ok()) return expanded;
  }
  return absl::OkStatus();
}

// What a record's columns must account for: how many leaf values it has.
int64_t CountLeaves(const Message& message) {
  int64_t count = 0;
  std::vector<const FieldDescriptor*> fields;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated()) {
      count += IsStructure(*field) ? CountLeaves(reflection.GetMessage(message, field)) : 1;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      count +=
          IsStructure(*field) ? CountLeaves(reflection.GetRepeatedMessage(message, field, i)) : 1;
    }
  }
  return count;
}

}  // namespace

absl::StatusOr<std::optional<std::vector<std::string>>> CsvReader::Next() {
  enum class State { kStart, kPlain, kQuoted, kAfterQuote };
  State state = State::kStart;
  std::vector<std::string> row(1);
  size_t bytes = 0;
  line_ = next_line_;
  std::streambuf& buffer = *in_->rdbuf();
  constexpr int kEnd = std::streambuf::traits_type::eof();
  while (true) {
    int c = buffer.sbumpc();
    if (c == '\r' && state != State::kQuoted) {
      c = buffer.sbumpc();
      if (c != '\n') {
        return absl::InvalidArgumentError("a line ends in CR alone: write LF, or CR and LF");
      }
    }
    if (c == kEnd) {
      if (state == State::kQuoted) return absl::InvalidArgumentError("a quote is never closed");
      if (bytes == 0) return std::nullopt;
      return row;
    }
    if (++bytes > kMaxRowBytes) return absl::InvalidArgumentError("the row is larger than 2 MiB");
    if (c == '\n') ++next_line_;
    const char character = static_cast<char>(c);
    switch (state) {
      case State::kStart:
      case State::kPlain:
        if (c == '\n') return row;
        if (c == ',') {
          row.emplace_back();
          state = State::kStart;
        } else if (c == '"') {
          if (state == State::kPlain) {
            return absl::InvalidArgumentError(
                "a quote inside a cell: put the cell in quotes and write it twice");
          }
          state = State::kQuoted;
        } else {
          row.back().push_back(character);
          state = State::kPlain;
        }
        break;
      case State::kQuoted:
        if (c == '"') {
          state = State::kAfterQuote;
        } else {
          row.back().push_back(character);
        }
        break;
      case State::kAfterQuote:
        if (c == '\n') return row;
        if (c == ',') {
          row.emplace_back();
          state = State::kStart;
        } else if (c == '"') {
          row.back().push_back('"');
          state = State::kQuoted;
        } else {
          return absl::InvalidArgumentError("text after a closing quote");
        }
        break;
    }
  }
}

absl::Status CsvColumns::Add(const Descriptor& type, const std::string& column) {
  Path path;
  const Descriptor* at = &type;
  for (const absl::string_view step : absl::StrSplit(column, '.')) {
    if (at == nullptr) return absl::InvalidArgumentError("there is nothing inside this field");
    std::string name;
    int index;
    if (!SplitStep(step, name, index)) {
      return absl::InvalidArgumentError("an index is a number in brackets: race[0]");
    }
    const FieldDescriptor* field = FindField(*at, name);
    if (field == nullptr) return NoSuchField(*at, name);
    if (field->is_repeated() && index < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " is repeated: name a column for each value, ", name, "[0], ", name, "[1]"));
    }
    if (!field->is_repeated() && index >= 0) {
      return absl::InvalidArgumentError(name + " is not repeated and takes no index");
    }
    path.push_back({field, index});
    at = IsStructure(*field) ? field->message_type() : nullptr;
  }
  if (at != nullptr) {
    return absl::InvalidArgumentError("is a message: name the fields inside it");
  }
  header_.push_back(column);
  paths_.push_back(std::move(path));
  return absl::OkStatus();
}

absl::StatusOr<CsvColumns> CsvColumns::Bind(const Descriptor& type,
                                            const std::vector<std::string>& header) {
  CsvColumns columns;
  std::set<std::vector<std::pair<int, int>>> seen;
  for (size_t i = 0; i < header.size(); ++i) {
    std::string name = header[i];
    // Spreadsheets begin a file with a byte order mark.
    if (i == 0 && name.rfind("\xEF\xBB\xBF", 0) == 0) name.erase(0, 3);
    if (const absl::Status added = columns.Add(type, name); !added.ok()) {
      return Column(absl::StrCat(i + 1), added);
    }
    std::vector<std::pair<int, int>> numbers;
    for (const ColumnStep& step : columns.paths_.back()) {
      numbers.emplace_back(step.field->number(), step.index);
    }
    if (!seen.insert(std::move(numbers)).second) {
      return Column(absl::StrCat(i + 1), absl::InvalidArgumentError("the field is there twice"));
    }
  }
  return columns;
}

absl::StatusOr<CsvColumns> CsvColumns::Of(const Descriptor& type,
                                          const std::vector<std::string>& paths, int repeat) {
  std::vector<std::string> header;
  for (const std::string& path : paths) {
    const absl::Status expanded = ExpandPath(type, path, "", repeat, header);
    if (!expanded.ok()) return expanded;
  }
  return Bind(type, header);
}

absl::Status CsvColumns::Read(const std::vector<std::string>& cells, Message& record) const {
  if (cells.size() != paths_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", cells.size(), " cells where the header has ", paths_.size(), " columns"));
  }
  // Elements of repeated fields in the order of their indices, whatever order the columns have.
  std::vector<size_t> order;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty()) order.push_back(i);
  }
  const auto indices = [this](size_t column) {
    std::vector<std::pair<int, int>> steps;
    for (const ColumnStep& step : paths_[column]) {
      steps.emplace_back(step.field->number(), step.index);
    }
    return steps;
  };
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return indices(a) < indices(b); });
  // The element that stands for (the message it is in, field, index of the column).
  std::map<std::pair<const Message*, std::pair<int, int>>, Message*> elements;
  for (const size_t i : order) {
    Message* at = &record;
    const Path& path = paths_[i];
    for (size_t s = 0; s + 1 < path.size(); ++s) {
      const FieldDescriptor* field = path[s].field;
      if (path[s].index < 0) {
        at = at->GetReflection()->MutableMessage(at, field);
        continue;
      }
      Message*& element = elements[{at, {field->number(), path[s].index}}];
      if (element == nullptr) element = at->GetReflection()->AddMessage(at, field);
      at = element;
    }
    const FieldDescriptor& leaf = *path.back().field;
    const absl::Status set = SetFromText(*at, leaf, IsText(leaf) ? UnsafeCell(cells[i]) : cells[i]);
    if (!set.ok()) return Column(header_[i], set);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CsvColumns::Write(const Message& record) const {
  std::vector<std::string> cells;
  int64_t written = 0;
  for (const Path& path : paths_) {
    const Message* at = &record;
    bool present = true;
    for (size_t s = 0; s < path.size() && present; ++s) {
      const google::protobuf::Reflection& reflection = *at->GetReflection();
      const FieldDescriptor* field = path[s].field;
      present = path[s].index < 0 ? reflection.HasField(*at, field)
                                  : path[s].index < reflection.FieldSize(*at, field);
      if (!present || s + 1 == path.size()) break;
      at = path[s].index < 0 ? &reflection.GetMessage(*at, field)
                             : &reflection.GetRepeatedMessage(*at, field, path[s].index);
    }
    if (!present) {
      cells.emplace_back();
      continue;
    }
    const FieldDescriptor& leaf = *path.back().field;
    const std::string text = ToText(*at, leaf, path.back().index);
    // A number that is one may begin with its sign.
    const bool safe = !IsText(leaf) && (!IsDecimal(leaf) || IsDecimalText(text));
    cells.push_back(safe ? text : SafeCell(text));
    ++written;
  }
  if (written != CountLeaves(record)) {
    return absl::OutOfRangeError(
        "a row has more values than the table has columns: ask for more with --repeat, or for "
        "NDJSON");
  }
  return cells;
}

std::string CsvLine(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.push_back(',');
    if (cells[i].find_first_of("\",\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line.push_back('"');
    for (const char c : cells[i]) {
      if (c == '"') line.push_back('"');
      line.push_back(c);
    }
    line.push_back('"');
  }
  line.push_back('\n');
  return line;
}

std::string SafeCell(absl::string_view text) { return absl::StrCat(Runs(text) ? "'" : "", text); }

std::string UnsafeCell(absl::string_view cell) {
  const bool written_safe = !cell.empty() && cell[0] == '\'' && Runs(cell);
  return std::string(written_safe ? cell.substr(1) : cell);
}

}  // namespace sluice::client
