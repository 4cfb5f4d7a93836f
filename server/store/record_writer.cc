#include "server/store/record_writer.h"

#include <openssl/rand.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

using Id16 = std::array<uint8_t, 16>;

absl::string_view View(const Hash& hash) {
  return absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
}

absl::StatusOr<std::vector<Id16>> RandomIds(size_t count) {
  std::vector<Id16> ids(count);
  const size_t bytes = count * sizeof(Id16);
  if (bytes > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return absl::InvalidArgumentError("too many records in one batch");
  }
  if (count > 0 && RAND_bytes(ids[0].data(), static_cast<int>(bytes)) != 1) {
    return absl::UnavailableError("the system's randomness has failed");
  }
  return ids;
}

void AppendSubject(const policy::SubjectId& id, uint32_t ordinal, std::string& bytes) {
  bytes.append(id.bytes.begin(), id.bytes.end());
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(ordinal >> shift));
}

// One occurrence of a subject in a batch's changed records.
struct Occurrence {
  Hash16 name{};
  size_t entry = 0;
  size_t order = 0;  // among all of the batch, as it came
};

// One subject of a batch.
struct Subject {
  Hash16 name{};
  size_t order = 0;  // of its first occurrence
  bool is_new = false;
  uint32_t ordinal = 0;
  policy::SubjectId id{};
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Create(SqliteConnection* connection,
                                                                   const NameHasher* hasher) {
  std::unique_ptr<RecordWriter> writer(new RecordWriter(hasher));
  absl::StatusOr<std::unique_ptr<Answers>> answers = Answers::Create(connection);
  if (!answers.ok()) return answers.status();
  writer->answers_ = *std::move(answers);
  if (absl::Status status = writer->Prepare(connection); !status.ok()) return status;
  return writer;
}

absl::Status RecordWriter::Prepare(SqliteConnection* connection) {
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&find_owner_, "SELECT id FROM owner WHERE name = ?"},
      {&insert_owner_, "INSERT INTO owner (name, subjects) VALUES (?, 0) RETURNING id"},
      {&find_collection_,
       "SELECT id, position FROM collection WHERE owner = ? AND record_type = ?"},
      {&insert_collection_,
       "INSERT INTO collection (owner, record_type, position, time_us) VALUES (?, ?, 0, 0) "
       "RETURNING id"},
      {&touch_, "UPDATE collection SET position = ?, time_us = ? WHERE id = ?"},
      {&next_position_, "UPDATE store SET position = position + 1 RETURNING position"},
      {&find_key_, "SELECT record_id, ordinal, live FROM record_key WHERE key_hash = ?"},
      {&insert_key_,
       "INSERT INTO record_key (key_hash, collection, record_id, ordinal, live, position) "
       "VALUES (?, ?, ?, ?, 1, ?)"},
      {&update_key_,
       "UPDATE record_key SET ordinal = ?, live = ?, position = ? WHERE key_hash = ?"},
      {&find_bytes_,
       "SELECT bytes FROM record WHERE collection = ? AND ordinal = ? AND record_id = ?"},
      {&put_record_,
       "INSERT OR REPLACE INTO record (collection, ordinal, record_id, subjects, bytes) "
       "VALUES (?, ?, ?, ?, ?)"},
      {&delete_record_,
       "DELETE FROM record WHERE collection = ? AND ordinal = ? AND record_id = ?"},
      {&find_subject_, "SELECT ordinal, subject_id FROM subject WHERE name_hash = ?"},
      {&insert_subject_,
       "INSERT INTO subject (name_hash, owner, ordinal, subject_id) VALUES (?, ?, ?, ?)"},
      {&count_subjects_, "SELECT subjects FROM owner WHERE id = ?"},
      {&set_subjects_, "UPDATE owner SET subjects = ? WHERE id = ?"}};
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<SqliteStatement> prepared = SqliteStatement::Prepare(connection, sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::StatusOr<PublishOutcome> RecordWriter::Publish(const PublishBatch& batch) {
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

  absl::StatusOr<std::vector<Entry>> entries =
      Entries(batch.owner, batch.record_type, batch.records.size(),
              [&](size_t i) -> absl::string_view { return batch.records[i].key; });
  if (!entries.ok()) return entries.status();
  absl::StatusOr<Collection> collection = FindCollection(batch.owner, batch.record_type, true);
  if (!collection.ok()) return collection.status();
  if (absl::Status status = FindChanges(batch, *collection, *entries); !status.ok()) return status;

  PublishOutcome outcome;
  outcome.position = collection->position;
  for (const Entry& entry : *entries) {
    ++(!entry.live     ? outcome.new_count
       : entry.changes ? outcome.changed_count
                       : outcome.unchanged_count);
  }
  if (outcome.new_count + outcome.changed_count > 0) {
    absl::StatusOr<std::vector<NewSubject>> subjects =
        ResolveSubjects(batch, *collection, *entries);
    if (!subjects.ok()) return subjects.status();
    outcome.new_subjects = *std::move(subjects);
    if (absl::Status status = AssignRecordIds(*entries); !status.ok()) return status;
    absl::StatusOr<int64_t> position = NextPosition();
    if (!position.ok()) return position.status();
    outcome.position = *position;
    if (absl::Status status = WriteEntries(batch, *collection, *position, *entries); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = Touch(*collection, outcome.position, batch.time); !status.ok()) {
    return status;
  }
  absl::Status status = answers_->Remember(*request, *content, batch.time,
                                           {.position = outcome.position,
                                            .created = outcome.new_count,
                                            .changed = outcome.changed_count,
                                            .unchanged = outcome.unchanged_count});
  if (!status.ok()) return status;
  return outcome;
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
  outcome.position = collection.ok() ? collection->position : 0;
  if (outcome.deleted_count > 0) {
    absl::StatusOr<int64_t> position = NextPosition();
    if (!position.ok()) return position.status();
    outcome.position = *position;
    for (const Entry& entry : *entries) {
      if (!entry.live) continue;
      absl::Status status =
          update_key_.Bind(entry.ordinal, 0, *position, SqliteBlob(entry.key)).Finish();
      if (!status.ok()) return status;
      status =
          delete_record_.Bind(collection->id, entry.ordinal, SqliteBlob(entry.id.bytes)).Finish();
      if (!status.ok()) return status;
    }
  }
  if (collection.ok()) {
    absl::Status status = Touch(*collection, outcome.position, batch.time);
    if (!status.ok()) return status;
  }
  absl::Status status = answers_->Remember(*request, *content, batch.time,
                                           {.position = outcome.position,
                                            .deleted = outcome.deleted_count,
                                            .missing = outcome.missing_count});
  if (!status.ok()) return status;
  return outcome;
}

absl::StatusOr<int64_t> RecordWriter::OwnerId(absl::string_view owner, bool create) {
  {
    SqliteRun run = find_owner_.Bind(owner);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) return run.Int(0);
  }
  if (!create) return absl::NotFoundError("nothing was published by this owner");
  SqliteRun run = insert_owner_.Bind(owner);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return run.Int(0);
}

absl::StatusOr<RecordWriter::Collection> RecordWriter::FindCollection(absl::string_view owner,
                                                                      absl::string_view record_type,
                                                                      bool create) {
  absl::StatusOr<int64_t> owner_id = OwnerId(owner, create);
  if (!owner_id.ok()) return owner_id.status();
  {
    SqliteRun run = find_collection_.Bind(*owner_id, record_type);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) return Collection{.id = run.Int(0), .owner = *owner_id, .position = run.Int(1)};
  }
  if (!create) return absl::NotFoundError("nothing of this type was published by this owner");
  SqliteRun run = insert_collection_.Bind(*owner_id, record_type);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return Collection{.id = run.Int(0), .owner = *owner_id};
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
  for (Entry& entry : entries) {
    SqliteRun run = find_key_.Bind(SqliteBlob(entry.key));
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) continue;
    absl::StatusOr<Id16> id = run.Array<16>(0);
    if (!id.ok()) return id.status();
    entry.id.bytes = *id;
    entry.known = true;
    entry.old_ordinal = entry.ordinal = static_cast<uint32_t>(run.Int(1));
    entry.live = run.Int(2) != 0;
  }
  return entries;
}

absl::Status RecordWriter::FindChanges(const PublishBatch& batch, const Collection& collection,
                                       std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    if (!entry.live) continue;
    SqliteRun run = find_bytes_.Bind(collection.id, entry.old_ordinal, SqliteBlob(entry.id.bytes));
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("a record that should be stored is not");
    // Subjects are a function of the bytes.
    entry.changes = run.Bytes(0) != absl::string_view(batch.records[entry.index].bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NewSubject>> RecordWriter::ResolveSubjects(const PublishBatch& batch,
                                                                      const Collection& collection,
                                                                      std::vector<Entry>& entries) {
  // As the batch came: ordinals are given in that order, which keeps what belongs together close.
  std::vector<size_t> by_index(entries.size());
  std::iota(by_index.begin(), by_index.end(), 0);
  std::sort(by_index.begin(), by_index.end(),
            [&](size_t a, size_t b) { return entries[a].index < entries[b].index; });
  std::vector<Occurrence> occurrences;
  for (const size_t i : by_index) {
    if (!entries[i].changes) continue;
    for (const policy::SubjectName& name : batch.records[entries[i].index].subjects) {
      absl::StatusOr<Hash16> hash = hasher_->SubjectName(batch.owner, name.id_space, name.id);
      if (!hash.ok()) return hash.status();
      occurrences.push_back({.name = *hash, .entry = i, .order = occurrences.size()});
    }
  }

  // Each subject once, in the order of the tree.
  std::vector<size_t> by_name(occurrences.size());
  std::iota(by_name.begin(), by_name.end(), 0);
  std::sort(by_name.begin(), by_name.end(), [&](size_t a, size_t b) {
    return std::tie(occurrences[a].name, a) < std::tie(occurrences[b].name, b);
  });
  std::vector<Subject> subjects;
  std::vector<size_t> subject_of(occurrences.size());
  std::vector<size_t> fresh;  // the new ones, in `subjects`
  for (const size_t i : by_name) {
    if (subjects.empty() || subjects.back().name != occurrences[i].name) {
      Subject subject{.name = occurrences[i].name, .order = i};
      SqliteRun run = find_subject_.Bind(SqliteBlob(subject.name));
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (*row) {
        absl::StatusOr<Id16> id = run.Array<16>(1);
        if (!id.ok()) return id.status();
        subject.id.bytes = *id;
        subject.ordinal = static_cast<uint32_t>(run.Int(0));
      } else {
        subject.is_new = true;
        fresh.push_back(subjects.size());
      }
      subjects.push_back(subject);
    }
    subject_of[i] = subjects.size() - 1;
  }

  std::vector<NewSubject> added;
  if (!fresh.empty()) {
    SqliteRun count = count_subjects_.Bind(collection.owner);
    absl::StatusOr<bool> row = count.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("an owner that should be stored is not");
    const auto first = static_cast<uint64_t>(count.Int(0));
    if (first + fresh.size() > uint64_t{std::numeric_limits<uint32_t>::max()} + 1) {
      return absl::ResourceExhaustedError("the owner's dictionary is full");
    }
    absl::StatusOr<std::vector<Id16>> ids = RandomIds(fresh.size());
    if (!ids.ok()) return ids.status();
    std::sort(fresh.begin(), fresh.end(),
              [&](size_t a, size_t b) { return subjects[a].order < subjects[b].order; });
    for (size_t i = 0; i < fresh.size(); ++i) {
      Subject& subject = subjects[fresh[i]];
      subject.ordinal = static_cast<uint32_t>(first + i);
      subject.id.bytes = (*ids)[i];
      added.push_back({.ordinal = subject.ordinal, .id = subject.id});
    }
    for (const Subject& subject : subjects) {
      if (!subject.is_new) continue;
      absl::Status status = insert_subject_
                                .Bind(SqliteBlob(subject.name), collection.owner, subject.ordinal,
                                      SqliteBlob(subject.id.bytes))
                                .Finish();
      if (!status.ok()) return status;
    }
    absl::Status status = set_subjects_.Bind(first + fresh.size(), collection.owner).Finish();
    if (!status.ok()) return status;
  }

  for (Entry& entry : entries) {
    if (entry.changes) entry.ordinal = 0;
  }
  for (size_t i = 0; i < occurrences.size(); ++i) {
    Entry& entry = entries[occurrences[i].entry];
    const Subject& subject = subjects[subject_of[i]];
    // Canonical bytes have their fields in order of number: the first is the lowest-numbered.
    if (entry.subjects.empty()) entry.ordinal = subject.ordinal;
    AppendSubject(subject.id, subject.ordinal, entry.subjects);
  }
  return added;
}

absl::Status RecordWriter::AssignRecordIds(std::vector<Entry>& entries) {
  const auto is_new = [](const Entry& entry) { return !entry.known; };
  absl::StatusOr<std::vector<Id16>> ids =
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

absl::Status RecordWriter::WriteEntries(const PublishBatch& batch, const Collection& collection,
                                        int64_t position, std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (!entry.changes) continue;
    absl::Status status =
        entry.known ? update_key_.Bind(entry.ordinal, 1, position, SqliteBlob(entry.key)).Finish()
                    : insert_key_
                          .Bind(SqliteBlob(entry.key), collection.id, SqliteBlob(entry.id.bytes),
                                entry.ordinal, position)
                          .Finish();
    if (!status.ok()) return status;
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.ordinal, a.id) < std::tie(b.ordinal, b.id);
  });
  for (const Entry& entry : entries) {
    if (!entry.changes) continue;
    if (entry.live && entry.old_ordinal != entry.ordinal) {
      absl::Status status =
          delete_record_.Bind(collection.id, entry.old_ordinal, SqliteBlob(entry.id.bytes))
              .Finish();
      if (!status.ok()) return status;
    }
    absl::Status status =
        put_record_
            .Bind(collection.id, entry.ordinal, SqliteBlob(entry.id.bytes),
                  SqliteBlob(entry.subjects), SqliteBlob(batch.records[entry.index].bytes))
            .Finish();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RecordWriter::NextPosition() {
  SqliteRun run = next_position_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

absl::Status RecordWriter::Touch(const Collection& collection, int64_t position, absl::Time time) {
  return touch_.Bind(position, absl::ToUnixMicros(time), collection.id).Finish();
}

}  // namespace sluice::server
