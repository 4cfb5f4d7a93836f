// The name that somebody who misspelt one most likely meant. Pure.
#ifndef SLUICE_POLICY_SUGGEST_H_
#define SLUICE_POLICY_SUGGEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::policy {

// The one of `known` with the smallest edit distance to `name`; empty if none is near (a third of
// its length, two letters at least, four at most; letter case does not count).
std::string Nearest(absl::string_view name, const std::vector<std::string>& known);

// `; did you mean "x"?`, or nothing.
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& known);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_SUGGEST_H_
