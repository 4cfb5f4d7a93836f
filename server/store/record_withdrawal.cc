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
  return PrepareAll(
      parts_.connection,
      {{&find_owner_, "SELECT id FROM owner WHERE name = $1"},
       {&size_, size},
       {&changes_, changes},
       {&replaced_,
        "SELECT record_id, content_position FROM record_history "
        "WHERE position = $1 AND collection = $2"},
       {&next_position_, "UPDATE store SET position = position + 1 RETURNING position"},
       {&rows_, "SELECT rows FROM owner WHERE name = $1"},
       {&find_key_,
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
       {&update_key_,
        "UPDATE record_key SET ordinal = $1, live = $2, position = $3, content_position = $4, "
        "written_position = $3 WHERE record_id = $5"},
       {&find_before_,
        "SELECT h.subjects, h.identity, h.sealed_position, h.bytes, c.record_type "
        "FROM record_history h JOIN collection c ON c.id = h.collection "
        "WHERE h.position = $1 AND h.record_id = $2"},
       {&put_back_,
        "INSERT INTO record (collection, ordinal, record_id, subjects, identity, position, bytes) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (collection, ordinal, record_id) DO "
        "UPDATE SET subjects = excluded.subjects, identity = excluded.identity, "
        "position = excluded.position, bytes = excluded.bytes"},
       {&delete_record_,
        "DELETE FROM record WHERE collection = $1 AND ordinal = $2 AND record_id = $3"}});
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

absl::StatusOr<RecordWithdrawal::Now> RecordWithdrawal::FindNow(const Touched& touched) {
  SqlRun run = find_key_.Bind(SqlBlob(touched.id.bytes));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("a key that was published is not there");
  absl::StatusOr<Hash16> key = run.Array<16>(5), tie = run.Array<16>(6);
  if (!key.ok()) return key.status();
  if (!tie.ok()) return tie.status();
  const absl::StatusOr<Hash16> wanted = parts_.hasher->KeyTie(*key, touched.id.bytes);
  if (!wanted.ok()) return wanted.status();
  if (*tie != *wanted) return absl::DataLossError("a key has another's record");
  return Now{.ordinal = static_cast<uint32_t>(run.Int(0)),
             .live = run.Int(1) != 0,
             .content_position = run.Int(2),
             .written_position = run.Int(3),
             .bytes = static_cast<int64_t>(SealedContentSize(run.Int(4)))};
}

absl::StatusOr<RecordWithdrawal::Step> RecordWithdrawal::StepOf(const Touched& touched,
                                                                const Now& now,
                                                                const WithdrawBatch& batch) {
  const auto in_range = [&](int64_t position) {
    return position >= batch.first && position <= batch.last;
  };
  if (!in_range(now.content_position) && !in_range(now.written_position)) return Step::kKept;
  if (!touched.was_live) return now.live ? Step::kDelete : Step::kNone;
  if (!now.live) return Step::kUndelete;
  SqlRun run =
      same_.Bind(touched.position, touched.collection, now.ordinal, SqlBlob(touched.id.bytes));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("a record that should be stored is not");
  const auto open = [&](int first) {
    return parts_.opening->Open(OfRecord{.owner = batch.owner,
                                         .record_type = run.Bytes(8),
                                         .record_id = touched.id.bytes,
                                         .position = run.Int(first + 2),
                                         .subjects = run.Bytes(first),
                                         .identity = run.Bytes(first + 1)},
                                run.Bytes(first + 3));
  };
  absl::StatusOr<absl::string_view> content = open(0);
  if (!content.ok()) return content.status();
  const std::string now_content(*content);
  content = open(4);
  if (!content.ok()) return content.status();
  return *content == now_content ? Step::kNone : Step::kRestore;
}

absl::StatusOr<WithdrawOutcome> RecordWithdrawal::TakeAll(const std::vector<Touched>& touched,
                                                          int64_t put_back,
                                                          const WithdrawBatch& batch) {
  WithdrawOutcome outcome;
  outcome.bytes = put_back;
  absl::StatusOr<int64_t> owner = FindOwner(batch.owner);
  if (!owner.ok()) return owner.status();
  RecordHistory::Change change;  // of one collection after the other
  const auto finish = [&]() -> absl::Status {
    if (change.collection == 0) return absl::OkStatus();
    return parts_.history->Finish(change, batch.time);
  };
  for (const Touched& each : touched) {
    absl::StatusOr<Now> now = FindNow(each);
    if (!now.ok()) return now.status();
    absl::StatusOr<Step> step = StepOf(each, *now, batch);
    if (!step.ok()) return step.status();
    switch (*step) {
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
    outcome.bytes += now->bytes;
    if (outcome.bytes > kMaxWithdrawBytes) {
      return absl::OutOfRangeError(absl::StrCat("more than ", kMaxWithdrawBytes,
                                                " bytes of records would have to be moved"));
    }
    if (batch.validate_only) continue;
    if (outcome.position == 0) {
      absl::StatusOr<int64_t> position = NextPosition();
      if (!position.ok()) return position.status();
      outcome.position = *position;
    }
    if (change.collection != each.collection) {
      if (absl::Status status = finish(); !status.ok()) return status;
      change = {.collection = each.collection,
                .position = outcome.position,
                .identities = std::move(change.identities)};
    }
    if (absl::Status status = Take(*step, each, *now, *owner, batch, change); !status.ok())
      return status;
  }
  if (absl::Status status = finish(); !status.ok()) return status;
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

absl::Status RecordWithdrawal::Take(Step step, const Touched& touched, const Now& now,
                                    int64_t owner, const WithdrawBatch& batch,
                                    RecordHistory::Change& change) {
  const SqlBlob id(touched.id.bytes);
  if (now.live) {
    absl::Status status = parts_.history->Replaces({{.ordinal = now.ordinal,
                                                     .id = touched.id,
                                                     .content_position = now.content_position,
                                                     .goes = step == Step::kDelete}},
                                                   change);
    if (status.ok()) status = delete_record_.Bind(touched.collection, now.ordinal, id).Finish();
    if (!status.ok()) return status;
  } else {
    RecordHistory::Creates({touched.id, now.content_position}, /*known=*/true, change);
  }
  if (step == Step::kDelete) {
    return update_key_.Bind(now.ordinal, 0, change.position, touched.content_position, id).Finish();
  }
  SqlRun before = find_before_.Bind(touched.position, id);
  absl::StatusOr<bool> row = before.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("what a change replaced is not kept");
  absl::StatusOr<std::string> subjects = parts_.dictionary->Current(owner, before.Bytes(0));
  if (!subjects.ok()) return subjects.status();
  const uint32_t ordinal = subjects->empty() ? 0 : RecordSubjectAt(*subjects, 0).ordinal;
  const absl::string_view identity = before.Bytes(1);
  OfRecord of{.owner = batch.owner,
              .record_type = before.Bytes(4),
              .record_id = touched.id.bytes,
              .position = before.Int(2),
              .subjects = before.Bytes(0),
              .identity = identity};
  const absl::StatusOr<absl::string_view> content = parts_.opening->Open(of, before.Bytes(3));
  if (!content.ok()) return content.status();
  of.position = change.position;
  of.subjects = *subjects;
  const absl::StatusOr<absl::string_view> sealed = parts_.sealing->Seal(of, *content);
  if (!sealed.ok()) return sealed.status();
  absl::Status status = put_back_
                            .Bind(touched.collection, ordinal, id, SqlBlob(*subjects),
                                  SqlBlob(identity), change.position, SqlBlob(*sealed))
                            .Finish();
  if (status.ok()) {
    status = parts_.history->Becomes(touched.id, *subjects, identity, *sealed, change);
  }
  if (!status.ok()) return status;
  return update_key_.Bind(ordinal, 1, change.position, touched.content_position, id).Finish();
}

absl::StatusOr<int64_t> RecordWithdrawal::NextPosition() {
  SqlRun run = next_position_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

}  // namespace sluice::server
