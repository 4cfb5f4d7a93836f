// A reader's filter (the language of Google AIP-160) over released records: it sees what leaves and
// nothing else, so it is no way around a field rule.
//
// Immutable; thread-safe.
#ifndef SLUICE_POLICY_FILTER_H_
#define SLUICE_POLICY_FILTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/plan.h"

namespace sluice::policy {

class Filter {
 public:
  // `released`: the fields that can leave. INVALID_ARGUMENT, with the character's place, on text
  // that does not parse, a field that is not among them, or a value that does not fit its field. A
  // field that the type has and one that it has not look alike.
  static absl::StatusOr<std::unique_ptr<const Filter>> Parse(
      absl::string_view text, const RecordType& type, const std::vector<PlanField>& released);
  ~Filter();

  // Whether a released record's bytes match.
  bool Matches(absl::string_view released_record) const;

 private:
  struct Rep;
  explicit Filter(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_FILTER_H_
