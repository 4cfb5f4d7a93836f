// A store in memory, for tests of what stands on one: the same interface, in the plainest way. Each
// work is a group of its own, run within Submit; while held, works wait and become one group.
//
// Thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_MEMORY_STORE_H_
#define SLUICE_TESTS_SUPPORT_MEMORY_STORE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/store.h"

namespace sluice::server {

class MemoryStore : public Store {
 public:
  void SetParticipant(CommitParticipant* participant) override;
  void Submit(Work work) override;
  void Stop() override {}  // nothing waits
  absl::Status Health() const override;

  // In pages of a few records.
  absl::Status ReadPages(
      const policy::Permit& permit, const AuditReceipt& receipt, absl::string_view owner,
      std::optional<ScanPlace> from, std::optional<ScanPlace> until,
      absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const override;
  absl::Status ReadOne(
      const policy::Permit& permit, const AuditReceipt& receipt, const policy::RecordId& id,
      absl::FunctionRef<void(absl::string_view, const StoredRecord&)> visit) const override;
  absl::StatusOr<LastPublish> LastPublishOf(absl::string_view owner,
                                            absl::string_view record_type) const override;
  absl::Status ReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                       std::optional<ScanPlace> from,
                       absl::FunctionRef<bool(const StoredRecord&)> visit) const override;
  absl::Status ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                          absl::string_view key,
                          absl::FunctionRef<void(const StoredRecord&)> visit) const override;
  absl::StatusOr<OwnerStatus> StatusOf(const OwnerPermit& permit,
                                       const AuditReceipt& receipt) const override;
  absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(const OwnerPermit& permit,
                                                   const AuditReceipt& receipt,
                                                   const policy::SubjectName& name) const override;
  absl::Status ReadOwnOpenings(
      const OwnerPermit& permit, const AuditReceipt& receipt, absl::string_view field,
      uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t, const LogRow::Opening&)> visit) const override;
  absl::StatusOr<std::optional<uint64_t>> FirstOpening(absl::string_view field, uint64_t begin,
                                                       uint64_t end) const override;
  absl::Status ReadSubjects(
      const OwnerPermit& permit, const AuditReceipt& receipt, uint32_t container, uint64_t begin,
      uint64_t end,
      absl::FunctionRef<bool(uint64_t, std::optional<absl::string_view>)> visit) const override;
  absl::StatusOr<bool> HistoryBefore(absl::Time time) const override;
  absl::StatusOr<int64_t> Revision() const override;
  absl::StatusOr<std::shared_ptr<const OptedOut>> WhoOptedOut(
      absl::string_view owner, absl::string_view purpose) const override;
  int64_t RetractionsSeen(absl::string_view owner) const override;
  absl::Status LookAtRetractions() const override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> OptOutsOf(
      const OwnerPermit& permit, const AuditReceipt& receipt,
      absl::Span<const policy::SubjectName> names) const override;
  absl::StatusOr<std::vector<StoredMouVersion>> MouVersions(uint64_t since) const override;
  absl::StatusOr<std::vector<StoredOrganization>> Organizations(uint64_t since) const override;
  absl::StatusOr<std::vector<std::string>> Catalogs() const override;
  absl::StatusOr<StoredDecision> FindDecision(absl::string_view decision_id,
                                              absl::string_view principal) const override;
  absl::StatusOr<LogHead> ReadLogHead() const override;
  absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                           absl::FunctionRef<bool(const LogRow&)> visit) const override;
  absl::StatusOr<std::vector<Hash>> ReadLeafHashes(uint64_t begin, uint64_t end) const override;
  absl::StatusOr<std::vector<LogRow::Opening>> ReadOpenings(uint64_t index) const override;
  absl::StatusOr<uint64_t> LastWseq(absl::string_view writer,
                                    absl::string_view boot) const override;

  // --- What a test does to it ---

  // As Submit, of another gateway with a participant of its own.
  void SubmitBeside(CommitParticipant* participant, Work work);

  // Works wait until Release, which runs them as one group.
  void Hold();
  void Release();
  int held_works() const;
  // Drops works that wait, as a crash does: they are told UNAVAILABLE.
  void DropHeld();
  // The next COMMIT fails, and whether its group is there all the same; from then on nothing works.
  void FailNextCommit(bool persisted);
  // The next row inserted has a bit flipped in the bytes handed over.
  void FlipNextRow();
  // The log as it was at a size: an old backup put back. The participant is taken off.
  void RollBackLog(uint64_t size, const LogHead& head);
  // A row of the log, to be tampered with.
  LogRow& MutableLogRow(uint64_t index) ABSL_NO_THREAD_SAFETY_ANALYSIS { return log_[index]; }
  // The salt of a dictionary's opening; empty if there is none.
  std::string DictionarySalt(const std::string& owner, uint32_t ordinal);
  // What SQLite's file has after a crash is what memory has: another start over the same bytes.
  void Restart();

 private:
  struct Record {
    policy::RecordId id{};
    std::string bytes;
    std::vector<policy::SubjectId> subjects;
    std::vector<uint32_t> ordinals;
    std::vector<policy::SubjectName> names;  // of the subjects
    std::optional<policy::Identity> identity;
    bool deleted = false;
    bool forgotten = false;        // of the history: it named somebody who was erased
    int64_t position = 0;          // of its last change
    int64_t content_position = 0;  // of what made its content, withdraws left out
    int64_t written_position = 0;  // of what wrote it last
  };
  using Name = std::pair<std::string, std::string>;  // id space and id
  struct Dictionary {
    std::map<Name, NewSubject> subjects;
    std::map<Name, std::set<uint32_t>> ever;  // the ordinals that a name had, today's included
    std::vector<Name> names;                  // in the order in which they came
    uint32_t ordinals = 0;                    // given so far
    uint64_t size = 0;
    std::vector<Hash> compact_range;
    std::map<uint32_t, std::string> salts;
  };
  // By owner, record type and key.
  using RecordKey = std::tuple<std::string, std::string, std::string>;
  // All but the log, which is too long to be copied for each work.
  struct Tables {
    std::map<RecordKey, Record> records;
    std::map<std::string, Dictionary> dictionaries;
    std::map<std::pair<std::string, std::string>, std::pair<Hash, PublishOutcome>> publishes;
    std::map<std::pair<std::string, std::string>, std::pair<Hash, DeleteOutcome>> deletes;
    std::map<std::pair<std::string, std::string>, LastPublish> last_publish;
    std::vector<StoredMouVersion> mou_versions;
    std::map<std::string, StoredOrganization> organizations;
    std::vector<std::string> catalogs;
    std::map<std::string, StoredDecision> decisions;
    // What each change replaced, by position.
    struct Change {
      absl::Time time;
      std::map<RecordKey, Record> before;  // deleted: not live
    };
    std::map<int64_t, Change> history;
    std::map<std::pair<std::string, std::string>, std::pair<Hash, WithdrawOutcome>> withdraws;
    // What was erased of the log's openings; of an owner, or (empty) of all.
    struct Erased {
      std::string owner;
      std::string field;
      uint64_t begin = 0;
      uint64_t end = 0;
      bool Covers(uint64_t index, const LogRow::Opening& opening) const {
        return index >= begin && index < end && opening.field == field &&
               (owner.empty() || opening.owner == owner);
      }
    };
    std::vector<Erased> erased;
    bool Has(uint64_t index, const LogRow::Opening& opening) const {
      return std::none_of(erased.begin(), erased.end(),
                          [&](const Erased& it) { return it.Covers(index, opening); });
    }
    int64_t position = 0;
    int64_t revision = 0;
    // By owner.
    std::map<std::string, std::set<std::pair<Name, std::string>>> opt_outs;  // with their purpose
    std::map<std::string, int64_t> retractions;
    std::map<std::string, std::map<std::string, std::set<uint32_t>>> opted_out;  // as counted last

    std::map<Name, std::string> Persons(absl::string_view owner) const;
    // Whom none of these purposes' rows may be about; of all where it is "".
    std::map<std::string, std::set<uint32_t>> WhoOptedOut(const std::string& owner) const;
  };
  class GroupTransaction;

  void RunGroup(std::vector<Work> works, CommitParticipant* participant)
      ABSL_LOCKS_EXCLUDED(writer_mutex_, mutex_);
  static StoredRecord Lend(const Record& record);
  // In order of their places.
  absl::Status VisitRecords(absl::string_view owner, absl::string_view record_type,
                            std::optional<ScanPlace> from, std::optional<ScanPlace> until,
                            absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Held by the one that is the writer's thread.
  absl::Mutex writer_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);

  mutable absl::Mutex mutex_;
  CommitParticipant* participant_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Work> waiting_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> fail_persisted_ ABSL_GUARDED_BY(mutex_);
  bool flip_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  Tables tables_ ABSL_GUARDED_BY(mutex_);
  std::vector<LogRow> log_ ABSL_GUARDED_BY(mutex_);
  LogHead head_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_MEMORY_STORE_H_
