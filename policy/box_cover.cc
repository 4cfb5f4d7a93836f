#include "policy/box_cover.h"

#include <algorithm>
#include <utility>

#include "policy/row_region.h"

namespace sluice::policy {
namespace {

constexpr int kMaxPieces = 10000;

}  // namespace

bool IsCovered(const Box& box, const std::vector<const Box*>& by) {
  if (box.empty()) return true;
  // Most boxes that cover do so alone.
  if (std::any_of(by.begin(), by.end(), [&](const Box* b) { return box.IsSubsetOf(*b); })) {
    return true;
  }
  RowFrame frame;
  AddToFrame(box, frame);
  for (const Box* b : by) AddToFrame(*b, frame);
  std::vector<RowPiece> pieces;
  if (std::optional<RowPiece> piece = PieceOf(box, frame)) pieces.push_back(*std::move(piece));
  int made = 0;
  for (const Box* b : by) {
    const std::optional<RowPiece> cut = PieceOf(*b, frame);
    if (!cut.has_value()) continue;
    std::vector<RowPiece> next;
    for (const RowPiece& piece : pieces) {
      for (RowPiece& part : Difference(piece, *cut)) {
        next.push_back(std::move(part));
        if (++made > kMaxPieces) return false;
      }
    }
    pieces = std::move(next);
    if (pieces.empty()) return true;
  }
  return pieces.empty();
}

}  // namespace sluice::policy
