// The checks behind `Check`, those that every reader of a document makes: the compiler, too. Pure.
#ifndef SLUICE_POLICY_CHECKS_H_
#define SLUICE_POLICY_CHECKS_H_

#include <vector>

#include "policy/finding.h"
#include "policy/mou_document.h"
#include "policy/resolve.h"

namespace sluice::policy {

// What needs no catalog: names and what may not be empty (P002, P011, P014), the legal bases (P030,
// P031).
std::vector<Finding> CheckDocument(const MouDocument& document);

// Each grant and floor by itself: P009, P013, P025, P026, P030.
std::vector<Finding> CheckGrants(const MouDocument& document, const ResolvedMou& resolved);

// What grants and prohibitions say together: P006, P007, P010, P012, P018.
std::vector<Finding> CheckPairs(const MouDocument& document, const ResolvedMou& resolved);

// What a legal basis is for.
struct BasisMeaning {
  v1::Regime regime = v1::REGIME_UNSPECIFIED;
  bool deidentified = false;
};
BasisMeaning MeaningOf(v1::Basis basis);

// Whether a rule lets the whole value through, of short values at least.
bool Passes(const FieldRule& rule, const Field& field);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CHECKS_H_
