// Whatever stands in an entry, it is exported as one line that its reader can take apart, and
// nothing of it is obeyed on the way.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "client/command/log_export.h"
#include "client/command/log_summary.h"
#include "client/command/terminal.h"

namespace sluice::client {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// How many of `c` stand in the text with no backslash before them.
int Unescaped(const std::string& text, char c) {
  int count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == c) {
      ++count;
    }
  }
  return count;
}

void TryEntry(const LogEntryView& entry) {
  for (const char* format : {"jsonl", "ocsf", "cef", "syslog"}) {
    std::string line = LogExport{format, "fuzz.example/log/1", "1", "sluice@32473"}.Line(entry);
    Require(!line.empty() && line.back() == '\n');
    line.pop_back();
    Require(line.find_first_of("\n\r") == std::string::npos);
    if (*format == 'j' || *format == 'o') {
      Require(nlohmann::json::accept(line));
      continue;
    }
    Require(Printable(line) == line);
    if (*format == 'c') {
      // Of a value they may be, of the header's fields not.
      Require(Unescaped(line.substr(0, line.find("|externalId=fuzz.example") + 1), '|') == 7);
    } else {
      // The structured data ends where the line does.
      const std::string data = line.substr(line.find(" [sluice@32473 origin=") + 2);
      Require(Unescaped(data, ']') == 1 && data.back() == ']');
      Require(Unescaped(data, '"') % 2 == 0);
    }
  }
  LogSummary summary;
  summary.Add(entry);
  const std::string text = summary.Text(Terminal(), /*blocks=*/false);
  Require(PrintableLines(text) == text);
  Require(nlohmann::json::accept(entry.JsonLine()));
}

}  // namespace
}  // namespace sluice::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::v1::LogEntry entry;
  entry.set_index(17);
  entry.set_body(data, size);
  sluice::client::TryEntry(sluice::client::LogEntryView(entry));
  return 0;
}
