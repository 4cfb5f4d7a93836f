#include "policy/row_region.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::policy {
namespace {

using Run = FieldRegion::Run;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr absl::CivilDay kDayZero(1970, 1, 1);

int64_t DayNumber(int64_t date) { return DayOfNumber(date) - kDayZero; }

// Adds a run that begins at or after the last one's begin.
void Append(const Run& run, std::vector<Run>& runs) {
  if (!runs.empty() && (runs.back().last == kMost || run.first <= runs.back().last + 1)) {
    runs.back().last = std::max(runs.back().last, run.last);
  } else {
    runs.push_back(run);
  }
}

FieldRegion RegionOf(const ValueSet& values, const Field& field, bool unset) {
  FieldRegion region{{}, unset};
  if (field.kind == FieldKind::kCode) {
    const std::vector<std::string>& known = field.code_set->codes();
    for (size_t i = 0; i < known.size(); ++i) {
      const auto n = static_cast<int64_t>(i);
      if (values.Contains(Value::Code(known[i]))) Append({n, n}, region.runs);
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
  for (int64_t n : values.numbers()) Append({number(n), number(n)}, region.runs);
  return region;
}

FieldRegion Intersection(const FieldRegion& a, const FieldRegion& b) {
  FieldRegion both{{}, a.unset && b.unset};
  for (size_t i = 0, j = 0; i < a.runs.size() && j < b.runs.size();) {
    const int64_t first = std::max(a.runs[i].first, b.runs[j].first);
    const int64_t last = std::min(a.runs[i].last, b.runs[j].last);
    if (first <= last) both.runs.push_back({first, last});
    a.runs[i].last < b.runs[j].last ? ++i : ++j;
  }
  return both;
}

FieldRegion Difference(const FieldRegion& a, const FieldRegion& b) {
  FieldRegion rest{{}, a.unset && !b.unset};
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

FieldRegion Union(const FieldRegion& a, const FieldRegion& b) {
  FieldRegion all{{}, a.unset || b.unset};
  std::vector<Run> runs = a.runs;
  runs.insert(runs.end(), b.runs.begin(), b.runs.end());
  std::sort(runs.begin(), runs.end(), [](const Run& x, const Run& y) { return x.first < y.first; });
  for (const Run& run : runs) Append(run, all.runs);
  return all;
}

// A number of a region, as a document writes it.
std::string ValueText(int64_t n, const Field& field) {
  if (field.kind == FieldKind::kCode) {
    return CodeSet::ShortName(field.code_set->codes()[static_cast<size_t>(n)]);
  }
  return NumberText(field.kind == FieldKind::kDate ? DateNumber(kDayZero + n) : n, field);
}

// Runs within braces: each value of a set, the ends of a longer run of numbers.
std::string ListText(const std::vector<Run>& runs, const Field& field) {
  std::vector<std::string> parts;
  for (const Run& run : runs) {
    if (field.kind == FieldKind::kCode) {
      for (int64_t n = run.first; n <= run.last; ++n) parts.push_back(ValueText(n, field));
    } else if (run.first == run.last) {
      parts.push_back(ValueText(run.first, field));
    } else {
      parts.push_back(absl::StrCat(run.first == kLeast ? "" : ValueText(run.first, field), "..",
                                   run.last == kMost ? "" : ValueText(run.last, field)));
    }
  }
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

int64_t CountOf(const std::vector<Run>& runs) {
  int64_t count = 0;
  for (const Run& run : runs) count += run.last - run.first + 1;
  return count;
}

std::string SetText(const FieldRegion& region, const Field& field) {
  const std::vector<Run>& runs = region.runs;
  if (runs.size() == 1 && runs[0].first == runs[0].last) {
    return absl::StrCat(field.path, "=", ValueText(runs[0].first, field));
  }
  if (field.kind == FieldKind::kCode) {
    const FieldRegion others = Difference(FieldRegion::Everything(field), region);
    if (CountOf(others.runs) < CountOf(runs)) {
      return absl::StrCat(field.path, " set and not in ", ListText(others.runs, field));
    }
  } else if (runs.size() == 1) {
    const Run& run = runs[0];
    std::string text = field.path;
    if (run.first != kLeast) text = absl::StrCat(text, ">=", ValueText(run.first, field));
    if (run.last == kMost) return text;
    return absl::StrCat(text, run.first == kLeast ? "" : " and ",
                        run.first == kLeast ? "" : field.path, "<", ValueText(run.last + 1, field));
  }
  return absl::StrCat(field.path, " in ", ListText(runs, field));
}

std::string RegionText(const FieldRegion& region, const Field& field) {
  if (region.runs.empty()) return absl::StrCat(field.path, " unset");
  if (region.runs == FieldRegion::Everything(field).runs) return absl::StrCat(field.path, " set");
  return absl::StrCat(SetText(region, field), region.unset ? " or unset" : "");
}

std::string RegionWitness(const FieldRegion& region, const Field& field) {
  if (region.runs.empty()) return "(unset)";
  const Run& run = region.runs.front();
  if (run.first != kLeast) return ValueText(run.first, field);
  if (run.last != kMost) return ValueText(run.last, field);
  return ValueText(0, field);
}

}  // namespace

FieldRegion FieldRegion::Everything(const Field& field) {
  FieldRegion all{{}, true};
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

void AddToFrame(const Box& box, RowFrame& frame) {
  for (const Box::Constraint& c : box.constraints()) {
    if (std::find(frame.begin(), frame.end(), c.field) == frame.end()) frame.push_back(c.field);
  }
}

std::optional<RowPiece> PieceOf(const Box& box, const RowFrame& frame) {
  RowPiece piece;
  for (const Field* field : frame) {
    FieldRegion region = FieldRegion::Everything(*field);
    for (const Box::Constraint& c : box.constraints()) {
      if (c.field == field) {
        region = RegionOf(c.values, *field, box.unset() == Box::Unset::kIncluded);
      }
    }
    if (region.empty()) return std::nullopt;
    piece.push_back(std::move(region));
  }
  return piece;
}

std::optional<RowPiece> Intersection(const RowPiece& a, const RowPiece& b) {
  RowPiece both;
  for (size_t i = 0; i < a.size(); ++i) {
    both.push_back(Intersection(a[i], b[i]));
    if (both.back().empty()) return std::nullopt;
  }
  return both;
}

// For each field the part outside of the cut's, inside of it in the fields before.
std::vector<RowPiece> Difference(const RowPiece& piece, const RowPiece& cut) {
  std::vector<RowPiece> rest;
  RowPiece inside = piece;
  for (size_t i = 0; i < piece.size(); ++i) {
    RowPiece part = inside;
    part[i] = Difference(piece[i], cut[i]);
    if (!part[i].empty()) rest.push_back(std::move(part));
    inside[i] = Intersection(piece[i], cut[i]);
    // They do not meet: nothing is taken away.
    if (inside[i].empty()) return {piece};
  }
  return rest;
}

std::optional<RowPiece> Joined(const RowPiece& a, const RowPiece& b, const RowFrame& frame) {
  std::optional<size_t> differs;
  for (size_t i = 0; i < frame.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (differs.has_value()) return std::nullopt;
    differs = i;
  }
  RowPiece all = a;
  if (differs.has_value()) all[*differs] = Union(a[*differs], b[*differs]);
  return all;
}

std::string PieceText(const RowPiece& piece, const RowFrame& frame) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < frame.size(); ++i) {
    if (piece[i] == FieldRegion::Everything(*frame[i])) continue;
    parts.push_back(RegionText(piece[i], *frame[i]));
  }
  return parts.empty() ? "all rows" : absl::StrJoin(parts, ", ");
}

std::string PieceWitness(const RowPiece& piece, const RowFrame& frame) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < frame.size(); ++i) {
    if (piece[i] == FieldRegion::Everything(*frame[i])) continue;
    parts.push_back(absl::StrCat(frame[i]->path, "=", RegionWitness(piece[i], *frame[i])));
  }
  return parts.empty() ? "any" : absl::StrJoin(parts, ", ");
}

}  // namespace sluice::policy
