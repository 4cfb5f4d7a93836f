#include "policy/field_rule.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "policy/catalog.h"
#include "policy/integer_range.h"

namespace sluice::policy {

namespace {

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

bool IsName(absl::string_view s) {
  if (s.empty() || s.size() > 64) return false;
  for (const char c : s) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return true;
}

// A field that this program does not know could change what the rule means.
bool KnowsAll(const google::protobuf::Message& message) {
  return message.GetReflection()->GetUnknownFields(message).empty();
}

absl::string_view PrecisionName(v1::DatePrecision precision) {
  return precision == v1::DATE_PRECISION_MONTH ? "MONTH" : "YEAR";
}

}  // namespace

FieldRule FieldRule::Pass() { return FieldRule(); }

FieldRule FieldRule::Pseudonymize() {
  FieldRule rule;
  rule.kind_ = Kind::kPseudonymize;
  return rule;
}

absl::StatusOr<FieldRule> FieldRule::FromProto(const v1::FieldRule& proto) {
  if (!KnowsAll(proto)) return Wrong("the rule has parts that this version does not know");
  switch (proto.rule_case()) {
    case v1::FieldRule::kPass:
      if (!KnowsAll(proto.pass())) return Wrong("pass takes no parameters");
      return Pass();
    case v1::FieldRule::kPseudonymize:
      if (!KnowsAll(proto.pseudonymize())) return Wrong("pseudonymize takes no parameters");
      return Pseudonymize();
    case v1::FieldRule::kGeneralize:
      break;
    case v1::FieldRule::RULE_NOT_SET:
      return Wrong("the rule is empty");
  }
  const v1::Generalize& g = proto.generalize();
  if (!KnowsAll(g)) return Wrong("generalize has parts that this version does not know");
  const bool date = g.to() != v1::DATE_PRECISION_UNSPECIFIED;
  const bool bounds = g.has_band() || g.has_cap() || g.has_floor();
  const bool hierarchy = g.has_hierarchy() || g.has_level();
  const int kinds =
      (date || bounds) + g.has_keep_prefix() + g.has_zip3() + g.has_code_set() + hierarchy;
  if (kinds == 0) return Wrong("generalize without parameters");
  if (kinds > 1) return Wrong("generalize has parameters of several kinds");
  if (g.has_band() && g.band() < 1) return Wrong("band is 1 or more");
  if (g.has_cap() && g.has_floor() && g.floor() > g.cap()) return Wrong("floor is above cap");

  FieldRule rule;
  if (g.has_band()) rule.band_ = g.band();
  if (g.has_cap()) rule.cap_ = g.cap();
  if (g.has_floor()) rule.floor_ = g.floor();
  if (date) {
    rule.kind_ = Kind::kDate;
    rule.precision_ = g.to();
    if (g.to() != v1::DATE_PRECISION_MONTH && g.to() != v1::DATE_PRECISION_YEAR) {
      return Wrong("to is MONTH or YEAR");
    }
    if (g.to() == v1::DATE_PRECISION_MONTH && bounds) {
      return Wrong("band, cap and floor of a date need to: YEAR");
    }
    for (const std::optional<int64_t>& year : {rule.band_, rule.cap_, rule.floor_}) {
      if (year && (*year < 1 || *year > kMaxYear)) return Wrong("years are 1 to 9999");
    }
  } else if (bounds) {
    rule.kind_ = Kind::kInteger;
  } else if (g.has_keep_prefix()) {
    rule.kind_ = Kind::kKeepPrefix;
    rule.keep_prefix_ = g.keep_prefix();
    if (g.keep_prefix() < 1) return Wrong("keep_prefix is 1 or more");
  } else if (g.has_zip3()) {
    rule.kind_ = Kind::kZip3;
    rule.name_ = g.zip3();
    if (g.zip3() != "CENSUS_2000") return Wrong("zip3 knows one edition, CENSUS_2000");
  } else if (g.has_code_set()) {
    rule.kind_ = Kind::kCodeSet;
    rule.name_ = g.code_set();
    if (!IsName(rule.name_)) return Wrong("code_set is a name");
  } else {
    rule.kind_ = Kind::kHierarchy;
    rule.name_ = g.hierarchy();
    rule.level_ = g.level();
    if (!IsName(rule.name_)) return Wrong("hierarchy is a name, and stands beside level");
    if (rule.level_ < 1) return Wrong("level stands beside hierarchy and is 1 or more");
  }
  return rule;
}

v1::FieldRule FieldRule::ToProto() const {
  v1::FieldRule proto;
  if (kind_ == Kind::kPass) {
    proto.mutable_pass();
    return proto;
  }
  if (kind_ == Kind::kPseudonymize) {
    proto.mutable_pseudonymize();
    return proto;
  }
  v1::Generalize& g = *proto.mutable_generalize();
  g.set_to(precision_);
  if (band_) g.set_band(*band_);
  if (cap_) g.set_cap(*cap_);
  if (floor_) g.set_floor(*floor_);
  if (kind_ == Kind::kKeepPrefix) g.set_keep_prefix(keep_prefix_);
  if (kind_ == Kind::kZip3) g.set_zip3(name_);
  if (kind_ == Kind::kCodeSet) g.set_code_set(name_);
  if (kind_ == Kind::kHierarchy) {
    g.set_hierarchy(name_);
    g.set_level(level_);
  }
  return proto;
}

std::string FieldRule::ToString() const {
  std::string bounds;
  if (band_) absl::StrAppend(&bounds, " band ", *band_);
  if (cap_) absl::StrAppend(&bounds, " cap ", *cap_);
  if (floor_) absl::StrAppend(&bounds, " floor ", *floor_);
  switch (kind_) {
    case Kind::kPass:
      return "pass";
    case Kind::kPseudonymize:
      return "pseudonymize";
    case Kind::kDate:
      return absl::StrCat("generalize ", PrecisionName(precision_), bounds);
    case Kind::kInteger:
      return absl::StrCat("generalize", bounds);
    case Kind::kKeepPrefix:
      return absl::StrCat("generalize keep_prefix ", keep_prefix_);
    case Kind::kZip3:
      return absl::StrCat("generalize zip3 ", name_);
    case Kind::kCodeSet:
      return absl::StrCat("generalize code_set ", name_);
    case Kind::kHierarchy:
      return absl::StrCat("generalize ", name_, " level ", level_);
  }
  return "";
}

absl::Status Fits(const FieldRule& rule, const Field& field) {
  const auto unless = [&](bool fits, absl::string_view what) {
    if (fits) return absl::OkStatus();
    return Wrong(absl::StrCat("rule \"", rule.ToString(), "\" does not fit field \"", field.path,
                              "\": ", what));
  };
  if (field.kind == FieldKind::kMessage) {
    return unless(false, "it is a message: list the fields inside it");
  }
  switch (rule.kind()) {
    case FieldRule::Kind::kPass:
      return absl::OkStatus();
    case FieldRule::Kind::kPseudonymize:
      return unless(field.names_subject(), "it names no subject");
    case FieldRule::Kind::kDate:
      return unless(field.kind == FieldKind::kDate, "it is no date");
    case FieldRule::Kind::kInteger: {
      if (field.kind != FieldKind::kInteger) return unless(false, "it is no integer");
      const IntegerRange range = RangeOf(field.type);
      for (const std::optional<int64_t>& bound : {rule.cap(), rule.floor()}) {
        if (bound && (*bound < range.min || *bound > range.max)) {
          return unless(false, "its type does not hold the bound");
        }
      }
      return absl::OkStatus();
    }
    case FieldRule::Kind::kKeepPrefix:
      return unless(field.kind == FieldKind::kString, "it is no free string");
    case FieldRule::Kind::kZip3:
      return unless(field.kind == FieldKind::kPostalCode, "it is no postal code");
    case FieldRule::Kind::kCodeSet:
      return unless(field.code_set != nullptr && field.code_set->Coarser(rule.name()) != nullptr,
                    "its code set has no such coarser set");
    case FieldRule::Kind::kHierarchy:
      return unless(
          field.code_set != nullptr && field.code_set->Level(rule.name(), rule.level()) != nullptr,
          "its code set has no such hierarchy or level");
  }
  return unless(false, "unknown rule");
}

}  // namespace sluice::policy
