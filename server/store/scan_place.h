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

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SCAN_PLACE_H_
