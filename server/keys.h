// The gateway's keys: files of mode 0600 in one directory, one for each purpose, outside the
// database and outside its backups. A key that is needed and not there is made, once, with the
// system's randomness; one that others can read is refused.
//
// Thread-safe.
#ifndef SLUICE_SERVER_KEYS_H_
#define SLUICE_SERVER_KEYS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/key_directory.h"
#include "server/key_source.h"

namespace sluice::server {

class Keys {
 public:
  // As OpenKeyDirectory.
  static absl::StatusOr<std::unique_ptr<Keys>> Open(const KeySource& source,
                                                    KeyDirectory::Clock clock);
  virtual ~Keys() = default;

  // Ed25519 seed of the log.
  virtual absl::StatusOr<policy::Secret> LogSigningSeed() = 0;
  // 32 bytes: under it record keys and subjects' ids are hashed for the store's indexes.
  virtual absl::StatusOr<policy::Secret> StoreHashKey() = 0;
  // 64 bytes for AES-256-SIV: page tokens.
  virtual absl::StatusOr<policy::Secret> PageTokenKey() = 0;
  // 32 bytes: the pseudonym root of an MOU. Made with the MOU's first signed version; a root that
  // was made and is gone is DATA_LOSS, never made anew under the old name.
  virtual absl::StatusOr<policy::Secret> CreatePseudonymRoot(absl::string_view mou) = 0;
  virtual absl::StatusOr<policy::Secret> PseudonymRoot(absl::string_view mou) = 0;
  // For good: FAILED_PRECONDITION is what both of the above say from then on, in every process that
  // has looked since. OK if it was destroyed before, or never made.
  virtual absl::Status DestroyPseudonymRoot(absl::string_view mou) = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEYS_H_
