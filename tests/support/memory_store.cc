#include "tests/support/memory_store.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace sluice::server {
namespace {

// Ids that differ; a test needs no randomness.
template <typename Id>
Id CountedId(uint64_t count) {
  Id id{};
  std::memcpy(id.bytes.data(), &count, sizeof(count));
  return id;
}

}  // namespace

// One group: the tables as they become, and the rows that the log gets.
class MemoryStore::GroupTransaction : public Transaction {
 public:
  GroupTransaction(Tables tables, uint64_t log_size, bool* flip)
      : tables(std::move(tables)), log_size_(log_size), flip_(*flip) {}

  absl::Status InsertLogRow(const LogRow& row) override {
    if (row.index != log_size_ + rows.size()) return absl::AlreadyExistsError("not the next row");
    if (std::exchange(flip_, false)) const_cast<LogRow&>(row).body[row.body.size() / 2] ^= 1;
    rows.push_back(row);
    return absl::OkStatus();
  }
  absl::Status UpdateLogHead(uint64_t old_size, const LogHead& new_head) override {
    if (old_size != log_size_ || new_head.size != log_size_ + rows.size()) {
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
    int64_t rows = 0;
    for (const auto& [key, record] : tables.records) {
      rows += std::get<0>(key) == batch.owner && !record.deleted;
    }
    if (outcome.new_count > 0 && rows > batch.most_rows) {
      return absl::ResourceExhaustedError("more rows than the owner may have");
    }
    outcome.position = ++tables.position;
    tables.last_publish[{batch.owner, batch.record_type}] = {outcome.position, batch.time};
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
    outcome.position = ++tables.position;
    tables.last_publish[{batch.owner, batch.record_type}] = {outcome.position, batch.time};
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
    if (batch.first < begin) return absl::FailedPreconditionError("kept no longer");
    std::map<RecordKey, std::optional<Record>> before;  // the range
    int64_t changes = 0;
    for (auto at = tables.history.lower_bound(batch.first);
         at != tables.history.end() && at->first <= batch.last; ++at) {
      for (const auto& [key, record] : at->second.before) {
        if (std::get<0>(key) != batch.owner) continue;
        ++changes;
        before.emplace(key, record);
      }
    }
    if (before.empty()) return absl::NotFoundError("no change of this owner");
    if (changes > kMaxWithdrawRecords) return absl::OutOfRangeError("too many");
    WithdrawOutcome outcome;
    const int64_t position = tables.position + 1;
    for (const auto& [key, was] : before) {
      Record& now = tables.records[key];
      const bool same = was ? !now.deleted && now.bytes == was->bytes : now.deleted;
      if (now.position > batch.last || same) {
        ++(now.position > batch.last ? outcome.kept_count : outcome.unchanged_count);
        continue;
      }
      ++(!was          ? outcome.deleted_count
         : now.deleted ? outcome.undeleted_count
                       : outcome.restored_count);
      outcome.position = position;
      if (batch.validate_only) continue;
      Replaces(position, batch.time, key, now, !now.deleted);
      if (was) now = *was;
      now.deleted = !was.has_value();
      now.position = position;
      tables.last_publish[{std::get<0>(key), std::get<1>(key)}] = {position, batch.time};
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
  absl::Status PutDictionaryOpening(absl::string_view owner, uint32_t ordinal,
                                    absl::string_view salt) override {
    tables.dictionaries[std::string(owner)].salts[ordinal] = std::string(salt);
    return absl::OkStatus();
  }
  absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> DictionaryHead(
      absl::string_view owner) override {
    const Dictionary& dictionary = tables.dictionaries[std::string(owner)];
    return std::make_pair(dictionary.size, dictionary.compact_range);
  }
  absl::Status PutMouVersion(const StoredMouVersion& version) override {
    for (StoredMouVersion& known : tables.mou_versions) {
      if (known.mou != version.mou || known.version != version.version) continue;
      if (known.document != version.document) return absl::AlreadyExistsError("other bytes");
      known = version;
      return absl::OkStatus();
    }
    tables.mou_versions.push_back(version);
    return absl::OkStatus();
  }
  absl::Status PutOrganization(const StoredOrganization& organization,
                               std::optional<uint64_t> replaces) override {
    const auto known = tables.organizations.find(organization.name);
    const bool as_said =
        replaces ? known != tables.organizations.end() && known->second.log_index == *replaces
                 : known == tables.organizations.end();
    if (!as_said) return absl::AbortedError("changed meanwhile");
    tables.organizations[organization.name] = organization;
    return absl::OkStatus();
  }
  absl::Status PutCatalog(absl::string_view kept) override {
    const std::string bytes(kept);
    for (const std::string& known : tables.catalogs) {
      if (known == bytes) return absl::OkStatus();
    }
    tables.catalogs.push_back(bytes);
    return absl::OkStatus();
  }
  absl::Status PutDecision(const StoredDecision& decision) override {
    tables.decisions[decision.decision_id] = decision;
    return absl::OkStatus();
  }

  Tables tables;
  std::vector<LogRow> rows;
  std::optional<LogHead> head;

 private:
  // Whose ids are, as the owner's identity records say.
  std::map<Name, std::string> Persons(const std::string& owner) const {
    std::map<Name, std::string> persons;
    for (const auto& [key, record] : tables.records) {
      if (std::get<0>(key) != owner || record.deleted || !record.identity) continue;
      persons[{record.identity->name.id_space, record.identity->name.id}] = record.identity->person;
    }
    return persons;
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
      for (const Name& name : names) dictionary.subjects[name] = subject;
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
    return absl::OkStatus();
  }

  void Replaces(int64_t position, absl::Time time, const RecordKey& key, Record& record,
                bool live) {
    Tables::Change& change = tables.history[position];
    change.time = time;
    change.before[key] = live ? std::optional(record) : std::nullopt;
    record.position = position;
  }

  const uint64_t log_size_;
  bool& flip_;
};

void MemoryStore::SetParticipant(CommitParticipant* participant) {
  absl::MutexLock lock(&mutex_);
  participant_ = participant;
}

void MemoryStore::Submit(Work work) {
  std::vector<Work> works;
  {
    absl::MutexLock lock(&mutex_);
    if (held_) {
      waiting_.push_back(std::move(work));
      return;
    }
  }
  works.push_back(std::move(work));
  RunGroup(std::move(works));
}

void MemoryStore::RunGroup(std::vector<Work> works) {
  absl::MutexLock writer(&writer_mutex_);
  std::stable_partition(works.begin(), works.end(), [](const Work& w) { return w.is_append; });
  CommitParticipant* participant;
  std::optional<GroupTransaction> transaction;
  absl::Status status;
  bool flip;
  std::optional<bool> fail_persisted;
  {
    absl::MutexLock lock(&mutex_);
    participant = participant_;
    status = health_;
    flip = std::exchange(flip_, false);
    transaction.emplace(tables_, log_.size(), &flip);
    fail_persisted = std::exchange(fail_persisted_, std::nullopt);
  }
  std::vector<absl::Status> results(works.size());
  if (status.ok()) {
    if (participant != nullptr) participant->Begin();
    for (size_t i = 0; i < works.size(); ++i) {
      Tables before = transaction->tables;
      const size_t rows = transaction->rows.size();
      if (participant != nullptr) participant->BeginWork();
      results[i] = works[i].apply(*transaction);
      if (results[i].ok()) continue;
      if (participant != nullptr) participant->UndoWork();
      transaction->tables = std::move(before);
      transaction->rows.resize(rows);
    }
    if (participant != nullptr) status = participant->BeforeCommit(*transaction);
  }
  {
    absl::MutexLock lock(&mutex_);
    if (fail_persisted) status = health_ = absl::DataLossError("a COMMIT failed");
    if (status.ok() || fail_persisted.value_or(false)) {
      tables_ = std::move(transaction->tables);
      for (LogRow& row : transaction->rows) log_.push_back(std::move(row));
      if (transaction->head) head_ = *transaction->head;
    }
  }
  if (status.ok() && participant != nullptr) participant->AfterCommit();
  for (size_t i = 0; i < works.size(); ++i) {
    works[i].done(status.ok() ? results[i] : absl::UnavailableError("not durable"));
  }
}

absl::Status MemoryStore::Health() const {
  absl::MutexLock lock(&mutex_);
  return health_;
}

StoredRecord MemoryStore::Lend(const Record& record) {
  StoredRecord lent;
  lent.place.ordinal = record.ordinals.empty() ? 0 : record.ordinals.front();
  lent.place.record_id = record.id;
  lent.bytes = record.bytes;
  lent.subjects = record.subjects;
  lent.ordinals = record.ordinals;
  return lent;
}

absl::Status MemoryStore::Read(const policy::Permit& permit, const AuditReceipt& receipt,
                               absl::string_view owner, std::optional<ScanPlace> from,
                               std::optional<ScanPlace> until,
                               absl::FunctionRef<bool(const StoredRecord&)> visit) const {
  if (!receipt.IsFor(&permit.plan())) return absl::InternalError("no receipt of this permit");
  return VisitRecords(owner, permit.plan().type->name(), from, until, visit);
}

absl::Status MemoryStore::VisitRecords(absl::string_view owner, absl::string_view record_type,
                                       std::optional<ScanPlace> from,
                                       std::optional<ScanPlace> until,
                                       absl::FunctionRef<bool(const StoredRecord&)> visit) const {
  absl::MutexLock lock(&mutex_);
  std::map<ScanPlace, const Record*> in_order;
  for (const auto& [key, record] : tables_.records) {
    if (std::get<0>(key) != owner || std::get<1>(key) != record_type) continue;
    if (!record.deleted) in_order[Lend(record).place] = &record;
  }
  for (const auto& [place, record] : in_order) {
    if ((from && place < *from) || (until && place >= *until)) continue;
    if (!visit(Lend(*record))) break;
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::ReadOne(
    const policy::Permit& permit, const AuditReceipt& receipt, const policy::RecordId& id,
    absl::FunctionRef<void(absl::string_view, const StoredRecord&)> visit) const {
  if (!receipt.IsFor(&permit.plan())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, record] : tables_.records) {
    const auto& [owner, type, canonical_key] = key;
    if (record.deleted || record.id != id || type != permit.plan().type->name()) continue;
    for (const policy::PlanGrant& grant : permit.plan().grants) {
      if (grant.owner != owner) continue;
      visit(owner, Lend(record));
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError("no such record");
}

absl::StatusOr<LastPublish> MemoryStore::LastPublishOf(absl::string_view owner,
                                                       absl::string_view record_type) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tables_.last_publish.find({std::string(owner), std::string(record_type)});
  return found == tables_.last_publish.end() ? LastPublish() : found->second;
}

absl::Status MemoryStore::ReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                                  std::optional<ScanPlace> from,
                                  absl::FunctionRef<bool(const StoredRecord&)> visit) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  return VisitRecords(permit.owner(), permit.type()->name(), from, std::nullopt, visit);
}

absl::Status MemoryStore::ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                                     absl::string_view key,
                                     absl::FunctionRef<void(const StoredRecord&)> visit) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  const auto found =
      tables_.records.find({permit.owner(), permit.type()->name(), std::string(key)});
  if (found == tables_.records.end() || found->second.deleted) {
    return absl::NotFoundError("no such record");
  }
  visit(Lend(found->second));
  return absl::OkStatus();
}

absl::StatusOr<OwnerStatus> MemoryStore::StatusOf(const OwnerPermit& permit,
                                                  const AuditReceipt& receipt) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  std::map<std::string, CollectionStatus> by_type;
  for (const auto& [of, last] : tables_.last_publish) {
    if (of.first == permit.owner()) by_type[of.second].last_publish = last;
  }
  for (const auto& [key, record] : tables_.records) {
    if (std::get<0>(key) != permit.owner()) continue;
    CollectionStatus& status = by_type[std::get<1>(key)];
    ++(record.deleted ? status.tombstones : status.live);
  }
  OwnerStatus status;
  for (auto& [type, collection] : by_type) {
    collection.record_type = type;
    status.collections.push_back(std::move(collection));
  }
  if (const auto found = tables_.dictionaries.find(permit.owner());
      found != tables_.dictionaries.end()) {
    status.subjects = static_cast<int64_t>(found->second.subjects.size());
  }
  return status;
}

absl::StatusOr<bool> MemoryStore::HistoryBefore(absl::Time time) const {
  absl::MutexLock lock(&mutex_);
  return !tables_.history.empty() && tables_.history.begin()->second.time < time;
}

absl::StatusOr<std::vector<StoredMouVersion>> MemoryStore::MouVersions() const {
  absl::MutexLock lock(&mutex_);
  return tables_.mou_versions;
}

absl::StatusOr<std::vector<StoredOrganization>> MemoryStore::Organizations() const {
  absl::MutexLock lock(&mutex_);
  std::vector<StoredOrganization> organizations;
  for (const auto& [name, organization] : tables_.organizations) {
    organizations.push_back(organization);
  }
  return organizations;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::Catalogs() const {
  absl::MutexLock lock(&mutex_);
  return tables_.catalogs;
}

absl::StatusOr<StoredDecision> MemoryStore::FindDecision(absl::string_view decision_id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tables_.decisions.find(std::string(decision_id));
  if (found == tables_.decisions.end()) return absl::NotFoundError("no such decision");
  return found->second;
}

absl::StatusOr<LogHead> MemoryStore::ReadLogHead() const {
  absl::MutexLock lock(&mutex_);
  return head_;
}

absl::Status MemoryStore::ReadLogRows(uint64_t begin, uint64_t end,
                                      absl::FunctionRef<bool(const LogRow&)> visit) const {
  absl::MutexLock lock(&mutex_);
  for (uint64_t i = begin; i < std::min<uint64_t>(end, log_.size()); ++i) {
    if (!visit(log_[i])) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Hash>> MemoryStore::ReadLeafHashes(uint64_t begin, uint64_t end) const {
  absl::MutexLock lock(&mutex_);
  std::vector<Hash> hashes;
  for (uint64_t i = begin; i < std::min<uint64_t>(end, log_.size()); ++i) {
    hashes.push_back(log_[i].leaf_hash);
  }
  return hashes;
}

absl::StatusOr<std::vector<LogRow::Opening>> MemoryStore::ReadOpenings(uint64_t index) const {
  absl::MutexLock lock(&mutex_);
  if (index >= log_.size()) return absl::NotFoundError("no such entry");
  return log_[index].openings;
}

absl::StatusOr<uint64_t> MemoryStore::LastWseq(absl::string_view writer,
                                               absl::string_view boot) const {
  absl::MutexLock lock(&mutex_);
  for (size_t i = log_.size(); i-- > 0;) {
    if (log_[i].writer == writer && log_[i].boot == boot) return log_[i].wseq;
  }
  return absl::NotFoundError("no such boot");
}

void MemoryStore::Hold() {
  absl::MutexLock lock(&mutex_);
  held_ = true;
}

void MemoryStore::Release() {
  std::vector<Work> works;
  {
    absl::MutexLock lock(&mutex_);
    held_ = false;
    works.swap(waiting_);
  }
  if (!works.empty()) RunGroup(std::move(works));
}

int MemoryStore::held_works() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(waiting_.size());
}

void MemoryStore::DropHeld() {
  std::vector<Work> works;
  {
    absl::MutexLock lock(&mutex_);
    held_ = false;
    works.swap(waiting_);
  }
  for (Work& work : works) work.done(absl::UnavailableError("dropped"));
}

void MemoryStore::FailNextCommit(bool persisted) {
  absl::MutexLock lock(&mutex_);
  fail_persisted_ = persisted;
}

void MemoryStore::FlipNextRow() {
  absl::MutexLock lock(&mutex_);
  flip_ = true;
}

void MemoryStore::RollBackLog(uint64_t size, const LogHead& head) {
  absl::MutexLock lock(&mutex_);
  log_.resize(size);
  head_ = head;
  participant_ = nullptr;
}

std::string MemoryStore::DictionarySalt(const std::string& owner, uint32_t ordinal) {
  absl::MutexLock lock(&mutex_);
  return tables_.dictionaries[owner].salts[ordinal];
}

void MemoryStore::Restart() {
  absl::MutexLock lock(&mutex_);
  participant_ = nullptr;
  health_ = absl::OkStatus();
}

}  // namespace sluice::server
