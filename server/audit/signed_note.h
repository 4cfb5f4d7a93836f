// C2SP signed-note with Ed25519, the reader's side: a verifier key, and the text of a note that it
// vouches for. LogKey is the writer's side.
//
// Values; thread-safe.
#ifndef SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_
#define SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// SHA-256(name || 0x0A || 0x01 || public key), first 4 bytes.
std::array<uint8_t, 4> NoteKeyId(absl::string_view name, absl::string_view public_key);

// Whether a key's name is one that notes may carry: not empty, no spaces, no plus.
bool IsNoteName(absl::string_view name);

class NoteVerifier {
 public:
  // Of a `vkey`: `<name>+<key id>+<base64 of 0x01 and the public key>`. INVALID_ARGUMENT if it is
  // of another form or type, or its key id is not its own.
  static absl::StatusOr<NoteVerifier> Create(absl::string_view vkey);

  const std::string& name() const { return name_; }
  // The note's text, which ends in a newline. INVALID_ARGUMENT if it is no note; UNAUTHENTICATED
  // without exactly one signature line of this key, or if that does not verify. Lines of other keys
  // are allowed and not looked into.
  absl::StatusOr<std::string> Open(absl::string_view note) const;

 private:
  NoteVerifier() = default;

  std::string name_;
  std::string public_key_;
  std::array<uint8_t, 4> id_{};
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_
