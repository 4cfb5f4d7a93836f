#include "policy/checks.h"

namespace sluice::policy {
std::vector<Finding> CheckDocument(const MouDocument&) { return {}; }
}  // namespace sluice::policy
