// Boxes over so few rows that each can be looked at: the truth that what is computed of boxes is
// held against.
#ifndef SLUICE_TESTS_SUPPORT_SMALL_DOMAIN_H_
#define SLUICE_TESTS_SUPPORT_SMALL_DOMAIN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "policy/box.h"
#include "tests/support/catalog_of.h"

namespace sluice::policy {

// Rows of a number, a truth, a day and a code, each of which may be unset. Constraints speak of the
// numbers 0 to 4 and the days that begin 2027; rows have a value below and one above those, which
// stand for all others.
class SmallDomain {
 public:
  using Row = std::map<const Field*, Value>;

  explicit SmallDomain(uint32_t seed)
      : catalog_(MessageT(FieldOfT("number", 2, "type: TYPE_INT64") +
                          FieldOfT("truth", 3, "type: TYPE_BOOL") +
                          FieldOfT("day", 4, "type: TYPE_MESSAGE type_name: '.google.type.Date'") +
                          FieldOfT("sex", 5, "type: TYPE_STRING",
                                   "sensitivity: SENSITIVITY_PUBLIC code_set: 'Sex'"))),
        random_(seed) {
    rows_ = {{}};
    for (const char* path : {"number", "truth", "day", "sex"}) {
      fields_.push_back(catalog_.type().Find(path));
      std::vector<Row> next;
      for (const Row& row : rows_) {
        for (const Value& value : ValuesOf(*fields_.back())) {
          next.push_back(row);
          next.back()[fields_.back()] = value;
        }
      }
      rows_ = std::move(next);
    }
  }

  const std::vector<Row>& rows() const { return rows_; }
  const Field& field(absl::string_view path) const { return *catalog_.type().Find(path); }

  static bool Holds(const Box& box, const Row& row) {
    return box.Contains([&row](const Field& field) { return row.at(&field); });
  }

  // Of a constraint on each field or none.
  Box RandomBox() {
    std::vector<Box::Constraint> constraints;
    for (const Field* field : fields_) {
      if (Below(2) == 0) constraints.push_back({field, RandomSet(*field)});
    }
    return Box(std::move(constraints),
               Below(2) == 0 ? Box::Unset::kExcluded : Box::Unset::kIncluded);
  }

  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

 private:
  static int64_t Day(int n) { return DateNumber(absl::CivilDay(2026, 12, 30) + n); }

  std::vector<Value> ValuesOf(const Field& field) const {
    std::vector<Value> values = {Value::Unset()};
    if (field.kind == FieldKind::kCode) {
      for (const std::string& code : field.code_set->codes()) values.push_back(Value::Code(code));
      return values;
    }
    const bool truth = field.kind == FieldKind::kBool;
    for (int n = truth ? 0 : -1; n < (truth ? 2 : 6); ++n) {
      values.push_back(Value::Number(field.kind == FieldKind::kDate ? Day(n) : n));
    }
    return values;
  }

  ValueSet RandomSet(const Field& field) {
    if (field.kind == FieldKind::kCode) {
      std::vector<std::string> codes;
      for (const std::string& code : field.code_set->codes()) {
        if (Below(3) != 0) codes.push_back(code);
      }
      return ValueSet::Codes(std::move(codes));
    }
    const bool truth = field.kind == FieldKind::kBool;
    const auto number = [&](uint32_t n) {
      return field.kind == FieldKind::kDate ? Day(static_cast<int>(n)) : static_cast<int64_t>(n);
    };
    if (!truth && Below(3) != 0) {
      std::optional<int64_t> at_least, below;
      if (Below(2) == 0) at_least = number(Below(5));
      if (Below(2) == 0) below = number(Below(5));
      return ValueSet::Interval(at_least, below);
    }
    std::vector<int64_t> numbers;
    for (uint32_t n = 0; n < (truth ? 2u : 5u); ++n) {
      if (Below(3) != 0) numbers.push_back(number(n));
    }
    return ValueSet::Numbers(std::move(numbers));
  }

  const CatalogOf catalog_;
  std::mt19937 random_;
  std::vector<const Field*> fields_;
  std::vector<Row> rows_;
};

}  // namespace sluice::policy

#endif  // SLUICE_TESTS_SUPPORT_SMALL_DOMAIN_H_
