#include "server/store/seal_renewal.h"

#include <algorithm>
#include <string>

#include "server/key_name.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

// Nobody has sealed it since: another one's seal is of a version in use.
bool IsAsFound(absl::string_view sealed, const SealedRow& row) {
  return SubkeyOfSealed(sealed) == row.subkey;
}

absl::StatusOr<Hash16> IdOf(absl::string_view bytes) {
  Hash16 id;
  if (bytes.size() != id.size()) return absl::DataLossError("a record's id has another length");
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SealRenewal>> SealRenewal::Create(const Parts& parts) {
  std::unique_ptr<SealRenewal> renewal(new SealRenewal(parts));
  absl::Status status = PrepareAll(
      parts.connection,
      {{&renewal->find_record_,
        "SELECT r.subjects, r.identity, r.position, r.bytes, c.record_type, o.name FROM record r "
        "JOIN collection c ON c.id = r.collection JOIN owner o ON o.id = c.owner "
        "WHERE r.collection = $1 AND r.ordinal = $2 AND r.record_id = $3"},
       {&renewal->put_record_,
        "UPDATE record SET bytes = $1 WHERE collection = $2 AND ordinal = $3 AND record_id = $4"},
       {&renewal->find_history_,
        "SELECT h.subjects, h.identity, h.sealed_position, h.bytes, c.record_type, o.name "
        "FROM record_history h "
        "JOIN collection c ON c.id = h.collection JOIN owner o ON o.id = c.owner "
        "WHERE h.position = $1 AND h.record_id = $2"},
       {&renewal->put_history_,
        "UPDATE record_history SET bytes = $1 WHERE position = $2 AND record_id = $3"},
       {&renewal->find_log_opening_,
        "SELECT opening FROM log_opening WHERE idx = $1 AND owner = $2 AND field = $3"},
       {&renewal->put_log_opening_,
        "UPDATE log_opening SET opening = $1 WHERE idx = $2 AND owner = $3 AND field = $4"},
       {&renewal->find_dictionary_,
        "SELECT salt FROM dictionary_opening WHERE owner = $1 AND ordinal = $2"},
       {&renewal->put_dictionary_,
        "UPDATE dictionary_opening SET salt = $1 WHERE owner = $2 AND ordinal = $3"}});
  if (!status.ok()) return status;
  return renewal;
}

template <typename Of>
absl::StatusOr<absl::string_view> SealRenewal::Renew(const Of& of, absl::string_view sealed) {
  const absl::StatusOr<absl::string_view> content = opening_->Open(of, sealed);
  if (!content.ok()) return content.status();
  return sealing_->Seal(of, *content);
}

absl::StatusOr<int64_t> SealRenewal::SealAnew(absl::Span<const SealedRow> rows) {
  absl::StatusOr<int64_t> renewed = SealEach(rows);
  if (renewed.ok()) {
    if (absl::Status status = seals_->Write(); !status.ok()) renewed = status;
  }
  seals_->Forget();
  return renewed;
}

absl::StatusOr<int64_t> SealRenewal::SealEach(absl::Span<const SealedRow> rows) {
  int64_t renewed = 0;
  for (const SealedRow& row : rows) {
    absl::StatusOr<bool> done = [&] {
      switch (row.place.table) {
        case SealedTable::kRecord:
          return OfRecord(row);
        case SealedTable::kRecordHistory:
          return OfRecordHistory(row);
        case SealedTable::kLogOpening:
          return OfLogOpening(row);
        case SealedTable::kDictionaryOpening:
          return OfDictionaryOpening(row);
      }
      return absl::StatusOr<bool>(absl::InternalError("there is no such table"));
    }();
    // What does not open stays as it is, for whoever reads it to be told.
    if (absl::IsDataLoss(done.status()) || DestroyedKeyOf(done.status())) continue;
    if (!done.ok()) return done.status();
    if (*done) ++renewed;
  }
  return renewed;
}

absl::StatusOr<bool> SealRenewal::OfRecord(const SealedRow& row) {
  const SealedPlace& place = row.place;
  const SqlBlob id(place.third);
  SqlRun run = find_record_.Bind(place.first, place.second, id);
  absl::StatusOr<bool> found = run.Next();
  if (!found.ok() || !*found || !IsAsFound(run.Bytes(3), row)) return found.ok() ? false : found;
  const absl::StatusOr<Hash16> record_id = IdOf(place.third);
  if (!record_id.ok()) return record_id.status();
  const absl::StatusOr<absl::string_view> sealed =
      Renew(server::OfRecord{.owner = run.Bytes(5),
                             .record_type = run.Bytes(4),
                             .record_id = *record_id,
                             .position = run.Int(2),
                             .subjects = run.Bytes(0),
                             .identity = run.Bytes(1)},
            run.Bytes(3));
  if (!sealed.ok()) return sealed.status();
  // Another ciphertext in the place of this one.
  absl::Status status = seals_->Go(place.first, {*record_id}, run.Bytes(3));
  if (status.ok()) status = seals_->Come(place.first, {*record_id}, *sealed);
  if (status.ok()) {
    status = put_record_.Bind(SqlBlob(*sealed), place.first, place.second, id).Finish();
  }
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<bool> SealRenewal::OfRecordHistory(const SealedRow& row) {
  const SqlBlob id(row.place.third);
  SqlRun run = find_history_.Bind(row.place.first, id);
  absl::StatusOr<bool> found = run.Next();
  if (!found.ok() || !*found || !IsAsFound(run.Bytes(3), row)) return found.ok() ? false : found;
  const absl::StatusOr<Hash16> record_id = IdOf(row.place.third);
  if (!record_id.ok()) return record_id.status();
  const absl::StatusOr<absl::string_view> sealed =
      Renew(server::OfRecord{.owner = run.Bytes(5),
                             .record_type = run.Bytes(4),
                             .record_id = *record_id,
                             .position = run.Int(2),
                             .subjects = run.Bytes(0),
                             .identity = run.Bytes(1)},
            run.Bytes(3));
  if (!sealed.ok()) return sealed.status();
  absl::Status status = put_history_.Bind(SqlBlob(*sealed), row.place.first, id).Finish();
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<bool> SealRenewal::OfLogOpening(const SealedRow& row) {
  const SealedPlace& place = row.place;
  SqlRun run = find_log_opening_.Bind(place.first, place.third, place.fourth);
  absl::StatusOr<bool> found = run.Next();
  if (!found.ok() || !*found || !IsAsFound(run.Bytes(0), row)) return found.ok() ? false : found;
  const absl::StatusOr<absl::string_view> sealed = Renew(
      server::OfLogOpening{
          .owner = place.third, .field = place.fourth, .index = static_cast<uint64_t>(place.first)},
      run.Bytes(0));
  if (!sealed.ok()) return sealed.status();
  absl::Status status =
      put_log_opening_.Bind(SqlBlob(*sealed), place.first, place.third, place.fourth).Finish();
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<bool> SealRenewal::OfDictionaryOpening(const SealedRow& row) {
  const SealedPlace& place = row.place;
  SqlRun run = find_dictionary_.Bind(place.third, place.first);
  absl::StatusOr<bool> found = run.Next();
  if (!found.ok() || !*found || !IsAsFound(run.Bytes(0), row)) return found.ok() ? false : found;
  const absl::StatusOr<absl::string_view> sealed =
      Renew(server::OfDictionaryOpening{.owner = place.third,
                                        .ordinal = static_cast<uint32_t>(place.first)},
            run.Bytes(0));
  if (!sealed.ok()) return sealed.status();
  absl::Status status = put_dictionary_.Bind(SqlBlob(*sealed), place.third, place.first).Finish();
  if (!status.ok()) return status;
  return true;
}

}  // namespace sluice::server
