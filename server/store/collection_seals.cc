#include "server/store/collection_seals.h"

#include <algorithm>
#include <utility>

#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

std::string Words(const CollectionRow& row) {
  std::string words = "collection";
  AppendSealed(static_cast<uint64_t>(row.position), words);
  AppendSealed(static_cast<uint64_t>(row.time_us), words);
  AppendSealed(static_cast<uint64_t>(row.live), words);
  AppendSealed(static_cast<uint64_t>(row.tombstones), words);
  AppendSealed(row.owner, words);
  AppendSealed(row.record_type, words);
  return words;
}

}  // namespace

absl::StatusOr<SetDigest> EmptyCollection(const SealKeys& keys, const CollectionRow& row) {
  return keys.DigestOf("records", row.owner);
}

absl::StatusOr<std::string> SealCollection(const SealKeys& keys, const CollectionRow& row,
                                           const Hash16& digest) {
  return keys.Seal(Words(row), digest);
}

absl::StatusOr<Hash16> OpenCollection(const SealKeys& keys, const CollectionRow& row) {
  if (row.seal.empty() && row.position == 0 && row.time_us == 0 && row.live == 0 &&
      row.tombstones == 0) {
    return Hash16{};
  }
  absl::StatusOr<Hash16> digest = keys.Open(Words(row), row.seal);
  if (absl::IsDataLoss(digest.status())) {
    return absl::DataLossError("a collection's numbers are not those that were sealed");
  }
  return digest;
}

absl::StatusOr<std::unique_ptr<CollectionSeals>> CollectionSeals::Create(SqlConnection* connection,
                                                                         const SealKeys* keys,
                                                                         HighWaterMarks* marks) {
  std::unique_ptr<CollectionSeals> seals(new CollectionSeals(keys, marks));
  absl::Status status = PrepareAll(
      connection,
      {{&seals->find_,
        "SELECT o.name, c.record_type, c.position, c.time_us, c.live, "
        "c.tombstones, c.seal FROM collection c JOIN owner o ON o.id = "
        "c.owner WHERE c.id = $1"},
       {&seals->write_,
        "UPDATE collection SET position = $1, time_us = $2, live = $3, "
        "tombstones = $4, seal = $5 WHERE id = $6"},
       {&seals->next_position_, "UPDATE store SET position = position + 1 RETURNING position"}});
  if (!status.ok()) return status;
  return seals;
}

absl::StatusOr<int64_t> CollectionSeals::NextPosition() {
  SqlRun run = next_position_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  if (run.Int(0) <= std::max(marks_.group().position, marks_.position())) {
    return marks_.FoundUnsound(
        absl::DataLossError("the store's position is as it was before: restore the store"));
  }
  return marks_.group().position = run.Int(0);
}

absl::StatusOr<CollectionSeals::Change*> CollectionSeals::Find(int64_t collection) {
  if (const auto known = changes_.find(collection); known != changes_.end()) return &known->second;
  SqlRun run = find_.Bind(collection);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("a collection that should be stored is not");
  CollectionRow stored{.owner = std::string(run.Bytes(0)),
                       .record_type = std::string(run.Bytes(1)),
                       .position = run.Int(2),
                       .time_us = run.Int(3),
                       .live = run.Int(4),
                       .tombstones = run.Int(5),
                       .seal = std::string(run.Bytes(6))};
  if (stored.position < marks_.collection(stored.owner, stored.record_type)) {
    return absl::DataLossError("a collection is as it was before");
  }
  absl::StatusOr<SetDigest> digest = EmptyCollection(*keys_, stored);
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<Hash16> before = OpenCollection(*keys_, stored);
  if (!before.ok()) return before.status();
  digest->ToggleAll(*before);
  const int64_t position = stored.position;
  return &changes_
              .emplace(collection, Change{.row = std::move(stored),
                                          .before = position,
                                          .digest = *std::move(digest)})
              .first->second;
}

absl::Status CollectionSeals::Toggle(int64_t collection, const policy::RecordId& id,
                                     absl::string_view sealed, int64_t come) {
  absl::StatusOr<Change*> change = Find(collection);
  if (!change.ok()) return change.status();
  const std::optional<SealedParts> parts = ParseSealed(sealed);
  if (!parts) return absl::DataLossError("what is stored is not what was sealed");
  (*change)->digest.Toggle(id.bytes, parts->tag);
  (*change)->come += come;
  (*change)->changed = true;
  return absl::OkStatus();
}

absl::Status CollectionSeals::Come(int64_t collection, const policy::RecordId& id,
                                   absl::string_view sealed) {
  return Toggle(collection, id, sealed, 1);
}

absl::Status CollectionSeals::Go(int64_t collection, const policy::RecordId& id,
                                 absl::string_view sealed) {
  return Toggle(collection, id, sealed, -1);
}

absl::Status CollectionSeals::Move(int64_t collection, int64_t position, absl::Time time,
                                   int64_t live, int64_t tombstones) {
  absl::StatusOr<Change*> change = Find(collection);
  if (!change.ok()) return change.status();
  if (position < (*change)->before || (position == (*change)->before && (*change)->changed)) {
    return marks_.FoundUnsound(absl::DataLossError("a collection was at this position before"));
  }
  (*change)->row.position = position;
  (*change)->row.live += live;
  (*change)->row.tombstones += tombstones;
  (*change)->live += live;
  (*change)->row.time_us = absl::ToUnixMicros(time);
  return absl::OkStatus();
}

absl::Status CollectionSeals::Write() {
  for (auto& [collection, change] : changes_) {
    if (change.come != change.live) {
      return absl::InternalError("a collection's records and its count do not agree");
    }
    const absl::StatusOr<Hash16> digest = change.digest.Value();
    if (!digest.ok()) return digest.status();
    const absl::StatusOr<std::string> seal = SealCollection(*keys_, change.row, *digest);
    if (!seal.ok()) return seal.status();
    absl::Status status = write_
                              .Bind(change.row.position, change.row.time_us, change.row.live,
                                    change.row.tombstones, SqlBlob(*seal), collection)
                              .Finish();
    if (!status.ok()) return status;
    marks_.group().collections[{change.row.owner, change.row.record_type}] = change.row.position;
  }
  changes_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::server
