// Resolves one constraint of a box: its values as numbers, days or codes of the field's set. Pure.
#ifndef SLUICE_POLICY_RESOLVE_ROWS_H_
#define SLUICE_POLICY_RESOLVE_ROWS_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/box.h"
#include "policy/finding.h"
#include "policy/mou_document.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::policy {

struct ResolvedConstraint {
  std::optional<ValueSet> values;  // absent where a finding says why
  std::vector<Finding> findings;
};

// Fails, by findings, on a field that is repeated at some step or of a kind without boxes (P008),
// a value of another type (P035), a code that is none or ambiguous (P005, P028), an empty set or
// interval (P005).
ResolvedConstraint ResolveConstraint(const MouDocument& document, const v1::Constraint& constraint,
                                     const Field& field, absl::string_view path);

// What people call a kind of field: "date", "postal code".
absl::string_view KindName(FieldKind kind);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_RESOLVE_ROWS_H_
