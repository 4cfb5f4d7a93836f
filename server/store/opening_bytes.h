// The opening of a commitment as it is sealed: the salt's length in one byte, the salt, the value.
#ifndef SLUICE_SERVER_STORE_OPENING_BYTES_H_
#define SLUICE_SERVER_STORE_OPENING_BYTES_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// INVALID_ARGUMENT if the salt has more than 255 bytes.
absl::StatusOr<std::string> JoinOpening(absl::string_view salt, absl::string_view value);
// Salt and value; DATA_LOSS if the bytes end within the salt.
absl::StatusOr<std::pair<std::string, std::string>> SplitOpening(absl::string_view bytes);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_OPENING_BYTES_H_
