// Which version of an MOU is in force at an instant, or why none is: step 3 of a decision.
//
// Pure.
#ifndef SLUICE_POLICY_MOU_STATE_H_
#define SLUICE_POLICY_MOU_STATE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "policy/decide.h"

namespace sluice::policy {

struct MouState {
  size_t version = 0;  // index: in force, or what the denial is about
  absl::CivilDay day;  // of that version's time zone
  std::optional<v1::DenialCode> denial;
  std::string sentence;  // why not: "expired on 2028-07-01"
};

// Whether all parties had signed it at some time; what they took back since does not undo that.
bool WasSigned(const MouVersion& version);

// `versions` is not empty, and in order of version.
MouState StateOf(const std::vector<MouVersion>& versions, absl::Time time);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_STATE_H_
