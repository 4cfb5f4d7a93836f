// Takes an owner's changes back, within a group's transaction: each record that a range of
// positions touched becomes what it was before the range, unless it was changed again after it. A
// merge or split of whom it names is no such change: it comes back about whom its names are of now.
//
// On the writer's thread. Keeps nothing in memory from one call to the next.
#ifndef SLUICE_SERVER_STORE_RECORD_WITHDRAWAL_H_
#define SLUICE_SERVER_STORE_RECORD_WITHDRAWAL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/store/answers.h"
#include "server/store/name_hash.h"
#include "server/store/record_history.h"
#include "server/store/record_writer.h"
#include "server/store/sql.h"
#include "server/store/store.h"

namespace sluice::server {

class RecordWithdrawal {
 public:
  // What it stands on must outlive it.
  static absl::StatusOr<std::unique_ptr<RecordWithdrawal>> Create(const RecordWriter::Parts& parts);

  // As Transaction::Withdraw.
  absl::StatusOr<WithdrawOutcome> Withdraw(const WithdrawBatch& batch);

 private:
  // A record that the range touched, as it was before the range.
  struct Touched {
    policy::RecordId id{};
    int64_t position = 0;  // of the first change in the range that touched it
    int64_t collection = 0;
    int64_t content_position = 0;
    bool was_live = false;      // what it was stands in the history, at `position`
    bool is_forgotten = false;  // or does no more: it named somebody who was erased
  };
  // What is stored under its key now.
  struct Now {
    uint32_t ordinal = 0;
    bool live = false;
    // Of the change that made its content; a withdraw gives back that of what it gives back.
    int64_t content_position = 0;
    int64_t written_position = 0;  // of what wrote it last, a withdraw included
    int64_t bytes = 0;             // of its content
  };
  // What becomes of a record.
  enum class Step { kNone, kDelete, kRestore, kUndelete, kKept };
  // A record that becomes another.
  struct Move {
    Touched touched;
    Now now;
    Step step = Step::kNone;
  };

  explicit RecordWithdrawal(const RecordWriter::Parts& parts) : parts_(parts) {}
  absl::Status Prepare();

  // That the range is kept whole, has a change of the owner's, and is within the bounds: the bytes
  // of what it replaced.
  absl::StatusOr<int64_t> CheckRange(const WithdrawBatch& batch);
  // That the owner has no more records than it may.
  absl::Status CheckRows(const WithdrawBatch& batch, const WithdrawOutcome& outcome);
  // Each record once, in order of collection and id.
  absl::StatusOr<std::vector<Touched>> FindTouched(const WithdrawBatch& batch);
  absl::StatusOr<std::vector<Now>> FindNow(const std::vector<Touched>& touched);
  // What becomes of each.
  absl::StatusOr<std::vector<Step>> FindSteps(const std::vector<Touched>& touched,
                                              const std::vector<Now>& now,
                                              const WithdrawBatch& batch);
  // Those of one collection.
  absl::Status Take(absl::Span<const Move> moves, int64_t owner, const WithdrawBatch& batch,
                    RecordHistory::Change& change);
  absl::Status PutBack(absl::Span<const Move> moves, int64_t owner, const WithdrawBatch& batch,
                       RecordHistory::Change& change);
  absl::StatusOr<int64_t> FindOwner(absl::string_view owner);
  absl::StatusOr<WithdrawOutcome> TakeAll(const std::vector<Touched>& touched, int64_t put_back,
                                          const WithdrawBatch& batch);

  const RecordWriter::Parts parts_;
  std::unique_ptr<Answers> answers_;
  SqlStatement find_owner_, size_, rows_, changes_, replaced_;
  SqlMany find_keys_, same_, update_keys_, find_before_, put_back_, delete_records_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_RECORD_WITHDRAWAL_H_
