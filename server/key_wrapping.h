// How the files of a key directory hold keys: as they are, or wrapped (RFC 5649) under a key that
// stands elsewhere, so that the files alone are worth nothing.
//
// Immutable.
#ifndef SLUICE_SERVER_KEY_WRAPPING_H_
#define SLUICE_SERVER_KEY_WRAPPING_H_

#include <optional>

#include "absl/status/statusor.h"
#include "policy/secret.h"

namespace sluice::server {

class KeyWrapping {
 public:
  struct Held {
    policy::Secret key;
    bool current = true;  // else: as it is, or under the former key, and to be wrapped anew
  };

  // As they are.
  KeyWrapping() = default;
  // Each of 32 bytes. What is not yet wrapped under `current` is opened, too.
  KeyWrapping(policy::Secret current, std::optional<policy::Secret> former)
      : current_(std::move(current)), former_(std::move(former)) {}

  // What a file holds.
  absl::StatusOr<policy::Secret> Content(const policy::Secret& key) const;
  // FAILED_PRECONDITION if it is wrapped under a key that is neither, or was changed.
  absl::StatusOr<Held> Open(const policy::Secret& content) const;

 private:
  std::optional<policy::Secret> current_, former_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_WRAPPING_H_
