#include "policy/data_file.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "policy/canonical_form.h"

namespace sluice::policy {

absl::Status WrongLine(absl::string_view file, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", what));
}

absl::Status ReadDataFile(
    absl::string_view file, absl::string_view text,
    absl::FunctionRef<absl::Status(int line, const std::vector<absl::string_view>& cells)> read) {
  if (!absl::ConsumeSuffix(&text, "\n")) return WrongLine(file, 1, "the last line does not end");
  int line = 0;
  for (const absl::string_view row : absl::StrSplit(text, '\n')) {
    ++line;
    if (!IsValidUtf8(row)) return WrongLine(file, line, "is not UTF-8");
    if (std::any_of(row.begin(), row.end(),
                    [](char c) { return c != '\t' && absl::ascii_iscntrl(c); })) {
      return WrongLine(file, line, "has a control character");
    }
    if (row.empty() || row[0] == '#') continue;
    const absl::Status status = read(line, absl::StrSplit(row, '\t'));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

bool IsCode(absl::string_view text) {
  const size_t hash = text.find('#');
  return absl::StartsWith(text, "uri://") && hash != absl::string_view::npos &&
         hash + 1 < text.size();
}

bool IsDataName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

}  // namespace sluice::policy
