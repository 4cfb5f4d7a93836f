#include "server/owner_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/audit/entry_encoding.h"
#include "server/error.h"
#include "server/key_name.h"
#include "server/page_size.h"

namespace sluice::server {
namespace {

using Listed = KeyEncryptionKeys::Listed;

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
}

bool SameKey(const KekName& a, const KekName& b) {
  return a.owner == b.owner && a.scope == b.scope;
}

// Where in a list a key stands: the store's order.
auto PlaceOf(const KekName& key) { return std::pair(key.owner, static_cast<int>(key.scope)); }

v1::KeyVersionState StateOf(const StoredKeyVersion& version, const Listed* listed, bool newest) {
  if (version.destroyed_index || (listed != nullptr && listed->IsDestroyed())) {
    const bool gone = listed == nullptr || listed->state == KeyEncryptionKeys::State::kDestroyed;
    return gone ? v1::KEY_VERSION_STATE_DESTROYED : v1::KEY_VERSION_STATE_DESTROYING;
  }
  if (listed == nullptr || listed->state == KeyEncryptionKeys::State::kLost) {
    return v1::KEY_VERSION_STATE_LOST;
  }
  if (newest) return v1::KEY_VERSION_STATE_IN_USE;
  return version.empty ? v1::KEY_VERSION_STATE_EMPTY : v1::KEY_VERSION_STATE_REPLACED;
}

absl::Status NotInLog(const StoredKeyVersion& version) {
  return absl::DataLossError(absl::StrCat(KeyVersionNameOf(version.name),
                                          " is destroyed in the store, and the log does not say "
                                          "so: restore the store"));
}

// Of a change that a group did not take.
absl::Status ChangeError(const absl::Status& status) {
  if (absl::IsAborted(status)) return EtagMismatch();
  if (absl::IsNotFound(status)) return NotFound("key");
  if (absl::IsUnavailable(status)) return AuditUnavailable();
  return status;
}

absl::StatusOr<KekName> NameIn(absl::string_view name) {
  const std::optional<KekName> key = ParseKeyName(name);
  if (key) return *key;
  return Invalid("name",
                 "must be organizations/{organization}/keys/{records|dictionary}, or "
                 "operator/keys/dictionary");
}

absl::StatusOr<KekName> VersionNameIn(absl::string_view name) {
  const std::optional<KekName> version = ParseKeyVersionName(name);
  if (version) return *version;
  return Invalid("name",
                 "must be organizations/{organization}/keys/{records|dictionary}/versions/{version}"
                 ", or operator/keys/dictionary/versions/{version}");
}

KeyEntry EntryOf(const char* action, const KekName& name, const Caller& caller,
                 const RequestId& request_id) {
  KeyEntry entry;
  entry.action = action;
  entry.owner = name.owner;
  entry.key = std::string(KeyWord(name.scope));
  entry.version = name.version;
  entry.request = request_id;
  entry.caller = {caller.principal(), caller.spki()};
  return entry;
}

}  // namespace

absl::StatusOr<std::map<KekName, Listed>> OwnerKeys::ListKeks() const {
  absl::StatusOr<std::vector<Listed>> all = parts_.keks->List();
  if (!all.ok()) return all.status();
  std::map<KekName, Listed> listed;
  for (Listed& each : *all) listed.emplace(each.name, each);
  return listed;
}

absl::StatusOr<OwnerKeys::Found> OwnerKeys::Find(const KekName& key) const {
  absl::StatusOr<std::vector<StoredKeyVersion>> all = parts_.store->KeyVersions();
  if (!all.ok()) return all.status();
  Found found;
  for (StoredKeyVersion& version : *all) {
    if (SameKey(version.name, key)) found.versions.push_back(std::move(version));
  }
  if (found.versions.empty()) return NotFound("key");
  absl::StatusOr<std::map<KekName, Listed>> listed = ListKeks();
  if (!listed.ok()) return listed.status();
  found.listed = *std::move(listed);
  return found;
}

v1::Key OwnerKeys::View(absl::Span<const StoredKeyVersion> versions,
                        const std::map<KekName, Listed>& listed) const {
  v1::Key key;
  key.set_name(KeyNameOf(versions.back().name));
  key.set_etag(absl::StrCat(NewestEntry(versions)));
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    v1::KeyVersion& view = *key.add_versions();
    const auto known = listed.find(version->name);
    const Listed* const kek = known == listed.end() ? nullptr : &known->second;
    view.set_name(KeyVersionNameOf(version->name));
    view.set_state(StateOf(*version, kek, version == versions.rbegin()));
    if (kek != nullptr && kek->created) SetTime(*kek->created, view.mutable_create_time());
    if (kek != nullptr && kek->destroyed) SetTime(*kek->destroyed, view.mutable_destroy_time());
    if (view.state() != v1::KEY_VERSION_STATE_REPLACED) continue;
    const std::optional<KeyRenewal::Remaining> remaining =
        parts_.renewal->RemainingUnder(version->name);
    if (!remaining) continue;
    view.set_remaining_rows(remaining->rows);
    view.set_remaining_bytes(remaining->bytes);
  }
  return key;
}

absl::StatusOr<v1::Key> OwnerKeys::ViewOf(const KekName& key) const {
  const absl::StatusOr<Found> found = Find(key);
  if (!found.ok()) return found.status();
  return View(found->versions, found->listed);
}

absl::StatusOr<v1::ListKeysResponse> OwnerKeys::List(const Caller& caller, RequestId& request_id,
                                                     const v1::ListKeysRequest& request) {
  // As it is written for a key of theirs; of all, the operator's alone to ask.
  const bool all = request.parent() == "organizations/-";
  const std::optional<KekName> whose =
      ParseKeyName(absl::StrCat(request.parent(), "/keys/", KeyWord(KekScope::kOwnerDictionary)));
  const absl::Status admitted = parts_.admission->AdmitKeys(caller, request_id, "ListKeys",
                                                            all || !whose ? "-" : whose->owner);
  if (!admitted.ok()) return admitted;
  if (!whose) return Invalid("parent", "must be organizations/{organization} or operator");
  const absl::StatusOr<Page> page = PageOf(request.page_size(), "");
  if (!page.ok()) return page.status();
  const std::optional<KekName> after = ParseKeyName(request.page_token());
  if (!request.page_token().empty() && !after) {
    return Invalid("page_token", "is not from an answer before");
  }
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions = parts_.store->KeyVersions();
  if (!versions.ok()) return versions.status();
  const absl::StatusOr<std::map<KekName, Listed>> listed = ListKeks();
  if (!listed.ok()) return listed.status();
  v1::ListKeysResponse response;
  for (auto begin = versions->begin(); begin != versions->end();) {
    const auto end = std::find_if(begin, versions->end(), [&](const StoredKeyVersion& version) {
      return !SameKey(version.name, begin->name);
    });
    const absl::Span<const StoredKeyVersion> key(&*begin, end - begin);
    begin = end;
    if (!all && key.front().name.owner != whose->owner) continue;
    if (after && PlaceOf(key.front().name) <= PlaceOf(*after)) continue;
    if (static_cast<uint64_t>(response.keys_size()) == page->size) {
      response.set_next_page_token(response.keys(response.keys_size() - 1).name());
      break;
    }
    *response.add_keys() = View(key, *listed);
  }
  return response;
}

absl::StatusOr<v1::GetKeyResponse> OwnerKeys::Get(const Caller& caller, RequestId& request_id,
                                                  const v1::GetKeyRequest& request) {
  const absl::StatusOr<KekName> key = NameIn(request.name());
  const absl::Status admitted =
      parts_.admission->AdmitKeys(caller, request_id, "GetKey", key.ok() ? key->owner : "-");
  if (!admitted.ok()) return admitted;
  if (!key.ok()) return key.status();
  absl::StatusOr<v1::Key> view = ViewOf(*key);
  if (!view.ok()) return view.status();
  v1::GetKeyResponse response;
  *response.mutable_key() = *std::move(view);
  return response;
}

absl::StatusOr<v1::RotateKeyResponse> OwnerKeys::Rotate(const Caller& caller, RequestId& request_id,
                                                        const v1::RotateKeyRequest& request) {
  const absl::StatusOr<KekName> key = NameIn(request.name());
  const absl::Status admitted =
      parts_.admission->AdmitKeys(caller, request_id, "RotateKey", key.ok() ? key->owner : "-");
  if (!admitted.ok()) return admitted;
  if (!key.ok()) return key.status();
  uint64_t etag = 0;
  if (!request.etag().empty() && !absl::SimpleAtoi(request.etag(), &etag)) return EtagMismatch();
  const std::optional<uint64_t> as_of =
      request.etag().empty() ? std::nullopt : std::optional<uint64_t>(etag);
  if (!parts_.log->Health().ok()) return AuditUnavailable();
  const absl::Status rotated =
      parts_.store->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
        const uint64_t index = parts_.log->NextIndexIn(transaction);
        const absl::StatusOr<KekName> made =
            transaction.keys()->Rotate(key->scope, key->owner, as_of, index);
        if (absl::IsOutOfRange(made.status())) {
          return TooManyKeyVersions(KeyNameOf(*key), kMostSealingVersions, kMostKeyVersions);
        }
        if (!made.ok()) return made.status();
        return parts_.log->AppendIn(transaction, EntryOf("ROTATED", *made, caller, request_id))
            .status();
      }});
  if (!rotated.ok()) return ChangeError(rotated);
  parts_.renewal->Wake();
  absl::StatusOr<v1::Key> view = ViewOf(*key);
  if (!view.ok()) return view.status();
  v1::RotateKeyResponse response;
  *response.mutable_key() = *std::move(view);
  return response;
}

absl::StatusOr<KeyRenewal::Counted> OwnerKeys::Count(const StoredKeyVersion& version,
                                                     const std::function<bool()>& given_up) {
  // Replaced records and openings of all owners lie together, so that a count is as long as the
  // store is large, whoever asks.
  const absl::StatusOr<OwnerTurns::Turn> turn = counts_.Take(version.name.owner, given_up);
  if (!turn.ok()) return turn.status();
  absl::StatusOr<KeyRenewal::Counted> counted = parts_.renewal->Count(version, given_up);
  if (absl::IsCancelled(counted.status())) return Cancelled();
  return counted;
}

absl::StatusOr<v1::DestroyKeyResponse> OwnerKeys::Destroy(const Caller& caller,
                                                          RequestId& request_id,
                                                          const v1::DestroyKeyRequest& request,
                                                          const std::function<bool()>& given_up) {
  const absl::StatusOr<KekName> name = VersionNameIn(request.name());
  const absl::Status admitted =
      parts_.admission->AdmitKeys(caller, request_id, "DestroyKey", name.ok() ? name->owner : "-");
  if (!admitted.ok()) return admitted;
  if (!name.ok()) return name.status();
  const absl::StatusOr<Found> found = Find(*name);
  if (!found.ok()) return found.status();
  const auto version =
      std::find_if(found->versions.begin(), found->versions.end(),
                   [&](const StoredKeyVersion& each) { return each.name == *name; });
  if (version == found->versions.end()) return NotFound("version");
  const uint64_t as_of = NewestEntry(found->versions);
  if (!request.validate_only() && request.etag().empty()) {
    return Invalid("etag", "is required: the one of the key that you looked at");
  }
  if (!request.etag().empty() && request.etag() != absl::StrCat(as_of)) return EtagMismatch();
  if (version->destroyed_index) return KeyDestroyed(KeyVersionNameOf(*name));
  const absl::StatusOr<KeyRenewal::Counted> counted = Count(*version, given_up);
  if (!counted.ok()) return counted.status();
  if (!request.validate_only()) {
    const bool in_use = version->name == found->versions.back().name;
    if ((in_use || counted->rows() > 0) && !request.allow_unreadable()) {
      return KeyInUse(KeyVersionNameOf(*name), counted->rows());
    }
    const absl::Status destroyed =
        DestroyVersion(caller, request_id, *name, as_of, counted->rows());
    if (!destroyed.ok()) return destroyed;
    parts_.renewal->Wake();
  }
  v1::DestroyKeyResponse response;
  absl::StatusOr<v1::Key> view = ViewOf(*name);
  if (!view.ok()) return view.status();
  *response.mutable_key() = *std::move(view);
  response.set_records(counted->records);
  response.set_replaced_records(counted->replaced_records);
  response.set_log_openings(counted->log_openings);
  response.set_dictionary_openings(counted->dictionary_openings);
  response.set_bytes(counted->bytes);
  for (const std::string& copy : parts_.copies) response.add_unreached_copies(copy);
  return response;
}

absl::Status OwnerKeys::DestroyVersion(const Caller& caller, const RequestId& request_id,
                                       const KekName& name, uint64_t as_of, int64_t unreadable) {
  if (!parts_.log->Health().ok()) return AuditUnavailable();
  const absl::Status marked =
      parts_.store->Commit({.apply = [&](Transaction& transaction) -> absl::Status {
        const uint64_t index = parts_.log->NextIndexIn(transaction);
        const absl::Status status = transaction.keys()->MarkDestroyed(name, as_of, index);
        if (!status.ok()) return status;
        KeyEntry entry = EntryOf(kDestroyedAction, name, caller, request_id);
        entry.unreadable = unreadable;
        return parts_.log->AppendIn(transaction, entry).status();
      }});
  if (!marked.ok()) return ChangeError(marked);
  // From here on nobody opens anything under it. What is left of the key itself goes now, or when
  // somebody next looks.
  const absl::Status destroyed = parts_.keks->Destroy(name);
  parts_.store->LetGoOfKeys();
  return destroyed.ok() ? destroyed : DestructionUnfinished(KeyVersionNameOf(name));
}

absl::Status OwnerKeys::Follow() {
  absl::MutexLock following(&following_);
  const absl::StatusOr<int64_t> generation = parts_.store->KeyGeneration();
  if (!generation.ok()) return generation.status();
  if (followed_ == *generation) return absl::OkStatus();
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions = parts_.store->KeyVersions();
  if (!versions.ok()) return versions.status();
  // After the versions: an entry that is beyond it was never written.
  const absl::StatusOr<LogHead> head = parts_.store->ReadLogHead();
  if (!head.ok()) return head.status();
  const bool log_follows =
      std::none_of(versions->begin(), versions->end(), [&](const StoredKeyVersion& version) {
        return version.destroyed_index && *version.destroyed_index < head->size &&
               *version.destroyed_index >= parts_.log->size();
      });
  // Another gateway's entry that is not here yet will be, a second later.
  if (!log_follows) return absl::OkStatus();
  const absl::Status destroyed = FinishDestroying(*versions, head->size);
  // One that can't be destroyed yet keeps nobody from letting go of the others.
  parts_.store->LetGoOfKeys();
  parts_.renewal->Wake();
  if (destroyed.ok()) followed_ = *generation;
  return destroyed;
}

absl::Status OwnerKeys::FinishDestroying(const std::vector<StoredKeyVersion>& versions,
                                         uint64_t log_size) const {
  const absl::StatusOr<std::map<KekName, Listed>> listed = ListKeks();
  if (!listed.ok()) return listed.status();
  // What is wrong with one keeps no other.
  absl::Status first;
  for (const StoredKeyVersion& version : versions) {
    if (!version.destroyed_index) continue;
    const auto kek = listed->find(version.name);
    if (kek == listed->end() || kek->second.state == KeyEncryptionKeys::State::kDestroyed) continue;
    // Who can write to the database is not to have keys destroyed by it.
    absl::Status status =
        *version.destroyed_index < log_size ? CheckEntry(version) : NotInLog(version);
    if (status.ok()) status = parts_.keks->Destroy(version.name);
    if (first.ok()) first = std::move(status);
  }
  return first;
}

absl::Status OwnerKeys::CheckEntry(const StoredKeyVersion& version) const {
  const uint64_t index = *version.destroyed_index;
  std::string body;
  const absl::Status read = parts_.store->ReadLogRows(index, index + 1, [&](const LogRow& row) {
    body = row.body;
    return false;
  });
  if (!read.ok()) return read;
  const absl::Status confirmed = parts_.log->Confirm(index, body);
  if (!confirmed.ok() && !absl::IsDataLoss(confirmed)) return confirmed;
  const absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  const bool said = confirmed.ok() && entry.ok() && entry->type == "key" &&
                    entry->json.FindString("action") == kDestroyedAction &&
                    entry->json.FindString("owner") == version.name.owner &&
                    entry->json.FindString("key") == KeyWord(version.name.scope) &&
                    entry->json.FindInteger("version", 0) == version.name.version;
  return said ? absl::OkStatus() : NotInLog(version);
}

}  // namespace sluice::server
