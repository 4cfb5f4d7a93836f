// The lines of the policy's data files: UTF-8, LF, columns parted by one tab, no quoting; empty
// lines and lines that begin with `#` say nothing. Pure.
#ifndef SLUICE_POLICY_DATA_FILE_H_
#define SLUICE_POLICY_DATA_FILE_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::policy {

// INVALID_ARGUMENT with file and line.
absl::Status WrongLine(absl::string_view file, int line, absl::string_view what);

// Calls `read` for each line that says something, until one fails. Fails if the last line does not
// end, or a line is not UTF-8 or has a control character.
absl::Status ReadDataFile(
    absl::string_view file, absl::string_view text,
    absl::FunctionRef<absl::Status(int line, const std::vector<absl::string_view>& cells)> read);

// `uri://namespace/XDescriptor#Value`
bool IsCode(absl::string_view text);
// Letters, digits and `_`.
bool IsDataName(absl::string_view text);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_DATA_FILE_H_
