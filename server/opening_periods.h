// How long what opens the log's commitments is kept.
//
// A value.
#ifndef SLUICE_SERVER_OPENING_PERIODS_H_
#define SLUICE_SERVER_OPENING_PERIODS_H_

#include "absl/time/time.h"

namespace sluice::server {

// By class; zero: as long as the log.
struct OpeningPeriods {
  absl::Duration filters;  // what a question asked for
  absl::Duration callers;  // names of persons
  absl::Duration counts;   // rows considered and withheld, subjects of a disclosure
  friend bool operator==(const OpeningPeriods&, const OpeningPeriods&) = default;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_OPENING_PERIODS_H_
