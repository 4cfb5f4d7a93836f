// How a withdraw moves records: what stands goes into the history, what stood comes back.
#include <string>
#include <vector>

#include "server/store/record_withdrawal.h"

namespace sluice::server {

absl::Status RecordWithdrawal::Take(absl::Span<const Move> moves, int64_t owner,
                                    const WithdrawBatch& batch, RecordHistory::Change& change) {
  std::vector<RecordHistory::Replaced> replaced;
  for (const Move& move : moves) {
    if (move.now.live) {
      replaced.push_back({.ordinal = move.now.ordinal,
                          .id = move.touched.id,
                          .content_position = move.now.content_position,
                          .goes = move.step == Step::kDelete});
    } else {
      RecordHistory::Creates({move.touched.id, move.now.content_position}, /*known=*/true, change);
    }
  }
  absl::Status status = parts_.history->Replaces(replaced, change);
  SqlManyRun deletes = delete_records_.Start(), keys = update_keys_.Start();
  for (const RecordHistory::Replaced& record : replaced) {
    if (!status.ok()) return status;
    status = deletes.Add(change.collection, record.ordinal, SqlBlob(record.id.bytes));
  }
  if (status.ok()) status = deletes.Finish();
  for (const Move& move : moves) {
    if (!status.ok()) return status;
    if (move.step != Step::kDelete) continue;
    status = keys.Add(0, 0, change.position, move.touched.content_position,
                      SqlBlob(move.touched.id.bytes));
  }
  if (status.ok()) status = keys.Finish();
  return status.ok() ? PutBack(moves, owner, batch, change) : status;
}

absl::Status RecordWithdrawal::PutBack(absl::Span<const Move> moves, int64_t owner,
                                       const WithdrawBatch& batch, RecordHistory::Change& change) {
  // As the history has it.
  struct Before {
    int64_t position = 0;
    std::string identity, record_type, bytes;
  };
  std::vector<const Touched*> records;
  for (const Move& move : moves) {
    if (move.step != Step::kDelete) records.push_back(&move.touched);
  }
  std::vector<Before> before(records.size());
  std::vector<std::string> subjects(records.size());
  size_t found = 0;
  SqlManyRun finds = find_before_.Start([&](size_t i, const SqlRow& row) -> absl::Status {
    subjects[i] = std::string(row.Bytes(0));
    before[i] = {.position = row.Int(2),
                 .identity = std::string(row.Bytes(1)),
                 .record_type = std::string(row.Bytes(4)),
                 .bytes = std::string(row.Bytes(3))};
    ++found;
    return absl::OkStatus();
  });
  absl::Status status;
  for (const Touched* record : records) {
    if (status.ok()) status = finds.Add(record->position, SqlBlob(record->id.bytes));
  }
  if (status.ok()) status = finds.Finish();
  if (!status.ok()) return status;
  if (found != records.size()) return absl::DataLossError("what a change replaced is not kept");
  absl::StatusOr<std::vector<std::string>> current = parts_.dictionary->Current(owner, subjects);
  if (!current.ok()) return current.status();

  SqlManyRun puts = put_back_.Start(), keys = update_keys_.Start();
  for (size_t i = 0; i < records.size(); ++i) {
    const SqlBlob id(records[i]->id.bytes);
    const std::string& now = (*current)[i];
    OfRecord of{.owner = batch.owner,
                .record_type = before[i].record_type,
                .record_id = records[i]->id.bytes,
                .position = before[i].position,
                .subjects = subjects[i],
                .identity = before[i].identity};
    const absl::StatusOr<absl::string_view> content = parts_.opening->Open(of, before[i].bytes);
    if (!content.ok()) return content.status();
    of.position = change.position;
    of.subjects = now;
    const absl::StatusOr<absl::string_view> sealed = parts_.sealing->Seal(of, *content);
    if (!sealed.ok()) return sealed.status();
    const uint32_t ordinal = now.empty() ? 0 : RecordSubjectAt(now, 0).ordinal;
    status = puts.Add(change.collection, ordinal, id, SqlBlob(now), SqlBlob(of.identity),
                      change.position, SqlBlob(*sealed));
    if (status.ok()) {
      status = keys.Add(ordinal, 1, change.position, records[i]->content_position, id);
    }
    if (status.ok()) {
      status = parts_.history->Becomes(records[i]->id, now, of.identity, *sealed, change);
    }
    if (!status.ok()) return status;
  }
  status = puts.Finish();
  return status.ok() ? keys.Finish() : status;
}

}  // namespace sluice::server
