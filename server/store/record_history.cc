#include "server/store/record_history.h"

#include <endian.h>

#include <cstring>
#include <utility>

#include "server/store/record_subjects.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

// Changes forgotten in one bite: each has ids of up to a batch of records.
constexpr int kChangesABite = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<RecordHistory>> RecordHistory::Create(SqlConnection* connection) {
  std::unique_ptr<RecordHistory> history(new RecordHistory(connection));
  absl::Status status = PrepareAll(
      connection,
      {{&history->find_,
        "SELECT subjects, identity, position, bytes FROM record "
        "WHERE collection = $1 AND ordinal = $2 AND record_id = $3"},
       // Not INSERT ... SELECT: what may write several rows is journaled for itself, page by page.
       {&history->keep_,
        "INSERT INTO record_history (position, record_id, collection, content_position, subjects, "
        "identity, sealed_position, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"},
       {&history->put_change_,
        "INSERT INTO record_change (collection, position, time_us, created, replaced, "
        "replaced_bytes) VALUES ($1, $2, $3, $4, $5, $6)"},
       {&history->touch_,
        "UPDATE collection SET position = $1, time_us = $2, live = live + $3, "
        "tombstones = tombstones + $4 WHERE id = $5"},
       {&history->add_rows_,
        "UPDATE owner SET rows = rows + $1 WHERE id = (SELECT owner FROM collection WHERE id = "
        "$2)"},
       {&history->begin_,
        "SELECT coalesce((SELECT position FROM record_change ORDER BY id LIMIT 1), position + 1) "
        "FROM store"},
       {&history->forget_changes_, "DELETE FROM record_change WHERE id <= $1"},
       {&history->forget_rows_,
        "DELETE FROM record_history WHERE (position, record_id) IN (SELECT position, record_id "
        "FROM record_history WHERE position < $1 ORDER BY position, record_id LIMIT $2)"},
       // A record may name somebody twice.
       {&history->put_name_,
        "INSERT INTO further_name (collection, name, record_id) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING"},
       {&history->drop_name_,
        "DELETE FROM further_name WHERE collection = $1 AND name = $2 AND record_id = $3"}});
  if (status.ok()) {
    status = PrepareScans(connection, {{&history->oldest_,
                                        "SELECT id, time_us, position FROM record_change "
                                        "ORDER BY id"}});
  }
  if (!status.ok()) return status;
  return history;
}

RecordHistory::Created RecordHistory::CreatedAt(absl::string_view created, size_t index) {
  Created one;
  const char* const bytes = created.data() + index * kCreatedBytes;
  std::memcpy(one.id.bytes.data(), bytes, one.id.bytes.size());
  std::memcpy(&one.content_position, bytes + one.id.bytes.size(), sizeof(one.content_position));
  one.content_position = static_cast<int64_t>(be64toh(one.content_position));
  return one;
}

void RecordHistory::Creates(const Created& created, bool known, Change& change) {
  change.created.append(created.id.bytes.begin(), created.id.bytes.end());
  const uint64_t position = htobe64(created.content_position);
  change.created.append(reinterpret_cast<const char*>(&position), sizeof(position));
  if (known) ++change.tombstones_back;
}

absl::Status RecordHistory::Replaces(uint32_t ordinal, const policy::RecordId& id,
                                     int64_t content_position, bool goes, Change& change) {
  SqlRun run = find_.Bind(change.collection, ordinal, SqlBlob(id.bytes));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("a record that should be stored is not");
  const absl::string_view subjects = run.Bytes(0);
  const absl::string_view identity = run.Bytes(1);
  // As they were sealed: they open with what stands beside them.
  const absl::string_view bytes = run.Bytes(3);
  ++change.replaced;
  change.replaced_bytes += static_cast<int64_t>(SealedContentSize(bytes.size()));
  absl::Status kept =
      keep_
          .Bind(change.position, SqlBlob(id.bytes), change.collection, content_position,
                SqlBlob(subjects), SqlBlob(identity), run.Int(2), SqlBlob(bytes))
          .Finish();
  if (!kept.ok()) return kept;
  if (goes) ++change.deleted;
  absl::Status status = IdentityChanges::Add(identity, change.identities.gone);
  if (!status.ok()) return status;
  return ForFurtherNames(drop_name_, id, subjects, change);
}

absl::Status RecordHistory::Becomes(const policy::RecordId& id, absl::string_view subjects,
                                    absl::string_view identity, Change& change) {
  absl::Status status = IdentityChanges::Add(identity, change.identities.come);
  if (!status.ok()) return status;
  return ForFurtherNames(put_name_, id, subjects, change);
}

absl::Status RecordHistory::ForFurtherNames(SqlStatement& statement, const policy::RecordId& id,
                                            absl::string_view subjects, const Change& change) {
  absl::StatusOr<size_t> count = CountRecordSubjects(subjects);
  if (!count.ok()) return count.status();
  for (size_t i = 1; i < *count; ++i) {
    const uint32_t name = RecordSubjectAt(subjects, i).name;
    absl::Status status = statement.Bind(change.collection, name, SqlBlob(id.bytes)).Finish();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RecordHistory::Finish(const Change& change, absl::Time time) {
  const auto created = static_cast<int64_t>(change.created.size() / kCreatedBytes);
  const int64_t time_us = absl::ToUnixMicros(time);
  if (created + change.replaced > 0) {
    absl::Status status = put_change_
                              .Bind(change.collection, change.position, time_us,
                                    SqlBlob(change.created), change.replaced, change.replaced_bytes)
                              .Finish();
    if (!status.ok()) return status;
  }
  const int64_t more = created - change.deleted;
  absl::Status status = touch_
                            .Bind(change.position, time_us, more,
                                  change.deleted - change.tombstones_back, change.collection)
                            .Finish();
  if (!status.ok() || more == 0) return status;
  return add_rows_.Bind(more, change.collection).Finish();
}

absl::StatusOr<int64_t> RecordHistory::Begin() {
  SqlRun run = begin_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

absl::StatusOr<bool> RecordHistory::Forget(absl::Time time, int64_t rows) {
  // The oldest without a gap: from the first that stays on all is whole.
  int64_t last = 0, position = 0;
  int changes = 0;
  {
    SqlRun run = oldest_.Bind();
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row || run.Int(1) >= absl::ToUnixMicros(time)) break;
      // What is left of a position could be withdrawn by half.
      if (changes >= kChangesABite && run.Int(2) != position) break;
      last = run.Int(0);
      position = run.Int(2);
      ++changes;
    }
  }
  if (changes > 0) {
    if (absl::Status status = forget_changes_.Bind(last).Finish(); !status.ok()) return status;
  }
  absl::StatusOr<int64_t> begin = Begin();
  if (!begin.ok()) return begin.status();
  if (absl::Status status = forget_rows_.Bind(*begin, rows).Finish(); !status.ok()) return status;
  return changes >= kChangesABite || connection_->changes() >= rows;
}

}  // namespace sluice::server
