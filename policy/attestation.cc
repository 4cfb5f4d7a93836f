#include "policy/attestation.h"

#include "absl/strings/str_cat.h"

namespace sluice::policy {

std::string AttestationText(absl::string_view mou, int version, absl::string_view document_digest,
                            absl::string_view organization, absl::CivilDay as_of) {
  return absl::StrCat("sluice attestation of destruction v1\nmou: ", mou, "\nversion: ", version,
                      "\ndocument: ", document_digest, "\norganization: ", organization,
                      "\nas_of: ", absl::FormatCivilTime(as_of), "\n");
}

}  // namespace sluice::policy
