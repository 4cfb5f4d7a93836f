// The code sets' data files, compiled in: `embedded.cmake` writes the source at build time.
#ifndef SLUICE_POLICY_CODE_SETS_EMBEDDED_H_
#define SLUICE_POLICY_CODE_SETS_EMBEDDED_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::policy {

struct EmbeddedFile {
  absl::string_view name;
  absl::string_view text;
};

// In order of name.
const std::vector<EmbeddedFile>& EmbeddedCodeSets();

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CODE_SETS_EMBEDDED_H_
