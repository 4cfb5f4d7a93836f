// A box: the rows that a grant or a prohibition is about, as a conjunction of one set or one
// interval for each of a few fields. Emptiness, overlap and containment of boxes are decidable, and
// cheap.
//
// Immutable.
#ifndef SLUICE_POLICY_BOX_H_
#define SLUICE_POLICY_BOX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/catalog.h"

namespace sluice::policy {

// A row's value of a field that a box can constrain (integer, bool, date, code), or unset. Unset
// are: an absent field, a code unknown to the pinned type, a date without its month or day.
// A bool is 0 or 1; a date is year * 10000 + month * 100 + day. Refers to a code's bytes.
struct Value {
  enum class Kind { kUnset, kNumber, kCode };
  Kind kind = Kind::kUnset;
  int64_t number = 0;
  absl::string_view code;

  static Value Unset() { return {}; }
  static Value Number(int64_t n) { return {Kind::kNumber, n, {}}; }
  static Value Code(absl::string_view c) { return {Kind::kCode, 0, c}; }
};

// The values that one constraint allows, unset left aside: what becomes of unset is the box's
// question, because a grant excludes it and a prohibition includes it.
class ValueSet {
 public:
  static ValueSet Codes(std::vector<std::string> codes);
  static ValueSet Numbers(std::vector<int64_t> numbers);
  // [at_least, below); either end may be open.
  static ValueSet Interval(std::optional<int64_t> at_least, std::optional<int64_t> below);

  // `value` is not unset.
  bool Contains(const Value& value) const;
  // A set of numbers may still hold none that is a date; an empty ValueSet is surely empty.
  bool empty() const;
  bool is_interval() const { return interval_; }
  const std::optional<int64_t>& at_least() const { return at_least_; }
  const std::optional<int64_t>& below() const { return below_; }
  const std::vector<int64_t>& numbers() const { return numbers_; }
  const std::vector<std::string>& codes() const { return codes_; }
  bool Intersects(const ValueSet& other) const;
  bool IsSubsetOf(const ValueSet& other) const;
  // Some value in both, as a document writes it; nullopt if there is none.
  std::optional<std::string> Witness(const ValueSet& other, const Field& field) const;

 private:
  // What is in both; nullopt if that is empty.
  std::optional<ValueSet> Common(const ValueSet& other) const;

  bool interval_ = false;
  std::optional<int64_t> at_least_, below_;
  std::vector<int64_t> numbers_;    // sorted
  std::vector<std::string> codes_;  // sorted
};

class Box {
 public:
  enum class Unset { kExcluded, kIncluded };
  struct Constraint {
    const Field* field;
    ValueSet values;
  };

  Box(std::vector<Constraint> constraints, Unset unset);

  // In order of the fields' paths of numbers; at most 6.
  const std::vector<Constraint>& constraints() const { return constraints_; }
  Unset unset() const { return unset_; }
  // Whether no row can be in it. A box that includes unset is never empty.
  bool empty() const;
  bool Intersects(const Box& other) const;
  bool IsSubsetOf(const Box& other) const;
  // A row in both, of which some field is constrained: "expected_completion_year=2027,
  // subject_area=PHYSICS"; "any" if every row is.
  std::string Witness(const Box& other) const;

  // `value_of(const Field&)` gives the row's Value of a constrained field.
  template <typename ValueOf>
  bool Contains(ValueOf&& value_of) const {
    for (const Constraint& c : constraints_) {
      const Value v = value_of(*c.field);
      const bool in =
          v.kind == Value::Kind::kUnset ? unset_ == Unset::kIncluded : c.values.Contains(v);
      if (!in) return false;
    }
    return true;
  }

 private:
  const ValueSet* Find(const Field& field) const;

  std::vector<Constraint> constraints_;
  Unset unset_;
};

// A date as a number, and back; and a number as a document writes it.
int64_t DateNumber(absl::CivilDay day);
absl::CivilDay DayOfNumber(int64_t number);
std::string NumberText(int64_t number, const Field& field);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_BOX_H_
