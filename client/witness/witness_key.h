// The key that a witness cosigns checkpoints with (C2SP tlog-cosignature, `cosignature/v1`:
// Ed25519, signature type 0x04, timestamped), and the two texts that it is known by.
//
// Immutable and thread-safe, but for moves.
#ifndef SLUICE_CLIENT_WITNESS_WITNESS_KEY_H_
#define SLUICE_CLIENT_WITNESS_WITNESS_KEY_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/log_checkpoint.h"
#include "policy/secret.h"

namespace sluice::witness {

class WitnessKey {
 public:
  // INVALID_ARGUMENT unless the name is visible ASCII without a plus: a signature line holds it.
  static absl::StatusOr<WitnessKey> Generate(absl::string_view name);
  // Of SecretText; white space may follow it.
  static absl::StatusOr<WitnessKey> Parse(const policy::Secret& text);

  const std::string& name() const { return name_; }
  // `<name>+<key id, 8 hex digits>+<base64 of 0x04 and the public key>`: what a log is told.
  const std::string& vkey() const { return vkey_; }
  // `PRIVATE+KEY+<name>+<key id>+<base64 of 0x04 and the seed>`, as Go's sumdb/note writes keys.
  absl::StatusOr<policy::Secret> SecretText() const;

  // A signature line, with its newline: that at `time` a checkpoint of this text was the largest
  // that this witness had seen.
  absl::StatusOr<std::string> Cosign(absl::string_view text, absl::Time time) const;
  // When this key cosigned the text, by one signature of the note. NOT_FOUND: it is of another key;
  // DATA_LOSS: it does not verify.
  absl::StatusOr<absl::Time> Verify(absl::string_view text,
                                    const client::NoteSignature& signature) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;

  WitnessKey() = default;
  static absl::StatusOr<WitnessKey> Create(absl::string_view name, KeyPtr key);

  KeyPtr key_;
  std::string name_;
  std::string id_;  // 4 bytes
  std::string vkey_;
};

}  // namespace sluice::witness

#endif  // SLUICE_CLIENT_WITNESS_WITNESS_KEY_H_
