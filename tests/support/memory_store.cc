#include "tests/support/memory_store.h"

#include <algorithm>

#include "tests/support/memory_transaction.h"

namespace sluice::server {

void MemoryStore::SetParticipant(CommitParticipant* participant) {
  absl::MutexLock lock(&mutex_);
  participant_ = participant;
}

void MemoryStore::Submit(Work work) {
  CommitParticipant* participant;
  {
    absl::MutexLock lock(&mutex_);
    if (held_) {
      waiting_.push_back(std::move(work));
      return;
    }
    participant = participant_;
  }
  SubmitBeside(participant, std::move(work));
}

void MemoryStore::SubmitBeside(CommitParticipant* participant, Work work) {
  std::vector<Work> works;
  works.push_back(std::move(work));
  RunGroup(std::move(works), participant);
}

void MemoryStore::RunGroup(std::vector<Work> works, CommitParticipant* participant) {
  absl::MutexLock writer(&writer_mutex_);
  std::stable_partition(works.begin(), works.end(), [](const Work& w) { return w.is_append; });
  std::optional<GroupTransaction> transaction;
  absl::Status status;
  bool flip;
  std::optional<bool> fail_persisted;
  {
    absl::MutexLock lock(&mutex_);
    status = health_;
    flip = std::exchange(flip_, false);
    transaction.emplace(tables_, &log_, &flip);
    fail_persisted = std::exchange(fail_persisted_, std::nullopt);
  }
  std::vector<absl::Status> results(works.size());
  if (status.ok() && participant != nullptr) status = participant->Begin();
  if (status.ok()) {
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

absl::Status MemoryStore::ReadPages(
    const policy::Permit& permit, const AuditReceipt& receipt, absl::string_view owner,
    std::optional<ScanPlace> from, std::optional<ScanPlace> until,
    absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const {
  if (!receipt.IsFor(&permit.plan())) return absl::InternalError("no receipt of this permit");
  return VisitRecords(owner, permit.plan().type->name(), from, until, visit);
}

absl::Status MemoryStore::VisitRecords(
    absl::string_view owner, absl::string_view record_type, std::optional<ScanPlace> from,
    std::optional<ScanPlace> until,
    absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const {
  constexpr size_t kPage = 3;
  absl::MutexLock lock(&mutex_);
  std::map<ScanPlace, StoredRecord> in_order;
  for (const auto& [key, record] : tables_.records) {
    if (std::get<0>(key) != owner || std::get<1>(key) != record_type || record.deleted) continue;
    const StoredRecord lent = Lend(record);
    if ((from && lent.place < *from) || (until && lent.place >= *until)) continue;
    in_order[lent.place] = lent;
  }
  std::vector<StoredRecord> page;
  for (const auto& [place, record] : in_order) {
    page.push_back(record);
    if (page.size() < kPage) continue;
    if (!visit(page)) return absl::OkStatus();
    page.clear();
  }
  if (!page.empty()) visit(page);
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
  return VisitRecords(permit.owner(), permit.type()->name(), from, std::nullopt,
                      [visit](absl::Span<const StoredRecord> page) {
                        return std::all_of(page.begin(), page.end(), visit);
                      });
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

absl::StatusOr<std::vector<uint32_t>> MemoryStore::OrdinalsOf(
    const OwnerPermit& permit, const AuditReceipt& receipt, const policy::SubjectName& name) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  std::map<Name, std::string> persons = tables_.Persons(permit.owner());
  std::set<uint32_t> ordinals;
  if (const auto found = tables_.dictionaries.find(permit.owner());
      found != tables_.dictionaries.end()) {
    const Name asked(name.id_space, name.id);
    for (const auto& [other, had] : found->second.ever) {
      const bool same = other == asked || (persons.count(asked) > 0 && persons.count(other) > 0 &&
                                           persons[other] == persons[asked]);
      if (same) ordinals.insert(had.begin(), had.end());
    }
  }
  if (ordinals.empty()) return absl::NotFoundError("no record ever named this subject");
  return std::vector<uint32_t>(ordinals.begin(), ordinals.end());
}

absl::Status MemoryStore::ReadOwnOpenings(
    const OwnerPermit& permit, const AuditReceipt& receipt, absl::string_view field, uint64_t begin,
    uint64_t end, absl::FunctionRef<bool(uint64_t, const LogRow::Opening&)> visit) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  for (uint64_t i = begin; i < std::min<uint64_t>(end, log_.size()); ++i) {
    std::map<std::string, const LogRow::Opening*> own;
    for (const LogRow::Opening& opening : log_[i].openings) {
      const bool sought = field.empty() || opening.field == field;
      if (sought && opening.owner == permit.owner() && tables_.Has(i, opening)) {
        own[opening.field] = &opening;
      }
    }
    for (const auto& [name, opening] : own) {
      if (!visit(i, *opening)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> MemoryStore::FirstOpening(absl::string_view field,
                                                                  uint64_t begin,
                                                                  uint64_t end) const {
  absl::MutexLock lock(&mutex_);
  for (uint64_t i = begin; i < std::min<uint64_t>(end, log_.size()); ++i) {
    for (const LogRow::Opening& opening : log_[i].openings) {
      if (opening.field == field && tables_.Has(i, opening)) return std::optional<uint64_t>(i);
    }
  }
  return std::optional<uint64_t>();
}

absl::Status MemoryStore::ReadSubjects(
    const OwnerPermit& permit, const AuditReceipt& receipt, uint32_t container, uint64_t begin,
    uint64_t end, absl::FunctionRef<bool(uint64_t, std::optional<absl::string_view>)> visit) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  for (uint64_t i = begin; i < std::min<uint64_t>(end, log_.size()); ++i) {
    if (log_[i].subjects_of != permit.owner()) continue;
    if (absl::c_find(log_[i].containers, container) == log_[i].containers.end()) continue;
    for (const LogRow::Opening& opening : log_[i].openings) {
      if (opening.field == "subjects" && !visit(i, opening.value)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryStore::HistoryBefore(absl::Time time) const {
  absl::MutexLock lock(&mutex_);
  return !tables_.history.empty() && tables_.history.begin()->second.time < time;
}

std::map<MemoryStore::Name, std::string> MemoryStore::Tables::Persons(
    absl::string_view owner) const {
  std::map<Name, std::string> persons;
  for (const auto& [key, record] : records) {
    if (std::get<0>(key) != owner || record.deleted || !record.identity) continue;
    persons[{record.identity->name.id_space, record.identity->name.id}] = record.identity->person;
  }
  return persons;
}

std::map<std::string, std::set<uint32_t>> MemoryStore::Tables::WhoOptedOut(
    const std::string& owner) const {
  std::map<std::string, std::set<uint32_t>> who;
  const auto own = opt_outs.find(owner);
  const auto dictionary = dictionaries.find(owner);
  if (own == opt_outs.end() || dictionary == dictionaries.end()) return who;
  const std::map<Name, std::string> persons = Persons(owner);
  for (const auto& [name, purpose] : own->second) {
    const auto person = persons.find(name);
    for (const auto& [other, subject] : dictionary->second.subjects) {
      const auto of_other = persons.find(other);
      const bool is_joined = person != persons.end() && of_other != persons.end() &&
                             person->second == of_other->second;
      if (other == name || is_joined) {
        const std::set<uint32_t>& ever = dictionary->second.ever.at(other);
        who[purpose].insert(ever.begin(), ever.end());
      }
    }
  }
  return who;
}

absl::StatusOr<std::shared_ptr<const OptedOut>> MemoryStore::WhoOptedOut(
    absl::string_view owner, absl::string_view purpose) const {
  absl::MutexLock lock(&mutex_);
  auto opted_out = std::make_shared<OptedOut>();
  const auto count = tables_.retractions.find(std::string(owner));
  if (count != tables_.retractions.end()) opted_out->retractions = count->second;
  for (const auto& [of, ordinals] : tables_.WhoOptedOut(std::string(owner))) {
    if (of.empty() || of == purpose) opted_out->ordinals.insert(ordinals.begin(), ordinals.end());
  }
  return opted_out;
}

int64_t MemoryStore::RetractionsSeen(absl::string_view owner) const {
  absl::MutexLock lock(&mutex_);
  const auto count = tables_.retractions.find(std::string(owner));
  return count == tables_.retractions.end() ? 0 : count->second;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::OptOutsOf(
    const OwnerPermit& permit, const AuditReceipt& receipt,
    absl::Span<const policy::SubjectName> names) const {
  if (!receipt.IsFor(permit.id())) return absl::InternalError("no receipt of this permit");
  absl::MutexLock lock(&mutex_);
  std::set<std::string> purposes;
  const auto own = tables_.opt_outs.find(permit.owner());
  if (own == tables_.opt_outs.end()) return std::vector<std::string>();
  const std::map<Name, std::string> persons = tables_.Persons(permit.owner());
  for (const policy::SubjectName& it : names) {
    const auto person = persons.find({it.id_space, it.id});
    for (const auto& [name, purpose] : own->second) {
      const auto of = persons.find(name);
      if (name == Name(it.id_space, it.id) ||
          (person != persons.end() && of != persons.end() && of->second == person->second)) {
        purposes.insert(purpose);
      }
    }
  }
  return std::vector<std::string>(purposes.begin(), purposes.end());
}

absl::StatusOr<int64_t> MemoryStore::Revision() const {
  absl::MutexLock lock(&mutex_);
  return tables_.revision;
}

absl::StatusOr<std::vector<StoredMouVersion>> MemoryStore::MouVersions(uint64_t since) const {
  absl::MutexLock lock(&mutex_);
  std::vector<StoredMouVersion> versions;
  for (const StoredMouVersion& version : tables_.mou_versions) {
    if (version.log_index >= since) versions.push_back(version);
  }
  return versions;
}

absl::StatusOr<std::vector<StoredOrganization>> MemoryStore::Organizations(uint64_t since) const {
  absl::MutexLock lock(&mutex_);
  std::vector<StoredOrganization> organizations;
  for (const auto& [name, organization] : tables_.organizations) {
    if (organization.log_index >= since) organizations.push_back(organization);
  }
  return organizations;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::Catalogs() const {
  absl::MutexLock lock(&mutex_);
  return tables_.catalogs;
}

absl::StatusOr<StoredDecision> MemoryStore::FindDecision(absl::string_view decision_id,
                                                         absl::string_view principal) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tables_.decisions.find(std::string(decision_id));
  if (found == tables_.decisions.end() || found->second.principal != principal) {
    return absl::NotFoundError("no such decision");
  }
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
  std::vector<LogRow::Opening> openings;
  for (const LogRow::Opening& it : log_[index].openings) {
    if (tables_.Has(index, it)) openings.push_back(it);
  }
  return openings;
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
  CommitParticipant* participant;
  {
    absl::MutexLock lock(&mutex_);
    held_ = false;
    works.swap(waiting_);
    participant = participant_;
  }
  if (!works.empty()) RunGroup(std::move(works), participant);
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
