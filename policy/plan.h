// A plan: the grants that a permit rests on, compiled, and the live prohibitions that meet them.
// What it says of a row depends on the row; the projector asks it row by row.
//
// Immutable; keeps the MOU version alive that it was compiled from.
#ifndef SLUICE_POLICY_PLAN_H_
#define SLUICE_POLICY_PLAN_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/box.h"
#include "policy/catalog.h"
#include "policy/field_rule.h"

namespace sluice::policy {

struct PlanField {
  const Field* field;  // a leaf of the record type
  FieldRule rule;
};

struct PlanGrant {
  std::string name;
  std::string owner;
  Box rows;
  std::vector<PlanField> fields;  // in order of their paths of numbers
  int line = 0;                   // in the document, from 1
};

struct PlanProhibition {
  std::string name;
  std::vector<std::string> owners;                  // empty: all
  Box rows;                                         // unset included
  std::optional<std::vector<const Field*>> fields;  // absent: all
};

struct Plan {
  std::shared_ptr<const Catalog> catalog;
  const RecordType* type = nullptr;
  std::string mou;
  std::string recipient;
  std::string purpose;
  std::vector<PlanGrant> grants;
  std::vector<PlanProhibition> prohibitions;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PLAN_H_
