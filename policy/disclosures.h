// All that a version of an MOU discloses once it is in force: who receives which fields of which
// rows of whose records, by which rule, for what, when. By enumeration, exact; signatures, the
// states that lie over a version and opt-outs are not looked at.
//
// Pure.
#ifndef SLUICE_POLICY_DISCLOSURES_H_
#define SLUICE_POLICY_DISCLOSURES_H_

#include <cstddef>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/compiled_mou.h"
#include "policy/row_region.h"

namespace sluice::policy {

// What one grant gives one recipient over some days, the prohibitions taken away. Refers to the
// CompiledMou that it is of.
struct Disclosure {
  absl::string_view recipient;
  absl::string_view owner;
  absl::string_view purpose;
  const RecordType* type = nullptr;
  absl::Span<const v1::Operation> operations;
  CivilPeriod period;
  std::vector<const PlanField*> fields;  // in order of their paths of numbers
  RowPiece rows;                         // of the type's frame
  size_t grant = 0;                      // its place in the document
};

// Of each record type the fields that any grant or prohibition constrains.
using RowFrames = std::map<const RecordType*, RowFrame>;
void AddToFrames(const CompiledMou& mou, RowFrames& frames);

// In order of the grants, and of their recipients. The frames are those of `mou` at least.
// RESOURCE_EXHAUSTED if the prohibitions cut the rows into more than 100,000 pieces.
absl::StatusOr<std::vector<Disclosure>> DisclosuresOf(const CompiledMou& mou,
                                                      const RowFrames& frames);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_DISCLOSURES_H_
