#include "server/store/sqlite_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/name_hash.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_engine.h"
#include "server/store/sqlite_reader.h"
#include "server/store/store_file.h"

namespace sluice::server {
namespace {

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<StoreFile> file, std::unique_ptr<const NameHasher> hasher,
              std::vector<std::unique_ptr<SqliteReader>> readers,
              std::unique_ptr<GroupCommit> commit)
      : file_(std::move(file)),
        hasher_(std::move(hasher)),
        commit_(std::move(commit)),
        readers_(std::move(readers)) {}

  void SetParticipant(CommitParticipant* participant) override {
    commit_->SetParticipant(participant);
  }
  void Submit(Work work) override { commit_->Submit(std::move(work)); }
  void Stop() override { commit_->Stop(); }

  absl::Status Health() const override {
    if (absl::Status status = commit_->Health(); !status.ok()) return status;
    return file_->Check();
  }

  absl::Status Read(const policy::Permit& permit, const AuditReceipt& receipt,
                    absl::string_view owner, std::optional<ScanPlace> from,
                    std::optional<ScanPlace> until,
                    absl::FunctionRef<bool(const StoredRecord&)> visit) const override {
    if (absl::Status status = MayRead(permit, receipt); !status.ok()) return status;
    if (!Owns(permit, owner)) return absl::InternalError("the permit is not for this owner");
    return Reader(this)->Scan(owner, permit.plan().type->name(), from, until, visit);
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
    return Reader(this)->Scan(permit.owner(), permit.type()->name(), from, std::nullopt, visit);
  }
  absl::Status ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                          absl::string_view key,
                          absl::FunctionRef<void(const StoredRecord&)> visit) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, true); !status.ok()) return status;
    // Owner and type are in the hash: no other's record is under it.
    absl::StatusOr<Hash16> hash = KeyHash(permit.owner(), permit.type()->name(), key);
    if (!hash.ok()) return hash.status();
    return Reader(this)->ByKey(*hash, visit);
  }
  absl::StatusOr<OwnerStatus> StatusOf(const OwnerPermit& permit,
                                       const AuditReceipt& receipt) const override {
    if (absl::Status status = MayReadOwn(permit, receipt, false); !status.ok()) return status;
    return Reader(this)->StatusOf(permit.owner());
  }
  absl::StatusOr<bool> HistoryBefore(absl::Time time) const override {
    return Reader(this)->HistoryBefore(time);
  }
  absl::StatusOr<std::vector<StoredMouVersion>> MouVersions() const override {
    return Reader(this)->MouVersions();
  }
  absl::StatusOr<std::vector<StoredOrganization>> Organizations() const override {
    return Reader(this)->Organizations();
  }
  absl::StatusOr<std::vector<std::string>> Catalogs() const override {
    return Reader(this)->Catalogs();
  }
  absl::StatusOr<StoredDecision> FindDecision(absl::string_view decision_id) const override {
    return Reader(this)->FindDecision(decision_id);
  }
  absl::StatusOr<LogHead> ReadLogHead() const override { return Reader(this)->ReadLogHead(); }
  absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                           absl::FunctionRef<bool(const LogRow&)> visit) const override {
    return Reader(this)->ReadLogRows(begin, end, visit);
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
  // A reader on loan, waited for if all are out.
  class Reader {
   public:
    explicit Reader(const SqliteStore* store) : store_(store) {
      absl::MutexLock lock(&store_->mutex_);
      store_->mutex_.Await(absl::Condition(store_, &SqliteStore::ReaderFree));
      reader_ = std::move(store_->readers_.back());
      store_->readers_.pop_back();
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() {
      absl::MutexLock lock(&store_->mutex_);
      store_->readers_.push_back(std::move(reader_));
    }
    SqliteReader* operator->() { return reader_.get(); }

   private:
    const SqliteStore* const store_;
    std::unique_ptr<SqliteReader> reader_;
  };

  absl::StatusOr<Hash16> KeyHash(absl::string_view owner, absl::string_view record_type,
                                 absl::string_view key) const {
    absl::MutexLock lock(&hasher_mutex_);
    return hasher_->RecordKey(owner, record_type, key);
  }

  bool ReaderFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !readers_.empty(); }

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

  // First, so that its lock goes last.
  const std::unique_ptr<StoreFile> file_;
  mutable absl::Mutex hasher_mutex_;
  // Of what is read; the writer has its own.
  const std::unique_ptr<const NameHasher> hasher_ ABSL_PT_GUARDED_BY(hasher_mutex_);
  const std::unique_ptr<GroupCommit> commit_;
  mutable absl::Mutex mutex_;
  mutable std::vector<std::unique_ptr<SqliteReader>> readers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteStoreOptions options) {
  if (options.readers < 1 || options.cache_mib < 1) {
    return absl::InvalidArgumentError("a store needs a reader and a cache");
  }
  absl::StatusOr<std::unique_ptr<NameHasher>> hasher = NameHasher::Create(options.hash_key);
  if (!hasher.ok()) return hasher.status();
  absl::StatusOr<std::unique_ptr<NameHasher>> reading_hasher = NameHasher::Create(options.hash_key);
  if (!reading_hasher.ok()) return reading_hasher.status();
  absl::StatusOr<std::unique_ptr<StoreFile>> file = StoreFile::Open(options.path);
  if (!file.ok()) return file.status();

  // Writing gets three quarters of the cache: scans pass each page once, indexes are met again.
  const int64_t cache_kib = int64_t{options.cache_mib} << 10;
  absl::StatusOr<std::unique_ptr<SqliteConnection>> writer =
      SqliteConnection::Open({.path = options.path,
                              .read_only = false,
                              .cache_kib = cache_kib * 3 / 4,
                              .vfs = options.vfs});
  if (!writer.ok()) return writer.status();
  if (absl::Status status = PrepareSchema(writer->get(), **hasher); !status.ok()) return status;
  // After an fsync that failed the page cache may show a WAL that the disk does not have. So
  // nothing is built on an old one: what it holds is written anew into the database, and it begins
  // again.
  if (absl::Status status = (*writer)->CheckpointAll(); !status.ok()) return status;

  std::vector<std::unique_ptr<SqliteReader>> readers;
  for (int i = 0; i < options.readers; ++i) {
    absl::StatusOr<std::unique_ptr<SqliteReader>> reader =
        SqliteReader::Open({.path = options.path,
                            .read_only = true,
                            .cache_kib = cache_kib / 4 / options.readers,
                            .vfs = options.vfs});
    if (!reader.ok()) return reader.status();
    readers.push_back(*std::move(reader));
  }
  if (absl::Status status = (*file)->Remember(); !status.ok()) return status;

  absl::StatusOr<std::unique_ptr<SqliteEngine>> engine =
      SqliteEngine::Create(*std::move(writer), *std::move(hasher));
  if (!engine.ok()) return engine.status();
  auto commit = std::make_unique<GroupCommit>(options.limits, *std::move(engine),
                                              std::move(options.on_fatal));
  return std::make_unique<SqliteStore>(*std::move(file), *std::move(reading_hasher),
                                       std::move(readers), std::move(commit));
}

}  // namespace sluice::server
