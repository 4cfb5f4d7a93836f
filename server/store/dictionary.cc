#include "server/store/dictionary.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "server/store/random_ids.h"

namespace sluice::server {

absl::StatusOr<std::unique_ptr<Dictionary>> Dictionary::Create(SqliteConnection* connection,
                                                               const NameHasher* hasher) {
  std::unique_ptr<Dictionary> dictionary(new Dictionary(hasher));
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&dictionary->find_, "SELECT ordinal, subject_id FROM subject WHERE name_hash = ?"},
      {&dictionary->insert_,
       "INSERT INTO subject (name_hash, owner, ordinal, subject_id) VALUES (?, ?, ?, ?)"},
      {&dictionary->count_, "SELECT subjects FROM owner WHERE id = ?"},
      {&dictionary->set_count_, "UPDATE owner SET subjects = ? WHERE id = ?"}};
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<SqliteStatement> prepared = SqliteStatement::Prepare(connection, sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return dictionary;
}

absl::StatusOr<Dictionary::Resolved> Dictionary::Resolve(
    absl::string_view owner, int64_t owner_id,
    const std::vector<const policy::SubjectName*>& names) {
  std::vector<Hash16> hashes;
  hashes.reserve(names.size());
  for (const policy::SubjectName* name : names) {
    absl::StatusOr<Hash16> hash = hasher_->SubjectName(owner, name->id_space, name->id);
    if (!hash.ok()) return hash.status();
    hashes.push_back(*hash);
  }
  // Each subject once, in the order of the tree: neighbors are read and written once.
  std::vector<size_t> by_hash(names.size());
  std::iota(by_hash.begin(), by_hash.end(), 0);
  std::sort(by_hash.begin(), by_hash.end(),
            [&](size_t a, size_t b) { return std::tie(hashes[a], a) < std::tie(hashes[b], b); });
  std::vector<Subject> subjects;
  std::vector<size_t> subject_of(names.size());
  for (const size_t i : by_hash) {
    if (subjects.empty() || subjects.back().name != hashes[i]) {
      Subject subject{.name = hashes[i], .first = i};
      if (absl::Status status = Find(subject); !status.ok()) return status;
      subjects.push_back(subject);
    }
    subject_of[i] = subjects.size() - 1;
  }

  Resolved resolved;
  absl::StatusOr<std::vector<NewSubject>> added = Add(owner_id, subjects);
  if (!added.ok()) return added.status();
  resolved.added = *std::move(added);
  resolved.subjects.reserve(names.size());
  for (const size_t i : subject_of) resolved.subjects.push_back(subjects[i].entry);
  return resolved;
}

absl::Status Dictionary::Find(Subject& subject) {
  SqliteRun run = find_.Bind(SqliteBlob(subject.name));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  subject.is_new = !*row;
  if (subject.is_new) return absl::OkStatus();
  absl::StatusOr<Hash16> id = run.Array<16>(1);
  if (!id.ok()) return id.status();
  subject.entry = {.ordinal = static_cast<uint32_t>(run.Int(0)), .id = {*id}};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NewSubject>> Dictionary::Add(int64_t owner_id,
                                                        std::vector<Subject>& subjects) {
  std::vector<Subject*> fresh;
  for (Subject& subject : subjects) {
    if (subject.is_new) fresh.push_back(&subject);
  }
  std::vector<NewSubject> added;
  if (fresh.empty()) return added;
  // In the order in which they come: what belongs together in the file stays close in a scan.
  std::sort(fresh.begin(), fresh.end(),
            [](const Subject* a, const Subject* b) { return a->first < b->first; });
  uint64_t next = 0;
  {
    SqliteRun run = count_.Bind(owner_id);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("an owner that should be stored is not");
    next = static_cast<uint64_t>(run.Int(0));
  }
  if (next + fresh.size() > uint64_t{std::numeric_limits<uint32_t>::max()} + 1) {
    return absl::ResourceExhaustedError("the owner's dictionary is full");
  }
  absl::StatusOr<std::vector<Hash16>> ids = RandomIds(fresh.size());
  if (!ids.ok()) return ids.status();
  for (size_t i = 0; i < fresh.size(); ++i) {
    fresh[i]->entry = {.ordinal = static_cast<uint32_t>(next + i), .id = {(*ids)[i]}};
    added.push_back(fresh[i]->entry);
  }
  for (const Subject& subject : subjects) {
    if (!subject.is_new) continue;
    absl::Status status = insert_
                              .Bind(SqliteBlob(subject.name), owner_id, subject.entry.ordinal,
                                    SqliteBlob(subject.entry.id.bytes))
                              .Finish();
    if (!status.ok()) return status;
  }
  if (absl::Status status = set_count_.Bind(next + fresh.size(), owner_id).Finish(); !status.ok()) {
    return status;
  }
  return added;
}

}  // namespace sluice::server
