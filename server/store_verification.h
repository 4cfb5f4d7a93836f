// Looks at all of a store, beside a running gateway or without one: `sluiced store verify`. It
// reads within one transaction of its own, takes no lock that a gateway waits for, and writes
// nothing.
//
// A function.
#ifndef SLUICE_SERVER_STORE_VERIFICATION_H_
#define SLUICE_SERVER_STORE_VERIFICATION_H_

#include <string>

#include "absl/status/status.h"
#include "server/config.h"
#include "server/key_directory.h"
#include "server/store/store_findings.h"

namespace sluice::server {

// Not OK, with a sentence for the operator: the store could not be looked at. What is wrong with it
// is among the findings.
absl::Status VerifyStore(const Config& config, const KeyDirectory::Clock& clock,
                         StoreFindings* findings);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_VERIFICATION_H_
