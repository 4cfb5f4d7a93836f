// --help: the manual of one command as lines of text.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/command/manual.h"

namespace sluice::client {
namespace {

constexpr size_t kMostIndent = 30;

// The words of a text, each line after the first at `indent`; the first begins at `column`.
void AppendWrapped(absl::string_view words, size_t column, size_t indent, size_t width,
                   std::string& text) {
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(words, ' ')) {
    if (!first && column + 1 + word.size() > width) {
      absl::StrAppend(&text, "\n", std::string(indent, ' '));
      column = indent;
      first = true;
    }
    absl::StrAppend(&text, first ? "" : " ", word);
    column += word.size() + (first ? 0 : 1);
    first = false;
  }
  text += "\n";
}

// Words, and beside each what it means.
void AppendEntries(const std::string& title, const std::vector<ManualEntry>& entries, size_t width,
                   std::string& text) {
  if (entries.empty()) return;
  size_t indent = 0;
  for (const ManualEntry& entry : entries) indent = std::max(indent, entry.name.size() + 4);
  indent = std::min({indent, kMostIndent, width / 2});
  absl::StrAppend(&text, "\n", title, ":\n");
  for (const ManualEntry& entry : entries) {
    absl::StrAppend(&text, "  ", entry.name);
    size_t column = entry.name.size() + 2;
    if (column + 2 > indent) {
      text += "\n";
      column = 0;
    }
    text.append(indent - column, ' ');
    AppendWrapped(entry.meaning, indent, indent, width, text);
  }
}

}  // namespace

std::string HelpText(const ManualCommand& command, int width) {
  const auto columns = static_cast<size_t>(std::max(width, 20));
  std::string text;
  AppendWrapped(command.description, 0, 0, columns, text);
  text += "\nUsage:\n  ";
  AppendWrapped(command.Usage(), 2, 6, columns, text);
  std::vector<ManualEntry> entries;
  for (const ManualCommand& sub : command.commands) {
    entries.push_back({std::string(sub.last_name()), sub.description});
  }
  AppendEntries("Commands", entries, columns, text);
  std::vector<std::string> groups;
  for (const ManualOption& option : command.options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  // What must be given stands first.
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group == "Arguments"; });
  for (const std::string& group : groups) {
    entries.clear();
    for (const ManualOption& option : command.options) {
      if (option.group == group) entries.push_back({option.Usage(), option.Text()});
    }
    AppendEntries(group, entries, columns, text);
  }
  if (command.name.find(' ') == std::string::npos) {
    AppendEntries("Exit", ExitCodes(), columns, text);
    text += "\n";
    AppendWrapped(
        "`sluice COMMAND --help` and man pages say more: sluice(1), sluice-record(1), ...", 0, 0,
        columns, text);
  } else {
    text += "\n";
    AppendWrapped("The options of `sluice --help` may stand here, too.", 0, 0, columns, text);
  }
  if (!command.example.empty()) absl::StrAppend(&text, "\nExample:\n  ", command.example, "\n");
  return text;
}

}  // namespace sluice::client
