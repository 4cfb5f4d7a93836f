#include "server/store/sql_store.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/store/collection_seals.h"
#include "server/store/decision_id.h"

namespace sluice::server {
namespace {

class SqlStore final : public Store {
 public:
  explicit SqlStore(SqlStoreParts parts)
      : shared_(parts.shared),
        check_(std::move(parts.check)),
        hasher_(std::move(parts.hasher)),
        seal_keys_(std::move(parts.seal_keys)),
        marks_(std::move(parts.marks)),
        open_reader_(std::move(parts.open_reader)),
        revision_(std::move(parts.revision)),
        commit_(std::move(parts.commit)),
        most_long_loans_(parts.readers.size() - 1),
        readers_(std::move(parts.readers)) {}

  bool IsShared() const override { return shared_; }
  void SetParticipant(CommitParticipant* participant) override {
    commit_->SetParticipant(participant);
  }
  void Submit(Work work) override { commit_->Submit(std::move(work)); }
  void Stop() override { commit_->Stop(); }

  absl::Status Health() const override {
    if (absl::Status status = commit_->Health(); !status.ok()) return status;
    if (absl::Status status = check_(); !status.ok()) return status;
    return marks_->unsound();
  }
  absl::Status FoundUnsound(absl::Status status) const override {
    return marks_->FoundUnsound(std::move(status));
  }

  absl::Status ReadPages(
      const policy::Permit& permit, const AuditReceipt& receipt, absl::string_view owner,
      std::optional<ScanPlace> from, std::optional<ScanPlace> until,
      absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const override {
    if (absl::Status status = MayRead(permit, receipt); !status.ok()) return status;
    if (!Owns(permit, owner)) return absl::InternalError("the permit is not for this owner");
    return Reader(this, Loan::kLong)->Scan(owner, permit.plan().type->name(), from, until, visit);
  }

  absl::StatusOr<std::unique_ptr<CollectionScan>> StartScan(
      absl::string_view owner, absl::string_view record_type) const override {
    const int64_t before = marks_->collection(owner, record_type);
    absl::StatusOr<CollectionRow> row = Reader(this)->Collection(owner, record_type);
    if (!row.ok()) return row.status();
    if (const absl::StatusOr<Hash16> sealed = Opened(*row, before); !sealed.ok()) {
      return sealed.status();
    }
    absl::StatusOr<SetDigest> seen = EmptyCollection(*seal_keys_, *row);
    if (!seen.ok()) return seen.status();
    return std::make_unique<Scan>(this, *std::move(row), *std::move(seen));
  }

  absl::Status ReadOne(
      const policy::Permit& permit, const AuditReceipt& receipt, const policy::RecordId& id,
      absl::FunctionRef<void(absl::string_view owner, const StoredRecord&)> visit) const override {
    if (absl::Status status = MayRead(permit, receipt); !status.ok()) return status;
    return Reader(this)->Point(
        id, permit.plan().type->name(),
        [&](absl::string_view owner) { return Owns(permit, owner); }, visit);
  }

  absl::StatusOr<LastPublish> LastPublishOf(absl::string_view owner,
                                            absl::string_view record_type) const override {
    return Reader(this)->LastPublishOf(owner, record_type);
  }
  absl::Status ReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                       std::optional<ScanPlace> from,
                       absl::FunctionRef<bool(const StoredRecord&)> visit) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, true); !status.ok()) return status;
    return Reader(this, Loan::kLong)
        ->Scan(permit.owner(), permit.type()->name(), from, std::nullopt,
               [visit](absl::Span<const StoredRecord> page) {
                 return std::all_of(page.begin(), page.end(), visit);
               });
  }
  absl::Status ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                          absl::string_view key,
                          absl::FunctionRef<void(const StoredRecord&)> visit) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, true); !status.ok()) return status;
    // Owner and type are in the hash: no other's record is under it.
    absl::StatusOr<Hash16> hash = KeyHash(permit.owner(), permit.type()->name(), key);
    if (!hash.ok()) return hash.status();
    const auto tie_of = [this](const Hash16& of, const Hash16& id) {
      absl::MutexLock lock(&hasher_mutex_);
      return hasher_->KeyTie(of, id);
    };
    return Reader(this)->ByKey(permit.owner(), permit.type()->name(), *hash, tie_of, visit);
  }
  absl::StatusOr<OwnerStatus> StatusOf(const OwnerPermit& permit,
                                       const AuditReceipt& receipt) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    return Reader(this)->StatusOf(permit.owner());
  }
  absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(const OwnerPermit& permit,
                                                   const AuditReceipt& receipt,
                                                   const policy::SubjectName& name) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    const absl::StatusOr<Hash16> hash = NameHash(permit.owner(), name);
    if (!hash.ok()) return hash.status();
    return Reader(this)->subjects().OrdinalsOf(*hash, [this](const NameHasher::SubjectRow& row) {
      absl::MutexLock lock(&hasher_mutex_);
      return hasher_->SubjectTie(row);
    });
  }
  absl::Status ReadOwnOpenings(
      const OwnerPermit& permit, const AuditReceipt& receipt, absl::string_view field,
      uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t, const LogRow::Opening&)> visit) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    return Reader(this, Loan::kLong)
        ->subjects()
        .ReadOpenings(permit.owner(), field, begin, end, visit);
  }
  absl::StatusOr<std::optional<uint64_t>> FirstOpening(absl::string_view field, uint64_t begin,
                                                       uint64_t end) const override {
    return Reader(this, Loan::kLong)->subjects().FirstOpening(field, begin, end);
  }
  absl::Status ReadSubjects(
      const OwnerPermit& permit, const AuditReceipt& receipt, uint32_t container, uint64_t begin,
      uint64_t end,
      absl::FunctionRef<bool(uint64_t, std::optional<absl::string_view>)> visit) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    return Reader(this, Loan::kLong)
        ->subjects()
        .ReadSubjects(permit.owner(), container, begin, end, visit);
  }
  absl::StatusOr<CollectionProgress> Progress() const override {
    HighWaterMarks::Collections before = marks_->collections();
    const int64_t position_before = marks_->position();
    std::vector<CollectionRow> rows;
    const absl::StatusOr<int64_t> position = Reader(this)->Collections(rows);
    if (!position.ok()) return position.status();
    CollectionProgress progress{.position = *position, .collections = {}};
    int64_t last = position_before;
    for (const CollectionRow& row : rows) {
      const auto seen = before.extract({row.owner, row.record_type});
      const absl::StatusOr<Hash16> sealed = Opened(row, seen.empty() ? 0 : seen.mapped());
      if (!sealed.ok()) return sealed.status();
      last = std::max(last, row.position);
      if (row.position == 0) continue;
      const absl::StatusOr<std::string> name = NotedName(row);
      if (!name.ok()) return name.status();
      progress.collections[*name] = row.position;
    }
    if (!before.empty()) {
      const auto& [owner, record_type] = before.begin()->first;
      return FoundUnsound(absl::DataLossError(absl::StrCat("the ", record_type, " records of ",
                                                           owner, " are gone: restore the store")));
    }
    // Each was given by the store, which was read last.
    if (*position < last) {
      return FoundUnsound(
          absl::DataLossError("the store's position is as it was before: restore the store"));
    }
    marks_->RaisePosition(*position);
    return progress;
  }
  absl::StatusOr<bool> HistoryBefore(absl::Time time) const override {
    return Reader(this)->HistoryBefore(time);
  }
  absl::StatusOr<std::vector<StoredKeyVersion>> KeyVersions() const override {
    return Reader(this)->KeyVersions();
  }
  absl::StatusOr<int64_t> KeyGeneration() const override { return Reader(this)->KeyGeneration(); }
  absl::StatusOr<SealedRows> FindSealed(KekScope scope, absl::string_view owner,
                                        absl::Span<const int64_t> versions,
                                        const std::optional<SealedPlace>& from,
                                        int64_t rows) const override {
    return Reader(this, Loan::kLong)->FindSealed(scope, owner, versions, from, rows);
  }
  void LetGoOfKeys() const override {
    absl::MutexLock lock(&mutex_);
    ++times_let_go_;
    for (const std::unique_ptr<StoreReader>& reader : readers_) reader->ForgetKeys();
  }
  absl::StatusOr<std::shared_ptr<const OptedOut>> WhoOptedOut(
      absl::string_view owner, absl::string_view purpose) const override {
    // Before whom it is about: what comes between is asked for again.
    const absl::StatusOr<int64_t> retractions = Reader(this)->RetractionCount(owner);
    if (!retractions.ok()) return retractions.status();
    {
      absl::MutexLock lock(&mutex_);
      std::shared_ptr<const OptedOut>& kept =
          opted_out_[{std::string(owner), std::string(purpose)}];
      if (*retractions == 0) kept = std::make_shared<OptedOut>();
      if (kept != nullptr && kept->retractions == *retractions) return kept;
    }
    absl::StatusOr<absl::flat_hash_set<uint32_t>> ordinals =
        Reader(this)->WhoOptedOut(owner, purpose);
    if (!ordinals.ok()) return ordinals.status();
    auto found = std::make_shared<const OptedOut>(OptedOut{*retractions, *std::move(ordinals)});
    absl::MutexLock lock(&mutex_);
    return opted_out_[{std::string(owner), std::string(purpose)}] = std::move(found);
  }
  int64_t RetractionsSeen(absl::string_view owner) const override {
    return marks_->retractions(owner);
  }
  absl::Status LookAtRetractions() const override {
    const absl::StatusOr<std::map<std::string, int64_t>> counts = Reader(this)->Retractions();
    if (!counts.ok()) return counts.status();
    for (const auto& [owner, count] : *counts) marks_->RaiseRetractions(owner, count);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> OptOutsOf(
      const OwnerPermit& permit, const AuditReceipt& receipt,
      absl::Span<const policy::SubjectName> names) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    std::set<std::string> purposes;
    for (const policy::SubjectName& name : names) {
      const absl::StatusOr<Hash16> hash = NameHash(permit.owner(), name);
      if (!hash.ok()) return hash.status();
      const absl::Status status = Reader(this)->OptOutsOf(*hash, purposes);
      if (!status.ok()) return status;
    }
    return std::vector<std::string>(purposes.begin(), purposes.end());
  }
  absl::StatusOr<int64_t> Revision() const override {
    return revision_ == nullptr ? Reader(this)->Revision() : revision_();
  }
  absl::StatusOr<std::vector<StoredMouVersion>> MouVersions(uint64_t since) const override {
    return Reader(this)->MouVersions(since);
  }
  absl::StatusOr<std::vector<StoredOrganization>> Organizations(uint64_t since) const override {
    return Reader(this)->Organizations(since);
  }
  absl::StatusOr<std::optional<uint64_t>> CheckState() const override {
    const uint64_t before = marks_->state();
    const absl::StatusOr<uint64_t> through = Reader(this)->CheckState();
    if (absl::IsDataLoss(through.status())) return FoundUnsound(through.status());
    if (!through.ok()) return through.status();
    if (*through < before) {
      return FoundUnsound(absl::DataLossError(
          "MOU versions and organizations are as they were before: restore the store"));
    }
    marks_->RaiseState(*through);
    return std::optional<uint64_t>(*through);
  }
  absl::StatusOr<std::vector<std::string>> Catalogs() const override {
    return Reader(this)->Catalogs();
  }
  absl::StatusOr<StoredDecision> FindDecision(absl::string_view decision_id,
                                              absl::string_view principal) const override {
    const std::optional<Hash16> id = ParseDecisionId(decision_id);
    if (!id.has_value()) return absl::NotFoundError("there is no such decision");
    const absl::StatusOr<Hash16> whose = [&] {
      absl::MutexLock lock(&hasher_mutex_);
      return hasher_->Decided(principal, *id);
    }();
    if (!whose.ok()) return whose.status();
    absl::StatusOr<StoredDecision> found = Reader(this)->FindDecision(*id, *whose);
    if (!found.ok()) return found.status();
    found->decision_id = std::string(decision_id);
    found->principal = std::string(principal);
    return found;
  }
  absl::StatusOr<LogHead> ReadLogHead() const override { return Reader(this)->ReadLogHead(); }
  absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                           absl::FunctionRef<bool(const LogRow&)> visit) const override {
    const Loan loan = end - begin > kFewLogRows ? Loan::kLong : Loan::kShort;
    return Reader(this, loan)->ReadLogRows(begin, end, visit);
  }
  absl::StatusOr<std::vector<Hash>> ReadLeafHashes(uint64_t begin, uint64_t end) const override {
    return Reader(this)->ReadLeafHashes(begin, end);
  }
  absl::StatusOr<std::vector<LogRow::Opening>> ReadOpenings(uint64_t index) const override {
    return Reader(this)->ReadOpenings(index);
  }
  absl::StatusOr<uint64_t> LastWseq(absl::string_view writer,
                                    absl::string_view boot) const override {
    return Reader(this)->LastWseq(writer, boot);
  }

 private:
  class Scan final : public CollectionScan {
   public:
    Scan(const SqlStore* store, CollectionRow before, SetDigest seen)
        : store_(*store), before_(std::move(before)), seen_(std::move(seen)) {}

    void Add(const StoredRecord& record) override {
      seen_.Toggle(record.place.record_id.bytes, record.tag);
      ++count_;
    }

    absl::Status Finish() override {
      const absl::StatusOr<CollectionRow> now =
          Reader(&store_)->Collection(before_.owner, before_.record_type);
      if (!now.ok()) return now.status();
      const absl::StatusOr<Hash16> sealed = store_.Opened(*now, before_.position);
      if (!sealed.ok()) return sealed.status();
      // A change leaves another seal, and none ever comes back: if it is the same, all was read
      // of one state.
      if (now->seal != before_.seal) return absl::OkStatus();
      const absl::StatusOr<Hash16> seen = seen_.Value();
      if (!seen.ok()) return seen.status();
      if (*sealed == *seen && count_ == now->live) return absl::OkStatus();
      return store_.FoundUnsound(absl::DataLossError(
          absl::StrCat("the ", before_.record_type, " records of ", before_.owner,
                       " are not those that were sealed: run sluiced store verify")));
    }

   private:
    const SqlStore& store_;
    const CollectionRow before_;
    SetDigest seen_;
    int64_t count_ = 0;
  };

  // The digest of a collection whose position was `before` when it was asked for. What is not as
  // it was sealed, or is as it was before, is unsound.
  absl::StatusOr<Hash16> Opened(const CollectionRow& row, int64_t before) const {
    if (row.position < before) {
      return FoundUnsound(absl::DataLossError(absl::StrCat("the ", row.record_type, " records of ",
                                                           row.owner, " are as they were before")));
    }
    absl::StatusOr<Hash16> digest = OpenCollection(*seal_keys_, row);
    if (absl::IsDataLoss(digest.status())) return FoundUnsound(digest.status());
    if (digest.ok()) marks_->RaiseCollection(row.owner, row.record_type, row.position);
    return digest;
  }

  // More rows of the log at a time are a scan of it.
  static constexpr uint64_t kFewLogRows = 256;
  enum class Loan {
    kShort,
    kLong  // a scan's, whose visitor may take its time: one reader is always left for the others,
           // of whom the log's sequencer is one, with everybody's turn to write in its hands
  };

  // A reader on loan, waited for if all that it may have are out.
  class Reader {
   public:
    explicit Reader(const SqlStore* store, Loan loan = Loan::kShort) : store_(store), loan_(loan) {
      Take();
      Renew();
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() {
      absl::MutexLock lock(&store_->mutex_);
      if (store_->times_let_go_ != times_let_go_) reader_->ForgetKeys();
      store_->readers_.push_back(std::move(reader_));
      if (loan_ == Loan::kLong) --store_->long_loans_;
    }
    StoreReader* operator->() { return reader_.get(); }

   private:
    void Take() {
      absl::MutexLock lock(&store_->mutex_);
      store_->mutex_.Await(absl::Condition(
          store_, loan_ == Loan::kLong ? &SqlStore::ReaderFreeForLong : &SqlStore::ReaderFree));
      if (loan_ == Loan::kLong) ++store_->long_loans_;
      times_let_go_ = store_->times_let_go_;
      reader_ = std::move(store_->readers_.back());
      store_->readers_.pop_back();
    }
    void Renew() {
      if (store_->open_reader_ == nullptr || reader_->usable()) return;
      absl::StatusOr<std::unique_ptr<StoreReader>> reader = store_->open_reader_();
      if (reader.ok()) reader_ = *std::move(reader);  // else the old one says what is wrong
    }

    const SqlStore* const store_;
    const Loan loan_;
    uint64_t times_let_go_ = 0;
    std::unique_ptr<StoreReader> reader_;
  };

  absl::StatusOr<Hash16> KeyHash(absl::string_view owner, absl::string_view record_type,
                                 absl::string_view key) const {
    absl::MutexLock lock(&hasher_mutex_);
    return hasher_->RecordKey(owner, record_type, key);
  }

  absl::StatusOr<Hash16> NameHash(absl::string_view owner, const policy::SubjectName& name) const {
    absl::MutexLock lock(&hasher_mutex_);
    return hasher_->SubjectName(owner, name.id_space, name.id);
  }

  // Of whom and of what a collection is, told to nobody who has no keys.
  absl::StatusOr<std::string> NotedName(const CollectionRow& row) const {
    std::string words = "noted collection";
    AppendSealed(row.owner, words);
    AppendSealed(row.record_type, words);
    const absl::StatusOr<Hash> mac = seal_keys_->Mac(words);
    if (!mac.ok()) return mac.status();
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(mac->data()), sizeof(Hash16)));
  }

  bool ReaderFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !readers_.empty(); }
  // A scan waits for other scans and its turn, not for a moment at which nobody asks anything.
  bool ReaderFreeForLong() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !readers_.empty() && long_loans_ < most_long_loans_;
  }

  static absl::Status MayRead(const policy::Permit& permit, const AuditReceipt& receipt) {
    if (permit.shared_plan() == nullptr || permit.plan().type == nullptr ||
        !receipt.IsFor(permit.shared_plan().get())) {
      return absl::InternalError("no receipt for this permit's decision: nothing is read");
    }
    return absl::OkStatus();
  }

  static absl::Status MayReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                                 bool one_type) {
    if (!receipt.IsFor(permit.id()) || (permit.type() != nullptr) != one_type) {
      return absl::InternalError("no receipt for this owner's permit: nothing is read");
    }
    return absl::OkStatus();
  }

  static bool Owns(const policy::Permit& permit, absl::string_view owner) {
    const std::vector<policy::PlanGrant>& grants = permit.plan().grants;
    return std::any_of(grants.begin(), grants.end(), [&](const policy::PlanGrant& grant) {
      return absl::string_view(grant.owner) == owner;
    });
  }

  const bool shared_;
  // First, so that it goes last.
  const std::function<absl::Status()> check_;
  mutable absl::Mutex hasher_mutex_;
  // Of what is read; the writer has its own.
  const std::unique_ptr<const NameHasher> hasher_ ABSL_PT_GUARDED_BY(hasher_mutex_);
  const std::shared_ptr<const SealKeys> seal_keys_;
  const std::shared_ptr<HighWaterMarks> marks_;
  const std::function<absl::StatusOr<std::unique_ptr<StoreReader>>()> open_reader_;
  const std::function<absl::StatusOr<int64_t>()> revision_;
  const std::unique_ptr<GroupCommit> commit_;
  const size_t most_long_loans_;
  mutable absl::Mutex mutex_;
  mutable size_t long_loans_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::vector<std::unique_ptr<StoreReader>> readers_ ABSL_GUARDED_BY(mutex_);
  // By owner and purpose: as it was when it was last asked for.
  mutable std::map<std::pair<std::string, std::string>, std::shared_ptr<const OptedOut>> opted_out_
      ABSL_GUARDED_BY(mutex_);
  mutable uint64_t times_let_go_ ABSL_GUARDED_BY(mutex_) = 0;  // of keys, who may be on loan too
};

}  // namespace

std::unique_ptr<Store> MakeSqlStore(SqlStoreParts parts) {
  return std::make_unique<SqlStore>(std::move(parts));
}

}  // namespace sluice::server
