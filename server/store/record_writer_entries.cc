// What a change writes of its records: their keys, what it replaces, and what they become.
#include <algorithm>
#include <tuple>
#include <vector>

#include "server/store/record_writer.h"

namespace sluice::server {

absl::StatusOr<std::string> RecordWriter::IdentityOf(const PublishBatch& batch,
                                                     const Entry& entry) const {
  const std::optional<policy::Identity>& identity = batch.records[entry.index].identity;
  if (!identity.has_value()) return std::string();
  absl::StatusOr<Hash16> name =
      hasher_->SubjectName(batch.owner, identity->name.id_space, identity->name.id);
  if (!name.ok()) return name.status();
  absl::StatusOr<Hash16> person = hasher_->Person(batch.owner, identity->person);
  if (!person.ok()) return person.status();
  return IdentityBytes({.name = *name, .person = *person});
}

absl::Status RecordWriter::WriteEntries(const PublishBatch& batch, std::vector<Entry>& entries,
                                        RecordHistory::Change& change) {
  SqlManyRun new_keys = insert_keys_.Start(), old_keys = update_keys_.Start();
  for (const Entry& entry : entries) {
    if (!entry.changes) continue;
    absl::Status status;
    if (entry.known) {
      status = old_keys.Add(entry.ordinal, 1, change.position, SqlBlob(entry.key));
    } else {
      absl::StatusOr<Hash16> tie = hasher_->KeyTie(entry.key, entry.id.bytes);
      if (!tie.ok()) return tie.status();
      const int64_t position = change.position;
      status = new_keys.Add(SqlBlob(entry.key), change.collection, SqlBlob(entry.id.bytes),
                            entry.ordinal, 1, position, position, position, SqlBlob(*tie));
    }
    if (!status.ok()) return status;
  }
  for (SqlManyRun* keys : {&new_keys, &old_keys}) {
    if (absl::Status status = keys->Finish(); !status.ok()) return status;
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.ordinal, a.id) < std::tie(b.ordinal, b.id);
  });
  std::vector<RecordHistory::Replaced> replaced;
  for (const Entry& entry : entries) {
    if (!entry.changes) continue;
    if (entry.live) {
      replaced.push_back({.ordinal = entry.old_ordinal,
                          .id = entry.id,
                          .content_position = entry.content_position});
    } else {
      RecordHistory::Creates({entry.id, entry.content_position}, entry.known, change);
    }
  }
  if (absl::Status status = history_->Replaces(replaced, change); !status.ok()) return status;
  SqlManyRun deletes = delete_records_.Start();
  SqlManyRun inserts = insert_records_.Start(), puts = put_records_.Start();
  for (const Entry& entry : entries) {
    if (!entry.changes) continue;
    if (entry.live && entry.old_ordinal != entry.ordinal) {
      absl::Status status =
          deletes.Add(change.collection, entry.old_ordinal, SqlBlob(entry.id.bytes));
      if (!status.ok()) return status;
    }
    absl::StatusOr<std::string> identity = IdentityOf(batch, entry);
    if (!identity.ok()) return identity.status();
    const absl::StatusOr<absl::string_view> sealed =
        sealing_->Seal(OfRecord{.owner = batch.owner,
                                .record_type = batch.record_type,
                                .record_id = entry.id.bytes,
                                .position = change.position,
                                .subjects = entry.subjects,
                                .identity = *identity},
                       batch.records[entry.index].bytes);
    if (!sealed.ok()) return sealed.status();
    absl::Status status =
        (entry.live ? puts : inserts)
            .Add(change.collection, entry.ordinal, SqlBlob(entry.id.bytes), SqlBlob(entry.subjects),
                 SqlBlob(*identity), change.position, SqlBlob(*sealed));
    if (status.ok()) {
      status = history_->Becomes(entry.id, entry.subjects, *identity, *sealed, change);
    }
    if (!status.ok()) return status;
  }
  for (SqlManyRun* records : {&deletes, &inserts, &puts}) {
    if (absl::Status status = records->Finish(); !status.ok()) return status;
  }
  return history_->WriteNames(change);
}

absl::Status RecordWriter::DeleteEntries(const std::vector<Entry>& entries,
                                         RecordHistory::Change& change) {
  std::vector<RecordHistory::Replaced> replaced;
  SqlManyRun keys = update_keys_.Start();
  for (const Entry& entry : entries) {
    if (!entry.live) continue;
    absl::Status status = keys.Add(0, 0, change.position, SqlBlob(entry.key));
    if (!status.ok()) return status;
    replaced.push_back({.ordinal = entry.ordinal,
                        .id = entry.id,
                        .content_position = entry.content_position,
                        .goes = true});
  }
  absl::Status status = keys.Finish();
  if (status.ok()) status = history_->Replaces(replaced, change);
  SqlManyRun deletes = delete_records_.Start();
  for (const RecordHistory::Replaced& record : replaced) {
    if (!status.ok()) return status;
    status = deletes.Add(change.collection, record.ordinal, SqlBlob(record.id.bytes));
  }
  return status.ok() ? deletes.Finish() : status;
}

}  // namespace sluice::server
