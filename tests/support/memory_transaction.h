// A transaction of the store in memory: the tables as they become, written down as plainly as what
// an engine must do can be said. For memory_store.cc alone.
//
// Not thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_MEMORY_TRANSACTION_H_
#define SLUICE_TESTS_SUPPORT_MEMORY_TRANSACTION_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "tests/support/memory_store.h"

namespace sluice::server {

// Ids that differ; a test needs no randomness.
template <typename Id>
Id CountedId(uint64_t count) {
  Id id{};
  std::memcpy(id.bytes.data(), &count, sizeof(count));
  return id;
}

// One group: the tables, and the rows that the log gets.
class MemoryStore::GroupTransaction : public Transaction {
 public:
  // `log`: nobody else writes to it while this lives.
  GroupTransaction(Tables tables, const std::vector<LogRow>* log, bool* flip)
      : tables(std::move(tables)), log_(*log), flip_(*flip) {}

  absl::Status InsertLogRow(const LogRow& row) override {
    if (row.index != log_.size() + rows.size()) return absl::AlreadyExistsError("not the next row");
    if (std::exchange(flip_, false)) const_cast<LogRow&>(row).body[row.body.size() / 2] ^= 1;
    rows.push_back(row);
    return absl::OkStatus();
  }
  absl::Status UpdateLogHead(uint64_t old_size, const LogHead& new_head) override {
    if (old_size != log_.size() || new_head.size != log_.size() + rows.size()) {
      return absl::AbortedError("the head moved");
    }
    head = new_head;
    return absl::OkStatus();
  }

  absl::StatusOr<PublishOutcome> Publish(const PublishBatch& batch) override {
    if (batch.validate_only) {
      const Tables before = tables;
      PublishBatch unnamed = batch;
      unnamed.validate_only = false;
      absl::StatusOr<PublishOutcome> outcome = Publish(unnamed);
      tables = before;
      if (!outcome.ok()) return outcome;
      outcome->position = 0;
      outcome->new_subjects.clear();
      return outcome;
    }
    auto remembered = tables.publishes.find({batch.principal, batch.request_id});
    if (remembered != tables.publishes.end()) {
      if (remembered->second.first != batch.content_digest) {
        return absl::AlreadyExistsError("the request id was used for another batch");
      }
      PublishOutcome again = remembered->second.second;
      again.new_subjects.clear();
      again.replayed = true;
      return again;
    }
    PublishOutcome outcome;
    const int64_t position = tables.position + 1;
    Dictionary& dictionary = tables.dictionaries[batch.owner];
    const std::map<Name, std::string> persons = Persons(batch.owner);
    for (const policy::ValidRecord& valid : batch.records) {
      auto [found, is_new] =
          tables.records.try_emplace({batch.owner, batch.record_type, valid.key});
      Record& record = found->second;
      if (is_new) record.id = CountedId<policy::RecordId>(tables.records.size());
      const bool was_there = !is_new && !record.deleted;
      if (was_there && record.bytes == valid.bytes) {
        ++outcome.unchanged_count;
        continue;
      }
      ++(was_there ? outcome.changed_count : outcome.new_count);
      Replaces(position, batch.time, found->first, record, was_there);
      record.bytes = valid.bytes;
      record.deleted = false;
      record.subjects.clear();
      record.ordinals.clear();
      record.names = valid.subjects;
      record.identity = valid.identity;
      for (const policy::SubjectName& name : valid.subjects) {
        const NewSubject subject = Meet({name.id_space, name.id}, persons, dictionary, outcome);
        record.subjects.push_back(subject.id);
        record.ordinals.push_back(subject.ordinal);
      }
    }
    if (outcome.new_count > 0 && Rows(batch.owner) > batch.most_rows) {
      return absl::ResourceExhaustedError("more rows than the owner may have");
    }
    if (outcome.new_count + outcome.changed_count > 0) outcome.position = ++tables.position;
    LastPublish& last = tables.last_publish[{batch.owner, batch.record_type}];
    last = {std::max(last.position, outcome.position), batch.time};
    if (const absl::Status s = Join(batch.owner, batch.time, outcome.new_subjects); !s.ok()) {
      return s;
    }
    tables.publishes[{batch.principal, batch.request_id}] = {batch.content_digest, outcome};
    return outcome;
  }

  absl::StatusOr<DeleteOutcome> Delete(const DeleteBatch& batch) override {
    auto remembered = tables.deletes.find({batch.principal, batch.request_id});
    if (remembered != tables.deletes.end()) {
      if (remembered->second.first != batch.content_digest) {
        return absl::AlreadyExistsError("the request id was used for another batch");
      }
      DeleteOutcome again = remembered->second.second;
      again.new_subjects.clear();
      again.replayed = true;
      return again;
    }
    DeleteOutcome outcome;
    for (const std::string& key : batch.keys) {
      auto found = tables.records.find({batch.owner, batch.record_type, key});
      if (found == tables.records.end() || found->second.deleted) {
        ++outcome.missing_count;
      } else {
        Replaces(tables.position + 1, batch.time, found->first, found->second, true);
        found->second.deleted = true;
        ++outcome.deleted_count;
      }
    }
    if (outcome.missing_count > 0 && !batch.allow_missing) {
      return absl::NotFoundError("no such record");
    }
    if (outcome.deleted_count > 0) outcome.position = ++tables.position;
    LastPublish& last = tables.last_publish[{batch.owner, batch.record_type}];
    last = {std::max(last.position, outcome.position), batch.time};
    if (const absl::Status s = Join(batch.owner, batch.time, outcome.new_subjects); !s.ok()) {
      return s;
    }
    tables.deletes[{batch.principal, batch.request_id}] = {batch.content_digest, outcome};
    return outcome;
  }

  absl::StatusOr<WithdrawOutcome> Withdraw(const WithdrawBatch& batch) override {
    auto remembered = tables.withdraws.find({batch.principal, batch.request_id});
    if (remembered != tables.withdraws.end()) {
      if (remembered->second.first != batch.content_digest) {
        return absl::AlreadyExistsError("the request id was used for another request");
      }
      WithdrawOutcome again = remembered->second.second;
      again.new_subjects.clear();
      again.replayed = true;
      return again;
    }
    const int64_t begin =
        tables.history.empty() ? tables.position + 1 : tables.history.begin()->first;
    if (batch.first < begin) return HistoryIsForgotten("kept no longer");
    std::map<RecordKey, Record> before;  // the range
    int64_t changes = 0;
    WithdrawOutcome outcome;
    for (auto at = tables.history.lower_bound(batch.first);
         at != tables.history.end() && at->first <= batch.last; ++at) {
      for (const auto& [key, record] : at->second.before) {
        if (std::get<0>(key) != batch.owner) continue;
        ++changes;
        if (!record.deleted) outcome.bytes += static_cast<int64_t>(record.bytes.size());
        before.emplace(key, record);
      }
    }
    if (before.empty()) return absl::NotFoundError("no change of this owner");
    if (changes > kMaxWithdrawRecords) return absl::OutOfRangeError("too many");
    const int64_t position = tables.position + 1;
    for (const auto& [key, was] : before) {
      Record& now = tables.records[key];
      const bool same = was.deleted ? now.deleted : !now.deleted && now.bytes == was.bytes;
      const auto in_range = [&](int64_t at) { return at >= batch.first && at <= batch.last; };
      const bool kept = !in_range(now.content_position) && !in_range(now.written_position);
      if (!kept && !was.deleted && was.forgotten) return HistoryIsForgotten("somebody was erased");
      if (kept || same) {
        ++(kept ? outcome.kept_count : outcome.unchanged_count);
        continue;
      }
      ++(was.deleted   ? outcome.deleted_count
         : now.deleted ? outcome.undeleted_count
                       : outcome.restored_count);
      if (!now.deleted) outcome.bytes += static_cast<int64_t>(now.bytes.size());
      outcome.position = position;
      if (batch.validate_only) continue;
      Replaces(position, batch.time, key, now, !now.deleted);
      if (!was.deleted) now = was;
      now.deleted = was.deleted;
      now.position = position;
      now.content_position = was.content_position;
      now.written_position = position;
      tables.last_publish[{std::get<0>(key), std::get<1>(key)}] = {position, batch.time};
    }
    if (outcome.bytes > kMaxWithdrawBytes) return absl::OutOfRangeError("too many bytes");
    const int64_t grown = outcome.undeleted_count - outcome.deleted_count;
    const int64_t rows = Rows(batch.owner) + (batch.validate_only ? grown : 0);
    if (grown > 0 && rows > batch.most_rows) {
      return absl::ResourceExhaustedError("more rows than the owner may have");
    }
    if (batch.validate_only) {
      outcome.position = 0;
      return outcome;
    }
    if (outcome.position != 0) tables.position = position;
    if (const absl::Status s = Join(batch.owner, batch.time, outcome.new_subjects); !s.ok()) {
      return s;
    }
    tables.withdraws[{batch.principal, batch.request_id}] = {batch.content_digest, outcome};
    return outcome;
  }
  absl::StatusOr<bool> ForgetHistory(absl::Time time, int64_t) override {
    while (!tables.history.empty() && tables.history.begin()->second.time < time) {
      tables.history.erase(tables.history.begin());
    }
    return false;
  }

  absl::Status PutDictionaryHead(absl::string_view owner, uint64_t size,
                                 const std::vector<Hash>& compact_range) override {
    Dictionary& dictionary = tables.dictionaries[std::string(owner)];
    dictionary.size = size;
    dictionary.compact_range = compact_range;
    return absl::OkStatus();
  }
  absl::Status PutDictionaryOpenings(absl::string_view owner, uint32_t ordinal,
                                     const std::vector<std::string>& salts) override {
    Dictionary& dictionary = tables.dictionaries[std::string(owner)];
    for (const std::string& salt : salts) dictionary.salts[ordinal++] = salt;
    return absl::OkStatus();
  }
  absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> DictionaryHead(
      absl::string_view owner) override {
    const Dictionary& dictionary = tables.dictionaries[std::string(owner)];
    return std::make_pair(dictionary.size, dictionary.compact_range);
  }
  absl::StatusOr<std::vector<uint32_t>> EraseSubject(
      absl::string_view owner, absl::Span<const policy::SubjectName> names) override {
    Dictionary& dictionary = tables.dictionaries[std::string(owner)];
    std::set<uint32_t> ordinals;
    for (const policy::SubjectName& it : names) {
      const Name name(it.id_space, it.id);
      for (const auto& [key, record] : tables.records) {
        if (std::get<0>(key) == owner && !record.deleted && Names(record, name)) {
          return absl::FailedPreconditionError("records name this subject");
        }
      }
      if (Persons(std::string(owner)).count(name) > 0) {
        return absl::FailedPreconditionError("a record says whose this id is");
      }
      const auto ever = dictionary.ever.find(name);
      if (ever == dictionary.ever.end()) continue;
      ordinals.insert(ever->second.begin(), ever->second.end());
      dictionary.ever.erase(ever);
      dictionary.subjects.erase(name);
      std::erase(dictionary.names, name);
      for (auto& [position, change] : tables.history) {
        for (auto& [key, record] : change.before) {
          if (std::get<0>(key) == owner && Names(record, name)) record.forgotten = true;
        }
      }
    }
    if (ordinals.empty()) return absl::NotFoundError("no record ever named this subject");
    ++tables.retractions[std::string(owner)];
    ++tables.revision;
    return std::vector<uint32_t>(ordinals.begin(), ordinals.end());
  }
  absl::StatusOr<std::vector<std::string>> EraseOpenings(absl::string_view owner,
                                                         absl::string_view field, uint64_t begin,
                                                         uint64_t end) override {
    const Tables::Erased erased{std::string(owner), std::string(field), begin, end};
    std::set<std::string> owners;
    for (const LogRow& row : log_) {
      for (const LogRow::Opening& opening : row.openings) {
        if (!erased.Covers(row.index, opening) || !tables.Has(row.index, opening)) continue;
        owners.insert(opening.owner);
      }
    }
    tables.erased.push_back(erased);
    return std::vector<std::string>(owners.begin(), owners.end());
  }
  absl::Status PutMouVersion(const StoredMouVersion& version,
                             std::optional<uint64_t> replaces) override {
    const auto known = absl::c_find_if(tables.mou_versions, [&](const StoredMouVersion& it) {
      return it.mou == version.mou && it.version == version.version;
    });
    const bool there = known != tables.mou_versions.end();
    if (there && known->document != version.document) {
      return absl::AlreadyExistsError("other bytes");
    }
    if (there != replaces.has_value() || (there && known->log_index != *replaces)) {
      return absl::AbortedError("changed meanwhile");
    }
    ++tables.revision;
    if (there) {
      *known = version;
    } else {
      tables.mou_versions.push_back(version);
    }
    return absl::OkStatus();
  }
  absl::Status PutOrganization(const StoredOrganization& organization,
                               std::optional<uint64_t> replaces) override {
    const auto known = tables.organizations.find(organization.name);
    const bool as_said =
        replaces ? known != tables.organizations.end() && known->second.log_index == *replaces
                 : known == tables.organizations.end();
    if (!as_said) return absl::AbortedError("changed meanwhile");
    ++tables.revision;
    tables.organizations[organization.name] = organization;
    return absl::OkStatus();
  }
  absl::Status PutCatalog(absl::string_view kept) override {
    const std::string bytes(kept);
    for (const std::string& known : tables.catalogs) {
      if (known == bytes) return absl::OkStatus();
    }
    ++tables.revision;
    tables.catalogs.push_back(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> Revision() override { return tables.revision; }
  absl::StatusOr<int32_t> PutOptOuts(absl::string_view owner,
                                     absl::Span<const policy::SubjectName> names,
                                     absl::string_view purpose, bool opted_out) override {
    std::set<std::pair<Name, std::string>>& opt_outs = tables.opt_outs[std::string(owner)];
    int32_t changed = 0;
    for (const policy::SubjectName& name : names) {
      const std::pair<Name, std::string> it({name.id_space, name.id}, std::string(purpose));
      changed += opted_out ? opt_outs.insert(it).second : static_cast<int>(opt_outs.erase(it));
    }
    if (changed == 0) return 0;
    tables.opted_out[std::string(owner)] = tables.WhoOptedOut(std::string(owner));
    ++tables.retractions[std::string(owner)];
    ++tables.revision;
    return changed;
  }
  absl::StatusOr<int64_t> RetractionCount(absl::string_view owner) override {
    return tables.retractions[std::string(owner)];
  }
  absl::Status PutDecision(const StoredDecision& decision) override {
    tables.decisions[decision.decision_id] = decision;
    return absl::OkStatus();
  }

  Tables tables;
  std::vector<LogRow> rows;
  std::optional<LogHead> head;

 private:
  // Whether a record names somebody, or says whose id it is.
  static bool Names(const Record& record, const Name& name) {
    const auto is = [&name](const policy::SubjectName& other) {
      return Name(other.id_space, other.id) == name;
    };
    return absl::c_any_of(record.names, is) ||
           (record.identity.has_value() && is(record.identity->name));
  }
  // Whose ids are, as the owner's identity records say.
  std::map<Name, std::string> Persons(const std::string& owner) const {
    return tables.Persons(owner);
  }

  // To be called after whatever may change it.
  void CountRetraction(const std::string& owner) {
    std::map<std::string, std::set<uint32_t>> now = tables.WhoOptedOut(owner);
    if (now == tables.opted_out[owner]) return;
    tables.opted_out[owner] = std::move(now);
    ++tables.retractions[owner];
  }

  static NewSubject NextSubject(Dictionary& dictionary, std::vector<NewSubject>& added) {
    ++dictionary.ordinals;
    added.push_back({dictionary.ordinals, CountedId<policy::SubjectId>(dictionary.ordinals)});
    return added.back();
  }

  // The subject of a name, which may be met for the first time.
  static NewSubject Meet(const Name& name, const std::map<Name, std::string>& persons,
                         Dictionary& dictionary, PublishOutcome& outcome) {
    if (const auto met = dictionary.subjects.find(name); met != dictionary.subjects.end()) {
      return met->second;
    }
    std::optional<NewSubject> subject;
    const auto of = persons.find(name);
    for (const auto& [other, person] : persons) {
      const auto known = dictionary.subjects.find(other);
      if (of == persons.end() || person != of->second) continue;
      if (known != dictionary.subjects.end()) subject = known->second;
    }
    if (!subject) subject = NextSubject(dictionary, outcome.new_subjects);
    dictionary.names.push_back(name);
    dictionary.ever[name].insert(subject->ordinal);
    return dictionary.subjects[name] = *subject;
  }

  // Gives each set of names that are one person, and were not before, a subject of its own; all
  // records follow.
  absl::Status Join(const std::string& owner, absl::Time time, std::vector<NewSubject>& added) {
    Dictionary& dictionary = tables.dictionaries[owner];
    const std::map<Name, std::string> persons = Persons(owner);
    std::map<std::string, size_t> names_of;
    for (const auto& [name, person] : persons) {
      if (++names_of[person] > kMaxNamesOfPerson) return absl::OutOfRangeError("too many ids");
    }
    std::vector<std::set<Name>> joined;
    std::map<std::string, size_t> joined_as;  // by person
    for (const Name& name : dictionary.names) {
      const auto person = persons.find(name);
      if (person != persons.end()) {
        const auto [with, first] = joined_as.emplace(person->second, joined.size());
        if (!first) {
          joined[with->second].insert(name);
          continue;
        }
      }
      joined.push_back({name});
    }
    std::map<uint32_t, std::set<Name>> before;
    for (const auto& [name, subject] : dictionary.subjects) before[subject.ordinal].insert(name);
    for (const std::set<Name>& names : joined) {
      if (before[dictionary.subjects[*names.begin()].ordinal] == names) continue;
      const NewSubject subject = NextSubject(dictionary, added);
      for (const Name& name : names) {
        dictionary.subjects[name] = subject;
        dictionary.ever[name].insert(subject.ordinal);
      }
    }
    int64_t rewritten = 0;
    for (auto& [key, record] : tables.records) {
      if (std::get<0>(key) != owner || record.deleted) continue;
      const std::vector<policy::SubjectId> subjects = std::move(record.subjects);
      record.subjects.clear();
      record.ordinals.clear();
      for (const policy::SubjectName& name : record.names) {
        const NewSubject& subject = dictionary.subjects[{name.id_space, name.id}];
        record.subjects.push_back(subject.id);
        record.ordinals.push_back(subject.ordinal);
      }
      if (record.subjects == subjects) continue;
      tables.last_publish[{owner, std::get<1>(key)}] = {tables.position, time};
      if (++rewritten > kMaxRejoinedRecords) return absl::OutOfRangeError("too many records");
    }
    CountRetraction(owner);
    return absl::OkStatus();
  }

  int64_t Rows(const std::string& owner) const {
    return absl::c_count_if(tables.records, [&](const auto& entry) {
      return std::get<0>(entry.first) == owner && !entry.second.deleted;
    });
  }
  void Replaces(int64_t position, absl::Time time, const RecordKey& key, Record& record,
                bool live) {
    Tables::Change& change = tables.history[position];
    change.time = time;
    Record& before = change.before[key] = record;
    before.deleted = !live;
    record.position = record.content_position = record.written_position = position;
  }

  const std::vector<LogRow>& log_;
  bool& flip_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_MEMORY_TRANSACTION_H_
