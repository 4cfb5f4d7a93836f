// The keys of the seals: over what the store may hold at a moment, so that whoever can write the
// database, and no more, takes nothing out of it and puts nothing back unnoticed. All come from the
// store's hash key, which stands outside the database; none of them tells anything of another.
//
// Immutable; thread-safe.
#ifndef SLUICE_SERVER_STORE_SEAL_KEYS_H_
#define SLUICE_SERVER_STORE_SEAL_KEYS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/store/name_hash.h"
#include "server/store/set_digest.h"
#include "server/store/store.h"

namespace sluice::server {

class SealKeys {
 public:
  // INVALID_ARGUMENT if the key has less than 32 bytes.
  static absl::StatusOr<std::shared_ptr<const SealKeys>> Create(const policy::Secret& hash_key);

  // The digest of an empty set, under the key of this use of this owner's.
  absl::StatusOr<SetDigest> DigestOf(absl::string_view use, absl::string_view owner) const;

  // A digest by AES-256-SIV (RFC 5297), with what it is of. It needs no nonce: of one state of one
  // thing there is one digest, and what it is of says the position.
  absl::StatusOr<std::string> Seal(absl::string_view of, const Hash16& digest) const;
  // DATA_LOSS unless this was sealed with these words.
  absl::StatusOr<Hash16> Open(absl::string_view of, absl::string_view sealed) const;

  // HMAC-SHA-256 over what a row says.
  absl::StatusOr<Hash> Mac(absl::string_view row) const;

 private:
  SealKeys(policy::Secret digest, policy::Secret seal, policy::Secret mac)
      : digest_(std::move(digest)), seal_(std::move(seal)), mac_(std::move(mac)) {}

  const policy::Secret digest_, seal_, mac_;
};

// Words of a seal: numbers of eight bytes, and bytes preceded by their length.
void AppendSealed(uint64_t number, std::string& words);
void AppendSealed(absl::string_view bytes, std::string& words);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SEAL_KEYS_H_
