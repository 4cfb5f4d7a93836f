#include "server/store/subject_joins.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

absl::Status TooMany() {
  return absl::OutOfRangeError(absl::StrCat("merges and splits that change more than ",
                                            kMaxRejoinedRecords, " records or ",
                                            kMaxRejoinedBytes >> 20, " MiB of them are too many"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SubjectJoins>> SubjectJoins::Create(const Parts& parts) {
  std::unique_ptr<SubjectJoins> joins(new SubjectJoins(parts));
  absl::Status status = PrepareAll(
      parts.connection,
      {{&joins->names_of_, "SELECT name_hash FROM identity WHERE person_hash = $1"},
       {&joins->forget_, "DELETE FROM identity WHERE name_hash = $1"},
       {&joins->put_, "INSERT INTO identity (name_hash, person_hash) VALUES ($1, $2)"},
       {&joins->with_ordinal_,
        "SELECT r.collection, r.ordinal, r.record_id FROM collection c "
        "JOIN record r ON r.collection = c.id AND r.ordinal = $1 WHERE c.owner = $2 "
        "LIMIT $3"},
       {&joins->with_name_,
        "SELECT k.collection, k.ordinal, k.record_id FROM collection c "
        "JOIN further_name f ON f.collection = c.id AND f.name = $1 "
        "JOIN record_key k ON k.record_id = f.record_id WHERE c.owner = $2 "
        "LIMIT $3"},
       {&joins->find_record_,
        "SELECT r.subjects, r.identity, r.position, r.bytes, c.record_type, o.name FROM record r "
        "JOIN collection c ON c.id = r.collection JOIN owner o ON o.id = c.owner "
        "WHERE r.collection = $1 AND r.ordinal = $2 AND r.record_id = $3"},
       {&joins->move_record_,
        "UPDATE record SET ordinal = $1, subjects = $2, position = $3, bytes = $4 "
        "WHERE collection = $5 AND ordinal = $6 AND record_id = $7"},
       {&joins->move_key_,
        "UPDATE record_key SET ordinal = $1, position = $2 WHERE record_id = $3"}});
  if (!status.ok()) return status;
  return joins;
}

absl::StatusOr<std::vector<NewSubject>> SubjectJoins::Apply(int64_t owner,
                                                            const IdentityChanges& changes,
                                                            int64_t position, absl::Time time) {
  absl::StatusOr<std::vector<Name>> names = Write(changes);
  if (!names.ok()) return names.status();
  // Names as they are joined from now on; who has no person stands alone.
  std::map<std::pair<bool, Hash16>, std::vector<const Name*>> joined;
  absl::flat_hash_map<uint32_t, size_t> names_before;  // by ordinal
  for (const Name& name : *names) {
    joined[{name.person.has_value(), name.person.value_or(name.hash)}].push_back(&name);
    ++names_before[name.entry.ordinal];
  }
  std::vector<std::vector<const Name*>> changed;
  for (auto& [key, together] : joined) {
    const uint32_t ordinal = together.front()->entry.ordinal;
    const bool as_before = names_before[ordinal] == together.size() &&
                           std::all_of(together.begin(), together.end(), [&](const Name* name) {
                             return name->entry.ordinal == ordinal;
                           });
    if (!as_before) changed.push_back(std::move(together));
  }
  if (changed.empty()) return std::vector<NewSubject>();
  // In the order in which their first names came, as subjects are numbered elsewhere.
  for (std::vector<const Name*>& together : changed) {
    std::sort(together.begin(), together.end(),
              [](const Name* a, const Name* b) { return a->entry.name < b->entry.name; });
  }
  std::sort(changed.begin(), changed.end(), [](const auto& a, const auto& b) {
    return a.front()->entry.name < b.front()->entry.name;
  });
  Moved moved;
  for (const std::vector<const Name*>& together : changed) {
    for (const Name* const name : together) moved.emplace(name->entry.name, NewSubject());
  }
  // What is too much is refused before anything is written.
  absl::StatusOr<std::vector<Place>> places = FindPlaces(owner, *names, moved);
  if (!places.ok()) return places.status();
  absl::StatusOr<std::vector<NewSubject>> subjects = dictionary_->Grow(owner, changed.size());
  if (!subjects.ok()) return subjects.status();
  for (size_t i = 0; i < changed.size(); ++i) {
    for (const Name* const name : changed[i]) {
      absl::Status status = dictionary_->Repoint(owner, name->hash, name->entry, (*subjects)[i]);
      if (!status.ok()) return status;
      moved[name->entry.name] = (*subjects)[i];
    }
  }
  int64_t bytes = 0;
  int64_t collection = 0;
  for (const Place& place : *places) {
    absl::Status status = Rewrite(place, moved, position, &bytes);
    if (status.ok() && place.collection != collection) {
      collection = place.collection;
      status = seals_->Move(collection, position, time, 0, 0);
    }
    if (!status.ok()) return status;
  }
  return subjects;
}

absl::StatusOr<std::vector<SubjectJoins::Name>> SubjectJoins::Write(
    const IdentityChanges& changes) {
  std::set<Hash16> persons;
  std::map<Hash16, std::optional<Hash16>> names;  // each with its person after the change
  for (const std::vector<IdentityRow>* rows : {&changes.gone, &changes.come}) {
    for (const IdentityRow& row : *rows) {
      persons.insert(row.person);
      names.emplace(row.name, std::nullopt);
    }
  }
  const auto add_all = [&](bool now) {
    absl::Status status;
    for (const Hash16& person : persons) {
      if (status.ok()) status = AddNamesOf(person, names, now);
    }
    return status;
  };
  absl::Status status = add_all(false);
  for (const IdentityRow& row : changes.gone) {
    if (status.ok()) status = forget_.Bind(SqlBlob(row.name)).Finish();
  }
  for (const IdentityRow& row : changes.come) {
    if (status.ok()) status = put_.Bind(SqlBlob(row.name), SqlBlob(row.person)).Finish();
  }
  if (status.ok()) status = add_all(true);
  if (!status.ok()) return status;
  std::vector<Hash16> hashes;
  for (const auto& [hash, person] : names) hashes.push_back(hash);
  if (status = opt_outs_->Moved(hashes); !status.ok()) return status;

  std::vector<Name> met;
  for (const auto& [hash, person] : names) {
    absl::StatusOr<std::optional<DictionaryEntry>> entry = dictionary_->Find(hash);
    if (!entry.ok()) return entry.status();
    if (entry->has_value()) met.push_back({.hash = hash, .entry = **entry, .person = person});
  }
  return met;
}

absl::Status SubjectJoins::AddNamesOf(const Hash16& person,
                                      std::map<Hash16, std::optional<Hash16>>& names, bool now) {
  SqlRun run = names_of_.Bind(SqlBlob(person));
  for (size_t count = 0;; ++count) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    if (count == kMaxNamesOfPerson) {
      return absl::OutOfRangeError(
          absl::StrCat("a person would have more than ", kMaxNamesOfPerson, " ids"));
    }
    absl::StatusOr<Hash16> name = run.Array<16>(0);
    if (!name.ok()) return name.status();
    std::optional<Hash16>& of = names[*name];
    if (now) of = person;
    if (static_cast<int64_t>(names.size()) > kMaxRejoinedNames) {
      return absl::OutOfRangeError(
          absl::StrCat("merges and splits of more than ", kMaxRejoinedNames, " ids are too many"));
    }
  }
}

absl::StatusOr<std::vector<SubjectJoins::Place>> SubjectJoins::FindPlaces(
    int64_t owner, const std::vector<Name>& names, const Moved& moved) {
  // One more than may be: an engine may hand all rows over at once.
  constexpr int64_t most = 2 * kMaxRejoinedRecords + 1;
  std::vector<Place> places;
  const auto add = [&](SqlRun run) -> absl::Status {
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) return absl::OkStatus();
      if (static_cast<int64_t>(places.size()) == 2 * kMaxRejoinedRecords) return TooMany();
      absl::StatusOr<Hash16> id = run.Array<16>(2);
      if (!id.ok()) return id.status();
      places.push_back({run.Int(0), static_cast<uint32_t>(run.Int(1)), *id});
    }
  };
  std::set<uint32_t> ordinals;
  for (const Name& name : names) {
    if (!moved.contains(name.entry.name)) continue;
    absl::Status status = add(with_name_.Bind(name.entry.name, owner, most));
    if (status.ok() && ordinals.insert(name.entry.ordinal).second) {
      status = add(with_ordinal_.Bind(name.entry.ordinal, owner, most));
    }
    if (!status.ok()) return status;
  }
  // A record may name two of them.
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  if (static_cast<int64_t>(places.size()) > kMaxRejoinedRecords) return TooMany();
  return places;
}

absl::Status SubjectJoins::Rewrite(const Place& place, const Moved& moved, int64_t position,
                                   int64_t* bytes) {
  SqlRun run = find_record_.Bind(place.collection, place.ordinal, SqlBlob(place.record_id));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("a record that should be stored is not");
  *bytes += static_cast<int64_t>(SealedContentSize(run.Bytes(3).size()));
  if (*bytes > kMaxRejoinedBytes) return TooMany();
  OfRecord of{.owner = run.Bytes(5),
              .record_type = run.Bytes(4),
              .record_id = place.record_id,
              .position = run.Int(2),
              .subjects = run.Bytes(0),
              .identity = run.Bytes(1)};
  const absl::StatusOr<absl::string_view> content = opening_->Open(of, run.Bytes(3));
  // What can't be read any more moves with its subjects all the same, and stays as it is.
  const bool readable = !DestroyedKeyOf(content.status());
  if (readable && !content.ok()) return content.status();

  absl::StatusOr<size_t> count = CountRecordSubjects(of.subjects);
  if (!count.ok()) return count.status();
  std::string subjects;
  uint32_t first = 0;
  for (size_t i = 0; i < *count; ++i) {
    DictionaryEntry subject = RecordSubjectAt(of.subjects, i);
    if (const auto now = moved.find(subject.name); now != moved.end()) {
      subject.ordinal = now->second.ordinal;
      subject.id = now->second.id;
    }
    if (i == 0) first = subject.ordinal;
    AppendRecordSubject(subject, subjects);
  }
  of.position = position;
  of.subjects = subjects;
  const absl::StatusOr<absl::string_view> sealed =
      readable ? sealing_->Seal(of, *content) : run.Bytes(3);
  if (!sealed.ok()) return sealed.status();
  const policy::RecordId id{place.record_id};
  absl::Status status = seals_->Go(place.collection, id, run.Bytes(3));
  if (status.ok()) status = seals_->Come(place.collection, id, *sealed);
  if (!status.ok()) return status;
  status = move_record_
               .Bind(first, SqlBlob(subjects), position, SqlBlob(*sealed), place.collection,
                     place.ordinal, SqlBlob(place.record_id))
               .Finish();
  if (!status.ok()) return status;
  return move_key_.Bind(first, position, SqlBlob(place.record_id)).Finish();
}

}  // namespace sluice::server
