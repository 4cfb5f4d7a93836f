#include "policy/mou_diff.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"

namespace sluice::policy {
namespace {

constexpr size_t kMaxPieces = 100'000;

// What a cell holds on some days: rows under a rule.
struct Held {
  CivilPeriod period;
  const RowPiece* rows;
  const FieldRule* rule;

  friend bool operator==(const Held& a, const Held& b) {
    return a.period.effective == b.period.effective && a.period.expires == b.period.expires &&
           *a.rule == *b.rule && *a.rows == *b.rows;
  }
};

// What changes of a cell, before it is put together with others.
struct Piece {
  ChangeKind kind;
  const FieldRule* before = nullptr;
  const FieldRule* after = nullptr;
  CivilPeriod period;
  RowPiece rows;
};

bool SameRule(const FieldRule* a, const FieldRule* b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

// Whether two pieces say the same of other rows.
bool SameButRows(const Piece& a, const Piece& b) {
  return a.kind == b.kind && SameRule(a.before, b.before) && SameRule(a.after, b.after) &&
         a.period.effective == b.period.effective && a.period.expires == b.period.expires;
}

bool SameButDays(const Piece& a, const Piece& b) {
  return a.kind == b.kind && SameRule(a.before, b.before) && SameRule(a.after, b.after) &&
         a.rows == b.rows;
}

// `pieces` without the rows of `cut`.
std::vector<RowPiece> Without(const std::vector<RowPiece>& pieces, const RowPiece& cut) {
  std::vector<RowPiece> rest;
  for (const RowPiece& piece : pieces) {
    for (RowPiece& part : Difference(piece, cut)) rest.push_back(std::move(part));
  }
  return rest;
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

// The cells of some fields of which both versions hold alike.
class CellDiff {
 public:
  CellDiff(const std::vector<Held>& before, const std::vector<Held>& after, const Field& field,
           const RowFrame& frame)
      : before_(before), after_(after), field_(field), frame_(frame) {}

  absl::StatusOr<std::vector<Piece>> Run();

 private:
  static std::vector<const Held*> On(const std::vector<Held>& held, absl::CivilDay day) {
    std::vector<const Held*> on;
    for (const Held& h : held) {
      if (h.period.Contains(day)) on.push_back(&h);
    }
    return on;
  }
  // Of days in which nothing changes: what `these` hold and `those` do not, and where both hold a
  // row, but by other rules. Once for what is new, with `is_new`, and once for what is gone.
  void Compare(const std::vector<const Held*>& these, const std::vector<const Held*>& those,
               CivilPeriod days, bool is_new);
  // Rows that one version has and the other has not on these days.
  void AddRows(std::vector<RowPiece> rows, const FieldRule* rule, CivilPeriod days, bool is_new);
  void Add(Piece piece) { pieces_.push_back(std::move(piece)); }
  void JoinDays();
  void JoinRows();

  const std::vector<Held>& before_;
  const std::vector<Held>& after_;
  const Field& field_;
  const RowFrame& frame_;
  std::vector<Piece> pieces_;
};

void CellDiff::AddRows(std::vector<RowPiece> rows, const FieldRule* rule, CivilPeriod days,
                       bool is_new) {
  const std::vector<Held>& others = is_new ? before_ : after_;
  const auto add = [&](ChangeKind kind, std::vector<RowPiece> pieces) {
    for (RowPiece& piece : pieces) {
      Add({kind, is_new ? nullptr : rule, is_new ? rule : nullptr, days, std::move(piece)});
    }
  };
  if (others.empty()) {
    return add(is_new ? ChangeKind::kNewlyDisclosed : ChangeKind::kNoLongerDisclosed,
               std::move(rows));
  }
  for (const Held& other : others) {
    add(is_new ? ChangeKind::kLongerPeriod : ChangeKind::kShorterPeriod, Common(rows, *other.rows));
    rows = Without(rows, *other.rows);
  }
  add(is_new ? ChangeKind::kWiderRows : ChangeKind::kNarrowerRows, std::move(rows));
}

void CellDiff::Compare(const std::vector<const Held*>& these, const std::vector<const Held*>& those,
                       CivilPeriod days, bool is_new) {
  for (size_t i = 0; i < these.size(); ++i) {
    std::vector<RowPiece> rows = {*these[i]->rows};
    // Where grants meet in a row they have one rule: each row is looked at once.
    for (size_t j = 0; j < i; ++j) rows = Without(rows, *these[j]->rows);
    for (const Held* other : those) {
      if (is_new && !(*other->rule == *these[i]->rule)) {
        const bool stronger = AtLeastAsStrong(*these[i]->rule, *other->rule, field_);
        for (RowPiece& piece : Common(rows, *other->rows)) {
          Add({stronger ? ChangeKind::kStrongerRule : ChangeKind::kWeakerRule, other->rule,
               these[i]->rule, days, std::move(piece)});
        }
      }
      rows = Without(rows, *other->rows);
    }
    AddRows(std::move(rows), these[i]->rule, days, is_new);
  }
}

// Days that follow each other with the same rows become one span.
void CellDiff::JoinDays() {
  std::stable_sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) {
    return a.period.effective < b.period.effective;
  });
  std::vector<Piece> joined;
  for (Piece& piece : pieces_) {
    const auto last = std::find_if(joined.begin(), joined.end(), [&](const Piece& other) {
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

absl::StatusOr<std::vector<Piece>> CellDiff::Run() {
  std::set<absl::CivilDay> days;
  for (const std::vector<Held>* version : {&before_, &after_}) {
    for (const Held& held : *version) {
      days.insert({held.period.effective, held.period.expires});
    }
  }
  for (auto day = days.begin(); std::next(day) != days.end(); ++day) {
    const CivilPeriod span{*day, *std::next(day)};
    const std::vector<const Held*> was = On(before_, *day), is = On(after_, *day);
    Compare(is, was, span, /*is_new=*/true);
    Compare(was, is, span, /*is_new=*/false);
    if (pieces_.size() > kMaxPieces) {
      return absl::ResourceExhaustedError("the versions differ in more than 100,000 pieces");
    }
  }
  JoinDays();
  JoinRows();
  JoinDays();
  return std::move(pieces_);
}

// The cells of one recipient, owner, record type, purpose and operation, in both versions.
struct Key {
  absl::string_view recipient, owner, purpose;
  const RecordType* type;
  v1::Operation operation;

  friend bool operator<(const Key& a, const Key& b) {
    return std::tie(a.recipient, a.owner, a.purpose, a.type, a.operation) <
           std::tie(b.recipient, b.owner, b.purpose, b.type, b.operation);
  }
};

struct Versions {
  std::vector<const Disclosure*> before, after;
};

using Cells = absl::btree_map<Key, Versions>;

void AddTo(Cells& cells, const std::vector<Disclosure>& disclosures,
           std::vector<const Disclosure*> Versions::*version) {
  for (const Disclosure& d : disclosures) {
    for (v1::Operation operation : d.operations) {
      (cells[{d.recipient, d.owner, d.purpose, d.type, operation}].*version).push_back(&d);
    }
  }
}

bool Same(const Disclosure& a, const Disclosure& b) {
  return a.period.effective == b.period.effective && a.period.expires == b.period.expires &&
         a.rows == b.rows &&
         std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                    [](const PlanField* x, const PlanField* y) {
                      return x->field == y->field && x->rule == y->rule;
                    });
}

using HeldByField = std::map<const Field*, std::vector<Held>>;

HeldByField ByField(const std::vector<const Disclosure*>& disclosures) {
  HeldByField by_field;
  for (const Disclosure* d : disclosures) {
    for (const PlanField* f : d->fields)
      by_field[f->field].push_back({d->period, &d->rows, &f->rule});
  }
  return by_field;
}

class Differ {
 public:
  explicit Differ(const RowFrames& frames) : frames_(frames) {}

  // Keys come in order.
  absl::Status Add(const Key& key, const std::vector<const Disclosure*>& before,
                   const std::vector<const Disclosure*>& after);
  // All of them, in order.
  std::vector<Change> Take();

 private:
  void AddChange(const Key& key, const std::vector<const Field*>& fields, Piece piece);

  void Join();

  const RowFrames& frames_;
  std::vector<Change> pending_;  // of the recipient, owner, purpose and record type added last
  std::vector<Change> changes_;
};

absl::Status Differ::Add(const Key& key, const std::vector<const Disclosure*>& before,
                         const std::vector<const Disclosure*>& after) {
  if (!pending_.empty() &&
      std::tie(pending_[0].recipient, pending_[0].owner, pending_[0].purpose, pending_[0].type) !=
          std::tie(key.recipient, key.owner, key.purpose, key.type)) {
    Join();
  }
  // Most of a document stays as it is.
  if (std::equal(before.begin(), before.end(), after.begin(), after.end(),
                 [](const Disclosure* a, const Disclosure* b) { return Same(*a, *b); })) {
    return absl::OkStatus();
  }
  const HeldByField was = ByField(before), is = ByField(after);
  // Fields of which both hold alike change alike.
  struct Group {
    const std::vector<Held>* was;
    const std::vector<Held>* is;
    std::vector<const Field*> fields;
  };
  static const std::vector<Held> kNothing;
  const auto in = [](const HeldByField& held, const Field* field) {
    const auto it = held.find(field);
    return it == held.end() ? &kNothing : &it->second;
  };
  std::vector<Group> groups;
  for (const Field* field : key.type->leaves()) {
    const std::vector<Held>* const w = in(was, field);
    const std::vector<Held>* const i = in(is, field);
    if (*w == *i) continue;
    // The order of rules is the field's own, so only fields that change alike without asking it.
    const bool rules_change = !w->empty() && !i->empty();
    const auto like = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return !rules_change && *group.was == *w && *group.is == *i;
    });
    if (like == groups.end()) {
      groups.push_back({w, i, {field}});
    } else {
      like->fields.push_back(field);
    }
  }
  for (const Group& group : groups) {
    absl::StatusOr<std::vector<Piece>> pieces =
        CellDiff(*group.was, *group.is, *group.fields.front(), frames_.at(key.type)).Run();
    if (!pieces.ok()) return pieces.status();
    for (Piece& piece : *pieces) AddChange(key, group.fields, std::move(piece));
  }
  return absl::OkStatus();
}

void Differ::AddChange(const Key& key, const std::vector<const Field*>& fields, Piece piece) {
  Change change;
  change.kind = piece.kind;
  change.recipient = std::string(key.recipient);
  change.owner = std::string(key.owner);
  change.purpose = std::string(key.purpose);
  change.type = key.type;
  change.operations = {key.operation};
  change.period = piece.period;
  change.rows = std::move(piece.rows);
  change.frame = frames_.at(key.type);
  for (const Field* field : fields) {
    ChangedField changed{field, std::nullopt, std::nullopt};
    if (piece.before != nullptr) changed.before = *piece.before;
    if (piece.after != nullptr) changed.after = *piece.after;
    change.fields.push_back(std::move(changed));
  }
  pending_.push_back(std::move(change));
}

// Of one recipient, owner, purpose and record type: whether both are of the same kind, days and
// rows.
bool SamePlace(const Change& a, const Change& b) {
  return a.kind == b.kind && a.period.effective == b.period.effective &&
         a.period.expires == b.period.expires && a.rows == b.rows;
}

// Changes that are the same but for their fields, or but for their operations, become one.
void Differ::Join() {
  const auto join = [this](auto same, auto into) {
    std::vector<Change> joined;
    for (Change& change : pending_) {
      const auto like = std::find_if(joined.begin(), joined.end(), [&](const Change& other) {
        return SamePlace(other, change) && same(other, change);
      });
      if (like == joined.end()) {
        joined.push_back(std::move(change));
      } else {
        into(*like, change);
      }
    }
    pending_ = std::move(joined);
  };
  join([](const Change& a, const Change& b) { return a.operations == b.operations; },
       [](Change& a, const Change& b) {
         a.fields.insert(a.fields.end(), b.fields.begin(), b.fields.end());
       });
  join([](const Change& a, const Change& b) { return a.fields == b.fields; },
       [](Change& a, const Change& b) {
         a.operations.insert(a.operations.end(), b.operations.begin(), b.operations.end());
       });
  std::move(pending_.begin(), pending_.end(), std::back_inserter(changes_));
  pending_.clear();
}

std::vector<Change> Differ::Take() {
  Join();
  std::stable_sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return std::tie(a.kind, a.recipient, a.type->name(), a.owner, a.purpose, a.period.effective) <
           std::tie(b.kind, b.recipient, b.type->name(), b.owner, b.purpose, b.period.effective);
  });
  return std::move(changes_);
}

absl::Status SameTypes(const RowFrames& frames) {
  std::set<absl::string_view> names;
  for (const auto& [type, frame] : frames) {
    if (!names.insert(type->name()).second) {
      return absl::FailedPreconditionError(
          absl::StrCat("the documents pin two versions of ", type->name()));
    }
  }
  return absl::OkStatus();
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

std::string Change::Witness() const {
  return absl::StrCat(absl::FormatCivilTime(period.effective), ", ", PieceWitness(rows, frame));
}

absl::StatusOr<MouDiff> Diff(const CompiledMou& before, const CompiledMou& after) {
  RowFrames frames;
  AddToFrames(before, frames);
  AddToFrames(after, frames);
  if (absl::Status same = SameTypes(frames); !same.ok()) return same;
  const absl::StatusOr<std::vector<Disclosure>> was = DisclosuresOf(before, frames);
  if (!was.ok()) return was.status();
  const absl::StatusOr<std::vector<Disclosure>> is = DisclosuresOf(after, frames);
  if (!is.ok()) return is.status();
  Cells cells;
  AddTo(cells, *was, &Versions::before);
  AddTo(cells, *is, &Versions::after);
  Differ differ(frames);
  for (const auto& [key, versions] : cells) {
    if (absl::Status added = differ.Add(key, versions.before, versions.after); !added.ok()) {
      return added;
    }
  }
  MouDiff diff;
  diff.changes = differ.Take();
  diff.is_time_zone_changed = before.time_zone() != after.time_zone();
  return diff;
}

}  // namespace sluice::policy
