// Opens what the database keeps sealed: finds the subkey that an envelope names, the data key that
// it is derived from, and the key-encryption key that the data key is wrapped by. What was found is
// kept, within a bound, until a key-encryption key is destroyed here, or the store says that a key
// was replaced or destroyed anywhere.
//
// One a connection, one thread at a time.
#ifndef SLUICE_SERVER_STORE_OPENING_KEYS_H_
#define SLUICE_SERVER_STORE_OPENING_KEYS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/key_encryption_keys.h"
#include "server/store/associated_data.h"
#include "server/store/sealed_bytes.h"
#include "server/store/sql.h"

namespace sluice::server {

class OpeningKeys {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<OpeningKeys>> Create(SqlConnection* connection,
                                                             const KeyEncryptionKeys* keks);

  // Lent until the next call. DATA_LOSS if this was not sealed with what is said to belong to it,
  // or its key is lost; KeyIsDestroyed; FAILED_PRECONDITION if its key is of another keyring.
  template <typename Of>
  absl::StatusOr<absl::string_view> Open(const Of& of, absl::string_view sealed) {
    const size_t size = SealedContentSize(sealed.size());
    if (content_.size() < size) content_.resize(size);
    if (absl::Status status = OpenTo(of, sealed, content_.data()); !status.ok()) return status;
    return absl::string_view(content_).substr(0, size);
  }
  // The same to `out`, where there is room for SealedContentSize(sealed.size()) bytes.
  template <typename Of>
  absl::Status OpenTo(const Of& of, absl::string_view sealed, char* out) {
    return OpenWith(AssociatedData(of, associated_), sealed, out);
  }
  // Lets go of all keys: what they were read from was undone.
  void Forget();
  // The same if the store's key generation is another than it was. To be told with each snapshot,
  // from that snapshot.
  void AsOf(int64_t generation);

 private:
  explicit OpeningKeys(const KeyEncryptionKeys* keks) : keks_(keks) {}
  absl::Status OpenWith(absl::string_view associated, absl::string_view sealed, char* out);
  absl::StatusOr<const OpeningKey*> Find(uint32_t subkey);
  absl::StatusOr<OpeningKey> Load(uint32_t subkey);

  const KeyEncryptionKeys* const keks_;
  SqlStatement find_;
  uint64_t destroyed_ = 0;  // as of the key-encryption keys, when these keys were found
  int64_t generation_ = 0;  // as of the store
  absl::flat_hash_map<uint32_t, std::unique_ptr<const OpeningKey>> subkeys_;
  absl::flat_hash_map<int64_t, policy::Secret> data_keys_;
  absl::flat_hash_map<uint32_t, KekName> unreadable_;  // subkeys of destroyed keys
  // The one that was used last, which is mostly the next one.
  uint32_t last_id_ = 0;
  const OpeningKey* last_ = nullptr;
  std::string associated_;
  std::string content_;
};

// How a subkey comes from a data key.
absl::StatusOr<policy::Secret> SubkeyOf(const policy::Secret& data_key, absl::string_view salt);

// The data key of a row of `data_key`, for the operator to read why not.
absl::StatusOr<policy::Secret> UnwrapDataKey(const KeyEncryptionKeys& keks, const KekName& kek,
                                             absl::string_view wrapped);

// Whether the keyring says so: its word may be the only one, for a database that came back from a
// copy does not know.
bool IsDestroyed(const KeyEncryptionKeys& keks, const KekName& name);

// Looks at every data key, so that a gateway with a keyring that is not its own, or that lost a
// key, does not start: FAILED_PRECONDITION or DATA_LOSS. What was destroyed is passed over.
absl::Status CheckDataKeys(SqlConnection* connection, const KeyEncryptionKeys& keks);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_OPENING_KEYS_H_
