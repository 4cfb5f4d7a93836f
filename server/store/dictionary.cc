#include "server/store/dictionary.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/erasures.h"
#include "server/store/random_ids.h"

namespace sluice::server {

absl::StatusOr<DictionaryEntry> Dictionary::Entry(const NameHasher& hasher, const SqlRow& row) {
  const absl::StatusOr<Hash16> name = row.Array<16>(0), id = row.Array<16>(4);
  if (!name.ok()) return name.status();
  if (!id.ok()) return id.status();
  const absl::StatusOr<Hash16> tie = hasher.SubjectTie({.name_hash = *name,
                                                        .owner = row.Int(1),
                                                        .name = row.Int(2),
                                                        .ordinal = row.Int(3),
                                                        .subject_id = *id});
  if (!tie.ok()) return tie.status();
  if (row.Bytes(5) != SqlBlob(*tie).bytes) {
    return absl::DataLossError("a name has another's subject");
  }
  return DictionaryEntry{.name = static_cast<uint32_t>(row.Int(2)),
                         .ordinal = static_cast<uint32_t>(row.Int(3)),
                         .id = {*id}};
}

absl::StatusOr<std::unique_ptr<Dictionary>> Dictionary::Create(SqlConnection* connection,
                                                               const NameHasher* hasher,
                                                               OptOutTable* opt_outs) {
  std::unique_ptr<Dictionary> dictionary(new Dictionary(hasher, opt_outs));
  const std::string find = absl::StrCat("SELECT ", kRow, " FROM subject WHERE name_hash = $1");
  const std::string current =
      absl::StrCat("SELECT ", kRow, " FROM subject WHERE owner = $1 AND name = $2");
  const std::string of_person =
      absl::StrCat("SELECT ", kRow,
                   " FROM identity JOIN subject USING (name_hash) WHERE person_hash = $1 LIMIT 1");
  absl::Status status = PrepareAllMany(
      connection,
      {{&dictionary->find_names_, find},
       {&dictionary->current_, current},
       {&dictionary->find_persons_, "SELECT person_hash FROM identity WHERE name_hash = $1"},
       {&dictionary->insert_names_,
        "INSERT INTO subject (name_hash, owner, name, ordinal, subject_id, tie) "
        "VALUES ($1, $2, $3, $4, $5, $6)"}});
  if (!status.ok()) return status;
  status = PrepareAll(
      connection,
      {{&dictionary->find_, find},
       {&dictionary->subject_of_, of_person},
       {&dictionary->any_person_, "SELECT EXISTS (SELECT 1 FROM identity)"},
       {&dictionary->counts_, "SELECT subjects, names FROM owner WHERE id = $1"},
       {&dictionary->set_subjects_, "UPDATE owner SET subjects = $1 WHERE id = $2"},
       {&dictionary->set_names_, "UPDATE owner SET names = $1 WHERE id = $2"},
       {&dictionary->repoint_,
        "UPDATE subject SET ordinal = $1, subject_id = $2, tie = $3 WHERE name_hash = $4"},
       {&dictionary->keep_former_,
        "INSERT INTO former_subject (owner, name, ordinal, subject_id) VALUES ($1, $2, $3, $4)"}});
  if (!status.ok()) return status;
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
  // Each name once, in the order of the tree: neighbors are read and written once.
  std::vector<size_t> by_hash(names.size());
  std::iota(by_hash.begin(), by_hash.end(), 0);
  std::sort(by_hash.begin(), by_hash.end(),
            [&](size_t a, size_t b) { return std::tie(hashes[a], a) < std::tie(hashes[b], b); });
  std::vector<Name> distinct;
  std::vector<size_t> name_of(names.size());
  for (const size_t i : by_hash) {
    if (distinct.empty() || distinct.back().hash != hashes[i]) {
      distinct.push_back({.hash = hashes[i], .first = i, .is_new = true});
    }
    name_of[i] = distinct.size() - 1;
  }
  SqlManyRun known = find_names_.StartSmall([&](size_t i, const SqlRow& row) -> absl::Status {
    absl::StatusOr<DictionaryEntry> entry = Entry(*hasher_, row);
    if (!entry.ok()) return entry.status();
    distinct[i].entry = *entry;
    distinct[i].is_new = false;
    return absl::OkStatus();
  });
  absl::Status status;
  for (const Name& name : distinct) {
    if (status.ok()) status = known.Add(SqlBlob(name.hash));
  }
  if (status.ok()) status = known.Finish();
  if (!status.ok()) return status;

  Resolved resolved;
  absl::StatusOr<std::vector<NewSubject>> added = Add(owner_id, distinct);
  if (!added.ok()) return added.status();
  resolved.added = *std::move(added);
  resolved.subjects.reserve(names.size());
  for (const size_t i : name_of) resolved.subjects.push_back(distinct[i].entry);
  return resolved;
}

absl::StatusOr<std::optional<DictionaryEntry>> Dictionary::Find(const Hash16& name) {
  SqlRun run = find_.Bind(SqlBlob(name));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  absl::StatusOr<DictionaryEntry> entry = Entry(*hasher_, run);
  if (!entry.ok()) return entry.status();
  return *entry;
}

absl::StatusOr<std::vector<std::string>> Dictionary::Current(
    int64_t owner_id, std::vector<std::string> records_subjects) {
  std::vector<DictionaryEntry> subjects;
  std::vector<size_t> counts;
  for (const std::string& record : records_subjects) {
    absl::StatusOr<size_t> count = CountRecordSubjects(record);
    if (!count.ok()) return count.status();
    for (size_t i = 0; i < *count; ++i) subjects.push_back(RecordSubjectAt(record, i));
    counts.push_back(*count);
  }
  size_t found = 0;
  SqlManyRun run = current_.StartSmall([&](size_t i, const SqlRow& row) -> absl::Status {
    absl::StatusOr<DictionaryEntry> entry = Entry(*hasher_, row);
    if (!entry.ok()) return entry.status();
    const absl::StatusOr<Hash16> erased = ErasedName(*hasher_, owner_id, entry->name);
    if (!erased.ok()) return erased.status();
    // What left of the person from then on would be in no report on anybody.
    if (row.Bytes(0) == SqlBlob(*erased).bytes) {
      return HistoryIsForgotten("a record of it names somebody who was erased since");
    }
    subjects[i] = *entry;
    ++found;
    return absl::OkStatus();
  });
  for (const DictionaryEntry& subject : subjects) {
    if (absl::Status status = run.Add(owner_id, subject.name); !status.ok()) return status;
  }
  if (absl::Status status = run.Finish(); !status.ok()) return status;
  if (found != subjects.size()) {
    return absl::DataLossError("a name that a record has is not in the dictionary");
  }
  auto next = subjects.begin();
  for (size_t i = 0; i < counts.size(); ++i) {
    records_subjects[i].clear();
    for (size_t j = 0; j < counts[i]; ++j) AppendRecordSubject(*next++, records_subjects[i]);
  }
  return records_subjects;
}

absl::StatusOr<std::vector<NewSubject>> Dictionary::Grow(int64_t owner_id, size_t count) {
  std::vector<NewSubject> added;
  if (count == 0) return added;
  uint64_t next = 0;
  {
    SqlRun run = counts_.Bind(owner_id);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("an owner that should be stored is not");
    next = static_cast<uint64_t>(run.Int(0));
  }
  if (next + count > uint64_t{std::numeric_limits<uint32_t>::max()} + 1) {
    return absl::ResourceExhaustedError("the owner's dictionary is full");
  }
  absl::StatusOr<std::vector<Hash16>> ids = RandomIds(count);
  if (!ids.ok()) return ids.status();
  for (size_t i = 0; i < count; ++i) {
    added.push_back({.ordinal = static_cast<uint32_t>(next + i), .id = {(*ids)[i]}});
  }
  absl::Status status = set_subjects_.Bind(next + count, owner_id).Finish();
  if (!status.ok()) return status;
  return added;
}

absl::Status Dictionary::Repoint(int64_t owner_id, const Hash16& name,
                                 const DictionaryEntry& before, const NewSubject& now) {
  absl::Status status =
      keep_former_.Bind(owner_id, before.name, before.ordinal, SqlBlob(before.id.bytes)).Finish();
  if (!status.ok()) return status;
  const absl::StatusOr<Hash16> tie = hasher_->SubjectTie({.name_hash = name,
                                                          .owner = owner_id,
                                                          .name = before.name,
                                                          .ordinal = now.ordinal,
                                                          .subject_id = now.id.bytes});
  if (!tie.ok()) return tie.status();
  return repoint_.Bind(now.ordinal, SqlBlob(now.id.bytes), SqlBlob(*tie), SqlBlob(name)).Finish();
}

absl::StatusOr<std::vector<NewSubject>> Dictionary::Add(int64_t owner_id,
                                                        std::vector<Name>& names) {
  std::vector<Name*> fresh;
  for (Name& name : names) {
    if (name.is_new) fresh.push_back(&name);
  }
  std::vector<NewSubject> added;
  if (fresh.empty()) return added;
  // In the order in which they come: what belongs together in the file stays close in a scan.
  std::sort(fresh.begin(), fresh.end(),
            [](const Name* a, const Name* b) { return a->first < b->first; });
  // A name that is of a person whom the dictionary knows, or of one with another new name, shares
  // that subject.
  constexpr size_t kKnown = std::numeric_limits<size_t>::max();
  std::map<Hash16, size_t> new_of_person;
  std::vector<size_t> new_of_name;
  size_t count = 0;
  absl::StatusOr<std::vector<std::optional<Hash16>>> persons = PersonsOf(fresh);
  if (!persons.ok()) return persons.status();
  for (size_t i = 0; i < fresh.size(); ++i) {
    Name* const name = fresh[i];
    const std::optional<Hash16>& person = (*persons)[i];
    size_t subject = count;
    if (person.has_value()) {
      absl::StatusOr<std::optional<NewSubject>> known = SubjectOf(*person);
      if (!known.ok()) return known.status();
      if (known->has_value()) {
        name->entry = {.ordinal = (*known)->ordinal, .id = (*known)->id};
        subject = kKnown;
      } else {
        subject = new_of_person.emplace(*person, count).first->second;
      }
    }
    if (subject == count) ++count;
    new_of_name.push_back(subject);
  }
  absl::StatusOr<std::vector<NewSubject>> subjects = Grow(owner_id, count);
  if (!subjects.ok()) return subjects.status();
  added = *std::move(subjects);

  int64_t next_name = 0;
  {
    SqlRun run = counts_.Bind(owner_id);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("an owner that should be stored is not");
    next_name = run.Int(1);
  }
  if (next_name + static_cast<int64_t>(fresh.size()) > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError("the owner's dictionary is full");
  }
  for (size_t i = 0; i < fresh.size(); ++i) {
    DictionaryEntry& entry = fresh[i]->entry;
    entry.name = static_cast<uint32_t>(next_name + static_cast<int64_t>(i));
    if (new_of_name[i] == kKnown) continue;
    entry.ordinal = added[new_of_name[i]].ordinal;
    entry.id = added[new_of_name[i]].id;
  }
  SqlManyRun inserts = insert_names_.Start();
  for (const Name& name : names) {
    if (!name.is_new) continue;
    const absl::StatusOr<Hash16> tie = hasher_->SubjectTie({.name_hash = name.hash,
                                                            .owner = owner_id,
                                                            .name = name.entry.name,
                                                            .ordinal = name.entry.ordinal,
                                                            .subject_id = name.entry.id.bytes});
    if (!tie.ok()) return tie.status();
    absl::Status status =
        inserts.Add(SqlBlob(name.hash), owner_id, name.entry.name, name.entry.ordinal,
                    SqlBlob(name.entry.id.bytes), SqlBlob(*tie));
    if (!status.ok()) return status;
  }
  if (absl::Status status = inserts.Finish(); !status.ok()) return status;
  absl::Status status =
      set_names_.Bind(next_name + static_cast<int64_t>(fresh.size()), owner_id).Finish();
  if (!status.ok()) return status;
  std::vector<Hash16> hashes;
  for (const Name* name : fresh) hashes.push_back(name->hash);
  if (status = opt_outs_->Moved(hashes); !status.ok()) return status;
  return added;
}

absl::StatusOr<std::vector<std::optional<Hash16>>> Dictionary::PersonsOf(
    const std::vector<Name*>& names) {
  std::vector<std::optional<Hash16>> persons(names.size());
  {
    SqlRun any = any_person_.Bind();
    absl::StatusOr<bool> row = any.Next();
    if (!row.ok()) return row.status();
    if (*row && any.Int(0) == 0) return persons;
  }
  SqlManyRun run = find_persons_.StartSmall([&](size_t i, const SqlRow& row) -> absl::Status {
    absl::StatusOr<Hash16> person = row.Array<16>(0);
    if (!person.ok()) return person.status();
    persons[i] = *person;
    return absl::OkStatus();
  });
  for (const Name* name : names) {
    if (absl::Status status = run.Add(SqlBlob(name->hash)); !status.ok()) return status;
  }
  if (absl::Status status = run.Finish(); !status.ok()) return status;
  return persons;
}

absl::StatusOr<std::optional<NewSubject>> Dictionary::SubjectOf(const Hash16& person) {
  SqlRun run = subject_of_.Bind(SqlBlob(person));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  absl::StatusOr<DictionaryEntry> entry = Entry(*hasher_, run);
  if (!entry.ok()) return entry.status();
  return NewSubject{.ordinal = entry->ordinal, .id = entry->id};
}

}  // namespace sluice::server
