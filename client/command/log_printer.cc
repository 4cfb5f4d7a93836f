#include "client/command/log_printer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/log_entry.h"
#include "client/command/output.h"
#include "client/command/table.h"
#include "client/record_csv.h"

namespace sluice::client {
namespace {

std::vector<std::string> TextCells(const LogEntryView& entry) {
  return {absl::StrCat(entry.index()),
          entry.TimeText(),
          entry.type(),
          entry.Who(),
          entry.What(),
          entry.Result(),
          entry.Of("rows", "released")};
}

const std::vector<std::string>& CsvHeader() {
  static const auto& header = *new std::vector<std::string>{
      "index",  "time", "type",    "organization", "kind",   "system", "spki",
      "owner",  "mou",  "version", "purpose",      "record", "action", "operation",
      "result", "code", "status",  "rows",         "of"};
  return header;
}

std::vector<std::string> CsvCells(const LogEntryView& entry) {
  const std::optional<absl::Time> time = entry.time();
  return {
      absl::StrCat(entry.index()),
      time.has_value() ? absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", *time, absl::UTCTimeZone()) : "",
      entry.type(),
      entry.Of("caller", "organization"),
      entry.CallerKind(),
      entry.Of("caller", "system"),
      entry.Of("caller", "spki"),
      entry.Member("owner"),
      entry.Member("mou"),
      entry.Member("version"),
      entry.Member("purpose"),
      entry.Member("record"),
      entry.Member("action"),
      entry.Member("operation"),
      entry.Member("result"),
      entry.Member("code"),
      entry.Member("status"),
      entry.Of("rows", "released"),
      entry.Member("of")};
}

}  // namespace

bool LogPrinter::Begin() {
  if (begun_) return true;
  begun_ = true;
  if (form_ == "csv") return Print(CsvLine(CsvHeader()));
  return form_ != "json" || Print("[");
}

bool LogPrinter::AddTable(const std::vector<v1::LogEntry>& entries) const {
  Table table({{"INDEX"},
               {"TIME (UTC)"},
               {"TYPE"},
               {"WHO", Table::Fit::kMayShorten},
               {"WHAT", Table::Fit::kMayShorten},
               {"RESULT"},
               {"ROWS"}});
  for (const v1::LogEntry& entry : entries) table.Add(TextCells(LogEntryView(entry)));
  return table.Print("text");
}

std::string LogPrinter::LineOf(const v1::LogEntry& shown) const {
  const LogEntryView entry(shown);
  if (form_ == "csv") {
    std::vector<std::string> cells = CsvCells(entry);
    for (std::string& cell : cells) cell = SafeCell(cell);
    return CsvLine(cells);
  }
  if (form_ == "text") {
    std::vector<std::string> cells;
    for (const std::string& cell : TextCells(entry)) {
      if (!cell.empty()) cells.push_back(Printable(cell));
    }
    return absl::StrJoin(cells, "  ") + "\n";
  }
  return absl::StrCat("{\"index\":", entry.index(), ",\"entry\":", entry.JsonLine(), "}");
}

bool LogPrinter::Add(const std::vector<v1::LogEntry>& entries) {
  if (entries.empty()) return true;
  if (form_ == "text" && layout_ == Layout::kPages) return AddTable(entries);
  if (!Begin()) return false;
  for (const v1::LogEntry& entry : entries) {
    std::string line = LineOf(entry);
    if (form_ == "json") line = absl::StrCat(any_ ? ",\n" : "\n", line);
    if (form_ == "ndjson") line += "\n";
    any_ = true;
    if (!Print(line)) return false;
    if (layout_ == Layout::kLines && !FlushOutput()) return false;
  }
  return true;
}

bool LogPrinter::End() {
  if (!Begin()) return false;
  return form_ != "json" || Print(any_ ? "\n]\n" : "]\n");
}

}  // namespace sluice::client
