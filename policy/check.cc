#include "policy/check.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/checks.h"
#include "policy/resolve.h"

namespace sluice::policy {
namespace {

// What depends on the options: P016, P034.
std::vector<Finding> CheckTerm(const MouDocument& document, const CivilPeriod& term,
                               const CheckOptions& options) {
  std::vector<Finding> findings;
  const absl::CivilDay none;
  if (term.effective == none || term.expires == none) return findings;
  const auto days = term.expires - term.effective;
  if (days > options.max_term_days) {
    findings.push_back(FindingAt(document, "P034", Severity::kError, "term",
                                 absl::StrCat("term is longer than allowed: ", days, " days"),
                                 absl::StrCat("at most ", options.max_term_days, " days")));
  }
  if (!options.today.has_value()) return findings;
  const auto left = term.expires - *options.today;
  const std::string expires = absl::FormatCivilTime(term.expires);
  if (left <= 0) {
    findings.push_back(FindingAt(document, "P016", Severity::kWarning, "term.expires",
                                 absl::StrCat("expired on ", expires)));
  } else if (left <= options.expires_within_days) {
    findings.push_back(FindingAt(document, "P016", Severity::kWarning, "term.expires",
                                 absl::StrCat("expires within ", left, " days, on ", expires)));
  }
  return findings;
}

}  // namespace

std::vector<Finding> Check(const MouDocument& document, const Catalog& catalog,
                           const CheckOptions& options) {
  const ResolvedMou resolved = Resolve(document, catalog, Unpinned::kResolve);
  std::vector<Finding> findings = resolved.findings;
  const auto add = [&findings](std::vector<Finding> more) {
    for (Finding& finding : more) findings.push_back(std::move(finding));
  };
  add(CheckTerm(document, resolved.term, options));
  add(CheckDocument(document));
  add(CheckGrants(document, resolved));
  add(CheckPairs(document, resolved));
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.place.line, a.place.column, a.id) <
           std::tie(b.place.line, b.place.column, b.id);
  });
  return findings;
}

}  // namespace sluice::policy
