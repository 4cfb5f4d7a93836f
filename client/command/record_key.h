// A record's key as the command line gives it: FIELD=VALUE, once for each field of the key.
//
// Pure.
#ifndef SLUICE_CLIENT_COMMAND_RECORD_KEY_H_
#define SLUICE_CLIENT_COMMAND_RECORD_KEY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/catalog.h"

namespace sluice::client {

// A serialized message of the type with the key's fields. INVALID_ARGUMENT that names what is wrong
// or missing.
absl::StatusOr<std::string> KeyFromArguments(const policy::RecordType& type,
                                             const std::vector<std::string>& arguments);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_RECORD_KEY_H_
