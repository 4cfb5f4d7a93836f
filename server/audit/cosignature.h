// A witness's cosignature of a checkpoint (C2SP tlog-cosignature, `cosignature/v1`, Ed25519): that
// at a time the log was no other and no longer than the checkpoint says, as far as it had seen.
//
// Values; thread-safe.
#ifndef SLUICE_SERVER_AUDIT_COSIGNATURE_H_
#define SLUICE_SERVER_AUDIT_COSIGNATURE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/signed_note.h"

namespace sluice::server {

struct Cosignature {
  std::string line;  // the note's signature line, with its newline
  absl::Time time;   // when the witness made it, as it says
};

class CosignatureVerifier {
 public:
  // Of a witness's `vkey`: `<name>+<key id>+<base64 of 0x04 and the public key>`. INVALID_ARGUMENT
  // as ParseVkey.
  static absl::StatusOr<CosignatureVerifier> Create(absl::string_view vkey);

  const std::string& name() const { return key_.name; }
  const std::string& public_key() const { return key_.public_key; }

  // This witness's among signature lines under a checkpoint of text `text`; those of other keys are
  // not looked into. INVALID_ARGUMENT if they are no signature lines; NOT_FOUND if there is none of
  // it; UNAUTHENTICATED if there are two, or it does not verify.
  absl::StatusOr<Cosignature> Find(absl::string_view lines, absl::string_view text) const;

 private:
  explicit CosignatureVerifier(NoteKey key) : key_(std::move(key)) {}

  NoteKey key_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_AUDIT_COSIGNATURE_H_
