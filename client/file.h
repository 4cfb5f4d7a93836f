// Reading and replacing small files.
#ifndef SLUICE_CLIENT_FILE_H_
#define SLUICE_CLIENT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::client {

// NOT_FOUND or FAILED_PRECONDITION with the file's name and the system's reason.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// The same into bytes that are wiped.
absl::StatusOr<policy::Secret> ReadSecretFile(const std::string& path);
// All or nothing: a temporary file beside it, synced, renamed over it. Makes missing directories.
absl::Status ReplaceFile(const std::string& path, absl::string_view bytes);
// The same of a file that is there: it keeps its mode, and a link to it stays one.
absl::Status RewriteFile(const std::string& path, absl::string_view bytes);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_FILE_H_
