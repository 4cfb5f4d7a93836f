#include "policy/cell_diff.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

namespace sluice::policy {
namespace {

constexpr size_t kMaxPieces = 100'000;

bool SameRule(const FieldRule* a, const FieldRule* b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

// Whether two pieces say the same of other rows.
bool SameButRows(const CellChange& a, const CellChange& b) {
  return a.kind == b.kind && SameRule(a.before, b.before) && SameRule(a.after, b.after) &&
         a.period.effective == b.period.effective && a.period.expires == b.period.expires;
}

bool SameButDays(const CellChange& a, const CellChange& b) {
  return a.kind == b.kind && SameRule(a.before, b.before) && SameRule(a.after, b.after) &&
         a.rows == b.rows;
}

std::vector<RowPiece> Common(const std::vector<RowPiece>& pieces, const RowPiece& with) {
  std::vector<RowPiece> common;
  for (const RowPiece& piece : pieces) {
    if (std::optional<RowPiece> both = Intersection(piece, with)) {
      common.push_back(*std::move(both));
    }
  }
  return common;
}

class CellDiff {
 public:
  CellDiff(const std::vector<HeldRows>& before, const std::vector<HeldRows>& after,
           const Field& field, const RowFrame& frame)
      : before_(before), after_(after), field_(field), frame_(frame) {}

  absl::StatusOr<std::vector<CellChange>> Run();

 private:
  static std::vector<const HeldRows*> On(const std::vector<HeldRows>& held, absl::CivilDay day) {
    std::vector<const HeldRows*> on;
    for (const HeldRows& h : held) {
      if (h.period.Contains(day)) on.push_back(&h);
    }
    return on;
  }
  // Of days in which nothing changes: what `these` hold and `those` do not, and where both hold a
  // row, but by other rules. Once for what is new, with `is_new`, and once for what is gone.
  void Compare(const std::vector<const HeldRows*>& these, const std::vector<const HeldRows*>& those,
               CivilPeriod days, bool is_new);
  // Rows that one version has and the other has not on these days.
  void AddRows(std::vector<RowPiece> rows, const FieldRule* rule, CivilPeriod days, bool is_new);
  // `rows` without those of `cut`; beyond the bound it stays as it is.
  std::vector<RowPiece> Without(std::vector<RowPiece> rows, const RowPiece& cut);
  void JoinDays();
  void JoinRows();

  const std::vector<HeldRows>& before_;
  const std::vector<HeldRows>& after_;
  const Field& field_;
  const RowFrame& frame_;
  bool is_too_large_ = false;
  std::vector<CellChange> pieces_;
};

std::vector<RowPiece> CellDiff::Without(std::vector<RowPiece> rows, const RowPiece& cut) {
  if (is_too_large_) return rows;
  std::vector<RowPiece> rest;
  for (const RowPiece& piece : rows) {
    for (RowPiece& part : Difference(piece, cut)) rest.push_back(std::move(part));
  }
  is_too_large_ = rest.size() > kMaxPieces;
  return rest;
}

void CellDiff::AddRows(std::vector<RowPiece> rows, const FieldRule* rule, CivilPeriod days,
                       bool is_new) {
  const std::vector<HeldRows>& others = is_new ? before_ : after_;
  const auto add = [&](ChangeKind kind, std::vector<RowPiece> pieces) {
    for (RowPiece& piece : pieces) {
      pieces_.push_back(
          {kind, is_new ? nullptr : rule, is_new ? rule : nullptr, days, std::move(piece)});
    }
  };
  if (others.empty()) {
    return add(is_new ? ChangeKind::kNewlyDisclosed : ChangeKind::kNoLongerDisclosed,
               std::move(rows));
  }
  for (const HeldRows& other : others) {
    add(is_new ? ChangeKind::kLongerPeriod : ChangeKind::kShorterPeriod, Common(rows, *other.rows));
    rows = Without(std::move(rows), *other.rows);
  }
  add(is_new ? ChangeKind::kWiderRows : ChangeKind::kNarrowerRows, std::move(rows));
}

void CellDiff::Compare(const std::vector<const HeldRows*>& these,
                       const std::vector<const HeldRows*>& those, CivilPeriod days, bool is_new) {
  for (size_t i = 0; i < these.size(); ++i) {
    std::vector<RowPiece> rows = {*these[i]->rows};
    // Where grants meet in a row they have one rule: each row is looked at once.
    for (size_t j = 0; j < i; ++j) rows = Without(std::move(rows), *these[j]->rows);
    for (const HeldRows* other : those) {
      if (is_new && !(*other->rule == *these[i]->rule)) {
        const bool stronger = AtLeastAsStrong(*these[i]->rule, *other->rule, field_);
        for (RowPiece& piece : Common(rows, *other->rows)) {
          pieces_.push_back({stronger ? ChangeKind::kStrongerRule : ChangeKind::kWeakerRule,
                             other->rule, these[i]->rule, days, std::move(piece)});
        }
      }
      rows = Without(std::move(rows), *other->rows);
    }
    AddRows(std::move(rows), these[i]->rule, days, is_new);
  }
}

// Days that follow each other with the same rows become one span.
void CellDiff::JoinDays() {
  std::stable_sort(pieces_.begin(), pieces_.end(), [](const CellChange& a, const CellChange& b) {
    return a.period.effective < b.period.effective;
  });
  std::vector<CellChange> joined;
  for (CellChange& piece : pieces_) {
    const auto last = std::find_if(joined.begin(), joined.end(), [&](const CellChange& other) {
      return other.period.expires == piece.period.effective && SameButDays(other, piece);
    });
    if (last == joined.end()) {
      joined.push_back(std::move(piece));
    } else {
      last->period.expires = piece.period.expires;
    }
  }
  pieces_ = std::move(joined);
}

// Rows that differ in one field become one piece, as long as there are such.
void CellDiff::JoinRows() {
  constexpr size_t kMost = 500;  // more would not be read anyhow
  if (pieces_.size() > kMost) return;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    for (size_t j = i + 1; j < pieces_.size(); ++j) {
      if (!SameButRows(pieces_[i], pieces_[j])) continue;
      std::optional<RowPiece> both = Joined(pieces_[i].rows, pieces_[j].rows, frame_);
      if (!both.has_value()) continue;
      pieces_[i].rows = *std::move(both);
      pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(j));
      j = i;  // the joined one may now meet what it did not meet before
    }
  }
}

absl::StatusOr<std::vector<CellChange>> CellDiff::Run() {
  std::set<absl::CivilDay> days;
  for (const std::vector<HeldRows>* version : {&before_, &after_}) {
    for (const HeldRows& held : *version) {
      days.insert({held.period.effective, held.period.expires});
    }
  }
  for (auto day = days.begin(); std::next(day) != days.end(); ++day) {
    const CivilPeriod span{*day, *std::next(day)};
    const std::vector<const HeldRows*> was = On(before_, *day), is = On(after_, *day);
    Compare(is, was, span, /*is_new=*/true);
    Compare(was, is, span, /*is_new=*/false);
    if (is_too_large_ || pieces_.size() > kMaxPieces) {
      return absl::ResourceExhaustedError("the versions differ in more than 100,000 pieces");
    }
  }
  JoinDays();
  JoinRows();
  JoinDays();
  return std::move(pieces_);
}

}  // namespace

std::string ChangeKindName(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kNewlyDisclosed:
      return "NEWLY_DISCLOSED";
    case ChangeKind::kWeakerRule:
      return "WEAKER_RULE";
    case ChangeKind::kLongerPeriod:
      return "LONGER_PERIOD";
    case ChangeKind::kWiderRows:
      return "WIDER_ROWS";
    case ChangeKind::kNoLongerDisclosed:
      return "NO_LONGER_DISCLOSED";
    case ChangeKind::kStrongerRule:
      return "STRONGER_RULE";
    case ChangeKind::kShorterPeriod:
      return "SHORTER_PERIOD";
    case ChangeKind::kNarrowerRows:
      return "NARROWER_ROWS";
  }
  return "";
}

bool IsWidening(ChangeKind kind) { return kind < ChangeKind::kNoLongerDisclosed; }

absl::StatusOr<std::vector<CellChange>> DiffCell(const std::vector<HeldRows>& before,
                                                 const std::vector<HeldRows>& after,
                                                 const Field& field, const RowFrame& frame) {
  return CellDiff(before, after, field, frame).Run();
}

}  // namespace sluice::policy
