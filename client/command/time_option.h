// A moment as a person gives it to `--since` and `--until`: a time (RFC 3339), a date (its begin,
// in UTC), or how long ago: "7d", "12h", "30m".
//
// Pure.
#ifndef SLUICE_CLIENT_COMMAND_TIME_OPTION_H_
#define SLUICE_CLIENT_COMMAND_TIME_OPTION_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::client {

// What such an option takes, as help says it.
inline constexpr char kTimeValue[] = "TIME";

// INVALID_ARGUMENT for any other text, and outside the years 1 to 9999.
absl::StatusOr<absl::Time> ParseMoment(absl::string_view text, absl::Time now);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_TIME_OPTION_H_
