#include "server/store/key_versions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"

namespace sluice::server {
namespace {

std::optional<uint64_t> IndexAt(const SqlRow& row, int column) {
  const int64_t index = row.Int(column);
  if (index < 0) return std::nullopt;
  return static_cast<uint64_t>(index);
}

}  // namespace

absl::StatusOr<std::vector<StoredKeyVersion>> ReadKeyVersions(SqlRun run) {
  std::vector<StoredKeyVersion> versions;
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return versions;
    versions.push_back({.name = {static_cast<KekScope>(run.Int(1)), std::string(run.Bytes(2)),
                                 static_cast<int32_t>(run.Int(3))},
                        .id = run.Int(0),
                        .log_index = IndexAt(run, 4),
                        .destroyed_index = IndexAt(run, 5),
                        .empty = run.Int(6) != 0});
  }
}

absl::StatusOr<std::unique_ptr<KeyVersions>> KeyVersions::Create(const Parts& parts) {
  std::unique_ptr<KeyVersions> keys(new KeyVersions(parts));
  absl::StatusOr<std::unique_ptr<SealRenewal>> renewal =
      SealRenewal::Create({.connection = parts.connection,
                           .seals = parts.seals,
                           .sealing = parts.sealing,
                           .opening = parts.opening});
  if (!renewal.ok()) return renewal.status();
  keys->renewal_ = *std::move(renewal);
  absl::Status status = PrepareAll(
      parts.connection,
      {{&keys->find_,
        absl::StrCat(kKeyVersionColumns, "WHERE scope = $1 AND owner = $2 ORDER BY version")},
       // The wrapped key goes, too: what is gone from the key store needs no second guard, what a
       // crash left there does.
       {&keys->destroy_,
        "UPDATE data_key SET destroyed_index = $1, wrapped = $2 WHERE scope = $3 AND owner = $4 "
        "AND kek_version = $5"},
       {&keys->raise_, "UPDATE store SET key_generation = key_generation + 1"},
       {&keys->mark_empty_,
        "UPDATE data_key SET empty = 1 WHERE scope = $1 AND owner = $2 AND kek_version = $3"},
       {&keys->unlogged_,
        absl::StrCat(kKeyVersionColumns, "WHERE log_index < 0 ORDER BY owner, scope, version")},
       {&keys->set_logged_,
        "UPDATE data_key SET log_index = $1 WHERE scope = $2 AND owner = $3 AND kek_version = "
        "$4"}});
  if (!status.ok()) return status;
  return keys;
}

absl::StatusOr<std::vector<StoredKeyVersion>> KeyVersions::Find(KekScope scope,
                                                                absl::string_view owner,
                                                                std::optional<uint64_t> as_of) {
  absl::StatusOr<std::vector<StoredKeyVersion>> versions =
      ReadKeyVersions(find_.Bind(static_cast<int>(scope), owner));
  if (!versions.ok()) return versions;
  if (versions->empty()) return absl::NotFoundError("there is no such key");
  if (as_of && NewestEntry(*versions) != *as_of) {
    return absl::AbortedError("the key was changed meanwhile");
  }
  return versions;
}

absl::Status KeyVersions::RaiseGeneration() {
  if (absl::Status status = raise_.Bind().Finish(); !status.ok()) return status;
  parts_.sealing->Forget();
  parts_.opening->Forget();
  return absl::OkStatus();
}

absl::StatusOr<KekName> KeyVersions::Rotate(KekScope scope, absl::string_view owner,
                                            std::optional<uint64_t> as_of, uint64_t log_index) {
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions = Find(scope, owner, as_of);
  if (!versions.ok()) return versions.status();
  const auto sealing = std::count_if(
      versions->begin(), versions->end(),
      [](const StoredKeyVersion& version) { return !version.empty && !version.destroyed_index; });
  if (sealing >= kMostSealingVersions || versions->back().name.version >= kMostKeyVersions) {
    return absl::OutOfRangeError("the key has as many versions as it may have");
  }
  absl::StatusOr<KekName> made = parts_.sealing->MakeVersion(scope, owner);
  if (!made.ok()) return made;
  if (absl::Status status = SetLogged(*made, log_index); !status.ok()) return status;
  if (absl::Status status = RaiseGeneration(); !status.ok()) return status;
  return made;
}

absl::Status KeyVersions::MarkDestroyed(const KekName& name, std::optional<uint64_t> as_of,
                                        uint64_t log_index) {
  const absl::StatusOr<std::vector<StoredKeyVersion>> versions =
      Find(name.scope, name.owner, as_of);
  if (!versions.ok()) return versions.status();
  const auto version =
      std::find_if(versions->begin(), versions->end(),
                   [&](const StoredKeyVersion& each) { return each.name == name; });
  if (version == versions->end()) return absl::NotFoundError("there is no such version");
  if (version->destroyed_index) return KeyIsDestroyed(name);
  absl::Status status = destroy_
                            .Bind(log_index, SqlBlob(absl::string_view()),
                                  static_cast<int>(name.scope), name.owner, name.version)
                            .Finish();
  return status.ok() ? RaiseGeneration() : status;
}

absl::StatusOr<int64_t> KeyVersions::SealAnew(absl::Span<const SealedRow> rows) {
  return renewal_->SealAnew(rows);
}

absl::Status KeyVersions::MarkEmpty(const KekName& name) {
  return mark_empty_.Bind(static_cast<int>(name.scope), name.owner, name.version).Finish();
}

absl::StatusOr<std::vector<KekName>> KeyVersions::Unlogged() {
  std::vector<KekName> names;
  // Asked of the database and not of memory, which does not know what was undone.
  if (!parts_.sealing->made_versions()) return names;
  absl::StatusOr<std::vector<StoredKeyVersion>> versions = ReadKeyVersions(unlogged_.Bind());
  if (!versions.ok()) return versions.status();
  for (StoredKeyVersion& version : *versions) names.push_back(std::move(version.name));
  return names;
}

absl::Status KeyVersions::SetLogged(const KekName& name, uint64_t log_index) {
  return set_logged_.Bind(log_index, static_cast<int>(name.scope), name.owner, name.version)
      .Finish();
}

}  // namespace sluice::server
