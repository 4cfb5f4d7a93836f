// One gateway's side of a store in memory that several share: it reads what all wrote and writes
// with a participant of its own. Tests alone include this.
#ifndef SLUICE_TESTS_SUPPORT_SHARED_MEMORY_STORE_H_
#define SLUICE_TESTS_SUPPORT_SHARED_MEMORY_STORE_H_

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/memory_store.h"

namespace sluice::server {

class SharedMemoryStore : public Store {
 public:
  explicit SharedMemoryStore(MemoryStore* store) : store_(*store) {}

  // The next group becomes durable, and no answer of it comes.
  void LoseNextAnswer() { lose_answer_ = true; }
  // What another gateway does between this one's look at the store and its next write.
  void BeforeNextWrite(std::function<void()> deed) { before_write_ = std::move(deed); }
  // So many reads of leaves succeed, and the next fails.
  void FailLeafReadsAfter(int reads) { leaf_reads_left_ = reads; }
  // The most leaves that were asked for at a time.
  uint64_t most_leaves_read() const { return most_leaves_read_; }

  bool IsShared() const override { return true; }
  void SetParticipant(CommitParticipant* participant) override { participant_ = participant; }
  void Submit(Work work) override {
    if (const auto deed = std::exchange(before_write_, nullptr); deed != nullptr) deed();
    if (!std::exchange(lose_answer_, false))
      return store_.SubmitBeside(participant_, std::move(work));
    Deaf deaf(participant_);
    store_.SubmitBeside(&deaf, {.is_append = work.is_append,
                                .bytes = work.bytes,
                                .apply = std::move(work.apply),
                                .done = [done = std::move(work.done)](absl::Status) mutable {
                                  done(absl::UnavailableError("no answer came"));
                                }});
  }
  void Stop() override {}
  absl::Status Health() const override { return store_.Health(); }

  absl::Status ReadPages(
      const policy::Permit& permit, const AuditReceipt& receipt, absl::string_view owner,
      std::optional<ScanPlace> from, std::optional<ScanPlace> until,
      absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) const override {
    return store_.ReadPages(permit, receipt, owner, from, until, visit);
  }
  absl::Status ReadOne(
      const policy::Permit& permit, const AuditReceipt& receipt, const policy::RecordId& id,
      absl::FunctionRef<void(absl::string_view, const StoredRecord&)> visit) const override {
    return store_.ReadOne(permit, receipt, id, visit);
  }
  absl::StatusOr<LastPublish> LastPublishOf(absl::string_view owner,
                                            absl::string_view record_type) const override {
    return store_.LastPublishOf(owner, record_type);
  }
  absl::Status ReadOwn(const OwnerPermit& permit, const AuditReceipt& receipt,
                       std::optional<ScanPlace> from,
                       absl::FunctionRef<bool(const StoredRecord&)> visit) const override {
    return store_.ReadOwn(permit, receipt, from, visit);
  }
  absl::Status ReadOwnOne(const OwnerPermit& permit, const AuditReceipt& receipt,
                          absl::string_view key,
                          absl::FunctionRef<void(const StoredRecord&)> visit) const override {
    return store_.ReadOwnOne(permit, receipt, key, visit);
  }
  absl::StatusOr<OwnerStatus> StatusOf(const OwnerPermit& permit,
                                       const AuditReceipt& receipt) const override {
    return store_.StatusOf(permit, receipt);
  }
  absl::StatusOr<std::vector<uint32_t>> OrdinalsOf(const OwnerPermit& permit,
                                                   const AuditReceipt& receipt,
                                                   const policy::SubjectName& name) const override {
    return store_.OrdinalsOf(permit, receipt, name);
  }
  absl::Status ReadOwnOpenings(
      const OwnerPermit& permit, const AuditReceipt& receipt, absl::string_view field,
      uint64_t begin, uint64_t end,
      absl::FunctionRef<bool(uint64_t, const LogRow::Opening&)> visit) const override {
    return store_.ReadOwnOpenings(permit, receipt, field, begin, end, visit);
  }
  absl::StatusOr<std::optional<uint64_t>> FirstOpening(absl::string_view field, uint64_t begin,
                                                       uint64_t end) const override {
    return store_.FirstOpening(field, begin, end);
  }
  absl::Status ReadSubjects(
      const OwnerPermit& permit, const AuditReceipt& receipt, uint32_t container, uint64_t begin,
      uint64_t end,
      absl::FunctionRef<bool(uint64_t, std::optional<absl::string_view>)> visit) const override {
    return store_.ReadSubjects(permit, receipt, container, begin, end, visit);
  }
  absl::StatusOr<bool> HistoryBefore(absl::Time time) const override {
    return store_.HistoryBefore(time);
  }
  absl::StatusOr<int64_t> Revision() const override { return store_.Revision(); }
  absl::StatusOr<std::shared_ptr<const OptedOut>> WhoOptedOut(
      absl::string_view owner, absl::string_view purpose) const override {
    return store_.WhoOptedOut(owner, purpose);
  }
  int64_t RetractionsSeen(absl::string_view owner) const override {
    return store_.RetractionsSeen(owner);
  }
  absl::Status LookAtRetractions() const override { return store_.LookAtRetractions(); }
  absl::StatusOr<std::vector<std::string>> OptOutsOf(
      const OwnerPermit& permit, const AuditReceipt& receipt,
      absl::Span<const policy::SubjectName> names) const override {
    return store_.OptOutsOf(permit, receipt, names);
  }
  absl::StatusOr<std::vector<StoredMouVersion>> MouVersions(uint64_t since) const override {
    return store_.MouVersions(since);
  }
  absl::StatusOr<std::vector<StoredOrganization>> Organizations(uint64_t since) const override {
    return store_.Organizations(since);
  }
  absl::StatusOr<std::vector<std::string>> Catalogs() const override { return store_.Catalogs(); }
  absl::StatusOr<StoredDecision> FindDecision(absl::string_view id,
                                              absl::string_view principal) const override {
    return store_.FindDecision(id, principal);
  }
  absl::StatusOr<LogHead> ReadLogHead() const override { return store_.ReadLogHead(); }
  absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                           absl::FunctionRef<bool(const LogRow&)> visit) const override {
    return store_.ReadLogRows(begin, end, visit);
  }
  absl::StatusOr<std::vector<Hash>> ReadLeafHashes(uint64_t begin, uint64_t end) const override {
    most_leaves_read_ = std::max(most_leaves_read_, end - begin);
    if (leaf_reads_left_-- == 0) return absl::UnavailableError("a read that fails");
    return store_.ReadLeafHashes(begin, end);
  }
  absl::StatusOr<std::vector<LogRow::Opening>> ReadOpenings(uint64_t index) const override {
    return store_.ReadOpenings(index);
  }
  absl::StatusOr<uint64_t> LastWseq(absl::string_view writer,
                                    absl::string_view boot) const override {
    return store_.LastWseq(writer, boot);
  }

 private:
  // Hears of everything but the commit.
  class Deaf final : public CommitParticipant {
   public:
    explicit Deaf(CommitParticipant* participant) : participant_(*participant) {}
    absl::Status Begin() override { return participant_.Begin(); }
    void BeginWork() override { participant_.BeginWork(); }
    void UndoWork() override { participant_.UndoWork(); }
    absl::Status BeforeCommit(Transaction& transaction) override {
      return participant_.BeforeCommit(transaction);
    }
    void AfterCommit() override {}

   private:
    CommitParticipant& participant_;
  };

  MemoryStore& store_;
  CommitParticipant* participant_ = nullptr;
  std::function<void()> before_write_;
  bool lose_answer_ = false;
  mutable uint64_t most_leaves_read_ = 0;
  mutable int leaf_reads_left_ = -1;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_SHARED_MEMORY_STORE_H_
