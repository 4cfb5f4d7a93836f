// The log's signing key: Ed25519, as C2SP signed-note uses it, with the verifier key that goes
// beside the checkpoint.
//
// Immutable; thread-safe.
#ifndef SLUICE_SERVER_AUDIT_LOG_KEY_H_
#define SLUICE_SERVER_AUDIT_LOG_KEY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"

namespace sluice::server {

class LogKey {
 public:
  // `seed`: the 32 bytes of an Ed25519 private key. `origin`: the key's name.
  static absl::StatusOr<std::unique_ptr<const LogKey>> Create(const policy::Secret& seed,
                                                              absl::string_view origin);
  ~LogKey();

  const std::string& origin() const { return origin_; }
  // `<origin>+<key id, 8 hex digits>+<base64 of 0x01 and the public key>`
  const std::string& vkey() const { return vkey_; }
  // The note: text (which ends in a newline), an empty line, one signature line.
  absl::StatusOr<std::string> SignNote(absl::string_view text) const;

 private:
  struct Rep;
  LogKey();
  std::unique_ptr<Rep> rep_;
  std::string origin_;
  std::string vkey_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_LOG_KEY_H_
