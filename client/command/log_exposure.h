// What one principal received, by the log: summed up by what left, whose it was, and under which
// clause, each sum with the entries that it is of; and what else it asked for.
//
// What a disclosure's entry names counts as received, whether the release came to its end or not:
// what a crash left unsent counts as disclosed.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_LOG_EXPOSURE_H_
#define SLUICE_CLIENT_COMMAND_LOG_EXPOSURE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "client/command/log_entry.h"
#include "client/command/table.h"
#include "client/command/terminal.h"

namespace sluice::client {

class LogExposure {
 public:
  // One that is the principal's. Entries that are none are counted.
  void Add(const LogEntryView& entry);

  struct Received {
    std::string owner, mou, version, purpose, record_type;
    std::string fields;          // with their rules
    std::set<int64_t> releases;  // indexes of their decisions
    int64_t rows = 0;
    std::string first, last;       // times
    std::vector<int64_t> entries;  // the disclosures
  };
  // In order of owner, MOU, version, purpose, record type and fields.
  std::vector<Received> All() const;
  int64_t rows() const { return rows_; }

  // What it asked for, and how that was decided: all of it, disclosures' decisions included.
  struct Asked {
    std::string operation;
    std::string result;  // "PERMIT"; "DENIAL NO_MOU"; empty: it read the log
    int64_t count = 0;
    int64_t first = 0, last = 0;  // entries
  };
  std::vector<Asked> Questions() const;

  std::string Text(const Terminal& terminal) const;
  Table::Json ToJson() const;
  // The table of what was received.
  Table ReceivedTable() const;

 private:
  void AddDisclosure(const LogEntryView& entry);
  void AddQuestion(const LogEntryView& entry, const std::string& result, int64_t count);

  using Key = std::tuple<std::string, std::string, int64_t, std::string, std::string, std::string>;
  std::map<Key, Received> received_;
  std::map<std::pair<std::string, std::string>, Asked> asked_;
  int64_t rows_ = 0;
  int64_t unreadable_ = 0;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_LOG_EXPOSURE_H_
