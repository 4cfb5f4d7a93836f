// Decision ids as the database keeps them: 16 bytes for 32 lower-case hexadecimal digits.
#ifndef SLUICE_SERVER_STORE_DECISION_ID_H_
#define SLUICE_SERVER_STORE_DECISION_ID_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "server/store/name_hash.h"

namespace sluice::server {

// nullopt if it is anything else.
std::optional<Hash16> ParseDecisionId(absl::string_view text);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_DECISION_ID_H_
