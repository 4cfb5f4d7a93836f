// The store: one interface for what the gateway keeps, whichever engine keeps it. It holds records,
// the dictionaries of their subjects, MOU versions, organizations, remembered answers, and the
// log's truth.
//
// All writing is group commit: works wait in a queue, one writer thread takes what waits, runs it
// in one transaction, appends before publishes, and says so when the transaction is durable.
//
// Thread-safe, but for Transaction, which lives on the writer's thread for one group.
#ifndef SLUICE_SERVER_STORE_STORE_H_
#define SLUICE_SERVER_STORE_STORE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "policy/decide.h"
#include "policy/pseudonym.h"
#include "policy/record_validator.h"
#include "server/audit/audit_receipt.h"
#include "server/owner_permit.h"
#include "server/store/scan_place.h"
#include "server/store/stored_key.h"

namespace sluice::server {

using Hash = std::array<uint8_t, 32>;

// --- The log's tables ---

struct LogRow {
  uint64_t index = 0;
  Hash leaf_hash{};
  std::string writer;
  std::string boot;
  uint64_t wseq = 0;
  std::string body;
  // What the owner can open of the entry: field name, salt, value. Kept apart from the entry.
  struct Opening {
    std::string owner;
    std::string field;
    std::string salt;
    std::string value;
  };
  std::vector<Opening> openings;
  // Whose subjects left by it, and in which containers of the owner's dictionary they stand: 65,536
  // ordinals each, from 0, sorted. By these a disclosure is found again.
  std::string subjects_of;  // empty: it discloses nobody
  std::vector<uint32_t> containers;
};

struct LogHead {
  uint64_t size = 0;
  Hash root{};
  std::vector<Hash> compact_range;  // the roots of the full subtrees, largest first
  std::string checkpoint;           // signed note of this size
};

// --- Records ---

struct PublishBatch {
  std::string owner;
  std::string record_type;
  std::string principal;  // who publishes: request ids are its own
  std::string request_id;
  Hash content_digest{};  // of the batch as it came: what "the same request" means
  absl::Time time;
  std::vector<policy::ValidRecord> records;
  // So many records of all types the owner may have after it.
  int64_t most_rows = std::numeric_limits<int64_t>::max();
  bool validate_only = false;  // to count, and to change and remember nothing; has no request id
};

// A subject that was new with this batch: first named by it, or made by a merge or split.
struct NewSubject {
  uint32_t ordinal = 0;
  policy::SubjectId id{};
};

struct PublishOutcome {
  int64_t position = 0;
  int32_t new_count = 0;
  int32_t changed_count = 0;
  int32_t unchanged_count = 0;
  std::vector<NewSubject> new_subjects;  // in order of ordinal; empty when replayed
  bool replayed = false;                 // answered from the first time
};

struct DeleteBatch {
  std::string owner;
  std::string record_type;
  std::string principal;
  std::string request_id;
  Hash content_digest{};
  absl::Time time;
  std::vector<std::string> keys;  // canonical
  bool allow_missing = false;
};

struct DeleteOutcome {
  int64_t position = 0;
  int32_t deleted_count = 0;
  int32_t missing_count = 0;
  std::vector<NewSubject> new_subjects;  // as in PublishOutcome
  bool replayed = false;
};

// What an owner takes back: all that it changed at positions [first, last].
struct WithdrawBatch {
  std::string owner;
  std::string principal;
  std::string request_id;
  Hash content_digest{};
  absl::Time time;
  int64_t first = 0;
  int64_t last = 0;
  int64_t most_rows = std::numeric_limits<int64_t>::max();  // as of PublishBatch
  bool validate_only = false;  // to count, and to change and remember nothing
};

struct WithdrawOutcome {
  int64_t position = 0;                  // 0: nothing was changed
  int32_t deleted_count = 0;             // created in the range
  int32_t restored_count = 0;            // changed in the range
  int32_t undeleted_count = 0;           // deleted in the range
  int32_t unchanged_count = 0;           // as before the range already
  int32_t kept_count = 0;                // changed again after the range
  int64_t bytes = 0;                     // of records that were moved, there and back at the most
  std::vector<NewSubject> new_subjects;  // as in PublishOutcome
  bool replayed = false;
};

// Of one withdraw: it runs in one transaction, for which everything else waits.
inline constexpr int64_t kMaxWithdrawRecords = 50'000;
inline constexpr int64_t kMaxWithdrawBytes = 64 << 20;

// Names of one person, and what its merges and splits may cost: they too run in the transaction of
// the change that says so.
inline constexpr size_t kMaxNamesOfPerson = 64;
inline constexpr int64_t kMaxRejoinedRecords = 50'000;
inline constexpr int64_t kMaxRejoinedBytes = 64 << 20;
inline constexpr int64_t kMaxRejoinedNames = 50'000;

// That a range is not kept any more: told apart by its payload from all else that could not be
// done.
inline constexpr char kHistoryForgotten[] = "sluice/history-forgotten";
inline absl::Status HistoryIsForgotten(absl::string_view sentence) {
  absl::Status status = absl::FailedPreconditionError(sentence);
  status.SetPayload(kHistoryForgotten, absl::Cord());
  return status;
}

// A stored record, as the store lends it for the length of one call.
struct StoredRecord {
  ScanPlace place;
  absl::string_view bytes;
  absl::Span<const policy::SubjectId> subjects;  // one for each occurrence, in the bytes' order
  absl::Span<const uint32_t> ordinals;           // theirs
  // Of its sealed bytes, for CollectionScan; empty where nothing is sealed.
  absl::string_view tag = {};
};

// Whom no row may be about. What was read while the owner had fewer retractions may name somebody
// who opted out since, or whom no report finds since he was erased.
struct OptedOut {
  int64_t retractions = 0;
  absl::flat_hash_set<uint32_t> ordinals;  // those of merges and splits before, too

  bool IsAny(absl::Span<const uint32_t> of) const {
    return !ordinals.empty() && std::any_of(of.begin(), of.end(), [this](uint32_t ordinal) {
      return ordinals.contains(ordinal);
    });
  }
};

// One walk through a collection, over as many reads as it takes: told of every record, and whether
// it was led past one that is there, or shown one that is not.
//
// One a walk; not thread-safe. The store must outlive it.
class CollectionScan {
 public:
  virtual ~CollectionScan() = default;
  virtual void Add(const StoredRecord& record) = 0;
  // All were visited. DATA_LOSS if these are not the collection's records; then the store's health
  // says so as well. Of a collection that was changed meanwhile nothing can be said: OK.
  virtual absl::Status Finish() = 0;
};

struct LastPublish {
  int64_t position = 0;  // 0: never
  absl::Time time;
};

// An owner's records of one type. The counts are kept by each change.
struct CollectionStatus {
  std::string record_type;
  int64_t live = 0;
  int64_t tombstones = 0;
  LastPublish last_publish;
};

// How far the store has come: positions, none of which ever goes back.
struct CollectionProgress {
  int64_t position = 0;  // the last that was given
  // Of each collection that was published, by a keyed hash of its owner and type: 32 hex digits.
  std::map<std::string, int64_t> collections;

  friend bool operator==(const CollectionProgress&, const CollectionProgress&) = default;
};

struct OwnerStatus {
  std::vector<CollectionStatus> collections;  // in order of record type
  int64_t subjects = 0;
};

// --- MOU versions ---

struct StoredSignature {
  std::string organization;
  std::string cms_der;
  absl::Time received;
};

struct StoredMouVersion {
  std::string mou;
  int32_t version = 0;
  std::string document;                     // the exact bytes
  std::vector<StoredSignature> signatures;  // of every party; fewer while one is missing or void
  std::string state;                        // the last that the log says: SIGNED, ACTIVE, ...
  uint64_t log_index = 0;                   // of the entry that says so
  std::string root_check;                   // of the MOU's pseudonym root, once all have signed
  std::string standing;                     // what parties did to it since: MouStanding's text
};

// --- Organizations that the operator added ---

struct StoredOrganization {
  std::string name;
  std::string display_name;
  std::string ca_bundle;         // PEM, as in TrustAnchors
  std::string crl;               // PEM; empty: none
  std::string signatory_bundle;  // PEM; empty: ca_bundle
  std::string signatory_crl;     // PEM; empty: none
  uint64_t log_index = 0;        // of the entry that says so
};

// --- Decisions, to be explained again ---

struct StoredDecision {
  std::string decision_id;  // 32 hexadecimal digits
  std::string principal;    // whose
  std::string decision;     // a serialized v1::Decision
  absl::Time time;
  uint64_t log_index = 0;
};

// One group's transaction, on the writer's thread.
class Transaction {
 public:
  virtual ~Transaction() = default;

  virtual absl::Status InsertLogRow(const LogRow& row) = 0;
  // ABORTED unless the head's size is `old_size`.
  virtual absl::Status UpdateLogHead(uint64_t old_size, const LogHead& head) = 0;

  // Each of these three may change which names are one subject, by what it changes of identity
  // records: then the subjects of which names come or go get another ordinal and id, and every
  // record that names them follows, as part of the change. OUT_OF_RANGE beyond the bounds of that.

  // ALREADY_EXISTS if the principal used this request id for another content within 7 days.
  // RESOURCE_EXHAUSTED if new records are more than the owner may have.
  virtual absl::StatusOr<PublishOutcome> Publish(const PublishBatch& batch) = 0;
  // The same, and NOT_FOUND for keys that are not there unless missing ones are allowed.
  virtual absl::StatusOr<DeleteOutcome> Delete(const DeleteBatch& batch) = 0;

  // Takes back an owner's changes as one change: what is created in the range goes, what is changed
  // or deleted there is as before it, about whom its names are of now; subjects stay in the
  // dictionary. NOT_FOUND if the owner
  // changed nothing in the range; HistoryIsForgotten if it begins before what is kept of replaced
  // content; OUT_OF_RANGE if it is more than the bounds above; ALREADY_EXISTS as in Publish.
  virtual absl::StatusOr<WithdrawOutcome> Withdraw(const WithdrawBatch& batch) = 0;
  // Forgets what changes before `time` replaced, oldest first, about `rows` records at a time:
  // they can't be withdrawn any more. Whether there is more to forget.
  virtual absl::StatusOr<bool> ForgetHistory(absl::Time time, int64_t rows) = 0;

  // The dictionary's leaves, in order of ordinal: what their commitments' tree is folded from.
  virtual absl::Status PutDictionaryHead(absl::string_view owner, uint64_t size,
                                         const std::vector<Hash>& compact_range) = 0;
  // The salts of the leaves from `ordinal` on.
  virtual absl::Status PutDictionaryOpenings(absl::string_view owner, uint32_t ordinal,
                                             const std::vector<std::string>& salts) = 0;
  virtual absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> DictionaryHead(
      absl::string_view owner) = 0;

  // Erasure: what the log's `erasure` entries say, which are appended with it.

  // Has these names of one person name nobody any more; met again, they name somebody new. What a
  // withdraw could bring back of records that named the person is forgotten. The
  // ordinals that they had, sorted. NOT_FOUND if none of them was ever met; FAILED_PRECONDITION
  // while records name the person.
  virtual absl::StatusOr<std::vector<uint32_t>> EraseSubject(
      absl::string_view owner, absl::Span<const policy::SubjectName> names) = 0;
  // Destroys what opens the commitments of one field in entries [begin, end), the owner's or
  // (empty) everybody's. Whose there were, sorted; the operator's name is empty.
  virtual absl::StatusOr<std::vector<std::string>> EraseOpenings(absl::string_view owner,
                                                                 absl::string_view field,
                                                                 uint64_t begin, uint64_t end) = 0;
  // As OptedOut::retractions, with what this group has done.
  virtual absl::StatusOr<int64_t> RetractionCount(absl::string_view owner) = 0;

  // Each of these, and EraseSubject, changes what decisions rest on, and raises the revision with
  // it.

  // Has whoever is known by these names, by any one of them, now or later, opt out of a purpose
  // (empty: of all), or takes that back. How many of the names that is new for.
  virtual absl::StatusOr<int32_t> PutOptOuts(absl::string_view owner,
                                             absl::Span<const policy::SubjectName> names,
                                             absl::string_view purpose, bool opted_out) = 0;

  // Takes a version in (`replaces`: nullopt), or moves the one whose entry is at `replaces` on: its
  // signatures, state, standing and entry. ABORTED if that is not how it stands; ALREADY_EXISTS if
  // it was taken in with other bytes: a document never changes.
  virtual absl::Status PutMouVersion(const StoredMouVersion& version,
                                     std::optional<uint64_t> replaces) = 0;
  // Keeps an organization, in the place of the one whose entry is at `replaces`; nullopt: there is
  // none yet. ABORTED if that is not how it stands.
  virtual absl::Status PutOrganization(const StoredOrganization& organization,
                                       std::optional<uint64_t> replaces) = 0;
  // Entries of the log before `through` say nothing of versions and organizations that these do
  // not.
  virtual absl::Status SealState(uint64_t through) {
    (void)through;
    return absl::OkStatus();
  }
  // Keeps the bytes of a policy::Keep; once, however often they are put.
  virtual absl::Status PutCatalog(absl::string_view kept) = 0;
  // As Store::Revision, with what this group has changed.
  virtual absl::StatusOr<int64_t> Revision() = 0;

  virtual absl::Status PutDecision(const StoredDecision& decision) = 0;

  // Of the keys that all of this is sealed under; null where nothing is.
  virtual KeyTransaction* keys() { return nullptr; }

  // What group commit says, and no work, for what a transaction keeps in memory: a group begins,
  // and nothing done since the last commit is durable; a work begins; all that was done since then
  // is undone; what the group did is durable.
  virtual void BeginGroup() {}
  virtual void BeginWork() {}
  virtual void UndoWork() {}
  virtual void Committed() {}
};

// What takes part in every group: the log, whose head moves last.
class CommitParticipant {
 public:
  virtual ~CommitParticipant() = default;
  // A group begins, or is tried again from its beginning: forget what was not committed. From here
  // to its end no other gateway writes. Not OK: the group does not take place.
  virtual absl::Status Begin() = 0;
  // A work begins; if it fails it is undone, here as in the transaction.
  virtual void BeginWork() = 0;
  virtual void UndoWork() = 0;
  // Last in the transaction.
  virtual absl::Status BeforeCommit(Transaction& transaction) = 0;
  // The transaction is durable.
  virtual void AfterCommit() = 0;
};

struct Work {
  // Appends run before all else of their group.
  bool is_append = false;
  // Nobody waits for it: it is written within a moment, together with others of its kind.
  bool may_wait = false;
  // An append that ends what was begun: on a full disk it is written where room is kept for such.
  bool closes = false;
  // A rough size, for the group's bound.
  size_t bytes = 0;
  // Runs in the group's transaction. Its failure undoes this work alone and is what `done` is told.
  // An append runs again if it was undone together with one that failed.
  absl::AnyInvocable<absl::Status(Transaction&)> apply;
  // Runs once, on the writer's thread: OK when durable. UNAVAILABLE if the group could not be made
  // durable; then nothing of it counts, or the store has stopped for good (see `Health`).
  absl::AnyInvocable<void(absl::Status)> done;
};

class Store {
 public:
  virtual ~Store() = default;

  // Whether other gateways may write beside this one.
  virtual bool IsShared() const { return false; }
  // Must be called once, before the first Submit.
  virtual void SetParticipant(CommitParticipant* participant) = 0;
  // Never blocks. After Stop or a fatal error `done` is called with UNAVAILABLE.
  virtual void Submit(Work work) = 0;
  // Makes durable what waits, then ends the writer's thread.
  virtual void Stop() = 0;
  // Submits and waits until durable or failed. Not from the writer's thread.
  absl::Status Commit(Work work);
  // Not OK once a COMMIT or fsync has failed (fatal: only a restart mends it), the disk is full
  // (RESOURCE_EXHAUSTED), or the database file was moved, deleted or replaced.
  virtual absl::Status Health() const = 0;
  // What is stored is not what was: health says so from now on, for good. Returns `status`.
  virtual absl::Status FoundUnsound(absl::Status status) const { return status; }

  // A `visit` must not call the store: it holds one of the few connections that read.

  // Lends the records of one owner and type from `from` (inclusive) up to `until` (exclusive;
  // nullopt: the end) to `visit`, in order, a page at a time, until it returns false. One short
  // snapshot a call. The receipt is the permit's own decision's, else INTERNAL: nothing is read
  // without one.
  virtual absl::Status ReadPages(
      const policy::Permit& permit, const AuditReceipt& receipt, absl::string_view owner,
      std::optional<ScanPlace> from, std::optional<ScanPlace> until,
      absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const = 0;
  // The same, one record at a time.
  absl::Status Read(const policy::Permit& permit, const AuditReceipt& receipt,
                    absl::string_view owner, std::optional<ScanPlace> from,
                    std::optional<ScanPlace> until,
                    absl::FunctionRef<bool(const StoredRecord&)> visit) const;
  // To be begun before the first read of a walk from the first record to the last. Null where
  // the store has nothing to compare with.
  virtual absl::StatusOr<std::unique_ptr<CollectionScan>> StartScan(
      absl::string_view owner, absl::string_view record_type) const {
    (void)owner, (void)record_type;
    return nullptr;
  }
  // Lends one record by its id; NOT_FOUND if there is none of this type of an owner of the
  // permit's.
  virtual absl::Status ReadOne(
      const policy::Permit& permit, const AuditReceipt& receipt, const policy::RecordId& id,
      absl::FunctionRef<void(absl::string_view owner, const StoredRecord&)> visit) const = 0;
  virtual absl::StatusOr<LastPublish> LastPublishOf(absl::string_view owner,
                                                    absl::string_view record_type) const = 0;

  // The owner's own, under an OwnerPermit and its receipt, else INTERNAL.

  // Of all types: lends what opens the owner's commitments in entries [begin, end), of one field or
  // (empty) of all, in order of index and field, until `visit` returns false; of those whose key is
  // destroyed, neither salt nor value.
  virtual absl::Status ReadOwnOpenings(
      const OwnerPermit& permit, const AuditReceipt& receipt, absl::string_view field,
      uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t index, const LogRow::Opening& opening)> visit) const = 0;
  // Of one type: lends the owner's records, as Read does.
  virtual absl::Status ReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                               std::optional<ScanPlace> from,
                               absl::FunctionRef<bool(const StoredRecord&)> visit) const = 0;
  // Of one type: lends the record of a canonical key; NOT_FOUND.
  virtual absl::Status ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                                  absl::string_view key,
                                  absl::FunctionRef<void(const StoredRecord&)> visit) const = 0;
  // Of all types.
  virtual absl::StatusOr<OwnerStatus> StatusOf(const OwnerPermit& permit,
                                               const AuditReceipt& receipt) const = 0;
  // Of all types: the ordinals that one person has or ever had in the owner's dictionary, by a name
  // of his; those of the names that are joined with it now are among them. Sorted. NOT_FOUND if no
  // record ever named him so.
  virtual absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(
      const OwnerPermit& permit, const AuditReceipt& receipt,
      const policy::SubjectName& name) const = 0;
  // Of all types: lends the bitmaps of subjects (portable Roaring bytes) of the entries from
  // `begin` to `end` (exclusive) that have some in this container, in order of index, until `visit`
  // returns false. Of those whose key is destroyed nullopt is lent.
  virtual absl::Status ReadSubjects(
      const OwnerPermit& permit, const AuditReceipt& receipt, uint32_t container, uint64_t begin,
      uint64_t end,
      absl::FunctionRef<bool(uint64_t index, std::optional<absl::string_view> bitmap)> visit)
      const = 0;
  // Of a store that seals nothing: none. DATA_LOSS if a collection is not as it was sealed, or one
  // of them, or the store's position, is as it was before; then the store's health says so as well.
  virtual absl::StatusOr<CollectionProgress> Progress() const { return CollectionProgress(); }
  // Who opted out of an owner's purpose, or of all; never null.
  virtual absl::StatusOr<std::shared_ptr<const OptedOut>> WhoOptedOut(
      absl::string_view owner, absl::string_view purpose) const = 0;
  // The most of an owner's retractions that this gateway knows of, without asking anybody: its own
  // at once, another's since the last LookAtRetractions.
  virtual int64_t RetractionsSeen(absl::string_view owner) const = 0;
  virtual absl::Status LookAtRetractions() const = 0;
  // Of all types: the purposes, sorted, of which whoever has one of these names opted out; empty
  // for all of them.
  virtual absl::StatusOr<std::vector<std::string>> OptOutsOf(
      const OwnerPermit& permit, const AuditReceipt& receipt,
      absl::Span<const policy::SubjectName> names) const = 0;
  // Whether ForgetHistory has something to forget.
  virtual absl::StatusOr<bool> HistoryBefore(absl::Time time) const = 0;
  // The first entry in [begin, end) that has an opening of this field, anybody's.
  virtual absl::StatusOr<std::optional<uint64_t>> FirstOpening(absl::string_view field,
                                                               uint64_t begin,
                                                               uint64_t end) const = 0;

  // Of keys; a store that seals nothing has none.

  // In order of owner, scope and version.
  virtual absl::StatusOr<std::vector<StoredKeyVersion>> KeyVersions() const {
    return std::vector<StoredKeyVersion>();
  }
  // Another one wherever a key was replaced or destroyed, by whichever gateway.
  virtual absl::StatusOr<int64_t> KeyGeneration() const { return 0; }
  // A stretch of a walk over the rows that one key sealed, in which those under some of its
  // versions, by their ids, are found.
  virtual absl::StatusOr<SealedRows> FindSealed(KekScope, absl::string_view /*owner*/,
                                                absl::Span<const int64_t> /*versions*/,
                                                const std::optional<SealedPlace>& /*from*/,
                                                int64_t /*rows*/) const {
    return SealedRows();
  }
  // Lets go of the keys that readers have at hand, after one was destroyed: those on loan when they
  // come back.
  virtual void LetGoOfKeys() const {}

  // Grows with every change of what decisions rest on: MOU versions and their signatures,
  // organizations, catalogs. Whoever reads it after such a change was acknowledged sees it grown.
  // UNAVAILABLE, in a few seconds at the most, where the store does not answer.
  virtual absl::StatusOr<int64_t> Revision() const = 0;
  // Those whose entry is at `since` or later: each change gives a row an entry of its own.
  virtual absl::StatusOr<std::vector<StoredMouVersion>> MouVersions(uint64_t since) const = 0;
  // Likewise, in order of name.
  virtual absl::StatusOr<std::vector<StoredOrganization>> Organizations(uint64_t since) const = 0;
  // That these are the very versions and organizations that were put: as of which size of the log,
  // or nullopt where nothing is sealed. DATA_LOSS if they are not, or are as they were before; then
  // the store's health says so as well. ABORTED while they change: ask again.
  virtual absl::StatusOr<std::optional<uint64_t>> CheckState() const { return std::nullopt; }
  // The kept ones, in the order in which they came.
  virtual absl::StatusOr<std::vector<std::string>> Catalogs() const = 0;
  // NOT_FOUND if it was never made, or is not this principal's.
  virtual absl::StatusOr<StoredDecision> FindDecision(absl::string_view decision_id,
                                                      absl::string_view principal) const = 0;

  // The head of an empty log if nothing was ever written.
  virtual absl::StatusOr<LogHead> ReadLogHead() const = 0;
  // Rows [begin, end) without openings, in order.
  virtual absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                                   absl::FunctionRef<bool(const LogRow&)> visit) const = 0;
  // Leaf hashes [begin, end).
  virtual absl::StatusOr<std::vector<Hash>> ReadLeafHashes(uint64_t begin, uint64_t end) const = 0;
  // Those of a destroyed key are left out.
  virtual absl::StatusOr<std::vector<LogRow::Opening>> ReadOpenings(uint64_t index) const = 0;
  // The last wseq of a writer's boot, what a restart's gap check starts from; NOT_FOUND if it wrote
  // none.
  virtual absl::StatusOr<uint64_t> LastWseq(absl::string_view writer,
                                            absl::string_view boot) const = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_H_
