// A field rule: what becomes of one field's value when its record leaves, as a value that can't be
// wrong by itself (whether it fits a field is asked of `Fits`), and the rules' order of strength.
//
// Immutable.
#ifndef SLUICE_POLICY_FIELD_RULE_H_
#define SLUICE_POLICY_FIELD_RULE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sluice/v1/field_rule.pb.h"

namespace sluice::policy {

struct Field;

class FieldRule {
 public:
  enum class Kind {
    kPass,
    kPseudonymize,
    kDate,        // precision(), and for YEAR optionally band(), cap(), floor() in years
    kInteger,     // band(), cap(), floor(): at least one
    kKeepPrefix,  // keep_prefix()
    kZip3,        // edition()
    kCodeSet,     // name()
    kHierarchy,   // name(), level()
  };

  static FieldRule Pass();
  static FieldRule Pseudonymize();
  // Fails if the message sets no kind, or parameters of several kinds, or one out of its range.
  static absl::StatusOr<FieldRule> FromProto(const v1::FieldRule& rule);

  v1::FieldRule ToProto() const;
  // As a person reads it: "pass", "generalize YEAR band 5", "generalize zip3 CENSUS_2000".
  std::string ToString() const;

  Kind kind() const { return kind_; }
  v1::DatePrecision precision() const { return precision_; }
  std::optional<int64_t> band() const { return band_; }
  std::optional<int64_t> cap() const { return cap_; }
  std::optional<int64_t> floor() const { return floor_; }
  uint32_t keep_prefix() const { return keep_prefix_; }
  uint32_t level() const { return level_; }
  // The edition of a postal code list, the coarser code set, or the hierarchy.
  const std::string& name() const { return name_; }

  friend bool operator==(const FieldRule& a, const FieldRule& b) = default;

 private:
  FieldRule() = default;

  Kind kind_ = Kind::kPass;
  v1::DatePrecision precision_ = v1::DATE_PRECISION_UNSPECIFIED;
  std::optional<int64_t> band_, cap_, floor_;
  uint32_t keep_prefix_ = 0;
  uint32_t level_ = 0;
  std::string name_;
};

// Whether the rule suits the field's kind and names what the catalog has; INVALID_ARGUMENT with a
// sentence if not.
absl::Status Fits(const FieldRule& rule, const Field& field);

// Whether `a`'s result can be computed from `b`'s alone. A partial order; reflexive. Both fit
// `field`.
bool AtLeastAsStrong(const FieldRule& a, const FieldRule& b, const Field& field);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_FIELD_RULE_H_
