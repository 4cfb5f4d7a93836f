// What the gateway's own log says of witnesses: who is in trouble and is so no more, and that they
// are late.
//
// One thread at a time.
#ifndef SLUICE_SERVER_WITNESS_LOG_H_
#define SLUICE_SERVER_WITNESS_LOG_H_

#include <string>

#include "absl/container/btree_map.h"
#include "server/audit/witness.h"

namespace sluice::server {

class WitnessLog {
 public:
  void Say(const WitnessReport& report);

 private:
  absl::btree_map<std::string, std::string> troubled_;  // each witness's word, at the last look
  bool is_late_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_WITNESS_LOG_H_
