// Reaches a witness over HTTPS: its server's certificate must lead to the configured CA and bear
// the URL's host name. No redirects, no answers above 64 KiB.
//
// As WitnessTransport says.
#ifndef SLUICE_SERVER_WITNESS_HTTPS_H_
#define SLUICE_SERVER_WITNESS_HTTPS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/witness.h"

namespace sluice::server {

// INVALID_ARGUMENT if the URL is not of WitnessConfig's form, or the CA file holds no certificate.
// `within`: for each step of a request; the whole is whoever calls Cancel's to bound.
absl::StatusOr<std::unique_ptr<WitnessTransport>> ConnectWitness(const WitnessConfig& config,
                                                                 absl::Duration within);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_WITNESS_HTTPS_H_
