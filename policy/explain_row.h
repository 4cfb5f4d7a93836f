// Why a plan lets a row leave, or does not: condition by condition, field by field, for the row's
// owner. Written from the meaning of a plan, not from the projector's walk; a test holds the two
// together.
//
// Pure.
#ifndef SLUICE_POLICY_EXPLAIN_ROW_H_
#define SLUICE_POLICY_EXPLAIN_ROW_H_

#include "absl/strings/string_view.h"
#include "policy/plan.h"
#include "sluice/v1/row_explanation.pb.h"

namespace sluice::policy {

// `record`: a stored record's bytes, of `owner`. RELEASED exactly where the projector releases it,
// given the subjects that the record names. Holds no value of the record unless `show_values`.
v1::RowExplanation ExplainRow(const Plan& plan, absl::string_view owner, absl::string_view record,
                              bool show_values);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_EXPLAIN_ROW_H_
