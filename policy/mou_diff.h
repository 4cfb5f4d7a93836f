// What changes between two versions of an MOU in what they disclose, once each is in force: exact,
// and each change with a request that shows it.
//
// Pure.
#ifndef SLUICE_POLICY_MOU_DIFF_H_
#define SLUICE_POLICY_MOU_DIFF_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/cell_diff.h"
#include "policy/compiled_mou.h"
#include "policy/disclosures.h"
#include "policy/row_region.h"

namespace sluice::policy {

struct ChangedField {
  const Field* field = nullptr;
  std::optional<FieldRule> before;  // absent where it did not leave
  std::optional<FieldRule> after;

  friend bool operator==(const ChangedField&, const ChangedField&) = default;
};

struct Change {
  ChangeKind kind = ChangeKind::kNewlyDisclosed;
  std::string recipient;
  std::string owner;
  std::string purpose;
  const RecordType* type = nullptr;
  std::vector<ChangedField> fields;       // that change alike; in order of their paths of numbers
  std::vector<v1::Operation> operations;  // that change alike
  CivilPeriod period;
  RowPiece rows;   // of `frame`
  RowFrame frame;  // of the type

  // A request that is answered otherwise: "2027-07-01, subject_area=BIOLOGY".
  std::string Witness() const;
};

struct MouDiff {
  std::vector<Change> changes;  // by kind, recipient, record type, field
  // Whether the days of both begin at another hour: what that changes is not among the changes.
  bool is_time_zone_changed = false;
};

// Both are of the same catalog. Days are civil days, each of its own version's time zone.
// RESOURCE_EXHAUSTED if there are too many pieces, FAILED_PRECONDITION if they pin two versions of
// one record type.
absl::StatusOr<MouDiff> Diff(const CompiledMou& before, const CompiledMou& after);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_DIFF_H_
