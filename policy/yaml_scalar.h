// How a scalar of the strict YAML subset is written so that it is read as the same text. Pure.
#ifndef SLUICE_POLICY_YAML_SCALAR_H_
#define SLUICE_POLICY_YAML_SCALAR_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::policy {

// Whether a plain scalar that stands in a block may stand so between braces or brackets, too.
bool IsPlainInFlow(absl::string_view plain);

// Whether text is read as itself without quotes: in doubt it is not.
bool IsPlain(absl::string_view text, bool in_flow);

// "double", on one line.
std::string QuotedScalar(absl::string_view text);

// The lines of a block scalar, without indentation, its header first: `|` where each line of the
// text is at most `width` characters long, otherwise `>`, folded. Nothing where blanks at the ends
// of lines, or more than one line break at the text's end, would be hard to see.
std::optional<std::vector<std::string>> BlockScalar(absl::string_view text, size_t width);

// How many characters, by code points.
size_t CharactersIn(absl::string_view text);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_YAML_SCALAR_H_
