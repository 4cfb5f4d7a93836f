// The key-encryption keys: they wrap the data keys that the database holds, and stand outside it
// and outside its backups, one for each thing that may have to be destroyed. To destroy one is to
// make unreadable what it covers, in every copy of the database.
//
// Thread-safe.
#ifndef SLUICE_SERVER_KEY_ENCRYPTION_KEYS_H_
#define SLUICE_SERVER_KEY_ENCRYPTION_KEYS_H_

#include <atomic>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/secret.h"
#include "server/key_directory.h"
#include "server/key_source.h"

namespace sluice::server {

// The database keeps these numbers.
enum class KekScope {
  kOwnerData = 1,       // an owner's records
  kOwnerDictionary = 2  // the openings of an owner's dictionary and log entries
};

struct KekName {
  KekScope scope = KekScope::kOwnerData;
  std::string owner;  // empty: the gateway's operator, of whom log entries have openings too
  int32_t version = 1;

  friend auto operator<=>(const KekName&, const KekName&) = default;
};

class KeyEncryptionKeys {
 public:
  enum class State {
    kKept,
    kLost,
    kDestroying,  // nobody uses it any more, and its file or the token's key is still there
    kDestroyed
  };
  struct Listed {
    KekName name;
    State state = State::kKept;
    std::optional<absl::Time> created;
    std::optional<absl::Time> destroyed;

    // Whether it is gone yet or not: nothing is opened by it.
    bool IsDestroyed() const { return state == State::kDestroying || state == State::kDestroyed; }
  };

  virtual ~KeyEncryptionKeys() = default;

  // Makes it, once: nothing happens if it is there. FAILED_PRECONDITION if it was destroyed,
  // DATA_LOSS if it was made and is lost, INVALID_ARGUMENT if no owner has such a name.
  virtual absl::Status Create(const KekName& name) = 0;
  // By RFC 5649 (AES key wrap with padding). The errors of Create, and NOT_FOUND if it never was.
  virtual absl::StatusOr<std::string> Wrap(const KekName& name,
                                           const policy::Secret& key) const = 0;
  // The same, and FAILED_PRECONDITION if these bytes were not wrapped by this key: the keyring, or
  // the bytes, are another's.
  virtual absl::StatusOr<policy::Secret> Unwrap(const KekName& name,
                                                absl::string_view wrapped) const = 0;
  // In order of name.
  virtual absl::StatusOr<std::vector<Listed>> List() const = 0;
  // The newest version that was not destroyed, made or not: what is wrapped now is wrapped by it.
  virtual absl::StatusOr<int32_t> UsableVersion(KekScope scope, absl::string_view owner) const;
  // For good. OK if it was destroyed before, NOT_FOUND if it never was; a lost one can be. What
  // fails is kDestroying, and is done by destroying it again.
  absl::Status Destroy(const KekName& name);
  // Grows with every key that is destroyed here: who holds what one unwrapped lets go of it.
  uint64_t destroyed() const { return destroyed_.load(std::memory_order_acquire); }

 protected:
  static int32_t UsableOf(const std::vector<Listed>& all, KekScope scope, absl::string_view owner);
  virtual absl::Status DoDestroy(const KekName& name) = 0;

 private:
  std::atomic<uint64_t> destroyed_{0};
};

// Of a key directory: in its files, or on a token, of which a file is the reference. Those that are
// made from now on stand where `source` says; those that were made before are used where they are.
// As OpenKeyDirectory, and as Pkcs11Token::Open.
absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> OpenKeyEncryptionKeys(const KeySource& source,
                                                                         KeyDirectory::Clock clock);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_KEY_ENCRYPTION_KEYS_H_
