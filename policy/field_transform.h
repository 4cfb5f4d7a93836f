// What a field rule makes of a value: the rule with all that it needs looked up once, so that a
// value costs no search by name.
//
// Immutable. Refers to the field's code set.
#ifndef SLUICE_POLICY_FIELD_TRANSFORM_H_
#define SLUICE_POLICY_FIELD_TRANSFORM_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "policy/catalog.h"
#include "policy/civil_date.h"
#include "policy/field_rule.h"

namespace sluice::policy {

class FieldTransform {
 public:
  // The rule fits the field.
  FieldTransform(const FieldRule& rule, const Field& field);

  FieldRule::Kind kind() const { return kind_; }

  // Band, then cap, then floor. The lowest band's bound is the type's own end where the multiple
  // lies below it.
  int64_t Signed(int64_t value) const;
  uint64_t Unsigned(uint64_t value) const;
  // Of a valid date; a part that it has not stays zero.
  CivilDate Date(CivilDate date) const;
  // Of valid UTF-8.
  absl::string_view Prefix(absl::string_view value) const;
  // nullopt: no postal code.
  std::optional<std::array<char, 3>> Zip3(absl::string_view postal_code) const;
  // The ancestor, or "other".
  absl::string_view Code(absl::string_view code) const;

 private:
  FieldRule::Kind kind_;
  v1::DatePrecision precision_;
  int64_t min_ = 0;   // of the type
  int64_t band_ = 1;  // 1: the value itself
  std::optional<int64_t> cap_, floor_;
  uint32_t keep_prefix_ = 0;
  const CodeMap* map_ = nullptr;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_FIELD_TRANSFORM_H_
