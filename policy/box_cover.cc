#include "policy/box_cover.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace sluice::policy {
namespace {

constexpr int kMaxPieces = 10000;
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// First and last value of a run of neighbors.
struct Run {
  int64_t first, last;
};

// The values of one field that a piece still has: runs of numbers (codes are numbered by their
// place in the set, dates by their day), and whether unset is among them.
struct Region {
  std::vector<Run> runs;  // in order, apart from each other
  bool unset = false;

  bool empty() const { return runs.empty() && !unset; }
};

int64_t DayNumber(int64_t date) { return DayOfNumber(date) - absl::CivilDay(1970, 1, 1); }

Region Everything(const Field& field) {
  Region all{{}, true};
  if (field.kind == FieldKind::kCode) {
    const auto codes = static_cast<int64_t>(field.code_set->codes().size());
    if (codes > 0) all.runs = {{0, codes - 1}};
  } else if (field.kind == FieldKind::kBool) {
    all.runs = {{0, 1}};
  } else {
    all.runs = {{kLeast, kMost}};
  }
  return all;
}

Region RegionOf(const ValueSet& values, const Field& field, bool unset) {
  Region region{{}, unset};
  if (field.kind == FieldKind::kCode) {
    const std::vector<std::string>& known = field.code_set->codes();
    for (size_t i = 0; i < known.size(); ++i) {
      const auto n = static_cast<int64_t>(i);
      if (values.Contains(Value::Code(known[i]))) region.runs.push_back({n, n});
    }
    return region;
  }
  const bool date = field.kind == FieldKind::kDate;
  const auto number = [date](int64_t n) { return date ? DayNumber(n) : n; };
  if (values.is_interval()) {
    if (values.empty()) return region;
    region.runs = {{values.at_least().has_value() ? number(*values.at_least()) : kLeast,
                    values.below().has_value() ? number(*values.below()) - 1 : kMost}};
    return region;
  }
  for (int64_t n : values.numbers()) region.runs.push_back({number(n), number(n)});
  return region;
}

Region Intersection(const Region& a, const Region& b) {
  Region both{{}, a.unset && b.unset};
  for (size_t i = 0, j = 0; i < a.runs.size() && j < b.runs.size();) {
    const int64_t first = std::max(a.runs[i].first, b.runs[j].first);
    const int64_t last = std::min(a.runs[i].last, b.runs[j].last);
    if (first <= last) both.runs.push_back({first, last});
    a.runs[i].last < b.runs[j].last ? ++i : ++j;
  }
  return both;
}

Region Difference(const Region& a, const Region& b) {
  Region rest{{}, a.unset && !b.unset};
  for (Run run : a.runs) {
    bool left = true;
    for (const Run& cut : b.runs) {
      if (cut.last < run.first || cut.first > run.last) continue;
      if (cut.first > run.first) rest.runs.push_back({run.first, cut.first - 1});
      left = cut.last < run.last;
      if (!left) break;
      run.first = cut.last + 1;
    }
    if (left) rest.runs.push_back(run);
  }
  return rest;
}

// A region for each field that any of the boxes constrains, in the same order for all.
using Piece = std::vector<Region>;

Piece PieceOf(const Box& box, const std::vector<const Field*>& fields) {
  Piece piece;
  for (const Field* field : fields) {
    Region region = Everything(*field);
    for (const Box::Constraint& c : box.constraints()) {
      if (c.field == field) {
        region = RegionOf(c.values, *field, box.unset() == Box::Unset::kIncluded);
      }
    }
    piece.push_back(std::move(region));
  }
  return piece;
}

// What is left of `piece` beside `cut`: for each field the part outside of the cut's, inside of it
// in the fields before.
std::vector<Piece> Subtract(const Piece& piece, const Piece& cut) {
  std::vector<Piece> rest;
  Piece inside = piece;
  for (size_t i = 0; i < piece.size(); ++i) {
    Piece part = inside;
    part[i] = Difference(piece[i], cut[i]);
    if (!part[i].empty()) rest.push_back(std::move(part));
    inside[i] = Intersection(piece[i], cut[i]);
    // They do not meet: nothing is taken away.
    if (inside[i].empty()) return {piece};
  }
  return rest;
}

}  // namespace

bool IsCovered(const Box& box, const std::vector<const Box*>& by) {
  if (box.empty()) return true;
  // Most boxes that cover do so alone.
  if (std::any_of(by.begin(), by.end(), [&](const Box* b) { return box.IsSubsetOf(*b); })) {
    return true;
  }
  std::vector<const Field*> fields;
  const auto add = [&](const Box& b) {
    for (const Box::Constraint& c : b.constraints()) {
      if (std::find(fields.begin(), fields.end(), c.field) == fields.end()) {
        fields.push_back(c.field);
      }
    }
  };
  add(box);
  for (const Box* b : by) add(*b);
  std::vector<Piece> pieces = {PieceOf(box, fields)};
  int made = 0;
  for (const Box* b : by) {
    const Piece cut = PieceOf(*b, fields);
    std::vector<Piece> next;
    for (const Piece& piece : pieces) {
      for (Piece& part : Subtract(piece, cut)) {
        next.push_back(std::move(part));
        if (++made > kMaxPieces) return false;
      }
    }
    pieces = std::move(next);
    if (pieces.empty()) return true;
  }
  return false;
}

}  // namespace sluice::policy
