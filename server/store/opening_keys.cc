#include "server/store/opening_keys.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/hkdf.h"

namespace sluice::server {
namespace {

// Each start of a gateway leaves a subkey for each owner that it writes for; a thousand contexts
// are about a MiB.
constexpr size_t kMostSubkeys = 1024;
constexpr size_t kMostDataKeys = 1024;
constexpr size_t kSaltBytes = 32;
constexpr size_t kDataKeyBytes = 32;

absl::Status Explain(const absl::Status& status, const KekName& kek) {
  const std::string whose = kek.owner.empty() ? "the operator" : kek.owner;
  return absl::Status(status.code(),
                      absl::StrCat("the data keys of ", whose, ": ", status.message()));
}

}  // namespace

bool IsDestroyed(const KeyEncryptionKeys& keks, const KekName& name) {
  const absl::StatusOr<std::vector<KeyEncryptionKeys::Listed>> all = keks.List();
  return all.ok() && std::any_of(all->begin(), all->end(), [&](const auto& listed) {
           return listed.name == name && listed.IsDestroyed();
         });
}

absl::StatusOr<policy::Secret> SubkeyOf(const policy::Secret& data_key, absl::string_view salt) {
  if (salt.size() != kSaltBytes) return absl::DataLossError("a subkey's salt has another length");
  return HkdfSha256(data_key, salt, "sluice/v1/store/subkey");
}

absl::StatusOr<policy::Secret> UnwrapDataKey(const KeyEncryptionKeys& keks, const KekName& kek,
                                             absl::string_view wrapped) {
  absl::StatusOr<policy::Secret> key = keks.Unwrap(kek, wrapped);
  if (absl::IsNotFound(key.status())) {
    return Explain(absl::FailedPreconditionError(
                       "their key-encryption key was never made in this keyring: is it another "
                       "gateway's?"),
                   kek);
  }
  if (!key.ok()) return Explain(key.status(), kek);
  if (key->size() != kDataKeyBytes) {
    return Explain(absl::DataLossError("one has another length"), kek);
  }
  return key;
}

absl::Status CheckDataKeys(SqlConnection* connection, const KeyEncryptionKeys& keks) {
  const absl::StatusOr<std::vector<KeyEncryptionKeys::Listed>> all = keks.List();
  if (!all.ok()) return all.status();
  std::set<KekName> destroyed;
  for (const KeyEncryptionKeys::Listed& listed : *all) {
    if (listed.IsDestroyed()) destroyed.insert(listed.name);
  }
  absl::StatusOr<SqlStatement> select = connection->PrepareScan(
      "SELECT scope, owner, kek_version, wrapped FROM data_key WHERE destroyed_index < 0 "
      "ORDER BY id");
  if (!select.ok()) return select.status();
  SqlRun run = select->Bind();
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    const KekName kek{static_cast<KekScope>(run.Int(0)), std::string(run.Bytes(1)),
                      static_cast<int32_t>(run.Int(2))};
    if (destroyed.contains(kek)) continue;
    if (absl::Status status = UnwrapDataKey(keks, kek, run.Bytes(3)).status(); !status.ok()) {
      return status;
    }
  }
}

absl::StatusOr<std::unique_ptr<OpeningKeys>> OpeningKeys::Create(SqlConnection* connection,
                                                                 const KeyEncryptionKeys* keks) {
  if (keks == nullptr) return absl::InvalidArgumentError("a store needs key-encryption keys");
  std::unique_ptr<OpeningKeys> keys(new OpeningKeys(keks));
  absl::StatusOr<SqlStatement> find = connection->Prepare(
      "SELECT d.id, s.salt, d.scope, d.owner, d.kek_version, d.wrapped, d.destroyed_index "
      "FROM data_subkey s JOIN data_key d ON d.id = s.data_key WHERE s.id = $1");
  if (!find.ok()) return find.status();
  keys->find_ = *std::move(find);
  return keys;
}

absl::Status OpeningKeys::OpenWith(absl::string_view associated, absl::string_view sealed,
                                   char* out) {
  const std::optional<SealedParts> parts = ParseSealed(sealed);
  if (!parts) return absl::DataLossError("what is stored is not what was sealed");
  if (const uint64_t destroyed = keks_->destroyed(); destroyed != destroyed_) {
    Forget();
    destroyed_ = destroyed;
  }
  if (last_ == nullptr || last_id_ != parts->subkey) {
    absl::StatusOr<const OpeningKey*> key = Find(parts->subkey);
    if (!key.ok()) return key.status();
    last_ = *key;
    last_id_ = parts->subkey;
  }
  return last_->OpenTo(associated, *parts, out);
}

void OpeningKeys::Forget() {
  last_ = nullptr;
  subkeys_.clear();
  data_keys_.clear();
  unreadable_.clear();
}

void OpeningKeys::AsOf(int64_t generation) {
  if (generation == generation_) return;
  Forget();
  generation_ = generation;
}

absl::StatusOr<const OpeningKey*> OpeningKeys::Find(uint32_t subkey) {
  if (const auto known = subkeys_.find(subkey); known != subkeys_.end()) return known->second.get();
  if (const auto known = unreadable_.find(subkey); known != unreadable_.end()) {
    return KeyIsDestroyed(known->second);
  }
  absl::StatusOr<OpeningKey> key = Load(subkey);
  if (!key.ok()) return key.status();
  if (subkeys_.size() >= kMostSubkeys) {
    last_ = nullptr;
    subkeys_.clear();
  }
  return subkeys_.emplace(subkey, std::make_unique<const OpeningKey>(*std::move(key)))
      .first->second.get();
}

absl::StatusOr<OpeningKey> OpeningKeys::Load(uint32_t subkey) {
  SqlRun run = find_.Bind(subkey);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the subkey of what is stored is not there");
  auto data_key = data_keys_.find(run.Int(0));
  if (data_key == data_keys_.end()) {
    const KekName kek{static_cast<KekScope>(run.Int(2)), std::string(run.Bytes(3)),
                      static_cast<int32_t>(run.Int(4))};
    const bool destroyed = run.Int(6) >= 0;
    absl::StatusOr<policy::Secret> unwrapped =
        destroyed ? KeyIsDestroyed(kek) : UnwrapDataKey(*keks_, kek, run.Bytes(5));
    if (absl::IsFailedPrecondition(unwrapped.status()) && (destroyed || IsDestroyed(*keks_, kek))) {
      if (unreadable_.size() >= kMostSubkeys) unreadable_.clear();
      unreadable_.emplace(subkey, kek);
      return KeyIsDestroyed(kek);
    }
    if (!unwrapped.ok()) return unwrapped.status();
    if (data_keys_.size() >= kMostDataKeys) data_keys_.clear();
    data_key = data_keys_.emplace(run.Int(0), *std::move(unwrapped)).first;
  }
  absl::StatusOr<policy::Secret> derived = SubkeyOf(data_key->second, run.Bytes(1));
  if (!derived.ok()) return derived.status();
  return OpeningKey::Create(*derived);
}

}  // namespace sluice::server
