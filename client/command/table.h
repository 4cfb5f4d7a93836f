// Rows under titles, in each form that a command prints: text for people, JSON, NDJSON, CSV.
//
// Text fits a terminal: columns that may be are shortened, with an ellipsis; where that is not
// enough, each row becomes a paragraph with a line for each cell, and nothing is lost. What is not
// for a terminal is never shortened. A CSV cell that a spreadsheet would run is disarmed
// (record_csv.h).
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_TABLE_H_
#define SLUICE_CLIENT_COMMAND_TABLE_H_

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/command/terminal.h"

namespace sluice::client {

class Table {
 public:
  using Json = nlohmann::ordered_json;

  // A column that people copy from (names, digests, counts) stays whole.
  enum class Fit { kWhole, kMayShorten };
  struct Column {
    std::string title;
    Fit fit = Fit::kWhole;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells may hold anything. `object`: the row in JSON; made of the cells if it is null.
  void Add(std::vector<std::string> cells, Json object = nullptr);
  size_t size() const { return rows_.size(); }

  std::string Text(const Terminal& terminal) const;
  std::string ToJson() const;
  std::string ToNdjson() const;
  std::string ToCsv() const;
  // "text", "json", "ndjson" or "csv"; false if it can't be printed.
  bool Print(const std::string& form) const;

 private:
  std::vector<size_t> Widths(const std::vector<std::vector<std::string>>& cells) const;
  std::vector<std::string> Keys() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<Json> objects_;
};

// JSON from elsewhere on lines of its own, whatever bytes its strings hold.
std::string JsonText(const nlohmann::ordered_json& json, int indent);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_TABLE_H_
