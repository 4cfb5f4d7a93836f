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

using HeldByField = std::map<const Field*, std::vector<HeldRows>>;

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
  void AddChange(const Key& key, const std::vector<const Field*>& fields, CellChange piece);

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
    const std::vector<HeldRows>* was;
    const std::vector<HeldRows>* is;
    std::vector<const Field*> fields;
  };
  static const std::vector<HeldRows> kNothing;
  const auto in = [](const HeldByField& held, const Field* field) {
    const auto it = held.find(field);
    return it == held.end() ? &kNothing : &it->second;
  };
  std::vector<Group> groups;
  for (const Field* field : key.type->leaves()) {
    const std::vector<HeldRows>* const w = in(was, field);
    const std::vector<HeldRows>* const i = in(is, field);
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
    absl::StatusOr<std::vector<CellChange>> pieces =
        DiffCell(*group.was, *group.is, *group.fields.front(), frames_.at(key.type));
    if (!pieces.ok()) return pieces.status();
    for (CellChange& piece : *pieces) AddChange(key, group.fields, std::move(piece));
  }
  return absl::OkStatus();
}

void Differ::AddChange(const Key& key, const std::vector<const Field*>& fields, CellChange piece) {
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
