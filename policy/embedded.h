// The policy's data files, compiled in: `embedded.cmake` writes the sources at build time. Each
// function gives a folder's files in order of name.
#ifndef SLUICE_POLICY_EMBEDDED_H_
#define SLUICE_POLICY_EMBEDDED_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::policy {

struct EmbeddedFile {
  absl::string_view name;
  absl::string_view text;
};

const std::vector<EmbeddedFile>& EmbeddedCodeSets();
const std::vector<EmbeddedFile>& EmbeddedCrosswalks();
const std::vector<EmbeddedFile>& EmbeddedAliases();

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_EMBEDDED_H_
