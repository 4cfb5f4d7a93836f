#include "server/store/opening_bytes.h"

#include "absl/strings/str_cat.h"

namespace sluice::server {

absl::StatusOr<std::string> JoinOpening(absl::string_view salt, absl::string_view value) {
  if (salt.size() > 255) return absl::InvalidArgumentError("a salt is too long");
  return absl::StrCat(std::string(1, static_cast<char>(salt.size())), salt, value);
}

absl::StatusOr<std::pair<std::string, std::string>> SplitOpening(absl::string_view bytes) {
  const size_t salt = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]);
  if (bytes.size() < 1 + salt) return absl::DataLossError("a stored opening has another length");
  return std::pair(std::string(bytes.substr(1, salt)), std::string(bytes.substr(1 + salt)));
}

}  // namespace sluice::server
