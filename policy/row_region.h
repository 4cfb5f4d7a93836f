// What is left of a box beside other boxes: pieces, each a region of values for each field of a
// frame. Union is a list of pieces; intersection and difference are exact.
//
// Values; pure.
#ifndef SLUICE_POLICY_ROW_REGION_H_
#define SLUICE_POLICY_ROW_REGION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/box.h"

namespace sluice::policy {

// Values of one field. Codes are numbered by their place in the set, dates by their day; a code
// that the set does not have is unset.
struct FieldRegion {
  struct Run {  // of neighbors, both ends in it
    int64_t first, last;
    friend bool operator==(const Run&, const Run&) = default;
  };
  std::vector<Run> runs;  // in order, apart from each other
  bool unset = false;

  static FieldRegion Everything(const Field& field);
  bool empty() const { return runs.empty() && !unset; }
  friend bool operator==(const FieldRegion&, const FieldRegion&) = default;
};

// The fields that any of some boxes of one record type constrain, each once.
using RowFrame = std::vector<const Field*>;
void AddToFrame(const Box& box, RowFrame& frame);

// A region for each field of the frame; none of them is empty.
using RowPiece = std::vector<FieldRegion>;

// Nothing where the box is empty. The frame has all of its fields.
std::optional<RowPiece> PieceOf(const Box& box, const RowFrame& frame);
// Nothing where they do not meet. Both are of one frame, here and below.
std::optional<RowPiece> Intersection(const RowPiece& a, const RowPiece& b);
// `piece` without `cut`, in pieces apart from each other: at most one for each field.
std::vector<RowPiece> Difference(const RowPiece& piece, const RowPiece& cut);
// One piece of both, where they differ in one field alone.
std::optional<RowPiece> Joined(const RowPiece& a, const RowPiece& b, const RowFrame& frame);

// As a person reads it: "expected_completion_year>=2027, subject_area in {BIOLOGY, PHYSICS}"; "all
// rows" where no field is constrained.
std::string PieceText(const RowPiece& piece, const RowFrame& frame);
// A row in it: "expected_completion_year=2027, subject_area=BIOLOGY"; "any" if every row is.
std::string PieceWitness(const RowPiece& piece, const RowFrame& frame);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_ROW_REGION_H_
