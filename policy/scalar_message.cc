#include "policy/scalar_message.h"

#include "policy/canonical_form.h"
#include "policy/wire.h"

namespace sluice::policy {

std::optional<CivilDate> ReadDate(absl::string_view bytes) {
  CivilDate date;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  uint32_t last = 0;
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) return std::nullopt;
    p = e.next;
    if (e.number > 3) continue;
    // A part that is zero is not written.
    if (e.number <= last || e.type != wire::kVarint || e.value == 0 ||
        !wire::IsCanonical(wire::Field::TYPE_INT32, e.value)) {
      return std::nullopt;
    }
    last = e.number;
    (e.number == 1   ? date.year
     : e.number == 2 ? date.month
                     : date.day) = static_cast<int32_t>(e.value);
  }
  if (!date.IsValid()) return std::nullopt;
  return date;
}

std::optional<absl::string_view> ReadDecimal(absl::string_view bytes) {
  std::optional<absl::string_view> value;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const wire::Element e = wire::ReadElement(p, end);
    if (e.next == nullptr) return std::nullopt;
    p = e.next;
    if (e.number != 1) continue;
    if (value || e.type != wire::kBytes) return std::nullopt;
    value = e.bytes();
  }
  if (!value || !IsDecimal(*value)) return std::nullopt;
  return value;
}

}  // namespace sluice::policy
