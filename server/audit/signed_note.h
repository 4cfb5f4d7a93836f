// C2SP signed-note with Ed25519, the reader's side: notes and verifier keys taken apart, and the
// text of a note that a key vouches for. LogKey is the writer's side.
//
// Values; thread-safe.
#ifndef SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_
#define SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

inline constexpr char kNoteSignature = 0x01;  // Ed25519 over the note's text
inline constexpr char kCosignature = 0x04;    // C2SP tlog-cosignature, `cosignature/v1`

// SHA-256(name || 0x0A || type || public key), first 4 bytes.
std::array<uint8_t, 4> NoteKeyId(absl::string_view name, absl::string_view public_key,
                                 char type = kNoteSignature);

// Whether a key's name is one that notes may carry: not empty, no spaces, no plus.
bool IsNoteName(absl::string_view name);

// A verifier key taken apart.
struct NoteKey {
  std::string name;
  std::string id;  // 4 bytes
  std::string public_key;
};
// Of a `vkey`: `<name>+<key id>+<base64 of type and public key>`. INVALID_ARGUMENT if it is of
// another form or type, or its key id is not its own.
absl::StatusOr<NoteKey> ParseVkey(absl::string_view vkey, char type);
bool VerifiesEd25519(absl::string_view public_key, absl::string_view message,
                     absl::string_view signature);

// One signature line.
struct NoteLine {
  std::string text;  // as it stands there, with its newline
  std::string name;
  std::string id;  // 4 bytes
  std::string signature;
};
// INVALID_ARGUMENT unless these are from 1 to 100 signature lines, each with its newline.
absl::StatusOr<std::vector<NoteLine>> ParseNoteLines(absl::string_view lines);

class NoteVerifier {
 public:
  // INVALID_ARGUMENT as ParseVkey.
  static absl::StatusOr<NoteVerifier> Create(absl::string_view vkey);

  const std::string& name() const { return key_.name; }
  // The note's text, which ends in a newline. INVALID_ARGUMENT if it is no note; UNAUTHENTICATED
  // without exactly one signature line of this key, or if that does not verify. Lines of other keys
  // are allowed and not looked into.
  absl::StatusOr<std::string> Open(absl::string_view note) const;

 private:
  explicit NoteVerifier(NoteKey key) : key_(std::move(key)) {}

  NoteKey key_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_SIGNED_NOTE_H_
