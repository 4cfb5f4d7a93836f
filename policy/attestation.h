// What a recipient signs once it has destroyed what it received under an MOU: POLICY, section 6;
// 34 CFR 99.31(a)(6)(iii)(C)(4). Pure.
#ifndef SLUICE_POLICY_ATTESTATION_H_
#define SLUICE_POLICY_ATTESTATION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace sluice::policy {

// That an organization, as of that day, holds nothing of what it received under an MOU up to this
// version, which is named by its document's digest. ASCII, six lines that end with LF; these bytes
// are what is signed:
//
//   sluice attestation of destruction v1
//   mou: stem-pipeline
//   version: 2
//   document: sha256:...
//   organization: river-unified
//   as_of: 2028-07-15
std::string AttestationText(absl::string_view mou, int version, absl::string_view document_digest,
                            absl::string_view organization, absl::CivilDay as_of);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_ATTESTATION_H_
