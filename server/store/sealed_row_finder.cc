#include "server/store/sealed_row_finder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "server/store/sealed_bytes.h"

namespace sluice::server {

// What a call has still to look at, and what it has found.
struct SealedRowFinder::Stretch {
  absl::Span<const int64_t> data_keys;
  SealedPlace place;  // of the last row that was looked at
  int64_t left = 0;
  SealedRows found;

  void Enter(SealedTable table) {
    if (place.table != table) place = {.table = table, .first = -1};
  }
};

absl::StatusOr<std::unique_ptr<SealedRowFinder>> SealedRowFinder::Create(
    SqlConnection* connection) {
  std::unique_ptr<SealedRowFinder> finder(new SealedRowFinder);
  // The header of what is sealed, and no more: rows may be large.
  absl::Status status = PrepareAll(
      connection,
      {{&finder->collections_,
        "SELECT c.id FROM collection c JOIN owner o ON o.id = c.owner WHERE o.name = $1 "
        "ORDER BY c.id"},
       {&finder->records_,
        "SELECT ordinal, record_id, substr(bytes, 1, 13), length(bytes) FROM record "
        "WHERE collection = $1 AND (ordinal, record_id) > ($2, $3) "
        "ORDER BY ordinal, record_id LIMIT $4"},
       {&finder->history_,
        "SELECT position, record_id, substr(bytes, 1, 13), length(bytes) FROM record_history "
        "WHERE (position, record_id) > ($1, $2) AND sealed_position > 0 "
        "ORDER BY position, record_id LIMIT $3"},
       {&finder->log_openings_,
        "SELECT idx, owner, field, substr(opening, 1, 13), length(opening) FROM log_opening "
        "WHERE (idx, owner, field) > ($1, $2, $3) ORDER BY idx, owner, field LIMIT $4"},
       {&finder->dictionary_,
        "SELECT ordinal, substr(salt, 1, 13), length(salt) FROM dictionary_opening "
        "WHERE owner = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3"},
       {&finder->data_key_, "SELECT data_key FROM data_subkey WHERE id = $1"}});
  if (!status.ok()) return status;
  return finder;
}

absl::StatusOr<SealedRows> SealedRowFinder::Find(KekScope scope, absl::string_view owner,
                                                 absl::Span<const int64_t> data_keys,
                                                 const std::optional<SealedPlace>& from,
                                                 int64_t rows) {
  data_keys_.clear();
  Stretch stretch{.data_keys = data_keys, .left = std::max<int64_t>(rows, 1)};
  absl::Status status;
  switch (scope) {
    case KekScope::kOwnerData:
      stretch.place = from.value_or(SealedPlace{.table = SealedTable::kRecord});
      if (stretch.place.table == SealedTable::kRecord) status = Records(owner, stretch);
      if (status.ok() && stretch.left > 0) status = History(stretch);
      break;
    case KekScope::kOwnerDictionary:
      stretch.place = from.value_or(SealedPlace{.table = SealedTable::kLogOpening, .first = -1});
      if (stretch.place.table == SealedTable::kLogOpening) status = LogOpenings(stretch);
      if (status.ok() && stretch.left > 0) status = Dictionary(owner, stretch);
      break;
  }
  if (!status.ok()) return status;
  if (stretch.left == 0) stretch.found.next = std::move(stretch.place);
  return std::move(stretch.found);
}

absl::Status SealedRowFinder::Records(absl::string_view owner, Stretch& stretch) {
  std::vector<int64_t> collections;
  {
    SqlRun run = collections_.Bind(owner);
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      if (run.Int(0) >= stretch.place.first) collections.push_back(run.Int(0));
    }
  }
  for (const int64_t collection : collections) {
    if (collection != stretch.place.first) {
      stretch.place = {.table = SealedTable::kRecord, .first = collection};
    }
    const SealedPlace from = stretch.place;
    SqlRun run = records_.Bind(collection, from.second, SqlBlob(absl::string_view(from.third)),
                               stretch.left);
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      stretch.place.second = run.Int(0);
      stretch.place.third = std::string(run.Bytes(1));
      absl::Status status = Look(run.Bytes(2), run.Int(3), stretch);
      if (!status.ok()) return status;
    }
    if (stretch.left == 0) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status SealedRowFinder::History(Stretch& stretch) {
  stretch.Enter(SealedTable::kRecordHistory);
  const SealedPlace from = stretch.place;
  // All owners' lie together: whose a row is follows from what it is sealed under.
  SqlRun run = history_.Bind(from.first, SqlBlob(absl::string_view(from.third)), stretch.left);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    stretch.place.first = run.Int(0);
    stretch.place.third = std::string(run.Bytes(1));
    absl::Status status = Look(run.Bytes(2), run.Int(3), stretch);
    if (!status.ok()) return status;
  }
}

absl::Status SealedRowFinder::LogOpenings(Stretch& stretch) {
  const SealedPlace from = stretch.place;
  SqlRun run = log_openings_.Bind(from.first, from.third, from.fourth, stretch.left);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    stretch.place.first = run.Int(0);
    stretch.place.third = std::string(run.Bytes(1));
    stretch.place.fourth = std::string(run.Bytes(2));
    absl::Status status = Look(run.Bytes(3), run.Int(4), stretch);
    if (!status.ok()) return status;
  }
}

absl::Status SealedRowFinder::Dictionary(absl::string_view owner, Stretch& stretch) {
  stretch.Enter(SealedTable::kDictionaryOpening);
  stretch.place.third = std::string(owner);
  SqlRun run = dictionary_.Bind(owner, stretch.place.first, stretch.left);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    stretch.place.first = run.Int(0);
    absl::Status status = Look(run.Bytes(1), run.Int(2), stretch);
    if (!status.ok()) return status;
  }
}

absl::Status SealedRowFinder::Look(absl::string_view header, int64_t bytes, Stretch& stretch) {
  --stretch.left;
  const std::optional<uint32_t> subkey = SubkeyOfSealed(header);
  if (!subkey) return absl::OkStatus();  // damaged: it opens under no key
  const absl::StatusOr<int64_t> data_key = DataKeyOf(*subkey);
  if (!data_key.ok()) return data_key.status();
  if (std::find(stretch.data_keys.begin(), stretch.data_keys.end(), *data_key) !=
      stretch.data_keys.end()) {
    stretch.found.rows.push_back(
        {.place = stretch.place, .data_key = *data_key, .subkey = *subkey, .bytes = bytes});
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SealedRowFinder::DataKeyOf(uint32_t subkey) {
  if (const auto known = data_keys_.find(subkey); known != data_keys_.end()) return known->second;
  SqlRun run = data_key_.Bind(subkey);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return data_keys_[subkey] = *row ? run.Int(0) : 0;  // none: no key opens it
}

}  // namespace sluice::server
