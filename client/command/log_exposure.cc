#include "client/command/log_exposure.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/output.h"

namespace sluice::client {
namespace {

// In a terminal, so many indexes of a sum; JSON and CSV have all.
constexpr size_t kMostIndexes = 4;

std::string IndexesText(const std::vector<int64_t>& entries) {
  if (entries.size() <= kMostIndexes) return absl::StrJoin(entries, " ");
  const std::vector<int64_t> some(entries.begin(), entries.begin() + kMostIndexes - 1);
  return absl::StrCat(absl::StrJoin(some, " "), " ... ", entries.back(), " (",
                      Grouped(static_cast<int64_t>(entries.size())), ")");
}

std::string CountOf(int64_t n, absl::string_view what) {
  return absl::StrCat(Grouped(n), " ", what, n == 1 ? "" : "s");
}

}  // namespace

void LogExposure::Add(const LogEntryView& entry) {
  if (!entry.is_entry()) {
    ++unreadable_;
    return;
  }
  if (entry.type() == "disclosure") AddDisclosure(entry);
  if (entry.type() == "decision") {
    const std::string code = entry.Member("code");
    AddQuestion(entry, absl::StrCat(entry.Member("result"), code.empty() ? "" : " ", code),
                entry.Integer("count", 1));
  }
  // Of the log's readers there is no decision beside it; of an owner's question there is.
  if (entry.type() == "read" && entry.Member("operation") == "ListEntries") {
    AddQuestion(entry, "", 1);
  }
}

void LogExposure::AddDisclosure(const LogEntryView& entry) {
  const std::string fields = entry.FieldsText();
  Received& it = received_[{entry.Member("owner"), entry.Member("mou"), entry.Integer("version", 0),
                            entry.Member("purpose"), entry.Member("record"), fields}];
  if (it.entries.empty()) {
    it.owner = entry.Member("owner");
    it.mou = entry.Member("mou");
    it.version = entry.Member("version");
    it.purpose = entry.Member("purpose");
    it.record_type = entry.Member("record");
    it.fields = fields;
    it.first = entry.TimeText();
  }
  const int64_t rows = std::max<int64_t>(entry.IntegerOf("rows", "released", 0), 0);
  it.releases.insert(entry.Integer("of", -1));
  it.rows += rows;
  it.last = entry.TimeText();
  it.entries.push_back(entry.index());
  rows_ += rows;
}

void LogExposure::AddQuestion(const LogEntryView& entry, const std::string& result, int64_t count) {
  Asked& asked = asked_[{entry.Member("operation"), result}];
  if (asked.count == 0) {
    asked.operation = entry.Member("operation");
    asked.result = result;
    asked.first = entry.index();
  }
  asked.count += count;
  asked.last = entry.index();
}

std::vector<LogExposure::Received> LogExposure::All() const {
  std::vector<Received> all;
  for (const auto& [key, received] : received_) all.push_back(received);
  return all;
}

std::vector<LogExposure::Asked> LogExposure::Questions() const {
  std::vector<Asked> all;
  for (const auto& [key, asked] : asked_) all.push_back(asked);
  return all;
}

Table LogExposure::ReceivedTable() const {
  Table table({{"owner"},
               {"mou"},
               {"version"},
               {"purpose"},
               {"record_type"},
               {"fields"},
               {"releases"},
               {"rows"},
               {"first"},
               {"last"},
               {"entries"}});
  for (const Received& it : All()) {
    table.Add({it.owner, it.mou, it.version, it.purpose, it.record_type, it.fields,
               absl::StrCat(it.releases.size()), absl::StrCat(it.rows), it.first, it.last,
               absl::StrJoin(it.entries, " ")},
              {{"owner", it.owner},
               {"mou", it.mou},
               {"version", it.version},
               {"purpose", it.purpose},
               {"record_type", it.record_type},
               {"fields", it.fields},
               {"releases", it.releases.size()},
               {"rows", it.rows},
               {"first", it.first},
               {"last", it.last},
               {"entries", it.entries}});
  }
  return table;
}

Table::Json LogExposure::ToJson() const {
  Table::Json json = {{"received", Table::Json::parse(ReceivedTable().ToJson())},
                      {"asked", Table::Json::array()},
                      {"unreadable", unreadable_}};
  for (const Asked& it : Questions()) {
    json["asked"].push_back({{"operation", it.operation},
                             {"result", it.result},
                             {"count", it.count},
                             {"first", it.first},
                             {"last", it.last}});
  }
  return json;
}

std::string LogExposure::Text(const Terminal& terminal) const {
  std::string text;
  std::set<int64_t> releases;
  std::set<std::string> owners;
  if (!received_.empty()) {
    Table table({{"OWNER"},
                 {"CLAUSE"},
                 {"PURPOSE", Table::Fit::kMayShorten},
                 {"RECORD"},
                 {"FIELDS", Table::Fit::kMayShorten},
                 {"ROWS"},
                 {"FIRST (UTC)"},
                 {"LAST (UTC)"},
                 {"ENTRIES"}});
    for (const Received& it : All()) {
      table.Add({it.owner, absl::StrCat(it.mou, " ", it.version), it.purpose, it.record_type,
                 it.fields, Grouped(it.rows), it.first, it.last, IndexesText(it.entries)});
      releases.insert(it.releases.begin(), it.releases.end());
      owners.insert(it.owner);
    }
    text = table.Text(terminal) + "\n";
  }
  if (!asked_.empty()) {
    Table table({{"ASKED FOR"}, {"DECIDED"}, {"COUNT"}, {"FIRST ENTRY"}, {"LAST ENTRY"}});
    for (const Asked& it : Questions()) {
      table.Add({it.operation, it.result, Grouped(it.count), absl::StrCat(it.first),
                 absl::StrCat(it.last)});
    }
    absl::StrAppend(&text, table.Text(terminal), "\n");
  }
  if (received_.empty()) {
    absl::StrAppend(&text, "it received nothing of other organizations\n");
  } else {
    absl::StrAppend(&text, "it received ", CountOf(rows_, "row"), " of ",
                    CountOf(static_cast<int64_t>(owners.size()), "organization"), " in ",
                    CountOf(static_cast<int64_t>(releases.size()), "release"), "\n");
  }
  if (unreadable_ > 0) {
    absl::StrAppend(&text, Grouped(unreadable_), " of the entries can't be read\n");
  }
  return text;
}

}  // namespace sluice::client
