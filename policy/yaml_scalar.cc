#include "policy/yaml_scalar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::policy {
namespace {

// A line of text, broken at single blanks so that each part is at most `width` long, where it can
// be: folding puts the blanks back. Several blanks in a row stay on their line.
void Fold(absl::string_view line, size_t width, std::vector<std::string>& lines) {
  size_t begin = 0, last_blank = absl::string_view::npos;
  for (size_t i = 0; i <= line.size(); ++i) {
    const bool at_end = i == line.size();
    const bool at_blank = !at_end && line[i] == ' ' && line[i - 1] != ' ' && line[i + 1] != ' ';
    if (!at_end && !at_blank) continue;
    const bool too_long = CharactersIn(line.substr(begin, i - begin)) > width;
    if (too_long && last_blank != absl::string_view::npos) {
      lines.emplace_back(line.substr(begin, last_blank - begin));
      begin = last_blank + 1;
    }
    last_blank = i;
  }
  lines.emplace_back(line.substr(begin));
}

}  // namespace

bool IsPlainInFlow(absl::string_view plain) {
  return plain.find_first_of(",?[]{}") == absl::string_view::npos;
}

bool IsPlain(absl::string_view text, bool in_flow) {
  constexpr absl::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@` ";
  if (text.empty() || kIndicators.find(text.front()) != absl::string_view::npos) return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  if (text == "~" || absl::EqualsIgnoreCase(text, "null")) return false;
  for (const char* end : {"\n", ": ", " #"}) {
    if (absl::StrContains(text, end)) return false;
  }
  return !in_flow || IsPlainInFlow(text);
}

std::string QuotedScalar(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

std::optional<std::vector<std::string>> BlockScalar(absl::string_view text, size_t width) {
  const bool ends = absl::ConsumeSuffix(&text, "\n");
  if (text.empty() || text.front() == '\n' || text.back() == '\n') return std::nullopt;
  const std::vector<absl::string_view> paragraphs = absl::StrSplit(text, '\n');
  bool fits = true;
  for (absl::string_view line : paragraphs) {
    // A line that begins with a blank is not folded.
    if (absl::StartsWith(line, " ") || absl::EndsWith(line, " ")) return std::nullopt;
    fits = fits && CharactersIn(line) <= width;
  }
  std::vector<std::string> lines = {absl::StrCat(fits ? "|" : ">", ends ? "" : "-")};
  for (size_t i = 0; i < paragraphs.size(); ++i) {
    // One line break is a blank, two are a line break.
    if (!fits && i > 0) lines.emplace_back();
    if (fits) {
      lines.emplace_back(paragraphs[i]);
    } else if (!paragraphs[i].empty()) {
      Fold(paragraphs[i], width, lines);
    }
  }
  return lines;
}

size_t CharactersIn(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace sluice::policy
