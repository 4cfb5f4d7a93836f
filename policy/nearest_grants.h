// Why no grant of a version allows a request: each grant's failed conditions, and those that came
// nearest.
//
// Pure.
#ifndef SLUICE_POLICY_NEAREST_GRANTS_H_
#define SLUICE_POLICY_NEAREST_GRANTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/decide.h"
#include "sluice/v1/decision.pb.h"

namespace sluice::policy {

// The code of the first filter of step 5 that leaves no grant; INTERNAL if all leave some.
v1::DenialCode FirstFailedFilter(const MouVersion& version, const Request& request,
                                 absl::CivilDay day);

// The grants with the fewest failed conditions, at most 3, by name. What is wrong with the version
// as a whole (not signed, suspended, ended) is a condition of each.
std::vector<v1::NearestGrant> NearestGrants(const MouVersion& version, const Request& request,
                                            absl::CivilDay day);

// The owner's grants that are for the request's recipient, purpose and record type, and yet have no
// part in a permit on that day: each with the conditions that fail. In order of name.
std::vector<v1::NearestGrant> GrantsNotInForce(const MouVersion& version, const Request& request,
                                               absl::CivilDay day, absl::string_view owner);

// What a filter's code says, in words.
std::string SentenceOf(v1::DenialCode filter);

// "OUTSIDE_PERIOD"
std::string CodeName(v1::DenialCode code);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_NEAREST_GRANTS_H_
