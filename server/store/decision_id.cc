#include "server/store/decision_id.h"

#include <string>

#include "absl/strings/escaping.h"

namespace sluice::server {

std::optional<Hash16> ParseDecisionId(absl::string_view text) {
  Hash16 id;
  if (text.size() != 2 * id.size() ||
      text.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

}  // namespace sluice::server
