// The keys under which one writer seals. Each owner has a data key for each scope, made when it is
// first needed and kept wrapped in the database; a newer one takes over when the last was replaced
// or destroyed. Under a data key each writer makes a subkey of its own, from a salt
// that it draws and stores in the very transaction that first uses it: so no start, and no database
// that came back from a copy, ever continues a counter of nonces.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_SEALING_KEYS_H_
#define SLUICE_SERVER_STORE_SEALING_KEYS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/secret.h"
#include "server/key_encryption_keys.h"
#include "server/store/associated_data.h"
#include "server/store/opening_keys.h"
#include "server/store/sealed_bytes.h"
#include "server/store/sql.h"

namespace sluice::server {

class SealingKeys {
 public:
  // All must outlive it; `opening` is the same writer's.
  static absl::StatusOr<std::unique_ptr<SealingKeys>> Create(SqlConnection* connection,
                                                             KeyEncryptionKeys* keks,
                                                             OpeningKeys* opening);

  // Seals under the owner's key of what it is of. Lent until the next call.
  template <typename Of>
  absl::StatusOr<absl::string_view> Seal(const Of& of, absl::string_view content) {
    return SealWith(Of::kScope, of.owner, AssociatedData(of, associated_), content);
  }

  // A newer version of an owner's key, under a key-encryption key of its own.
  absl::StatusOr<KekName> MakeVersion(KekScope scope, absl::string_view owner);
  // Lets go of all keys: others may have taken their places.
  void Forget();
  // Whether versions may have been made since the last commit, or before there was one.
  bool made_versions() const { return made_versions_; }

  // What was done since the last commit may be undone: lets go of the keys whose rows were written
  // since. They are made anew when they are needed; a nonce that was used is never used again.
  void Undone();
  // What was done is durable.
  void Committed();

 private:
  using Place = std::pair<KekScope, std::string>;
  struct Key {
    SealingKey key;
    bool durable = false;  // the row of its subkey
  };
  struct DataKey {
    int64_t id = 0;
    policy::Secret key;
  };

  SealingKeys(KeyEncryptionKeys* keks, OpeningKeys* opening) : keks_(keks), opening_(opening) {}

  absl::StatusOr<absl::string_view> SealWith(KekScope scope, absl::string_view owner,
                                             absl::string_view associated,
                                             absl::string_view content);
  absl::StatusOr<Key*> Find(KekScope scope, absl::string_view owner);
  // The newest that can be used; made if there is none.
  absl::StatusOr<DataKey> DataKeyOf(KekScope scope, absl::string_view owner);
  absl::StatusOr<SealingKey> MakeSubkey(const DataKey& data_key);
  // The newest version of a key-encryption key that was not destroyed, made or not.
  absl::StatusOr<int32_t> UsableVersion(KekScope scope, absl::string_view owner) const;
  // A data key under this key-encryption key, which is made if it is not there.
  absl::Status MakeDataKey(const KekName& kek, int32_t version);

  KeyEncryptionKeys* const keks_;
  OpeningKeys* const opening_;
  SqlStatement find_, insert_, insert_subkey_;
  uint64_t destroyed_ = 0;  // as of the key-encryption keys, when these keys were found
  bool all_durable_ = true;
  bool made_versions_ = true;
  std::map<Place, Key> keys_;
  // The one that was used last, which is mostly the next one.
  const Place* last_place_ = nullptr;
  Key* last_ = nullptr;
  std::string associated_;
  std::string sealed_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SEALING_KEYS_H_
