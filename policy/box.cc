#include "policy/box.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::policy {
namespace {

template <typename T>
std::vector<T> SortedUnique(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace

ValueSet ValueSet::Codes(std::vector<std::string> codes) {
  ValueSet set;
  set.codes_ = SortedUnique(std::move(codes));
  return set;
}

ValueSet ValueSet::Numbers(std::vector<int64_t> numbers) {
  ValueSet set;
  set.numbers_ = SortedUnique(std::move(numbers));
  return set;
}

ValueSet ValueSet::Interval(std::optional<int64_t> at_least, std::optional<int64_t> below) {
  ValueSet set;
  set.interval_ = true;
  set.at_least_ = at_least;
  set.below_ = below;
  return set;
}

bool ValueSet::Contains(const Value& value) const {
  if (value.kind == Value::Kind::kCode) {
    const auto it = std::lower_bound(codes_.begin(), codes_.end(), value.code);
    return it != codes_.end() && *it == value.code;
  }
  if (interval_) {
    return (!at_least_.has_value() || value.number >= *at_least_) &&
           (!below_.has_value() || value.number < *below_);
  }
  return std::binary_search(numbers_.begin(), numbers_.end(), value.number);
}

bool ValueSet::empty() const {
  if (!interval_) return numbers_.empty() && codes_.empty();
  if (below_.has_value() && *below_ == std::numeric_limits<int64_t>::min()) return true;
  return at_least_.has_value() && below_.has_value() && *at_least_ >= *below_;
}

std::optional<ValueSet> ValueSet::Common(const ValueSet& other) const {
  if (empty() || other.empty()) return std::nullopt;
  ValueSet common;
  if (interval_ && other.interval_) {
    common = *this;
    if (other.at_least_.has_value()) {
      common.at_least_ = std::max(other.at_least_, at_least_);
    }
    if (other.below_.has_value()) {
      common.below_ = below_.has_value() ? std::min(*below_, *other.below_) : other.below_;
    }
  } else {
    const ValueSet& set = interval_ ? other : *this;
    const ValueSet& filter = interval_ ? *this : other;
    for (int64_t n : set.numbers_) {
      if (filter.Contains(Value::Number(n))) common.numbers_.push_back(n);
    }
    for (const std::string& c : set.codes_) {
      if (filter.Contains(Value::Code(c))) common.codes_.push_back(c);
    }
  }
  if (common.empty()) return std::nullopt;
  return common;
}

bool ValueSet::Intersects(const ValueSet& other) const { return Common(other).has_value(); }

bool ValueSet::IsSubsetOf(const ValueSet& other) const {
  if (empty()) return true;
  if (!interval_) {
    return std::all_of(numbers_.begin(), numbers_.end(),
                       [&](int64_t n) { return other.Contains(Value::Number(n)); }) &&
           std::all_of(codes_.begin(), codes_.end(),
                       [&](const std::string& c) { return other.Contains(Value::Code(c)); });
  }
  if (!other.interval_) {
    // An interval lies in a set of numbers only if it is short enough to be counted out.
    if (!at_least_.has_value() || !below_.has_value()) return false;
    const auto length = static_cast<uint64_t>(*below_) - static_cast<uint64_t>(*at_least_);
    if (length > other.numbers_.size()) return false;
    for (int64_t n = *at_least_; n < *below_; ++n) {
      if (!other.Contains(Value::Number(n))) return false;
    }
    return true;
  }
  const bool low =
      !other.at_least_.has_value() || (at_least_.has_value() && *at_least_ >= *other.at_least_);
  const bool high = !other.below_.has_value() || (below_.has_value() && *below_ <= *other.below_);
  return low && high;
}

std::optional<std::string> ValueSet::Witness(const ValueSet& other, const Field& field) const {
  const std::optional<ValueSet> common = Common(other);
  if (!common.has_value()) return std::nullopt;
  if (!common->codes_.empty()) return CodeSet::ShortName(common->codes_.front());
  if (!common->interval_) return NumberText(common->numbers_.front(), field);
  if (common->at_least_.has_value()) return NumberText(*common->at_least_, field);
  // The last value before the end; before the first of a month stands no number that is a date.
  if (!common->below_.has_value()) return field.kind == FieldKind::kDate ? "2000-01-01" : "0";
  if (field.kind != FieldKind::kDate) return absl::StrCat(*common->below_ - 1);
  return NumberText(DateNumber(DayOfNumber(*common->below_) - 1), field);
}

int64_t DateNumber(absl::CivilDay day) {
  return (day.year() * 100 + day.month()) * 100 + day.day();
}

absl::CivilDay DayOfNumber(int64_t number) {
  return absl::CivilDay(number / 10000, number / 100 % 100, number % 100);
}

std::string NumberText(int64_t number, const Field& field) {
  switch (field.kind) {
    case FieldKind::kDate:
      return absl::StrFormat("%04d-%02d-%02d", number / 10000, number / 100 % 100, number % 100);
    case FieldKind::kBool:
      return number == 0 ? "false" : "true";
    case FieldKind::kInteger:
    case FieldKind::kString:
    case FieldKind::kCode:
    case FieldKind::kPostalCode:
    case FieldKind::kDecimal:
    case FieldKind::kMessage:
      break;
  }
  return absl::StrCat(number);
}

Box::Box(std::vector<Constraint> constraints, Unset unset)
    : constraints_(std::move(constraints)), unset_(unset) {}

const ValueSet* Box::Find(const Field& field) const {
  for (const Constraint& c : constraints_) {
    if (c.field == &field) return &c.values;
  }
  return nullptr;
}

bool Box::empty() const {
  return unset_ == Unset::kExcluded &&
         std::any_of(constraints_.begin(), constraints_.end(),
                     [](const Constraint& c) { return c.values.empty(); });
}

bool Box::Intersects(const Box& other) const {
  if (empty() || other.empty()) return false;
  for (const Constraint& c : constraints_) {
    const ValueSet* theirs = other.Find(*c.field);
    if (theirs == nullptr || c.values.Intersects(*theirs)) continue;
    // A row without the field is still in both, if both let it in.
    if (unset_ == Unset::kExcluded || other.unset_ == Unset::kExcluded) return false;
  }
  return true;
}

bool Box::IsSubsetOf(const Box& other) const {
  if (empty()) return true;
  for (const Constraint& c : other.constraints_) {
    const ValueSet* ours = Find(*c.field);
    if (ours == nullptr || !ours->IsSubsetOf(c.values)) return false;
    if (unset_ == Unset::kIncluded && other.unset_ == Unset::kExcluded) return false;
  }
  return true;
}

std::string Box::Witness(const Box& other) const {
  std::string text;
  const auto add = [&](const Field& field, const std::optional<std::string>& value) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", field.path, "=", value.value_or("(unset)"));
  };
  for (const Constraint& c : constraints_) {
    const ValueSet* theirs = other.Find(*c.field);
    add(*c.field, c.values.Witness(theirs == nullptr ? c.values : *theirs, *c.field));
  }
  for (const Constraint& c : other.constraints_) {
    if (Find(*c.field) == nullptr) add(*c.field, c.values.Witness(c.values, *c.field));
  }
  return text.empty() ? "any" : text;
}

}  // namespace sluice::policy
