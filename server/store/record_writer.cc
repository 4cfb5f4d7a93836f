#include "server/store/record_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/random_ids.h"

namespace sluice::server {
namespace {

template <size_t n>
absl::string_view View(const std::array<uint8_t, n>& bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Create(const Parts& parts) {
  std::unique_ptr<RecordWriter> writer(new RecordWriter(parts));
  absl::StatusOr<std::unique_ptr<Answers>> answers = Answers::Create(parts.connection);
  if (!answers.ok()) return answers.status();
  writer->answers_ = *std::move(answers);
  if (absl::Status status = writer->Prepare(parts.connection); !status.ok()) return status;
  return writer;
}

absl::Status RecordWriter::Prepare(SqlConnection* connection) {
  absl::Status many = PrepareAllMany(
      connection,
      {{&delete_records_,
        "DELETE FROM record WHERE collection = $1 AND ordinal = $2 AND record_id = $3"},
       {&find_keys_,
        "SELECT record_id, ordinal, live, content_position, tie FROM record_key "
        "WHERE key_hash = $1"},
       {&insert_keys_,
        "INSERT INTO record_key (key_hash, collection, record_id, ordinal, live, position, "
        "content_position, written_position, tie) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
       {&update_keys_,
        "UPDATE record_key SET ordinal = $1, live = $2, position = $3, content_position = $3, "
        "written_position = $3 WHERE key_hash = $4"},
       {&find_records_,
        "SELECT subjects, identity, position, bytes FROM record "
        "WHERE collection = $1 AND ordinal = $2 AND record_id = $3"},
       {&insert_records_,
        "INSERT INTO record (collection, ordinal, record_id, subjects, identity, position, bytes) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)"},
       {&put_records_,
        "INSERT INTO record (collection, ordinal, record_id, subjects, identity, position, bytes) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (collection, ordinal, record_id) DO "
        "UPDATE SET subjects = excluded.subjects, identity = excluded.identity, "
        "position = excluded.position, bytes = excluded.bytes"}});
  if (!many.ok()) return many;
  return PrepareAll(
      connection,
      {{&find_owner_, "SELECT id, rows FROM owner WHERE name = $1"},
       {&insert_owner_,
        "INSERT INTO owner (name, subjects, names, rows) VALUES ($1, 1, 1, 0) RETURNING id"},
       {&find_collection_,
        "SELECT id, position FROM collection WHERE owner = $1 AND record_type = $2"},
       {&insert_collection_,
        "INSERT INTO collection (owner, record_type, position, time_us, live, tombstones, seal) "
        "VALUES ($1, $2, 0, 0, 0, 0, $3) RETURNING id"}});
}

absl::StatusOr<PublishOutcome> RecordWriter::Publish(const PublishBatch& batch) {
  if (batch.validate_only) {
    absl::StatusOr<Compared> compared = Compare(batch);
    if (!compared.ok()) return compared.status();
    return std::move(compared->outcome);
  }
  absl::StatusOr<Hash16> request = hasher_->Request(batch.principal, batch.request_id);
  if (!request.ok()) return request.status();
  absl::StatusOr<Hash16> content =
      hasher_->Content("publish", batch.owner, batch.record_type, View(batch.content_digest));
  if (!content.ok()) return content.status();
  absl::StatusOr<std::optional<Answer>> before = answers_->Find(*request, *content, batch.time);
  if (!before.ok()) return before.status();
  if (before->has_value()) {
    return PublishOutcome{.position = (*before)->position,
                          .new_count = (*before)->created,
                          .changed_count = (*before)->changed,
                          .unchanged_count = (*before)->unchanged,
                          .replayed = true};
  }

  absl::StatusOr<Compared> compared = Compare(batch);
  if (!compared.ok()) return compared.status();
  auto& [collection, entries, outcome] = *compared;
  RecordHistory::Change change{.collection = collection.id, .position = collection.position};
  if (outcome.new_count + outcome.changed_count > 0) {
    absl::StatusOr<std::vector<NewSubject>> subjects = ResolveSubjects(batch, collection, entries);
    if (!subjects.ok()) return subjects.status();
    outcome.new_subjects = *std::move(subjects);
    if (absl::Status status = AssignRecordIds(entries); !status.ok()) return status;
    absl::StatusOr<int64_t> position = history_->NextPosition();
    if (!position.ok()) return position.status();
    outcome.position = change.position = *position;
    if (absl::Status status = WriteEntries(batch, entries, change); !status.ok()) return status;
    subjects = joins_->Apply(collection.owner.id, change.identities, *position, batch.time);
    if (!subjects.ok()) return subjects.status();
    outcome.new_subjects.insert(outcome.new_subjects.end(), subjects->begin(), subjects->end());
  }
  if (absl::Status status = history_->Finish(change, batch.time); !status.ok()) return status;
  absl::Status status = answers_->Remember(*request, *content, batch.time,
                                           {.position = outcome.position,
                                            .created = outcome.new_count,
                                            .changed = outcome.changed_count,
                                            .unchanged = outcome.unchanged_count});
  if (!status.ok()) return status;
  return std::move(outcome);
}

absl::StatusOr<RecordWriter::Compared> RecordWriter::Compare(const PublishBatch& batch) {
  Compared compared;
  absl::StatusOr<std::vector<Entry>> entries =
      Entries(batch.owner, batch.record_type, batch.records.size(),
              [&](size_t i) -> absl::string_view { return batch.records[i].key; });
  if (!entries.ok()) return entries.status();
  compared.entries = *std::move(entries);
  absl::StatusOr<Collection> collection =
      FindCollection(batch.owner, batch.record_type, !batch.validate_only);
  if (collection.ok()) {
    compared.collection = *collection;
    const absl::Status found = FindChanges(batch, *collection, compared.entries);
    if (!found.ok()) return found;
  } else if (!absl::IsNotFound(collection.status())) {
    return collection.status();
  } else if (const absl::StatusOr<Owner> owner = FindOwner(batch.owner, false); owner.ok()) {
    compared.collection.owner = *owner;  // with records of other types
  }
  PublishOutcome& outcome = compared.outcome;
  for (const Entry& entry : compared.entries) {
    ++(!entry.live     ? outcome.new_count
       : entry.changes ? outcome.changed_count
                       : outcome.unchanged_count);
  }
  const int64_t rows = compared.collection.owner.rows + outcome.new_count;
  if (outcome.new_count > 0 && rows > batch.most_rows) {
    return absl::ResourceExhaustedError("the owner would have more records than it may");
  }
  return compared;
}

absl::StatusOr<DeleteOutcome> RecordWriter::Delete(const DeleteBatch& batch) {
  absl::StatusOr<Hash16> request = hasher_->Request(batch.principal, batch.request_id);
  if (!request.ok()) return request.status();
  absl::StatusOr<Hash16> content =
      hasher_->Content(batch.allow_missing ? "delete if there" : "delete", batch.owner,
                       batch.record_type, View(batch.content_digest));
  if (!content.ok()) return content.status();
  absl::StatusOr<std::optional<Answer>> before = answers_->Find(*request, *content, batch.time);
  if (!before.ok()) return before.status();
  if (before->has_value()) {
    return DeleteOutcome{.position = (*before)->position,
                         .deleted_count = (*before)->deleted,
                         .missing_count = (*before)->missing,
                         .replayed = true};
  }

  absl::StatusOr<std::vector<Entry>> entries =
      Entries(batch.owner, batch.record_type, batch.keys.size(),
              [&](size_t i) -> absl::string_view { return batch.keys[i]; });
  if (!entries.ok()) return entries.status();
  DeleteOutcome outcome;
  for (const Entry& entry : *entries) {
    ++(entry.live ? outcome.deleted_count : outcome.missing_count);
  }
  if (outcome.missing_count > 0 && !batch.allow_missing) {
    return absl::NotFoundError(absl::StrCat(outcome.missing_count, " of ", batch.keys.size(),
                                            " keys are not there; nothing was deleted"));
  }
  absl::StatusOr<Collection> collection =
      FindCollection(batch.owner, batch.record_type, outcome.deleted_count > 0);
  if (!collection.ok() && !absl::IsNotFound(collection.status())) return collection.status();
  if (collection.ok()) {
    RecordHistory::Change change{.collection = collection->id, .position = collection->position};
    if (outcome.deleted_count > 0) {
      absl::StatusOr<int64_t> position = history_->NextPosition();
      if (!position.ok()) return position.status();
      outcome.position = change.position = *position;
      if (absl::Status status = DeleteEntries(*entries, change); !status.ok()) return status;
      absl::StatusOr<std::vector<NewSubject>> subjects =
          joins_->Apply(collection->owner.id, change.identities, *position, batch.time);
      if (!subjects.ok()) return subjects.status();
      outcome.new_subjects = *std::move(subjects);
    }
    if (absl::Status status = history_->Finish(change, batch.time); !status.ok()) return status;
  }
  absl::Status status = answers_->Remember(*request, *content, batch.time,
                                           {.position = outcome.position,
                                            .deleted = outcome.deleted_count,
                                            .missing = outcome.missing_count});
  if (!status.ok()) return status;
  return outcome;
}

absl::StatusOr<RecordWriter::Owner> RecordWriter::FindOwner(absl::string_view owner, bool create) {
  {
    SqlRun run = find_owner_.Bind(owner);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) return Owner{.id = run.Int(0), .rows = run.Int(1)};
  }
  if (!create) return absl::NotFoundError("nothing was published by this owner");
  SqlRun run = insert_owner_.Bind(owner);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return Owner{.id = run.Int(0)};
}

absl::StatusOr<RecordWriter::Collection> RecordWriter::FindCollection(absl::string_view owner,
                                                                      absl::string_view record_type,
                                                                      bool create) {
  absl::StatusOr<Owner> found = FindOwner(owner, create);
  if (!found.ok()) return found.status();
  {
    SqlRun run = find_collection_.Bind(found->id, record_type);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) return Collection{.id = run.Int(0), .owner = *found, .position = run.Int(1)};
  }
  if (!create) return absl::NotFoundError("nothing of this type was published by this owner");
  SqlRun run = insert_collection_.Bind(found->id, record_type, SqlBlob(absl::string_view()));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return Collection{.id = run.Int(0), .owner = *found};
}

template <typename KeyOf>
absl::StatusOr<std::vector<RecordWriter::Entry>> RecordWriter::Entries(
    absl::string_view owner, absl::string_view record_type, size_t count, KeyOf key_of) {
  std::vector<Entry> entries(count);
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<Hash16> key = hasher_->RecordKey(owner, record_type, key_of(i));
    if (!key.ok()) return key.status();
    entries[i].key = *key;
    entries[i].index = i;
  }
  // In the order of the tree, neighbors are read and written once.
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  const auto twice =
      std::adjacent_find(entries.begin(), entries.end(),
                         [](const Entry& a, const Entry& b) { return a.key == b.key; });
  if (twice != entries.end()) {
    return absl::InvalidArgumentError("a key stands twice in the batch");
  }
  SqlManyRun keys = find_keys_.StartSmall([&](size_t i, const SqlRow& row) -> absl::Status {
    Entry& entry = entries[i];
    absl::StatusOr<Hash16> id = row.Array<16>(0);
    if (!id.ok()) return id.status();
    absl::StatusOr<Hash16> tie = hasher_->KeyTie(entry.key, *id);
    if (!tie.ok()) return tie.status();
    if (row.Bytes(4) != View(*tie)) return absl::DataLossError("a key has another's record");
    entry.id.bytes = *id;
    entry.known = true;
    entry.old_ordinal = entry.ordinal = static_cast<uint32_t>(row.Int(1));
    entry.live = row.Int(2) != 0;
    entry.content_position = row.Int(3);
    return absl::OkStatus();
  });
  absl::Status status;
  for (const Entry& entry : entries) {
    if (status.ok()) status = keys.Add(SqlBlob(entry.key));
  }
  if (status.ok()) status = keys.Finish();
  if (!status.ok()) return status;
  return entries;
}

absl::Status RecordWriter::FindChanges(const PublishBatch& batch, const Collection& collection,
                                       std::vector<Entry>& entries) {
  std::vector<Entry*> live;
  for (Entry& entry : entries) {
    if (entry.live) live.push_back(&entry);
  }
  size_t found = 0;
  SqlManyRun records = find_records_.Start([&](size_t i, const SqlRow& row) -> absl::Status {
    Entry& entry = *live[i];
    ++found;
    const absl::StatusOr<absl::string_view> content =
        opening_->Open(OfRecord{.owner = batch.owner,
                                .record_type = batch.record_type,
                                .record_id = entry.id.bytes,
                                .position = row.Int(2),
                                .subjects = row.Bytes(0),
                                .identity = row.Bytes(1)},
                       row.Bytes(3));
    // What can't be read any more is published anew, whatever it was.
    if (DestroyedKeyOf(content.status())) return absl::OkStatus();
    if (!content.ok()) return content.status();
    // Subjects are a function of the content.
    entry.changes = *content != absl::string_view(batch.records[entry.index].bytes);
    return absl::OkStatus();
  });
  absl::Status status;
  for (const Entry* entry : live) {
    if (!status.ok()) return status;
    status = records.Add(collection.id, entry->old_ordinal, SqlBlob(entry->id.bytes));
  }
  if (status.ok()) status = records.Finish();
  if (!status.ok()) return status;
  return found == live.size() ? absl::OkStatus()
                              : absl::DataLossError("a record that should be stored is not");
}

absl::StatusOr<std::vector<NewSubject>> RecordWriter::ResolveSubjects(const PublishBatch& batch,
                                                                      const Collection& collection,
                                                                      std::vector<Entry>& entries) {
  std::vector<Entry*> changed;  // as the batch came
  for (Entry& entry : entries) {
    if (entry.changes) changed.push_back(&entry);
  }
  std::sort(changed.begin(), changed.end(),
            [](const Entry* a, const Entry* b) { return a->index < b->index; });
  std::vector<const policy::SubjectName*> names;
  for (const Entry* entry : changed) {
    for (const policy::SubjectName& name : batch.records[entry->index].subjects) {
      names.push_back(&name);
    }
  }
  absl::StatusOr<Dictionary::Resolved> resolved =
      dictionary_->Resolve(batch.owner, collection.owner.id, names);
  if (!resolved.ok()) return resolved.status();
  auto subject = resolved->subjects.begin();
  for (Entry* entry : changed) {
    const size_t count = batch.records[entry->index].subjects.size();
    // Canonical bytes have their fields in order of number: the first is the lowest-numbered.
    entry->ordinal = count == 0 ? 0 : subject->ordinal;
    for (size_t i = 0; i < count; ++i, ++subject) {
      AppendRecordSubject(*subject, entry->subjects);
    }
  }
  return std::move(resolved->added);
}

absl::Status RecordWriter::AssignRecordIds(std::vector<Entry>& entries) {
  const auto is_new = [](const Entry& entry) { return !entry.known; };
  absl::StatusOr<std::vector<Hash16>> ids =
      RandomIds(std::count_if(entries.begin(), entries.end(), is_new));
  if (!ids.ok()) return ids.status();
  // Sorted, and given in the order of the keyed hashes: so both trees are written in their order.
  // Each id is as random as before, and the hashes' order says nothing of the keys.
  std::sort(ids->begin(), ids->end());
  auto next = ids->begin();
  for (Entry& entry : entries) {
    if (is_new(entry)) entry.id.bytes = *next++;
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
