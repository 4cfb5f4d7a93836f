#include "policy/finding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::policy {

std::string Finding::ToString() const {
  std::string text =
      absl::StrCat(file, ":", place.line, ":", place.column, ": ",
                   severity == Severity::kError ? "error" : "warning", " ", id, ": ", message);
  if (!hint.empty()) absl::StrAppend(&text, "\n  hint: ", hint);
  return text;
}

bool HasError(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity == Severity::kError; });
}

}  // namespace sluice::policy
