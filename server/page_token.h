// Page tokens: where an interrupted release goes on, sealed so that they tell their holder nothing
// and are of use only to the caller and for the request they were made for (AES-256-SIV, RFC 5297).
//
// Thread-safe.
#ifndef SLUICE_SERVER_PAGE_TOKEN_H_
#define SLUICE_SERVER_PAGE_TOKEN_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/store/scan_place.h"

namespace sluice::server {

// The rest of a chunk, and what follows it: rows of [from, until) above `after_row_id`, then on
// from `until`.
struct ResumePoint {
  ScanPlace from;
  std::optional<ScanPlace> until;  // absent: the chunk was the last
  std::string after_row_id;        // 26 characters
};

class PageTokens {
 public:
  // `key`: 64 bytes.
  explicit PageTokens(policy::Secret key) : key_(std::move(key)) {}

  // `binding` is what the token is for: caller, MOU, version, request. Not in the token.
  absl::StatusOr<std::string> Seal(const ResumePoint& point, absl::string_view binding) const;
  // INVALID_ARGUMENT if the token was not made for this binding, or is no token.
  absl::StatusOr<ResumePoint> Open(absl::string_view token, absl::string_view binding) const;

 private:
  policy::Secret key_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PAGE_TOKEN_H_
