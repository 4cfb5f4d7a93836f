#include "server/store/sealing_keys.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace sluice::server {
namespace {

constexpr size_t kDataKeyBytes = 32;
// A context is about a KiB; an owner beyond these makes others draw a new salt, which costs little.
constexpr size_t kMostKeys = 1024;

absl::Status NoRandomness() { return absl::UnavailableError("the system's randomness has failed"); }

}  // namespace

absl::StatusOr<std::unique_ptr<SealingKeys>> SealingKeys::Create(SqlConnection* connection,
                                                                 KeyEncryptionKeys* keks,
                                                                 OpeningKeys* opening) {
  std::unique_ptr<SealingKeys> keys(new SealingKeys(keks, opening));
  absl::Status status = PrepareAll(
      connection,
      {{&keys->find_,
        "SELECT id, version, kek_version, wrapped, destroyed_index FROM data_key "
        "WHERE scope = $1 AND owner = $2 ORDER BY version DESC LIMIT 1"},
       {&keys->insert_,
        "INSERT INTO data_key (scope, owner, version, kek_version, wrapped, log_index, "
        "destroyed_index, empty) VALUES ($1, $2, $3, $4, $5, -1, -1, 0) ON CONFLICT DO NOTHING"},
       {&keys->insert_subkey_,
        "INSERT INTO data_subkey (data_key, salt) VALUES ($1, $2) RETURNING id"}});
  if (!status.ok()) return status;
  return keys;
}

absl::StatusOr<absl::string_view> SealingKeys::SealWith(KekScope scope, absl::string_view owner,
                                                        absl::string_view associated,
                                                        absl::string_view content) {
  if (const uint64_t destroyed = keks_->destroyed(); destroyed != destroyed_) {
    Forget();
    destroyed_ = destroyed;
  }
  if (last_ == nullptr || last_place_->first != scope || last_place_->second != owner) {
    absl::StatusOr<Key*> key = Find(scope, owner);
    if (!key.ok()) return key.status();
  }
  return last_->key.Seal(associated, content, sealed_);
}

void SealingKeys::Undone() {
  if (all_durable_) return;
  last_ = nullptr;
  for (auto key = keys_.begin(); key != keys_.end();) {
    key = key->second.durable ? std::next(key) : keys_.erase(key);
  }
  all_durable_ = true;
  // An id that was undone may come again, with another salt.
  opening_->Forget();
}

void SealingKeys::Forget() {
  last_ = nullptr;
  keys_.clear();
}

void SealingKeys::Committed() {
  made_versions_ = false;
  if (all_durable_) return;
  for (auto& [place, key] : keys_) key.durable = true;
  all_durable_ = true;
}

absl::StatusOr<SealingKeys::Key*> SealingKeys::Find(KekScope scope, absl::string_view owner) {
  Place place(scope, std::string(owner));
  auto found = keys_.find(place);
  if (found == keys_.end()) {
    absl::StatusOr<DataKey> data_key = DataKeyOf(scope, owner);
    if (!data_key.ok()) return data_key.status();
    absl::StatusOr<SealingKey> key = MakeSubkey(*data_key);
    if (!key.ok()) return key.status();
    if (keys_.size() >= kMostKeys) keys_.clear();
    found = keys_.emplace(std::move(place), Key{*std::move(key)}).first;
    all_durable_ = false;
  }
  last_place_ = &found->first;
  last_ = &found->second;
  return last_;
}

absl::StatusOr<SealingKeys::DataKey> SealingKeys::DataKeyOf(KekScope scope,
                                                            absl::string_view owner) {
  absl::StatusOr<int32_t> usable = UsableVersion(scope, owner);
  if (!usable.ok()) return usable.status();
  // Once to find what is there, and once more after it was made: by us, or by another writer.
  for (const bool made : {false, true}) {
    int32_t version = 0;
    {
      SqlRun run = find_.Bind(static_cast<int>(scope), owner);
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (*row) {
        version = static_cast<int32_t>(run.Int(1));
        const KekName kek{scope, std::string(owner), static_cast<int32_t>(run.Int(2))};
        // The log may say that it is destroyed before the key store does. A newer key-encryption
        // key alone replaces nothing: it was made for a rotation that did not take place, and
        // whoever else writes would not know of it.
        if (run.Int(4) >= 0) {
          *usable = std::max(*usable, kek.version + 1);
        } else if (made || kek.version >= *usable || !IsDestroyed(*keks_, kek)) {
          absl::StatusOr<policy::Secret> key = UnwrapDataKey(*keks_, kek, run.Bytes(3));
          if (!key.ok()) return key.status();
          return DataKey{run.Int(0), *std::move(key)};
        }
      }
    }
    if (made) break;
    absl::Status status = MakeDataKey({scope, std::string(owner), *usable}, version + 1);
    if (!status.ok()) return status;
  }
  return absl::DataLossError("a data key that was just stored is not there");
}

absl::Status SealingKeys::MakeDataKey(const KekName& kek, int32_t version) {
  if (absl::Status status = keks_->Create(kek); !status.ok()) return status;
  policy::Secret key(kDataKeyBytes);
  if (RAND_priv_bytes(key.mutable_bytes().data(), kDataKeyBytes) != 1) return NoRandomness();
  const absl::StatusOr<std::string> wrapped = keks_->Wrap(kek, key);
  if (!wrapped.ok()) return wrapped.status();
  made_versions_ = true;
  return insert_
      .Bind(static_cast<int>(kek.scope), kek.owner, version, kek.version, SqlBlob(*wrapped))
      .Finish();
}

absl::StatusOr<KekName> SealingKeys::MakeVersion(KekScope scope, absl::string_view owner) {
  absl::StatusOr<int32_t> usable = UsableVersion(scope, owner);
  if (!usable.ok()) return usable.status();
  int32_t version = 0;
  {
    SqlRun run = find_.Bind(static_cast<int>(scope), owner);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) {
      version = static_cast<int32_t>(run.Int(1));
      // One that was made for a rotation that did not take place is taken now.
      *usable = std::max(*usable, static_cast<int32_t>(run.Int(2)) + 1);
    }
  }
  KekName kek{scope, std::string(owner), *usable};
  if (absl::Status status = MakeDataKey(kek, version + 1); !status.ok()) return status;
  return kek;
}

absl::StatusOr<SealingKey> SealingKeys::MakeSubkey(const DataKey& data_key) {
  std::array<uint8_t, 32> salt;
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) return NoRandomness();
  const SqlBlob blob(salt);
  SqlRun run = insert_subkey_.Bind(data_key.id, blob);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  const int64_t id = *row ? run.Int(0) : 0;
  if (id < 1 || id > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError("the ids of subkeys are used up");
  }
  absl::StatusOr<policy::Secret> subkey = SubkeyOf(data_key.key, blob.bytes);
  if (!subkey.ok()) return subkey.status();
  return SealingKey::Create(static_cast<uint32_t>(id), *subkey);
}

absl::StatusOr<int32_t> SealingKeys::UsableVersion(KekScope scope, absl::string_view owner) const {
  return keks_->UsableVersion(scope, owner);
}

}  // namespace sluice::server
