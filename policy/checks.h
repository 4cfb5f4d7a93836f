// The checks behind `Check`, those that every reader of a document makes: the compiler, too. Pure.
#ifndef SLUICE_POLICY_CHECKS_H_
#define SLUICE_POLICY_CHECKS_H_

#include <vector>

#include "policy/finding.h"
#include "policy/mou_document.h"
#include "policy/resolve.h"

namespace sluice::policy {

// What needs no catalog: names (P002, P011), the legal bases (P030, P031).
std::vector<Finding> CheckDocument(const MouDocument& document);

// What the resolved grants and prohibitions say together: P006, P007, P009, P010, P012, P013, P018,
// P025, P026, P030.
std::vector<Finding> CheckGrants(const MouDocument& document, const ResolvedMou& resolved);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CHECKS_H_
