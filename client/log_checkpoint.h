// Checkpoints as a verifier reads them: C2SP signed notes (Ed25519), the verifier key that they are
// held against, and what they say of the log. Anything that is not to the letter is refused.
//
// Values.
#ifndef SLUICE_CLIENT_LOG_CHECKPOINT_H_
#define SLUICE_CLIENT_LOG_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/log_tree.h"

namespace sluice::client {

// The bytes of the one way to write them: no white space, no missing padding, no stray bits.
std::optional<std::string> StrictBase64(absl::string_view text);

// The 4 bytes that name a key in signature lines. `typed_key`: the type's byte and the public key.
std::string NoteKeyId(absl::string_view name, absl::string_view typed_key);

// A verifier key of whatever type: `<name>+<key id, 8 hex digits>+<base64 of type and public key>`.
struct NoteKey {
  std::string text;
  std::string name;
  std::string id;  // 4 bytes
  std::string public_key;
};
inline constexpr char kEd25519Type = 1;
// INVALID_ARGUMENT unless it is an Ed25519 key of this form and signature type, whose id is its
// own.
absl::StatusOr<NoteKey> ParseNoteKey(absl::string_view vkey, char type);
bool VerifyEd25519(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature);

struct NoteSignature {
  std::string name;
  std::string id;     // 4 bytes
  std::string bytes;  // what follows the id
};

// A note of which no signature was looked into.
struct SignedNote {
  std::string text;  // with its last newline
  std::vector<NoteSignature> signatures;
};
// DATA_LOSS unless it is a signed note to the letter.
absl::StatusOr<SignedNote> ParseSignedNote(absl::string_view note);

// What a checkpoint's text says.
struct TreeHead {
  std::string origin;
  uint64_t size = 0;
  TreeHash root;
  bool extended = false;  // there are extension lines, of which nothing is known
};
// DATA_LOSS unless it is a checkpoint's text to the letter.
absl::StatusOr<TreeHead> ParseTreeHead(absl::string_view text);

// A log's.
class LogVerifierKey {
 public:
  // INVALID_ARGUMENT unless it is a key of type 0x01.
  static absl::StatusOr<LogVerifierKey> Parse(absl::string_view vkey);

  const std::string& name() const { return key_.name; }
  const std::string& id() const { return key_.id; }  // 4 bytes
  const std::string& text() const { return key_.text; }
  bool Verify(absl::string_view text, absl::string_view signature) const {
    return VerifyEd25519(key_.public_key, text, signature);
  }
  // Whether a signature claims to be of this key.
  bool IsOf(const NoteSignature& signature) const {
    return signature.name == name() && signature.id == id();
  }

 private:
  explicit LogVerifierKey(NoteKey key) : key_(std::move(key)) {}

  NoteKey key_;
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
