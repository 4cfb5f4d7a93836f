// The transaction of one group: statements for the log's tables, MOU versions, organizations and
// decisions, with RecordWriter for records.
//
// On the writer's thread.
#ifndef SLUICE_SERVER_STORE_STORE_TRANSACTION_H_
#define SLUICE_SERVER_STORE_STORE_TRANSACTION_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/key_encryption_keys.h"
#include "server/store/collection_seals.h"
#include "server/store/dictionary.h"
#include "server/store/erasures.h"
#include "server/store/high_water_marks.h"
#include "server/store/key_versions.h"
#include "server/store/opening_keys.h"
#include "server/store/opt_out_table.h"
#include "server/store/record_history.h"
#include "server/store/record_withdrawal.h"
#include "server/store/record_writer.h"
#include "server/store/sealing_keys.h"
#include "server/store/sql.h"
#include "server/store/state_seal.h"
#include "server/store/store.h"
#include "server/store/subject_joins.h"

namespace sluice::server {

class StoreTransaction final : public Transaction {
 public:
  // All must outlive it.
  static absl::StatusOr<std::unique_ptr<StoreTransaction>> Create(SqlConnection* connection,
                                                                  const NameHasher* hasher,
                                                                  const SealKeys* seal_keys,
                                                                  HighWaterMarks* marks,
                                                                  KeyEncryptionKeys* keks);

  absl::Status InsertLogRow(const LogRow& row) override;
  absl::Status UpdateLogHead(uint64_t old_size, const LogHead& head) override;
  absl::StatusOr<PublishOutcome> Publish(const PublishBatch& batch) override;
  absl::StatusOr<DeleteOutcome> Delete(const DeleteBatch& batch) override;
  absl::StatusOr<WithdrawOutcome> Withdraw(const WithdrawBatch& batch) override;
  absl::StatusOr<bool> ForgetHistory(absl::Time time, int64_t rows) override;
  absl::StatusOr<std::vector<uint32_t>> EraseSubject(
      absl::string_view owner, absl::Span<const policy::SubjectName> names) override {
    absl::StatusOr<std::vector<uint32_t>> ordinals = erasures_->EraseSubject(owner, names);
    if (!ordinals.ok()) return ordinals;
    if (absl::Status status = RaiseRevision(); !status.ok()) return status;
    return ordinals;
  }
  absl::StatusOr<std::vector<std::string>> EraseOpenings(absl::string_view owner,
                                                         absl::string_view field, uint64_t begin,
                                                         uint64_t end) override {
    return erasures_->EraseOpenings(owner, field, begin, end);
  }
  absl::StatusOr<int32_t> PutOptOuts(absl::string_view owner,
                                     absl::Span<const policy::SubjectName> names,
                                     absl::string_view purpose, bool opted_out) override;
  absl::StatusOr<int64_t> RetractionCount(absl::string_view owner) override {
    return opt_outs_->Count(owner);
  }
  absl::Status PutDictionaryHead(absl::string_view owner, uint64_t size,
                                 const std::vector<Hash>& compact_range) override;
  absl::Status PutDictionaryOpenings(absl::string_view owner, uint32_t ordinal,
                                     const std::vector<std::string>& salts) override;
  absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> DictionaryHead(
      absl::string_view owner) override;
  absl::Status PutMouVersion(const StoredMouVersion& version,
                             std::optional<uint64_t> replaces) override;
  absl::Status PutOrganization(const StoredOrganization& organization,
                               std::optional<uint64_t> replaces) override;
  absl::Status SealState(uint64_t through) override { return state_seal_->Advance(through); }
  absl::Status PutCatalog(absl::string_view kept) override;
  KeyTransaction* keys() override { return keys_.get(); }
  absl::StatusOr<int64_t> Revision() override;
  absl::Status PutDecision(const StoredDecision& decision) override;
  void BeginGroup() override {
    boot_.reset();
    sealing_->Undone();
    marks_.group() = HighWaterMarks::Group();
  }
  void BeginWork() override { before_work_ = marks_.group(); }
  void UndoWork() override {
    boot_.reset();
    sealing_->Undone();
    marks_.group() = before_work_;
  }
  void Committed() override {
    sealing_->Committed();
    marks_.RaiseToGroup();
  }

  // A group begins, at this key generation of the store.
  void BeginAsOf(int64_t key_generation);

 private:
  StoreTransaction(SqlConnection* connection, const NameHasher* hasher, const SealKeys* seal_keys,
                   HighWaterMarks* marks)
      : connection_(connection), hasher_(*hasher), seal_keys_(*seal_keys), marks_(*marks) {}
  absl::Status Prepare();
  // A change of records, whole with its collections' seals.
  template <typename Outcome>
  absl::StatusOr<Outcome> Sealed(absl::StatusOr<Outcome> outcome);
  absl::StatusOr<int64_t> BootId(absl::string_view writer, absl::string_view boot);
  // Of what is written with it: gateways that hold what decisions rest on in memory look for it.
  absl::Status RaiseRevision() { return raise_revision_.Bind().Finish(); }

  struct Boot {
    std::string writer, boot;
    int64_t id = 0;
  };

  SqlConnection* const connection_;
  const NameHasher& hasher_;
  const SealKeys& seal_keys_;
  HighWaterMarks& marks_;
  HighWaterMarks::Group before_work_;
  std::unique_ptr<StateSeal> state_seal_;
  std::optional<Boot> boot_;  // of this group's last entry
  std::unique_ptr<OpeningKeys> opening_;
  std::unique_ptr<SealingKeys> sealing_;
  std::unique_ptr<OptOutTable> opt_outs_;
  std::unique_ptr<Dictionary> dictionary_;
  std::unique_ptr<CollectionSeals> collection_seals_;
  int64_t key_generation_ = 0;
  std::unique_ptr<KeyVersions> keys_;
  std::unique_ptr<Erasures> erasures_;
  std::unique_ptr<SubjectJoins> joins_;
  std::unique_ptr<RecordHistory> history_;
  std::unique_ptr<RecordWriter> records_;
  std::unique_ptr<RecordWithdrawal> withdrawal_;
  SqlStatement find_boot_, insert_boot_, insert_entry_, insert_opening_, update_head_;
  SqlStatement put_dictionary_head_, find_dictionary_head_;
  SqlMany put_dictionary_openings_, insert_containers_;
  SqlStatement find_version_, insert_version_, update_version_, insert_signature_;
  SqlStatement delete_signatures_, find_organization_, insert_organization_, update_organization_;
  SqlStatement insert_decision_, put_catalog_, raise_revision_, revision_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_TRANSACTION_H_
