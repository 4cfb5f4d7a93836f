// Checkpoints as a verifier reads them: C2SP signed notes (Ed25519), the verifier key that they are
// held against, and what they say of the log. Anything that is not to the letter is refused.
//
// Values.
#ifndef SLUICE_CLIENT_LOG_CHECKPOINT_H_
#define SLUICE_CLIENT_LOG_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/log_tree.h"

namespace sluice::client {

// `<name>+<key id, 8 hex digits>+<base64 of 0x01 and the public key>`
class LogVerifierKey {
 public:
  // INVALID_ARGUMENT unless it is a key of this form and its id is its own.
  static absl::StatusOr<LogVerifierKey> Parse(absl::string_view vkey);

  const std::string& name() const { return name_; }
  const std::string& id() const { return id_; }  // 4 bytes
  const std::string& text() const { return text_; }
  bool Verify(absl::string_view text, absl::string_view signature) const;

 private:
  LogVerifierKey() = default;

  std::string text_;
  std::string name_;
  std::string id_;
  std::string public_key_;
};

struct LogCheckpoint {
  std::string note;  // the bytes it was read from
  std::string origin;
  uint64_t size = 0;
  TreeHash root;
};

// DATA_LOSS unless the note bears a good signature of the key, no bad one of it, and its text is a
// checkpoint of the log that the key is named for.
absl::StatusOr<LogCheckpoint> OpenCheckpoint(absl::string_view note, const LogVerifierKey& key);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_CHECKPOINT_H_
