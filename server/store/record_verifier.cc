#include "server/store/record_verifier.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/store/dictionary.h"
#include "server/store/identity_changes.h"
#include "server/store/record_subjects.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

std::string Copy(absl::string_view bytes) { return std::string(bytes); }

absl::string_view View(const Hash16& hash) {
  return absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordVerifier>> RecordVerifier::Create(const Parts& parts) {
  std::unique_ptr<RecordVerifier> verifier(new RecordVerifier(parts));
  if (absl::Status status = verifier->Prepare(); !status.ok()) return status;
  return verifier;
}

absl::Status RecordVerifier::Prepare() {
  absl::StatusOr<std::unique_ptr<OpeningKeys>> opening =
      OpeningKeys::Create(parts_.connection, parts_.keks);
  if (!opening.ok()) return opening.status();
  opening_ = *std::move(opening);
  absl::StatusOr<SetDigest> joined = parts_.seal_keys->DigestOf("verify", "");
  if (!joined.ok()) return joined.status();
  joined_ = std::make_unique<SetDigest>(*std::move(joined));
  const std::string limit = absl::StrCat(" LIMIT ", kPage);
  const std::string records = absl::StrCat(
      "SELECT ordinal, record_id, subjects, identity, position, bytes FROM record "
      "WHERE collection = $1 AND (ordinal, record_id) > ($2, $3) ORDER BY ordinal, record_id",
      limit);
  const std::string keys = absl::StrCat(
      "SELECT k.key_hash, k.record_id, k.tie, k.collection, k.live, k.position, "
      "coalesce(r.position, -1) FROM record_key k LEFT JOIN record r ON "
      "r.collection = k.collection AND r.ordinal = k.ordinal AND r.record_id = k.record_id "
      "WHERE k.key_hash > $1 ORDER BY k.key_hash",
      limit);
  const std::string history = absl::StrCat(
      "SELECT position, record_id, collection, subjects, identity, sealed_position, bytes, "
      "content_position, tie "
      "FROM record_history WHERE (position, record_id) > ($1, $2) ORDER BY position, record_id",
      limit);
  const std::string changes = absl::StrCat(
      "SELECT id, collection, position, created, replaced, replaced_bytes FROM record_change "
      "WHERE id > $1 ORDER BY id",
      limit);
  const std::string names = absl::StrCat(
      "SELECT collection, name, record_id FROM further_name "
      "WHERE (collection, name, record_id) > ($1, $2, $3) ORDER BY collection, name, record_id",
      limit);
  const std::string identities = absl::StrCat(
      "SELECT name_hash, person_hash FROM identity WHERE name_hash > $1 ORDER BY name_hash", limit);
  const std::string subjects =
      absl::StrCat("SELECT ", Dictionary::kRow,
                   " FROM subject WHERE owner = $1 AND name > $2 ORDER BY name", limit);
  return PrepareAll(
      parts_.connection,
      {{&owners_, "SELECT id, name, subjects, names, rows FROM owner ORDER BY id"},
       {&collections_,
        "SELECT id, owner, record_type, position, time_us, live, tombstones, seal FROM collection "
        "ORDER BY id"},
       {&records_, records},
       {&keys_, keys},
       {&history_, history},
       {&changes_, changes},
       {&begin_,
        "SELECT coalesce((SELECT position FROM record_change ORDER BY id LIMIT 1), position + 1) "
        "FROM store"},
       {&names_, names},
       {&identities_, identities},
       {&subjects_, subjects}});
}

absl::Status RecordVerifier::Run() {
  absl::Status status = ReadOwners();
  for (auto& [id, collection] : collections_by_id_) {
    if (status.ok()) status = ReadRecords(id, collection);
  }
  if (status.ok()) status = ReadKeys();
  if (status.ok()) status = ReadHistory();
  if (status.ok()) status = ReadChanges();
  if (status.ok()) status = ReadNames();
  if (status.ok()) status = ReadIdentities();
  for (const auto& [id, owner] : owners_by_id_) {
    if (status.ok()) status = ReadSubjects(id, owner);
  }
  if (!status.ok()) return status;
  for (const auto& [id, collection] : collections_by_id_) {
    if (collection.row.live != collection.records || collection.live != collection.records ||
        collection.row.tombstones != collection.tombstones) {
      Add("collection", "its counts are not those of its keys and records", collection);
    }
    if (const auto owner = owners_by_id_.find(collection.owner); owner != owners_by_id_.end()) {
      owner->second.live += collection.records;
    }
  }
  for (const auto& [id, owner] : owners_by_id_) {
    if (owner.rows == owner.live) continue;
    parts_.findings->Add({"owner", "it has another number of records than it says", owner.name});
  }
  return absl::OkStatus();
}

void RecordVerifier::Add(const std::string& table, const std::string& what,
                         const Collection& collection) {
  parts_.findings->Add({table, what, collection.row.owner, collection.row.record_type});
}

absl::Status RecordVerifier::ReadOwners() {
  {
    SqlRun run = owners_.Bind();
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      owners_by_id_[run.Int(0)] = {.name = Copy(run.Bytes(1)),
                                   .subjects = run.Int(2),
                                   .names = run.Int(3),
                                   .rows = run.Int(4)};
    }
  }
  SqlRun run = collections_.Bind();
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    Collection& collection = collections_by_id_[run.Int(0)];
    collection.owner = run.Int(1);
    collection.row = {.owner = owners_by_id_[collection.owner].name,
                      .record_type = Copy(run.Bytes(2)),
                      .position = run.Int(3),
                      .time_us = run.Int(4),
                      .live = run.Int(5),
                      .tombstones = run.Int(6),
                      .seal = Copy(run.Bytes(7))};
    absl::StatusOr<SetDigest> names =
        parts_.seal_keys->DigestOf("verify", absl::StrCat(run.Int(0)));
    if (!names.ok()) return names.status();
    further_names_.emplace(run.Int(0), *std::move(names));
  }
}

RecordVerifier::Collection* RecordVerifier::Find(int64_t id, const std::string& table) {
  const auto found = collections_by_id_.find(id);
  if (found != collections_by_id_.end()) return &found->second;
  parts_.findings->Add({table, "it is of no collection that is there"});
  return nullptr;
}

absl::Status RecordVerifier::Open(const OfRecord& of, absl::string_view sealed,
                                  const std::string& table) {
  const absl::Status opened = opening_->Open(of, sealed).status();
  if (absl::IsDataLoss(opened)) {
    parts_.findings->Add(
        {table, "it is not what was sealed", Copy(of.owner), Copy(of.record_type)});
  }
  return opened.ok() || absl::IsDataLoss(opened) || absl::IsFailedPrecondition(opened)
             ? absl::OkStatus()
             : opened;
}

absl::Status RecordVerifier::ReadRecords(int64_t id, Collection& collection) {
  absl::StatusOr<SetDigest> found = EmptyCollection(*parts_.seal_keys, collection.row);
  if (!found.ok()) return found.status();
  SetDigest& names = further_names_.at(id);
  int64_t ordinal = -1;
  last_.clear();
  absl::Status read = EachRow(
      "record", [&] { return records_.Bind(id, ordinal, From()); },
      [&](const SqlRow& row) -> absl::Status {
        ordinal = row.Int(0);
        last_ = Copy(row.Bytes(1));
        ++collection.records;
        const absl::StatusOr<Hash16> record_id = row.Array<16>(1);
        const absl::StatusOr<size_t> subjects = CountRecordSubjects(row.Bytes(2));
        if (!record_id.ok() || !subjects.ok()) {
          Add("record", "it is not whole", collection);
          return absl::OkStatus();
        }
        const auto name_at = [&](size_t i) { return RecordSubjectAt(row.Bytes(2), i); };
        if (ordinal != (*subjects == 0 ? 0 : int64_t{name_at(0).ordinal})) {
          Add("record", "it stands at another place than its own", collection);
        }
        std::set<uint32_t> further;
        for (size_t i = 1; i < *subjects; ++i) further.insert(name_at(i).name);
        for (const uint32_t name : further) names.Toggle(*record_id, NameTag(name));
        std::vector<IdentityRow> joins;
        if (IdentityChanges::Add(row.Bytes(3), joins).ok()) {
          for (const IdentityRow& join : joins) joined_->Toggle(join.name, View(join.person));
        }
        const std::optional<SealedParts> parts = ParseSealed(row.Bytes(5));
        if (parts) found->Toggle(*record_id, parts->tag);
        return Open({.owner = collection.row.owner,
                     .record_type = collection.row.record_type,
                     .record_id = *record_id,
                     .position = row.Int(4),
                     .subjects = row.Bytes(2),
                     .identity = row.Bytes(3)},
                    row.Bytes(5), "record");
      });
  if (!read.ok()) return read;
  const absl::StatusOr<Hash16> digest = found->Value();
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<Hash16> sealed = OpenCollection(*parts_.seal_keys, collection.row);
  if (absl::IsDataLoss(sealed.status())) {
    Add("collection", "its numbers are not those that were sealed", collection);
    return absl::OkStatus();
  }
  if (!sealed.ok()) return sealed.status();
  if (*sealed != *digest) {
    Add("record", "some were taken out, put back or moved: they are not those that were sealed",
        collection);
  }
  return absl::OkStatus();
}

absl::Status RecordVerifier::ReadKeys() {
  last_.clear();
  return EachRow(
      "record_key", [&] { return keys_.Bind(From()); },
      [&](const SqlRow& row) -> absl::Status {
        last_ = Copy(row.Bytes(0));
        Collection* const collection = Find(row.Int(3), "record_key");
        if (collection == nullptr) return absl::OkStatus();
        const absl::StatusOr<Hash16> key = row.Array<16>(0), id = row.Array<16>(1);
        if (!key.ok() || !id.ok()) {
          Add("record_key", "it is not whole", *collection);
          return absl::OkStatus();
        }
        const absl::StatusOr<Hash16> tie = parts_.hasher->KeyTie(*key, *id);
        if (!tie.ok()) return tie.status();
        if (row.Bytes(2) != View(*tie)) Add("record_key", "it has another's record", *collection);
        const bool live = row.Int(4) != 0, there = row.Int(6) >= 0;
        ++(live ? collection->live : collection->tombstones);
        if (live != there) {
          Add("record_key", live ? "its record is not there" : "its deleted record is there",
              *collection);
        } else if (live && row.Int(5) != row.Int(6)) {
          Add("record_key", "it is of another position than its record", *collection);
        }
        return absl::OkStatus();
      });
}

}  // namespace sluice::server
