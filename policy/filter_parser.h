// The text of a filter, a subset of AIP-160, as a tree:
//
//   filter     = [expression]                           empty: everything matches
//   expression = sequence {AND sequence}
//   sequence   = factor {factor}                        adjacent: all of them
//   factor     = term {OR term}                         OR binds closer than AND, as AIP-160 has it
//   term       = [NOT | "-"] ( "(" expression ")" | comparison )
//   comparison = path operator value                    operator: = != < <= > >= :
//   value      = 'text' | "text" | bare text | path ":*" (is present)
//
// At most 4 KiB, 20 parentheses deep. A value has the type of its field: a whole number, true or
// false, a date (2027, 2027-03, 2027-03-15), a code in full or by its short name. No functions, no
// wildcards inside a value.
//
// Pure.
#ifndef SLUICE_POLICY_FILTER_PARSER_H_
#define SLUICE_POLICY_FILTER_PARSER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/civil_date.h"
#include "policy/plan.h"

namespace sluice::policy {

struct FilterComparison {
  enum class Operator {
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kHas,
  };
  const Field* field = nullptr;
  std::vector<uint32_t> path;  // of field numbers
  Operator op = Operator::kEqual;
  bool presence = false;  // path:*
  std::string text;       // of a string or a code
  int64_t number = 0;     // of an integer or a bool
  CivilDate date;
};

struct FilterNode {
  enum class Kind { kComparison, kNot, kAnd, kOr };
  Kind kind = Kind::kAnd;
  FilterComparison comparison;
  std::vector<FilterNode> nodes;
};

inline constexpr size_t kMaxFilterBytes = 4096;
inline constexpr int kMaxFilterDepth = 20;

absl::StatusOr<FilterNode> ParseFilter(absl::string_view text, const RecordType& type,
                                       const std::vector<PlanField>& released);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_FILTER_PARSER_H_
