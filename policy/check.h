// Checks an MOU document against the catalog: all that can be known to be wrong before anybody
// signs.
#ifndef SLUICE_POLICY_CHECK_H_
#define SLUICE_POLICY_CHECK_H_

#include <optional>
#include <vector>

#include "absl/time/civil_time.h"
#include "policy/catalog.h"
#include "policy/finding.h"
#include "policy/mou_document.h"

namespace sluice::policy {

struct CheckOptions {
  // Today, for P016; absent: not checked. The policy knows no clock.
  std::optional<absl::CivilDay> today;
  int expires_within_days = 60;  // P016
  int max_term_days = 3 * 366;   // P034
};

// Every finding, in order of place. Pure.
std::vector<Finding> Check(const MouDocument& document, const Catalog& catalog,
                           const CheckOptions& options);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CHECK_H_
