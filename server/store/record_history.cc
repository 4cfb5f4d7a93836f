#include "server/store/record_history.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/store/record_subjects.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

// Changes forgotten in one bite: each has ids of up to a batch of records.
constexpr int kChangesABite = 16;

// The names of a record's subjects but the first.
absl::Status AddFurtherNames(const policy::RecordId& id, absl::string_view subjects,
                             std::vector<std::pair<uint32_t, policy::RecordId>>& names) {
  absl::StatusOr<size_t> count = CountRecordSubjects(subjects);
  if (!count.ok()) return count.status();
  for (size_t i = 1; i < *count; ++i) names.emplace_back(RecordSubjectAt(subjects, i).name, id);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordHistory>> RecordHistory::Create(SqlConnection* connection,
                                                                     const NameHasher* hasher,
                                                                     CollectionSeals* seals) {
  std::unique_ptr<RecordHistory> history(new RecordHistory(connection, hasher, seals));
  absl::Status status = PrepareAllMany(
      connection,
      {{&history->find_,
        "SELECT subjects, identity, position, bytes FROM record "
        "WHERE collection = $1 AND ordinal = $2 AND record_id = $3"},
       // Not INSERT ... SELECT: what may write several rows is journaled for itself, page by page.
       {&history->keep_,
        "INSERT INTO record_history (position, record_id, collection, content_position, subjects, "
        "identity, sealed_position, bytes, tie) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
       {&history->put_names_,
        "INSERT INTO further_name (collection, name, record_id) VALUES ($1, $2, $3)"},
       {&history->drop_names_,
        "DELETE FROM further_name WHERE collection = $1 AND name = $2 AND record_id = $3"}});
  if (!status.ok()) return status;
  status = PrepareAll(
      connection,
      {{&history->put_change_,
        "INSERT INTO record_change (collection, position, time_us, created, replaced, "
        "replaced_bytes) VALUES ($1, $2, $3, $4, $5, $6)"},
       {&history->add_rows_,
        "UPDATE owner SET rows = rows + $1 WHERE id = (SELECT owner FROM collection WHERE id = "
        "$2)"},
       {&history->begin_,
        "SELECT coalesce((SELECT position FROM record_change ORDER BY id LIMIT 1), position + 1) "
        "FROM store"},
       {&history->forget_changes_, "DELETE FROM record_change WHERE id <= $1"},
       {&history->forget_rows_,
        "DELETE FROM record_history WHERE (position, record_id) IN (SELECT position, record_id "
        "FROM record_history WHERE position < $1 ORDER BY position, record_id LIMIT $2)"}});
  if (status.ok()) {
    status = PrepareScans(connection, {{&history->oldest_,
                                        "SELECT id, time_us, position FROM record_change "
                                        "ORDER BY id"}});
  }
  if (!status.ok()) return status;
  return history;
}

RecordHistory::Created RecordHistory::CreatedAt(absl::string_view created, size_t index) {
  Created one;
  const char* const bytes = created.data() + index * kCreatedBytes;
  std::memcpy(one.id.bytes.data(), bytes, one.id.bytes.size());
  std::memcpy(&one.content_position, bytes + one.id.bytes.size(), sizeof(one.content_position));
  one.content_position = static_cast<int64_t>(be64toh(one.content_position));
  return one;
}

void RecordHistory::Creates(const Created& created, bool known, Change& change) {
  change.created.append(created.id.bytes.begin(), created.id.bytes.end());
  const uint64_t position = htobe64(created.content_position);
  change.created.append(reinterpret_cast<const char*>(&position), sizeof(position));
  if (known) ++change.tombstones_back;
}

absl::Status RecordHistory::Replaces(const std::vector<Replaced>& records, Change& change) {
  std::vector<std::pair<uint32_t, policy::RecordId>> names;
  size_t found = 0;
  SqlManyRun keeps = keep_.Start();
  SqlManyRun finds = find_.Start([&](size_t i, const SqlRow& row) -> absl::Status {
    const Replaced& record = records[i];
    ++found;
    const absl::string_view subjects = row.Bytes(0);
    const absl::string_view identity = row.Bytes(1);
    // As they were sealed: they open with what stands beside them.
    const absl::string_view bytes = row.Bytes(3);
    ++change.replaced;
    change.replaced_bytes += static_cast<int64_t>(SealedContentSize(bytes.size()));
    if (record.goes) ++change.deleted;
    absl::Status status = AddFurtherNames(record.id, subjects, names);
    if (status.ok()) status = IdentityChanges::Add(identity, change.identities.gone);
    if (status.ok()) status = seals_->Go(change.collection, record.id, bytes);
    if (!status.ok()) return status;
    const absl::StatusOr<Hash16> tie =
        hasher_.HistoryTie({.position = change.position,
                            .record_id = record.id.bytes,
                            .collection = change.collection,
                            .content_position = record.content_position,
                            .sealed_position = row.Int(2)});
    if (!tie.ok()) return tie.status();
    return keeps.Add(change.position, SqlBlob(record.id.bytes), change.collection,
                     record.content_position, SqlBlob(subjects), SqlBlob(identity), row.Int(2),
                     SqlBlob(bytes), SqlBlob(*tie));
  });
  absl::Status status;
  for (const Replaced& record : records) {
    if (!status.ok()) return status;
    status = finds.Add(change.collection, record.ordinal, SqlBlob(record.id.bytes));
  }
  if (status.ok()) status = finds.Finish();
  if (status.ok()) status = keeps.Finish();
  if (!status.ok()) return status;
  if (found != records.size()) {
    return absl::DataLossError("a record that should be stored is not");
  }
  return DropNames(names, change);
}

absl::Status RecordHistory::Becomes(const policy::RecordId& id, absl::string_view subjects,
                                    absl::string_view identity, absl::string_view sealed,
                                    Change& change) {
  absl::Status status = IdentityChanges::Add(identity, change.identities.come);
  if (status.ok()) status = seals_->Come(change.collection, id, sealed);
  if (!status.ok()) return status;
  return AddFurtherNames(id, subjects, change.names);
}

absl::Status RecordHistory::WriteNames(Change& change) {
  // In the order of the tree, and once: a record may name somebody twice.
  std::sort(change.names.begin(), change.names.end());
  change.names.erase(std::unique(change.names.begin(), change.names.end()), change.names.end());
  SqlManyRun puts = put_names_.Start();
  for (const auto& [name, id] : change.names) {
    absl::Status status = puts.Add(change.collection, name, SqlBlob(id.bytes));
    if (!status.ok()) return status;
  }
  change.names.clear();
  return puts.Finish();
}

absl::Status RecordHistory::DropNames(
    const std::vector<std::pair<uint32_t, policy::RecordId>>& names, const Change& change) {
  SqlManyRun drops = drop_names_.Start();
  for (const auto& [name, id] : names) {
    absl::Status status = drops.Add(change.collection, name, SqlBlob(id.bytes));
    if (!status.ok()) return status;
  }
  return drops.Finish();
}

absl::Status RecordHistory::Finish(Change& change, absl::Time time) {
  if (absl::Status status = WriteNames(change); !status.ok()) return status;
  const auto created = static_cast<int64_t>(change.created.size() / kCreatedBytes);
  const int64_t time_us = absl::ToUnixMicros(time);
  if (created + change.replaced > 0) {
    absl::Status status = put_change_
                              .Bind(change.collection, change.position, time_us,
                                    SqlBlob(change.created), change.replaced, change.replaced_bytes)
                              .Finish();
    if (!status.ok()) return status;
  }
  const int64_t more = created - change.deleted;
  absl::Status status = seals_->Move(change.collection, change.position, time, more,
                                     change.deleted - change.tombstones_back);
  if (!status.ok() || more == 0) return status;
  return add_rows_.Bind(more, change.collection).Finish();
}

absl::StatusOr<int64_t> RecordHistory::Begin() {
  SqlRun run = begin_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

absl::StatusOr<bool> RecordHistory::Forget(absl::Time time, int64_t rows) {
  // The oldest without a gap: from the first that stays on all is whole.
  int64_t last = 0, position = 0;
  int changes = 0;
  {
    SqlRun run = oldest_.Bind();
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row || run.Int(1) >= absl::ToUnixMicros(time)) break;
      // What is left of a position could be withdrawn by half.
      if (changes >= kChangesABite && run.Int(2) != position) break;
      last = run.Int(0);
      position = run.Int(2);
      ++changes;
    }
  }
  if (changes > 0) {
    if (absl::Status status = forget_changes_.Bind(last).Finish(); !status.ok()) return status;
  }
  absl::StatusOr<int64_t> begin = Begin();
  if (!begin.ok()) return begin.status();
  if (absl::Status status = forget_rows_.Bind(*begin, rows).Finish(); !status.ok()) return status;
  return changes >= kChangesABite || connection_->changes() >= rows;
}

}  // namespace sluice::server
