#include "server/audit/audit_log.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/audit/checkpoint.h"
#include "server/audit/entry_names.h"
#include "server/audit/hash_tiles.h"
#include "server/audit/log_recovery.h"
#include "server/audit/sequencer.h"
#include "server/audit/tile_writer.h"
#include "server/audit/witnessed_publication.h"
#include "server/audit/witnesses.h"

namespace sluice::server {
namespace {

absl::Status Unavailable(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("AUDIT_UNAVAILABLE: ", why));
}

// Whether it ends what was begun: on a full disk such entries are written while nothing else is.
bool Closes(const Entry& entry) {
  if (const auto* admin = std::get_if<AdminEntry>(&entry)) return admin->action == "STOP";
  return std::holds_alternative<OutcomeEntry>(entry);
}

// The log over one store.
class StoredLog : public AuditLog {
 public:
  StoredLog(AuditLogOptions options, Store* store, const LogKey* key,
            std::function<absl::Time()> clock)
      : options_(std::move(options)),
        store_(*store),
        key_(*key),
        clock_(std::move(clock)),
        tiles_(
            [store](uint64_t begin, uint64_t end) { return store->ReadLeafHashes(begin, end); }) {}

  ~StoredLog() override {
    Stop();
    AwaitOutstanding();
  }

  absl::Status Recover();

  absl::StatusOr<AuditReceipt> AppendPermit(const policy::Permit& permit, DecisionEntry entry,
                                            const v1::Decision& decision) override {
    if (entry.code != v1::DENIAL_CODE_UNSPECIFIED) {
      return absl::InternalError("a permit's entry can't hold a denial");
    }
    const absl::Status health = Health();
    if (!health.ok()) return Unavailable(health.message());
    absl::StatusOr<uint64_t> index = AppendDecision(std::move(entry), decision);
    if (!index.ok()) return index.status();
    return MakeReceipt(&permit.plan(), *index);
  }

  absl::StatusOr<AuditReceipt> AppendOwnerPermit(const OwnerPermit& permit,
                                                 DecisionEntry entry) override {
    if (entry.code != v1::DENIAL_CODE_UNSPECIFIED || entry.terms.owner != permit.owner()) {
      return absl::InternalError("an owner's permit needs an entry of its own");
    }
    const absl::Status health = Health();
    if (!health.ok()) return Unavailable(health.message());
    absl::StatusOr<uint64_t> index = AppendAndWait(entry, nullptr);
    if (!index.ok()) return index.status();
    return MakeReceipt(permit.id(), *index);
  }

  absl::Status AppendDenial(DecisionEntry entry, const v1::Decision& decision) override {
    if (entry.code == v1::DENIAL_CODE_UNSPECIFIED) {
      return absl::InternalError("a denial's entry must hold its code");
    }
    return AppendDecision(std::move(entry), decision).status();
  }

  absl::StatusOr<AuditReceipt> AppendDisclosure(const Releasable& chunk,
                                                DisclosureEntry entry) override {
    const absl::Status health = Health();
    if (!health.ok()) return Unavailable(health.message());
    // Taken from the chunk itself, so that the entry can't be about other rows than the receipt.
    entry.rows = static_cast<int64_t>(chunk.rows().rows.size());
    entry.subjects = chunk.rows().subjects;
    const int64_t retractions = chunk.rows().retractions;
    absl::StatusOr<uint64_t> index = AppendAndWait(
        entry, [retractions, owner = entry.terms.owner](Transaction& transaction, uint64_t) {
          const absl::StatusOr<int64_t> now = transaction.RetractionCount(owner);
          if (!now.ok() || *now == retractions) return now.status();
          return absl::AbortedError("somebody was erased or has opted out meanwhile");
        });
    if (!index.ok()) return index.status();
    return MakeReceipt(chunk.id(), *index);
  }

  absl::StatusOr<uint64_t> Append(Entry entry) override { return AppendAndWait(entry); }

  absl::StatusOr<uint64_t> AppendIn(Transaction& transaction, const Entry& entry) override {
    absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, options_.random);
    if (!encoded.ok()) return absl::InternalError(encoded.status().message());
    return sequencer_->Append(transaction, *encoded);
  }

  uint64_t NextIndexIn(const Transaction&) const override { return sequencer_->next_index(); }

  absl::Status GrowDictionaryIn(Transaction& transaction, absl::string_view owner,
                                const std::vector<NewSubject>& subjects) override {
    return sequencer_->GrowDictionary(transaction, owner, subjects);
  }

  void AppendLater(Entry entry) override {
    absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, options_.random);
    if (!encoded.ok()) return;
    Submit({std::make_shared<const EncodedEntry>(*std::move(encoded)), Closes(entry)}, nullptr,
           nullptr);
  }

  absl::Time NewestEntryTime() const override {
    return absl::FromUnixMillis(sequencer_->head().time_ms);
  }
  uint64_t size() const override { return sequencer_->head().range.size(); }
  std::string Checkpoint() const override {
    std::string checkpoint = sequencer_->head().checkpoint;
    const std::string cosigned = CosignedCheckpoint();
    return absl::StartsWith(cosigned, checkpoint) ? cosigned : checkpoint;
  }
  std::string CosignedCheckpoint() const override {
    return witnesses_ == nullptr ? "" : witnesses_->Cosigned();
  }
  WitnessReport Witnessed() const override {
    return witnesses_ == nullptr ? WitnessReport() : witnesses_->Report();
  }
  std::string Vkey() const override { return key_.vkey(); }

  absl::Status Health() const override {
    const absl::Status own = OwnHealth();
    return own.ok() && witnesses_ != nullptr ? witnesses_->Health() : own;
  }

  // But for the witnesses'.
  absl::Status OwnHealth() const {
    const absl::Status fault = sequencer_->fault();
    if (!fault.ok()) return fault;
    {
      absl::MutexLock lock(&mutex_);
      if (!directory_health_.ok()) return directory_health_;
    }
    return store_.Health();
  }

  absl::Status Confirm(uint64_t index, absl::string_view body) const override {
    // What the tiles hold beyond the head was not held against it yet.
    if (index >= size()) return absl::InvalidArgumentError("the log is not that long");
    const absl::StatusOr<Hash> leaf = tiles_.Leaf(index);
    if (!leaf.ok()) return leaf.status();
    if (*leaf == LeafHash(body)) return absl::OkStatus();
    return absl::DataLossError("an entry is not what was logged");
  }
  absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index,
                                                   uint64_t tree_size) const override {
    if (tree_size > size()) return absl::InvalidArgumentError("the log is not that long");
    return tiles_.InclusionProof(index, tree_size);
  }
  absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size,
                                                     uint64_t new_size) const override {
    if (new_size > size()) return absl::InvalidArgumentError("the log is not that long");
    return tiles_.ConsistencyProof(old_size, new_size);
  }

  void Tick() override {
    SubmitOwed();
    // Where no ballast is, nothing but a group that is written shows that a full disk is no more,
    // and everybody else is refused until one is.
    const bool full = absl::IsResourceExhausted(store_.Health());
    // Beside others a group takes in what they appended, whether it beats or not.
    if (store_.IsShared()) Beat(full);
    Publish();
    if (!store_.IsShared() && (full || Idle())) Beat(full);
  }

  void Stop() override {
    {
      absl::MutexLock lock(&mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (thread_.joinable()) thread_.join();
    AwaitOutstanding();
    SubmitOwed();
    AwaitOutstanding();
    if (sequencer_ != nullptr) Publish();
    if (witnesses_ == nullptr) return;
    // What was put to them and, after it, the log's end: neither waits for the next start if they
    // answer.
    for (int turn = 0; turn < 2 && sequencer_ != nullptr; ++turn) {
      witnesses_->AwaitAnswers(options_.witnesses_within / 2);
      Publish();
    }
    witnesses_->Stop();
  }

 private:
  bool Idle() const { return clock_() - NewestEntryTime() >= options_.heartbeat_after; }

  // A heartbeat, if the log is idle when its turn comes, or in any case; none while other works
  // wait.
  void Beat(bool in_any_case) {
    absl::StatusOr<EncodedEntry> entry = EncodeEntry(HeartbeatEntry(), options_.random);
    if (!entry.ok()) return;
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_ || outstanding_ > 0) return;
      ++outstanding_;
    }
    store_.Submit({.is_append = true,
                   .apply =
                       [this, in_any_case, entry = *std::move(entry)](Transaction& transaction) {
                         if (!in_any_case && !Idle()) return absl::OkStatus();
                         return sequencer_->Append(transaction, entry).status();
                       },
                   .done =
                       [this](absl::Status) {
                         absl::MutexLock lock(&mutex_);
                         --outstanding_;
                       }});
  }

  // What nobody waits for, and found no room: at each turn again. A start finds what is owed yet.
  void SubmitOwed() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<Encoded> owed;
    {
      absl::MutexLock lock(&mutex_);
      owed = std::exchange(owed_, {});
    }
    for (Encoded& entry : owed) Submit(std::move(entry), nullptr, nullptr);
  }

  // Works that were handed over refer to this, and what they append is to be published.
  void AwaitOutstanding() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* outstanding) { return *outstanding == 0; }, &outstanding_));
  }

  // The tile directory follows the log, or the log halts.
  void Publish() ABSL_LOCKS_EXCLUDED(publish_mutex_, mutex_) {
    absl::MutexLock publishing(&publish_mutex_);
    absl::Status status = tile_writer_->Health(options_.min_free_bytes);
    if (status.ok()) {
      const Sequencer::Head head = sequencer_->head();
      status = witnesses_ == nullptr ? tile_writer_->Publish(head.range.size(), head.checkpoint)
                                     : PublishCosigned(*witnesses_, *tile_writer_,
                                                       head.range.size(), head.checkpoint);
    }
    if (!tile_writer_->fault().ok()) options_.on_fatal(tile_writer_->fault());
    absl::MutexLock lock(&mutex_);
    directory_health_ = std::move(status);
  }

  // The background thread: a turn each second until stopped.
  void Run() {
    while (true) {
      {
        absl::MutexLock lock(&mutex_);
        if (mutex_.AwaitWithTimeout(absl::Condition(&stopped_), absl::Seconds(1))) return;
      }
      Tick();
    }
  }

  absl::StatusOr<Sequencer::Head> ReadHead() const;
  absl::Status LoadTiles(const CompactRange& range);
  absl::Status ReachWitnesses(const TileWriter::Published& published);

  struct Encoded {
    std::shared_ptr<const EncodedEntry> entry;
    bool closes;
  };

  // What one append waits on. The store may answer after the waiter has gone.
  struct Answer {
    absl::Mutex mutex;
    bool done ABSL_GUARDED_BY(mutex) = false;
    absl::Status status ABSL_GUARDED_BY(mutex);
    uint64_t index ABSL_GUARDED_BY(mutex) = 0;
  };

  absl::StatusOr<uint64_t> AppendDecision(DecisionEntry entry, const v1::Decision& decision) {
    if (decision.decision_id() != entry.request) {
      return absl::InternalError("a decision's entry must have its id");
    }
    StoredDecision stored;
    stored.decision_id = entry.request;
    stored.principal = PrincipalPath(entry.caller.principal);
    stored.decision = decision.SerializeAsString();
    stored.time = clock_();
    return AppendAndWait(
        entry, [stored = std::move(stored)](Transaction& transaction, uint64_t index) mutable {
          stored.log_index = index;
          return transaction.PutDecision(stored);
        });
  }

  // What is done in the entry's transaction before it is appended at this index; where that fails,
  // so does all of it.
  using Before = std::function<absl::Status(Transaction&, uint64_t index)>;

  absl::StatusOr<uint64_t> AppendAndWait(const Entry& entry, Before before = nullptr) {
    absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, options_.random);
    if (!encoded.ok()) return absl::InternalError(encoded.status().message());
    auto answer = std::make_shared<Answer>();
    Submit({std::make_shared<const EncodedEntry>(*std::move(encoded)), Closes(entry)},
           std::move(before), answer);
    absl::MutexLock lock(&answer->mutex);
    if (!answer->mutex.AwaitWithTimeout(absl::Condition(&answer->done), options_.append_timeout)) {
      return Unavailable("the log did not answer in time");
    }
    if (absl::IsAborted(answer->status)) return answer->status;
    if (!answer->status.ok()) return Unavailable("the entry could not be made durable");
    return answer->index;
  }

  void Submit(Encoded entry, Before before, std::shared_ptr<Answer> answer) {
    {
      absl::MutexLock lock(&mutex_);
      ++outstanding_;
    }
    Work work;
    work.is_append = true;
    work.may_wait = answer == nullptr;
    work.closes = entry.closes;
    work.bytes = entry.entry->members.size() + 256;
    for (const LogRow::Opening& opening : entry.entry->openings) work.bytes += opening.value.size();
    auto index = std::make_shared<uint64_t>(0);
    work.apply = [this, index, entry = entry.entry,
                  before = std::move(before)](Transaction& transaction) -> absl::Status {
      if (before != nullptr) {
        const absl::Status status = before(transaction, sequencer_->next_index());
        if (!status.ok()) return status;
      }
      absl::StatusOr<uint64_t> appended = sequencer_->Append(transaction, *entry);
      if (appended.ok()) *index = *appended;
      return appended.status();
    };
    work.done = [this, index, entry = std::move(entry),
                 answer = std::move(answer)](absl::Status status) mutable {
      // Its group was rolled back for want of room: no other failure is as sure to have left
      // nothing.
      const bool owed =
          !status.ok() && answer == nullptr && absl::IsResourceExhausted(store_.Health());
      if (answer != nullptr) {
        absl::MutexLock lock(&answer->mutex);
        answer->done = true;
        answer->status = std::move(status);
        answer->index = *index;
      }
      absl::MutexLock lock(&mutex_);
      if (owed) owed_.push_back(std::move(entry));
      --outstanding_;
    };
    store_.Submit(std::move(work));
  }

  const AuditLogOptions options_;
  Store& store_;
  const LogKey& key_;
  const std::function<absl::Time()> clock_;
  HashTiles tiles_;
  std::unique_ptr<Sequencer> sequencer_;  // set by Recover, then constant
  std::thread thread_;                    // the same
  std::unique_ptr<Witnesses> witnesses_;  // the same; null: there are none
  absl::Mutex publish_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::unique_ptr<TileWriter> tile_writer_ ABSL_PT_GUARDED_BY(publish_mutex_);  // the same

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status directory_health_ ABSL_GUARDED_BY(mutex_);
  int outstanding_ ABSL_GUARDED_BY(mutex_) = 0;        // works whose `done` has not run
  std::vector<Encoded> owed_ ABSL_GUARDED_BY(mutex_);  // of AppendLater, in order
};

absl::StatusOr<Sequencer::Head> StoredLog::ReadHead() const {
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(key_.vkey());
  if (!verifier.ok()) return verifier.status();
  absl::StatusOr<LogHead> stored = store_.ReadLogHead();
  if (!stored.ok()) return stored.status();
  absl::StatusOr<CompactRange> range = CompactRange::Create(stored->size, stored->compact_range);
  if (!range.ok()) return absl::DataLossError("the log's head does not fit its size");
  Sequencer::Head head;
  head.range = *std::move(range);
  struct Checkpoint checkpoint;
  checkpoint.origin = options_.origin;
  checkpoint.size = stored->size;
  checkpoint.root = head.range.Root();
  if (stored->size == 0) {
    absl::StatusOr<std::string> note = key_.SignNote(checkpoint.Body());
    if (!note.ok()) return note.status();
    head.checkpoint = *std::move(note);
    return head;
  }
  absl::StatusOr<struct Checkpoint> is_signed = OpenCheckpoint(stored->checkpoint, *verifier);
  if (!is_signed.ok() || is_signed->Body() != checkpoint.Body()) {
    return absl::DataLossError("the log's head is not what its checkpoint says");
  }
  head.checkpoint = stored->checkpoint;
  return head;
}

absl::Status StoredLog::LoadTiles(const CompactRange& range) {
  constexpr uint64_t kBlock = 1 << 16;
  for (uint64_t begin = 0; begin < range.size(); begin += kBlock) {
    const uint64_t end = std::min(range.size(), begin + kBlock);
    absl::StatusOr<std::vector<Hash>> leaves = store_.ReadLeafHashes(begin, end);
    if (!leaves.ok()) return leaves.status();
    tiles_.Append(*leaves);
  }
  if (tiles_.size() != range.size()) return absl::DataLossError("the log misses an entry");
  absl::StatusOr<Hash> root = tiles_.Root(range.size());
  if (!root.ok()) return root.status();
  if (*root != range.Root()) return absl::DataLossError("the log's leaves are not its head's");
  return absl::OkStatus();
}

absl::Status StoredLog::ReachWitnesses(const TileWriter::Published& published) {
  if (options_.witnesses.witnesses.empty()) return absl::OkStatus();
  Witnesses::Parts parts;
  parts.policy = options_.witnesses;
  parts.clock = clock_;
  parts.connect = options_.connect_witness;
  parts.consistency_proof = [this](uint64_t old_size, uint64_t new_size) {
    return tiles_.ConsistencyProof(old_size, new_size);
  };
  parts.stored_size = [this]() -> absl::StatusOr<uint64_t> {
    absl::StatusOr<LogHead> head = store_.ReadLogHead();
    if (!head.ok()) return head.status();
    return head->size;
  };
  absl::StatusOr<std::unique_ptr<Witnesses>> witnesses =
      OpenWitnesses(std::move(parts), store_, published);
  if (witnesses.ok()) witnesses_ = *std::move(witnesses);
  return witnesses.status();
}

absl::Status StoredLog::Recover() {
  if (options_.origin != key_.origin()) {
    return absl::InvalidArgumentError("the log's key is of another origin");
  }
  absl::StatusOr<Sequencer::Head> head = ReadHead();
  if (!head.ok()) return head.status();
  absl::Status status = LoadTiles(head->range);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<TileWriter>> tile_writer =
      TileWriter::Open(options_.tile_directory, key_.vkey(), &store_, &tiles_);
  if (!tile_writer.ok()) return tile_writer.status();
  absl::StatusOr<LogTail> tail = ReadLogTail(
      store_, store_.IsShared() ? absl::string_view(options_.writer) : "", head->range.size());
  if (!tail.ok()) return tail.status();
  absl::StatusOr<std::string> boot = RandomHex(options_.random, 16);
  if (!boot.ok()) return boot.status();

  head->time_ms = tail->newest_ms;
  status = ReachWitnesses((*tile_writer)->published());
  if (!status.ok()) return status;
  tile_writer_ = *std::move(tile_writer);
  sequencer_ = std::make_unique<Sequencer>(
      Sequencer::Parts{&key_, &tiles_, options_.writer, *boot, clock_, options_.random,
                       store_.IsShared() ? &store_ : nullptr},
      *std::move(head));
  store_.SetParticipant(sequencer_.get());

  for (GapEntry& gap : tail->gaps) {
    absl::StatusOr<uint64_t> index = Append(std::move(gap));
    if (!index.ok()) return index.status();
  }
  for (OutcomeEntry& outcome : tail->unknown) {
    absl::StatusOr<uint64_t> index = Append(std::move(outcome));
    if (!index.ok()) return index.status();
  }
  Publish();
  status = OwnHealth();
  if (!status.ok()) return status;
  if (witnesses_ != nullptr) {
    witnesses_->AwaitAnswers(options_.witnesses_within);
    status = witnesses_->Evidence();
    if (!status.ok()) return status;
  }
  if (options_.background_thread) thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(AuditLogOptions options, Store* store,
                                                         const LogKey* key,
                                                         std::function<absl::Time()> clock) {
  auto log = std::make_unique<StoredLog>(std::move(options), store, key, std::move(clock));
  const absl::Status recovered = log->Recover();
  if (!recovered.ok()) return recovered;
  return log;
}

std::string PrincipalPath(const Principal& principal) {
  switch (principal.kind) {
    case policy::PrincipalKind::kSystem:
      return absl::StrCat("/org/", principal.organization, "/system/", principal.name);
    case policy::PrincipalKind::kAdmin:
      return absl::StrCat("/org/", principal.organization, "/admin/", principal.name);
    case policy::PrincipalKind::kAuditor:
      return absl::StrCat("/org/", principal.organization, "/auditor/", principal.name);
    case policy::PrincipalKind::kSignatory:
      return absl::StrCat("/org/", principal.organization, "/signatory/", principal.name);
    case policy::PrincipalKind::kOperator:
      return absl::StrCat("/operator/", principal.name);
  }
  return "";
}

bool Concerns(absl::string_view body, absl::string_view organization) {
  absl::StatusOr<ParsedEntry> entry = ParseEntry(body);
  return entry.ok() && NamesOrganization(*entry, organization);
}

}  // namespace sluice::server
