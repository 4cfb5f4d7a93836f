#include "client/command/time_option.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::client {
namespace {

absl::Duration UnitOf(char unit) {
  switch (unit) {
    case 's':
      return absl::Seconds(1);
    case 'm':
      return absl::Minutes(1);
    case 'h':
      return absl::Hours(1);
    case 'd':
      return absl::Hours(24);
    case 'w':
      return absl::Hours(24 * 7);
    default:  // none
      return absl::ZeroDuration();
  }
}

bool IsAgo(absl::string_view text, absl::Time now, absl::Time& time) {
  if (text.empty()) return false;
  const absl::Duration unit = UnitOf(text.back());
  text.remove_suffix(1);
  uint32_t count = 0;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) return false;
  if (unit == absl::ZeroDuration() || !absl::SimpleAtoi(text, &count)) return false;
  time = now - count * unit;
  return true;
}

}  // namespace

absl::StatusOr<absl::Time> ParseMoment(absl::string_view text, absl::Time now) {
  absl::Time time = absl::InfiniteFuture();
  const bool parsed = IsAgo(text, now, time) ||
                      absl::ParseTime("%Y-%m-%d", text, &time, /*err=*/nullptr) ||
                      absl::ParseTime(absl::RFC3339_full, text, &time, /*err=*/nullptr);
  if (!parsed || time < absl::FromUnixSeconds(-62135596800) ||
      time > absl::FromUnixSeconds(253402300799)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is no time: give a date (2027-01-31), a time (2027-01-31T08:00:00Z), or "
                     "how long ago (7d, 12h, 30m)"));
  }
  return time;
}

}  // namespace sluice::client
