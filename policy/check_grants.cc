#include "policy/checks.h"

namespace sluice::policy {
std::vector<Finding> CheckGrants(const MouDocument&, const ResolvedMou&) { return {}; }
}  // namespace sluice::policy
