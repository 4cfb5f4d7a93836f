#include "policy/field_transform.h"

#include <algorithm>
#include <cstring>

#include "policy/canonical_form.h"
#include "policy/integer_range.h"

namespace sluice::policy {

namespace {

// The 3-digit areas of 20,000 people or fewer in the census of 2000: the edition CENSUS_2000.
constexpr std::array<absl::string_view, 17> kSmallAreas = {"036", "059", "063", "102", "203", "556",
                                                           "692", "790", "821", "823", "830", "831",
                                                           "878", "879", "884", "890", "893"};

}  // namespace

FieldTransform::FieldTransform(const FieldRule& rule, const Field& field)
    : kind_(rule.kind()),
      precision_(rule.precision()),
      band_(rule.band().value_or(1)),
      cap_(rule.cap()),
      floor_(rule.floor()),
      keep_prefix_(rule.keep_prefix()) {
  if (kind_ == FieldRule::Kind::kDate) min_ = kMinYear;
  if (kind_ == FieldRule::Kind::kInteger) min_ = static_cast<int64_t>(RangeOf(field.type).min);
  if (kind_ == FieldRule::Kind::kCodeSet) map_ = field.code_set->Coarser(rule.name());
  if (kind_ == FieldRule::Kind::kHierarchy) {
    map_ = field.code_set->Level(rule.name(), rule.level());
  }
}

int64_t FieldTransform::Signed(int64_t value) const {
  if (band_ > 1) {
    int64_t above = value % band_;
    if (above < 0) above += band_;
    value = value < min_ + above ? min_ : value - above;
  }
  if (cap_) value = std::min(value, *cap_);
  if (floor_) value = std::max(value, *floor_);
  return value;
}

uint64_t FieldTransform::Unsigned(uint64_t value) const {
  value -= value % static_cast<uint64_t>(band_);
  if (cap_) value = std::min(value, static_cast<uint64_t>(*cap_));
  if (floor_) value = std::max(value, static_cast<uint64_t>(*floor_));
  return value;
}

CivilDate FieldTransform::Date(CivilDate date) const {
  if (kind_ != FieldRule::Kind::kDate) return date;
  if (precision_ == v1::DATE_PRECISION_MONTH) return {date.year, date.month, 0};
  return {static_cast<int32_t>(Signed(date.year)), 0, 0};
}

absl::string_view FieldTransform::Prefix(absl::string_view value) const {
  return FirstCodePoints(value, keep_prefix_);
}

std::optional<std::array<char, 3>> FieldTransform::Zip3(absl::string_view postal_code) const {
  const auto five = CanonicalPostalCode(postal_code);
  if (!five) return std::nullopt;
  std::array<char, 3> area;
  std::memcpy(area.data(), five->data(), area.size());
  if (std::binary_search(kSmallAreas.begin(), kSmallAreas.end(),
                         absl::string_view(area.data(), area.size()))) {
    area.fill('0');
  }
  return area;
}

absl::string_view FieldTransform::Code(absl::string_view code) const {
  const auto it = map_->to.find(code);
  return it == map_->to.end() ? map_->other : it->second;
}

}  // namespace sluice::policy
