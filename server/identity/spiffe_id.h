// The names of principals: SPIFFE ids of the gateway's trust domain.
//
// Pure.
#ifndef SLUICE_SERVER_IDENTITY_SPIFFE_ID_H_
#define SLUICE_SERVER_IDENTITY_SPIFFE_ID_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/caller.h"

namespace sluice::server {

// Parses a SPIFFE id of the trust domain; INVALID_ARGUMENT for any other text, never quoting it.
absl::StatusOr<Principal> ParseSpiffeId(absl::string_view id, absl::string_view trust_domain);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_SPIFFE_ID_H_
