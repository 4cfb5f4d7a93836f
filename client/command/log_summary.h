// What the log's entries are, counted: by type, result, code, organization and MOU, and over time.
// The bars of text are of block characters, or of # where a terminal has no UTF-8.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_LOG_SUMMARY_H_
#define SLUICE_CLIENT_COMMAND_LOG_SUMMARY_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/command/log_entry.h"
#include "client/command/table.h"
#include "client/command/terminal.h"

namespace sluice::client {

class LogSummary {
 public:
  void Add(const LogEntryView& entry);

  // "text", "json", "ndjson" or "csv"; `blocks`: whether bars are of block characters. False if it
  // can't be printed.
  bool Print(const std::string& form, const Terminal& terminal, bool blocks) const;
  std::string Text(const Terminal& terminal, bool blocks) const;
  Table::Json ToJson() const;

  // A stretch of time and how many entries are of it; those between that have none, too. At most
  // 24, each as long as people count time: seconds, minutes, hours, days, 4 weeks, years.
  struct Bucket {
    absl::Time begin;
    int64_t count = 0;
  };
  std::vector<Bucket> Buckets() const;

 private:
  using Counts = std::map<std::string, int64_t>;
  // Most first.
  static std::vector<std::pair<std::string, int64_t>> Sorted(const Counts& counts);

  int64_t entries_ = 0;
  // In the order in which they are shown.
  std::vector<std::pair<std::string, Counts>> groups_ = {
      {"type", {}}, {"result", {}}, {"code", {}}, {"organization", {}}, {"mou", {}}};
  std::vector<int64_t> seconds_;  // of each entry that says its time
};

// `eighths` of a column, in block characters or in #.
std::string Bar(int64_t eighths, bool blocks);
// Whether the environment (LC_ALL, LC_CTYPE, LANG) says that text is UTF-8.
bool EnvironmentIsUtf8();

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_SUMMARY_H_
