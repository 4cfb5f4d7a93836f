#include "client/command/table.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/command/output.h"
#include "client/record_csv.h"

namespace sluice::client {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowest = 8;

size_t LineWidth(const std::vector<size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), size_t{0}) + kGap * (widths.size() - 1);
}

}  // namespace

std::string JsonText(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void Table::Add(std::vector<std::string> cells, Json object) {
  cells.resize(columns_.size());
  if (object.is_null()) {
    const std::vector<std::string> keys = Keys();
    for (size_t i = 0; i < keys.size(); ++i) object[keys[i]] = cells[i];
  }
  rows_.push_back(std::move(cells));
  objects_.push_back(std::move(object));
}

std::vector<std::string> Table::Keys() const {
  std::vector<std::string> keys;
  for (const Column& column : columns_) {
    keys.push_back(
        absl::StrReplaceAll(absl::AsciiStrToLower(column.title), {{" ", "_"}, {"-", "_"}}));
  }
  return keys;
}

std::vector<size_t> Table::Widths(const std::vector<std::vector<std::string>>& cells) const {
  std::vector<size_t> widths(columns_.size());
  for (const std::vector<std::string>& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  return widths;
}

std::string Table::Text(const Terminal& terminal) const {
  std::vector<std::vector<std::string>> cells(1);
  for (const Column& column : columns_) cells[0].push_back(Printable(column.title));
  for (const std::vector<std::string>& row : rows_) {
    std::vector<std::string>& printable = cells.emplace_back();
    for (const std::string& cell : row) printable.push_back(Printable(cell));
  }
  std::vector<size_t> widths = Widths(cells);
  const auto most = static_cast<size_t>(terminal.width);
  while (terminal.is_terminal && LineWidth(widths) > most) {
    // The widest gives way.
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].fit == Fit::kWhole) continue;
      if (widths[i] <= std::max(DisplayWidth(cells[0][i]), kNarrowest)) continue;
      if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
    }
    if (widest == nullptr) break;
    --*widest;
  }
  std::string text;
  if (terminal.is_terminal && LineWidth(widths) > most) {
    size_t title_width = 0;
    for (const std::string& title : cells[0]) {
      title_width = std::max(title_width, DisplayWidth(title));
    }
    for (size_t r = 1; r < cells.size(); ++r) {
      if (r > 1) text += "\n";
      for (size_t i = 0; i < cells[r].size(); ++i) {
        if (cells[r][i].empty()) continue;
        absl::StrAppend(&text, Colored(terminal, Color::kBold, cells[0][i]),
                        std::string(title_width - DisplayWidth(cells[0][i]) + kGap, ' '),
                        cells[r][i], "\n");
      }
    }
    return text;
  }
  for (size_t r = 0; r < cells.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < cells[r].size(); ++i) {
      const std::string cell = Shortened(cells[r][i], widths[i]);
      absl::StrAppend(&line, cell, std::string(widths[i] - DisplayWidth(cell) + kGap, ' '));
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, r == 0 ? Colored(terminal, Color::kBold, line) : line, "\n");
  }
  return text;
}

std::string Table::ToJson() const { return JsonText(Json(objects_), 2); }

std::string Table::ToNdjson() const {
  std::string text;
  for (const Json& object : objects_) text += JsonText(object, -1);
  return text;
}

std::string Table::ToCsv() const {
  std::string text = CsvLine(Keys());
  for (const std::vector<std::string>& row : rows_) {
    std::vector<std::string> safe;
    for (const std::string& cell : row) safe.push_back(SafeCell(cell));
    text += CsvLine(safe);
  }
  return text;
}

bool Table::Print(const std::string& form) const {
  if (form == "json") return client::Print(ToJson());
  if (form == "ndjson") return client::Print(ToNdjson());
  if (form == "csv") return client::Print(ToCsv());
  return PrintColored(Text(StandardOutput()));
}

}  // namespace sluice::client
