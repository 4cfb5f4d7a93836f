#include "server/store/record_withdrawal.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

constexpr size_t kIdBytes = sizeof(policy::RecordId::bytes);

constexpr absl::string_view kOwnChangesInRange =
    " FROM record_change r JOIN collection c ON c.id = r.collection JOIN owner o ON o.id = c.owner "
    "WHERE o.name = $1 AND r.position >= $2 AND r.position <= $3";

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWithdrawal>> RecordWithdrawal::Create(
    const RecordWriter::Parts& parts) {
  std::unique_ptr<RecordWithdrawal> withdrawal(new RecordWithdrawal(parts));
  absl::StatusOr<std::unique_ptr<Answers>> answers = Answers::Create(parts.connection);
  if (!answers.ok()) return answers.status();
  withdrawal->answers_ = *std::move(answers);
  if (absl::Status status = withdrawal->Prepare(); !status.ok()) return status;
  return withdrawal;
}

absl::Status RecordWithdrawal::Prepare() {
  const std::string size = absl::StrCat(
      "SELECT count(*), CAST(coalesce(sum(length(r.created) / ", RecordHistory::kCreatedBytes,
      " + r.replaced), 0) AS BIGINT), CAST(coalesce(sum(r.replaced_bytes), 0) AS BIGINT)",
      kOwnChangesInRange);
  const std::string changes =
      absl::StrCat("SELECT r.collection, r.position, r.created", kOwnChangesInRange);
  absl::Status many = PrepareAllMany(
      parts_.connection,
      {{&find_keys_,
        "SELECT k.ordinal, k.live, k.content_position, k.written_position, "
        "coalesce(length(r.bytes), 0), k.key_hash, k.tie "
        "FROM record_key k LEFT JOIN record r ON r.collection = k.collection AND "
        "r.ordinal = k.ordinal AND r.record_id = k.record_id WHERE k.record_id = $1"},
       {&same_,
        "SELECT r.subjects, r.identity, r.position, r.bytes, "
        "h.subjects, h.identity, h.sealed_position, h.bytes, c.record_type "
        "FROM record r JOIN record_history h ON h.record_id = r.record_id "
        "JOIN collection c ON c.id = r.collection "
        "WHERE h.position = $1 AND r.collection = $2 AND r.ordinal = $3 AND r.record_id = $4"},
       {&update_keys_,
        "UPDATE record_key SET ordinal = $1, live = $2, position = $3, content_position = $4, "
        "written_position = $3 WHERE record_id = $5"},
       {&find_before_,
        "SELECT h.subjects, h.identity, h.sealed_position, h.bytes, c.record_type "
        "FROM record_history h JOIN collection c ON c.id = h.collection "
        "WHERE h.position = $1 AND h.record_id = $2"},
       {&put_back_,
        "INSERT INTO record (collection, ordinal, record_id, subjects, identity, position, bytes) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)"},
       {&delete_records_,
        "DELETE FROM record WHERE collection = $1 AND ordinal = $2 AND record_id = $3"}});
  if (!many.ok()) return many;
  return PrepareAll(
      parts_.connection,
      {{&find_owner_, "SELECT id FROM owner WHERE name = $1"},
       {&size_, size},
       {&changes_, changes},
       {&replaced_,
        "SELECT record_id, content_position, sealed_position, tie FROM record_history "
        "WHERE position = $1 AND collection = $2"},
       {&rows_, "SELECT rows FROM owner WHERE name = $1"}});
}

absl::StatusOr<WithdrawOutcome> RecordWithdrawal::Withdraw(const WithdrawBatch& batch) {
  absl::StatusOr<Hash16> request = parts_.hasher->Request(batch.principal, batch.request_id);
  if (!request.ok()) return request.status();
  absl::StatusOr<Hash16> content = parts_.hasher->Content(
      "withdraw", batch.owner, "",
      absl::string_view(reinterpret_cast<const char*>(batch.content_digest.data()), sizeof(Hash)));
  if (!content.ok()) return content.status();
  absl::StatusOr<std::optional<Answer>> before = answers_->Find(*request, *content, batch.time);
  if (!before.ok()) return before.status();
  if (before->has_value()) {
    return WithdrawOutcome{.position = (*before)->position,
                           .deleted_count = (*before)->deleted,
                           .restored_count = (*before)->changed,
                           .undeleted_count = (*before)->created,
                           .unchanged_count = (*before)->unchanged,
                           .kept_count = (*before)->missing,
                           .replayed = true};
  }
  absl::StatusOr<int64_t> put_back = CheckRange(batch);
  if (!put_back.ok()) return put_back.status();
  absl::StatusOr<std::vector<Touched>> touched = FindTouched(batch);
  if (!touched.ok()) return touched.status();
  absl::StatusOr<WithdrawOutcome> outcome = TakeAll(*touched, *put_back, batch);
  if (!outcome.ok()) return outcome;
  absl::Status status = CheckRows(batch, *outcome);
  if (!status.ok()) return status;
  if (batch.validate_only) return outcome;
  status = answers_->Remember(*request, *content, batch.time,
                              {.position = outcome->position,
                               .created = outcome->undeleted_count,
                               .changed = outcome->restored_count,
                               .unchanged = outcome->unchanged_count,
                               .deleted = outcome->deleted_count,
                               .missing = outcome->kept_count});
  if (!status.ok()) return status;
  return outcome;
}

absl::StatusOr<int64_t> RecordWithdrawal::CheckRange(const WithdrawBatch& batch) {
  absl::StatusOr<int64_t> begin = parts_.history->Begin();
  if (!begin.ok()) return begin.status();
  if (batch.first < *begin) {
    return HistoryIsForgotten(
        absl::StrCat("what was replaced before position ", *begin, " is kept no longer"));
  }
  SqlRun run = size_.Bind(batch.owner, batch.first, batch.last);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row || run.Int(0) == 0) {
    return absl::NotFoundError("no change of this owner stands at these positions");
  }
  if (run.Int(1) > kMaxWithdrawRecords || run.Int(2) > kMaxWithdrawBytes) {
    return absl::OutOfRangeError(absl::StrCat(run.Int(1), " changes of records and ", run.Int(2),
                                              " bytes of what they replaced are too many"));
  }
  return run.Int(2);
}

absl::Status RecordWithdrawal::CheckRows(const WithdrawBatch& batch,
                                         const WithdrawOutcome& outcome) {
  const int64_t grown = outcome.undeleted_count - outcome.deleted_count;
  if (grown <= 0) return absl::OkStatus();
  SqlRun run = rows_.Bind(batch.owner);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("an owner that published is not there");
  const int64_t rows = run.Int(0) + (batch.validate_only ? grown : 0);
  if (rows <= batch.most_rows) return absl::OkStatus();
  return absl::ResourceExhaustedError("the owner would have more records than it may");
}

absl::StatusOr<std::vector<RecordWithdrawal::Touched>> RecordWithdrawal::FindTouched(
    const WithdrawBatch& batch) {
  std::vector<Touched> all;
  SqlRun changes = changes_.Bind(batch.owner, batch.first, batch.last);
  for (;;) {
    absl::StatusOr<bool> change = changes.Next();
    if (!change.ok()) return change.status();
    if (!*change) break;
    Touched touched{.position = changes.Int(1), .collection = changes.Int(0)};
    const absl::string_view created = changes.Bytes(2);
    for (size_t i = 0; i < created.size() / RecordHistory::kCreatedBytes; ++i) {
      const RecordHistory::Created one = RecordHistory::CreatedAt(created, i);
      touched.id = one.id;
      touched.content_position = one.content_position;
      all.push_back(touched);
    }
    touched.was_live = true;
    SqlRun replaced = replaced_.Bind(touched.position, touched.collection);
    for (;;) {
      absl::StatusOr<bool> row = replaced.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      absl::StatusOr<Hash16> id = replaced.Array<kIdBytes>(0);
      if (!id.ok()) return id.status();
      touched.id.bytes = *id;
      touched.content_position = replaced.Int(1);
      touched.is_forgotten = replaced.Int(2) == 0;
      const absl::StatusOr<Hash16> tie =
          parts_.hasher->HistoryTie({.position = touched.position,
                                     .record_id = *id,
                                     .collection = touched.collection,
                                     .content_position = touched.content_position,
                                     .sealed_position = replaced.Int(2)});
      if (!tie.ok()) return tie.status();
      if (replaced.Bytes(3) != SqlBlob(*tie).bytes) {
        return absl::DataLossError("what a change replaced is not what is kept of it");
      }
      all.push_back(touched);
    }
  }
  // Of each record the first change in the range: before it the record was as it shall be.
  std::sort(all.begin(), all.end(), [](const Touched& a, const Touched& b) {
    return std::tie(a.collection, a.id, a.position) < std::tie(b.collection, b.id, b.position);
  });
  all.erase(std::unique(all.begin(), all.end(),
                        [](const Touched& a, const Touched& b) { return a.id == b.id; }),
            all.end());
  return all;
}

absl::StatusOr<std::vector<RecordWithdrawal::Now>> RecordWithdrawal::FindNow(
    const std::vector<Touched>& touched) {
  std::vector<Now> all(touched.size());
  size_t found = 0;
  SqlManyRun run = find_keys_.StartSmall([&](size_t i, const SqlRow& row) -> absl::Status {
    absl::StatusOr<Hash16> key = row.Array<16>(5), tie = row.Array<16>(6);
    if (!key.ok()) return key.status();
    if (!tie.ok()) return tie.status();
    const absl::StatusOr<Hash16> wanted = parts_.hasher->KeyTie(*key, touched[i].id.bytes);
    if (!wanted.ok()) return wanted.status();
    if (*tie != *wanted) return absl::DataLossError("a key has another's record");
    all[i] = {.ordinal = static_cast<uint32_t>(row.Int(0)),
              .live = row.Int(1) != 0,
              .content_position = row.Int(2),
              .written_position = row.Int(3),
              .bytes = static_cast<int64_t>(SealedContentSize(row.Int(4)))};
    ++found;
    return absl::OkStatus();
  });
  for (const Touched& each : touched) {
    if (absl::Status status = run.Add(SqlBlob(each.id.bytes)); !status.ok()) return status;
  }
  if (absl::Status status = run.Finish(); !status.ok()) return status;
  if (found != touched.size()) return absl::DataLossError("a key that was published is not there");
  return all;
}

absl::StatusOr<std::vector<RecordWithdrawal::Step>> RecordWithdrawal::FindSteps(
    const std::vector<Touched>& touched, const std::vector<Now>& now, const WithdrawBatch& batch) {
  const auto in_range = [&](int64_t position) {
    return position >= batch.first && position <= batch.last;
  };
  std::vector<Step> steps;
  std::vector<size_t> both;  // what was live, and is
  for (size_t i = 0; i < touched.size(); ++i) {
    if (!in_range(now[i].content_position) && !in_range(now[i].written_position)) {
      steps.push_back(Step::kKept);
    } else if (!touched[i].was_live) {
      steps.push_back(now[i].live ? Step::kDelete : Step::kNone);
    } else if (touched[i].is_forgotten) {
      return HistoryIsForgotten("a record of it names somebody who was erased since");
    } else {
      steps.push_back(now[i].live ? Step::kRestore : Step::kUndelete);
      if (now[i].live) both.push_back(i);
    }
  }
  size_t found = 0;
  SqlManyRun run = same_.Start([&](size_t set, const SqlRow& row) -> absl::Status {
    const auto open = [&](int first) {
      return parts_.opening->Open(OfRecord{.owner = batch.owner,
                                           .record_type = row.Bytes(8),
                                           .record_id = touched[both[set]].id.bytes,
                                           .position = row.Int(first + 2),
                                           .subjects = row.Bytes(first),
                                           .identity = row.Bytes(first + 1)},
                                  row.Bytes(first + 3));
    };
    absl::StatusOr<absl::string_view> content = open(0);
    if (!content.ok()) return content.status();
    const std::string now_content(*content);
    content = open(4);
    if (!content.ok()) return content.status();
    if (*content == now_content) steps[both[set]] = Step::kNone;
    ++found;
    return absl::OkStatus();
  });
  for (const size_t i : both) {
    absl::Status status = run.Add(touched[i].position, touched[i].collection, now[i].ordinal,
                                  SqlBlob(touched[i].id.bytes));
    if (!status.ok()) return status;
  }
  if (absl::Status status = run.Finish(); !status.ok()) return status;
  if (found != both.size()) return absl::DataLossError("a record that should be stored is not");
  return steps;
}

absl::StatusOr<WithdrawOutcome> RecordWithdrawal::TakeAll(const std::vector<Touched>& touched,
                                                          int64_t put_back,
                                                          const WithdrawBatch& batch) {
  absl::StatusOr<std::vector<Now>> now = FindNow(touched);
  if (!now.ok()) return now.status();
  absl::StatusOr<std::vector<Step>> steps = FindSteps(touched, *now, batch);
  if (!steps.ok()) return steps.status();
  WithdrawOutcome outcome;
  outcome.bytes = put_back;
  std::vector<Move> moves;
  for (size_t i = 0; i < touched.size(); ++i) {
    switch ((*steps)[i]) {
      case Step::kNone:
        ++outcome.unchanged_count;
        continue;
      case Step::kKept:
        ++outcome.kept_count;
        continue;
      case Step::kDelete:
        ++outcome.deleted_count;
        break;
      case Step::kRestore:
        ++outcome.restored_count;
        break;
      case Step::kUndelete:
        ++outcome.undeleted_count;
        break;
    }
    // What stands now is kept in its turn.
    outcome.bytes += (*now)[i].bytes;
    if (outcome.bytes > kMaxWithdrawBytes) {
      return absl::OutOfRangeError(absl::StrCat("more than ", kMaxWithdrawBytes,
                                                " bytes of records would have to be moved"));
    }
    moves.push_back({touched[i], (*now)[i], (*steps)[i]});
  }
  if (batch.validate_only || moves.empty()) return outcome;

  absl::StatusOr<int64_t> owner = FindOwner(batch.owner);
  if (!owner.ok()) return owner.status();
  absl::StatusOr<int64_t> position = parts_.history->NextPosition();
  if (!position.ok()) return position.status();
  outcome.position = *position;
  RecordHistory::Change change;  // of one collection after the other
  for (auto begin = moves.begin(); begin != moves.end();) {
    const int64_t collection = begin->touched.collection;
    const auto end = std::find_if(begin, moves.end(), [&](const Move& move) {
      return move.touched.collection != collection;
    });
    change = {.collection = collection,
              .position = outcome.position,
              .identities = std::move(change.identities)};
    absl::Status status = Take(absl::MakeSpan(&*begin, end - begin), *owner, batch, change);
    if (status.ok()) status = parts_.history->Finish(change, batch.time);
    if (!status.ok()) return status;
    begin = end;
  }
  // Last: what was put back follows what was joined or parted by the same withdraw.
  absl::StatusOr<std::vector<NewSubject>> subjects =
      parts_.joins->Apply(*owner, change.identities, outcome.position, batch.time);
  if (!subjects.ok()) return subjects.status();
  outcome.new_subjects = *std::move(subjects);
  return outcome;
}

absl::StatusOr<int64_t> RecordWithdrawal::FindOwner(absl::string_view owner) {
  SqlRun run = find_owner_.Bind(owner);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("an owner that should be stored is not");
  return run.Int(0);
}

}  // namespace sluice::server
