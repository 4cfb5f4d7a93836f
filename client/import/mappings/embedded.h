// The mappings' files, as the build compiled them in.
#ifndef SLUICE_CLIENT_IMPORT_MAPPINGS_EMBEDDED_H_
#define SLUICE_CLIENT_IMPORT_MAPPINGS_EMBEDDED_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::client {

struct EmbeddedMapping {
  absl::string_view name;  // "ed-fi-candidate"
  absl::string_view bytes;
};

// In order of name.
const std::vector<EmbeddedMapping>& EmbeddedMappings();

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_IMPORT_MAPPINGS_EMBEDDED_H_
