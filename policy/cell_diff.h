// What changes between two versions of an MOU in one cell: a recipient, an owner, a field of a
// record type, a purpose, an operation. Exact, day by day and row by row.
//
// Pure.
#ifndef SLUICE_POLICY_CELL_DIFF_H_
#define SLUICE_POLICY_CELL_DIFF_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/compiled_mou.h"
#include "policy/field_rule.h"
#include "policy/row_region.h"

namespace sluice::policy {

// Of a cell (a recipient, an owner, a field of a record type, a purpose, an operation) on some days
// in some rows. In order: what is wider first.
enum class ChangeKind {
  kNewlyDisclosed,     // the recipient got nothing of the cell before
  kWeakerRule,         // by a rule that is not at least as strong as the one before
  kLongerPeriod,       // rows that it got on other days
  kWiderRows,          // rows that it got on no day
  kNoLongerDisclosed,  // it gets nothing of the cell now
  kStrongerRule,
  kShorterPeriod,
  kNarrowerRows,
};

// "NEWLY_DISCLOSED"
std::string ChangeKindName(ChangeKind kind);
// Whether somebody receives more than before.
bool IsWidening(ChangeKind kind);

// What a cell holds on some days: rows under a rule. Refers to both.
struct HeldRows {
  CivilPeriod period;
  const RowPiece* rows;
  const FieldRule* rule;

  friend bool operator==(const HeldRows& a, const HeldRows& b) {
    return a.period.effective == b.period.effective && a.period.expires == b.period.expires &&
           *a.rule == *b.rule && *a.rows == *b.rows;
  }
};

struct CellChange {
  ChangeKind kind;
  const FieldRule* before = nullptr;  // null where nothing left
  const FieldRule* after = nullptr;
  CivilPeriod period;
  RowPiece rows;
};

// No day of a row is in two of them. `field`: whose order of rules it is. RESOURCE_EXHAUSTED beyond
// 100,000 pieces.
absl::StatusOr<std::vector<CellChange>> DiffCell(const std::vector<HeldRows>& before,
                                                 const std::vector<HeldRows>& after,
                                                 const Field& field, const RowFrame& frame);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_CELL_DIFF_H_
