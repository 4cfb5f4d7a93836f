// The order of strength: whether one rule's result is a function of another's.
#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "policy/catalog.h"
#include "policy/field_rule.h"
#include "policy/integer_range.h"

namespace sluice::policy {

namespace {

using absl::int128;

int128 FloorDivide(int128 a, int128 b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); }
int128 CeilDivide(int128 a, int128 b) { return -FloorDivide(-a, b); }

// Where a rule over integers changes its result: at the multiples of `step` in [first, last]. Two
// values have the same result exactly if no such place parts them (the result before a place
// differs from the one at it), so a rule can be computed from another exactly if its places are
// among the other's.
struct Places {
  int128 step = 1, first = 0, last = -1;
  bool empty() const { return last < first; }
};

Places PlacesOf(const FieldRule& rule, const IntegerRange& range) {
  const int128 w = rule.band() ? *rule.band() : 1;
  Places places{w, CeilDivide(range.min + 1, w) * w, FloorDivide(range.max, w) * w};
  if (rule.floor() && rule.cap() && *rule.floor() == *rule.cap()) return {w, 0, -1};
  // Bands whose lower bound is under the floor fall together, and so do those above the cap.
  if (rule.floor()) {
    places.first = std::max(places.first, FloorDivide(*rule.floor(), w) * w + w);
  }
  if (rule.cap()) places.last = std::min(places.last, CeilDivide(*rule.cap(), w) * w);
  return places;
}

bool Within(const Places& a, const Places& b) {
  if (a.empty()) return true;
  if (b.empty() || a.first < b.first || a.last > b.last || a.first % b.step != 0) return false;
  return a.first == a.last || a.step % b.step == 0;
}

// Nullptr: the value itself.
const CodeMap* MapOf(const FieldRule& rule, const Field& field) {
  if (field.code_set == nullptr) return nullptr;
  if (rule.kind() == FieldRule::Kind::kCodeSet) return field.code_set->Coarser(rule.name());
  if (rule.kind() == FieldRule::Kind::kHierarchy) {
    return field.code_set->Level(rule.name(), rule.level());
  }
  return nullptr;
}

bool CodesFollow(const CodeMap& a, const CodeMap& b) {
  absl::flat_hash_map<std::string, std::string> a_of_b = {{b.other, a.other}};
  for (const auto& [code, to] : b.to) {
    const auto it = a.to.find(code);
    const std::string& result = it == a.to.end() ? a.other : it->second;
    if (a_of_b.emplace(to, result).first->second != result) return false;
  }
  return true;
}

bool DatesFollow(const FieldRule& a, const FieldRule& b) {
  const IntegerRange years{kMinYear, kMaxYear};
  const bool b_is_year =
      b.kind() == FieldRule::Kind::kDate && b.precision() == v1::DATE_PRECISION_YEAR;
  if (a.precision() == v1::DATE_PRECISION_MONTH) return !b_is_year;
  return !b_is_year || Within(PlacesOf(a, years), PlacesOf(b, years));
}

}  // namespace

bool AtLeastAsStrong(const FieldRule& a, const FieldRule& b, const Field& field) {
  using Kind = FieldRule::Kind;
  if (a == b || b.kind() == Kind::kPass) return true;
  if (field.kind == FieldKind::kInteger) {
    // `pass` is a band of 1.
    const IntegerRange range = RangeOf(field.type);
    return Within(PlacesOf(a, range), PlacesOf(b, range));
  }
  if (a.kind() == Kind::kPass || a.kind() == Kind::kPseudonymize ||
      b.kind() == Kind::kPseudonymize) {
    return false;
  }
  switch (field.kind) {
    case FieldKind::kDate:
      return DatesFollow(a, b);
    case FieldKind::kString:
      return a.keep_prefix() <= b.keep_prefix();
    case FieldKind::kCode: {
      const CodeMap* const map_a = MapOf(a, field);
      const CodeMap* const map_b = MapOf(b, field);
      return map_a != nullptr && map_b != nullptr && CodesFollow(*map_a, *map_b);
    }
    case FieldKind::kPostalCode:  // one rule, and its editions are not comparable
    case FieldKind::kInteger:
    case FieldKind::kBool:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return false;
}

}  // namespace sluice::policy
