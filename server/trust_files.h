// The PEM files that the configuration names, read into a TrustConfig.
#ifndef SLUICE_SERVER_TRUST_FILES_H_
#define SLUICE_SERVER_TRUST_FILES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config.h"
#include "server/identity/trust.h"

namespace sluice::server {

// FAILED_PRECONDITION naming every file that can't be read.
absl::StatusOr<TrustConfig> ReadTrust(const Config& config);

// Writes a file whole or not at all, mode 0600: beside it, then renamed over it.
absl::Status ReplaceFile(absl::string_view path, absl::string_view content);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_TRUST_FILES_H_
