// The duties to destroy that an MOU leaves behind: POLICY, section 6, and `destroy_within_days`.
//
// Pure.
#ifndef SLUICE_SERVER_MOU_DUTY_H_
#define SLUICE_SERVER_MOU_DUTY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/mou_version.h"

namespace sluice::server {

// A recipient's, since the newest version that names it as a party is over.
struct MouDuty {
  std::string organization;
  std::shared_ptr<const TakenVersion> version;  // that one
  absl::CivilDay opened;                        // the first day after it, in its time zone
  absl::CivilDay due;                           // the last day to attest it

  // Null while it is open.
  const MouAttestation* attestation() const;
  bool IsOverdue(absl::Time now) const;
};

// Of one MOU, in order of organization: of whoever a grant of a signed version is to, whether or
// not anything was ever released.
std::vector<MouDuty> DutiesOf(const TakenVersions& versions);

// Whether an MOU can be closed: it was signed, all of it is over, and every duty is attested.
bool IsDone(const TakenVersions& versions);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_DUTY_H_
