// Where a scan stands: the order of the dictionary's ordinals, then of record ids. Never shown.
//
// A value.
#ifndef SLUICE_SERVER_STORE_SCAN_PLACE_H_
#define SLUICE_SERVER_STORE_SCAN_PLACE_H_

#include <cstdint>

#include "policy/pseudonym.h"

namespace sluice::server {

struct ScanPlace {
  uint32_t ordinal = 0;  // of the record's lowest-numbered subject field; 0 if it is about nobody
  policy::RecordId record_id{};
  friend auto operator<=>(const ScanPlace&, const ScanPlace&) = default;
};

// The place right after this one.
inline ScanPlace PlaceAfter(ScanPlace place) {
  for (auto byte = place.record_id.bytes.rbegin(); byte != place.record_id.bytes.rend(); ++byte) {
    if (++*byte != 0) return place;
  }
  ++place.ordinal;
  return place;
}

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCAN_PLACE_H_
