#include "server/store/schema_tables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::server {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the schema's text can't be read at: ", what));
}

// Without comments, each run of white space one space.
std::string Plain(absl::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    lines.emplace_back(line.substr(0, line.find("--")));
  }
  std::string plain = absl::StrJoin(lines, " ");
  absl::RemoveExtraAsciiWhitespace(&plain);
  return plain;
}

// Parts between commas that stand in no parentheses.
std::vector<std::string> Parts(absl::string_view list) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : list) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  for (std::string& part : parts) absl::StripAsciiWhitespace(&part);
  return parts;
}

absl::Status AddColumn(absl::string_view part, SchemaTable& table) {
  const std::vector<std::string> words = absl::StrSplit(part, absl::MaxSplits(' ', 2));
  if (words.size() != 3) return Unreadable(part);
  SchemaColumn column;
  column.name = words[0];
  if (words[1] == "TEXT") {
    column.type = SchemaColumn::Type::kText;
  } else if (words[1] == "BLOB") {
    column.type = SchemaColumn::Type::kBlob;
  } else if (words[1] != "INTEGER") {
    return Unreadable(part);
  }
  const bool is_key = absl::StartsWith(words[2], "PRIMARY KEY");
  if (is_key) {
    table.key = {column.name};
    table.single = absl::StrContains(words[2], "CHECK");
    table.numbered = column.type == SchemaColumn::Type::kInteger && !table.single;
  } else if (!absl::StartsWith(words[2], "NOT NULL")) {
    return Unreadable(part);
  }
  table.columns.push_back(std::move(column));
  return absl::OkStatus();
}

absl::StatusOr<SchemaTable> ReadTable(absl::string_view text) {
  const size_t open = text.find(" (");
  const size_t close = text.rfind(')');
  if (open == absl::string_view::npos || close == absl::string_view::npos || close < open) {
    return Unreadable(text);
  }
  SchemaTable table;
  table.name = std::string(text.substr(0, open));
  for (const std::string& part : Parts(text.substr(open + 2, close - open - 2))) {
    if (absl::StartsWith(part, "UNIQUE (")) continue;
    absl::string_view key = part;
    if (absl::ConsumePrefix(&key, "PRIMARY KEY (") && absl::ConsumeSuffix(&key, ")")) {
      table.key = Parts(key);
      continue;
    }
    if (absl::Status status = AddColumn(part, table); !status.ok()) return status;
  }
  for (const std::string& key : table.key) {
    const bool there = std::any_of(table.columns.begin(), table.columns.end(),
                                   [&](const SchemaColumn& column) { return column.name == key; });
    if (!there) return Unreadable(text);
  }
  if (table.key.empty()) return Unreadable(text);
  return table;
}

}  // namespace

absl::StatusOr<std::vector<SchemaTable>> ReadSchemaTables(absl::string_view schema) {
  std::vector<SchemaTable> tables;
  const std::string plain = Plain(schema);
  for (absl::string_view statement : absl::StrSplit(plain, ';')) {
    statement = absl::StripAsciiWhitespace(statement);
    if (absl::ConsumePrefix(&statement, "CREATE TABLE ")) {
      absl::StatusOr<SchemaTable> table = ReadTable(statement);
      if (!table.ok()) return table.status();
      tables.push_back(*std::move(table));
    } else if (!statement.empty() && !absl::StartsWith(statement, "CREATE INDEX ") &&
               !absl::StartsWith(statement, "CREATE UNIQUE INDEX ") &&
               !absl::StartsWith(statement, "INSERT INTO ")) {
      return Unreadable(statement);
    }
  }
  return tables;
}

}  // namespace sluice::server
