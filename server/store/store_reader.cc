#include "server/store/store_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/key_name.h"
#include "server/store/hash_bytes.h"
#include "server/store/key_versions.h"
#include "server/store/opening_bytes.h"
#include "server/store/opt_out_table.h"
#include "server/store/state_seal.h"

namespace sluice::server {
namespace {

constexpr size_t kIdBytes = 16;

std::string Copy(absl::string_view bytes) { return std::string(bytes); }

}  // namespace

absl::StatusOr<std::unique_ptr<StoreReader>> StoreReader::Create(
    std::unique_ptr<SqlConnection> connection, std::shared_ptr<const SealKeys> seal_keys,
    std::shared_ptr<const KeyEncryptionKeys> keks) {
  std::unique_ptr<StoreReader> reader(
      new StoreReader(std::move(connection), std::move(seal_keys), std::move(keks)));
  absl::StatusOr<std::unique_ptr<OpeningKeys>> opening =
      OpeningKeys::Create(reader->connection_.get(), reader->keks_.get());
  if (!opening.ok()) return opening.status();
  reader->opening_ = *std::move(opening);
  absl::StatusOr<std::unique_ptr<SealedRowFinder>> finder =
      SealedRowFinder::Create(reader->connection_.get());
  if (!finder.ok()) return finder.status();
  reader->finder_ = *std::move(finder);
  absl::StatusOr<std::unique_ptr<SubjectReader>> subjects =
      SubjectReader::Create(reader->connection_.get(), reader->opening_.get());
  if (!subjects.ok()) return subjects.status();
  reader->subject_reader_ = *std::move(subjects);
  if (absl::Status status = reader->Prepare(); !status.ok()) return status;
  return reader;
}

absl::Status StoreReader::Prepare() {
  // What opens sealed rows asks for the key generation as well, as of the same snapshot.
  absl::Status scans = PrepareScans(
      connection_.get(),
      {{&scan_within_,
        "SELECT ordinal, record_id, subjects, identity, position, bytes, "
        "(SELECT key_generation FROM store) FROM record WHERE collection = "
        "(SELECT c.id FROM collection c JOIN owner o ON o.id = c.owner "
        "WHERE o.name = $1 AND c.record_type = $2) "
        "AND ordinal = $3 AND record_id >= $4 ORDER BY record_id"},
       {&scan_after_,
        "SELECT ordinal, record_id, subjects, identity, position, bytes, "
        "(SELECT key_generation FROM store) FROM record WHERE collection = "
        "(SELECT c.id FROM collection c JOIN owner o ON o.id = c.owner "
        "WHERE o.name = $1 AND c.record_type = $2) "
        "AND ordinal > $3 ORDER BY ordinal, record_id"},
       {&catalogs_, "SELECT kept FROM catalog ORDER BY id"},
       {&mou_versions_,
        "SELECT mou, version, document, state, log_index, root_check, standing, seal FROM "
        "mou_version "
        "WHERE log_index >= $1 ORDER BY mou, version"},
       {&rows_,
        "SELECT e.idx, e.leaf_hash, b.writer, b.boot, e.wseq, e.body FROM log_entry e "
        "JOIN log_boot b ON b.id = e.boot WHERE e.idx >= $1 AND e.idx < $2 ORDER BY e.idx"},
       {&retractions_, "SELECT owner, count FROM retraction"},
       {&opted_out_, kOptedOutOrdinals},
       {&leaves_, "SELECT leaf_hash FROM log_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx"}});
  if (!scans.ok()) return scans;
  return PrepareAll(
      connection_.get(),
      {{&point_,
        "SELECT o.name, c.record_type, r.ordinal, r.subjects, r.identity, r.position, r.bytes, "
        "(SELECT key_generation FROM store) "
        "FROM record_key k "
        "JOIN record r ON r.collection = k.collection AND r.ordinal = k.ordinal "
        "AND r.record_id = k.record_id "
        "JOIN collection c ON c.id = k.collection JOIN owner o ON o.id = c.owner "
        "WHERE k.record_id = $1 AND k.live = 1"},
       {&by_key_,
        "SELECT r.ordinal, r.record_id, r.subjects, r.identity, r.position, r.bytes, k.tie, "
        "(SELECT key_generation FROM store) "
        "FROM record_key k "
        "JOIN record r ON r.collection = k.collection AND r.ordinal = k.ordinal "
        "AND r.record_id = k.record_id WHERE k.key_hash = $1 AND k.live = 1"},
       {&collections_,
        "SELECT c.record_type, c.live, c.tombstones, c.position, c.time_us FROM collection c "
        "JOIN owner o ON o.id = c.owner WHERE o.name = $1 ORDER BY c.record_type"},
       {&collection_,
        "SELECT c.position, c.time_us, c.live, c.tombstones, c.seal FROM collection c "
        "JOIN owner o ON o.id = c.owner WHERE o.name = $1 AND c.record_type = $2"},
       {&all_collections_,
        "SELECT o.name, c.record_type, c.position, c.time_us, c.live, c.tombstones, c.seal "
        "FROM collection c JOIN owner o ON o.id = c.owner"},
       {&position_, "SELECT position FROM store"},
       {&subjects_, "SELECT subjects - 1 FROM owner WHERE name = $1"},
       {&history_before_,
        "SELECT CASE WHEN (SELECT time_us FROM record_change ORDER BY id LIMIT 1) < $1 "
        "OR EXISTS (SELECT 1 FROM record_history WHERE position < coalesce("
        "(SELECT position FROM record_change ORDER BY id LIMIT 1), 9223372036854775807)) "
        "THEN 1 ELSE 0 END"},
       {&last_publish_,
        "SELECT c.position, c.time_us FROM collection c JOIN owner o ON o.id = c.owner "
        "WHERE o.name = $1 AND c.record_type = $2"},
       {&organizations_,
        "SELECT name, display_name, ca_bundle, crl, signatory_bundle, signatory_crl, log_index, "
        "seal FROM organization WHERE log_index >= $1 ORDER BY name"},
       {&revision_, "SELECT revision FROM store"},
       {&retraction_, "SELECT count FROM retraction WHERE owner = $1"},
       {&opt_outs_of_, kOptOutsOfName},
       {&mou_signatures_,
        "SELECT organization, cms_der, received_us FROM mou_signature "
        "WHERE mou = $1 AND version = $2 ORDER BY organization"},
       {&state_row_, kFindStateRow},
       {&decision_,
        "SELECT decision, time_us, log_index FROM decision "
        "WHERE decision_id = $1 AND principal = $2"},
       {&head_, "SELECT size, root, compact_range, checkpoint FROM log_head WHERE id = 1"},
       {&openings_,
        "SELECT owner, field, opening, (SELECT key_generation FROM store) FROM log_opening "
        "WHERE idx = $1 ORDER BY owner, field"},
       {&key_versions_, absl::StrCat(kKeyVersionColumns, "ORDER BY owner, scope, version")},
       {&key_generation_, "SELECT key_generation FROM store"},
       {&last_wseq_,
        "SELECT e.wseq FROM log_entry e WHERE e.boot = "
        "(SELECT id FROM log_boot WHERE writer = $1 AND boot = $2) ORDER BY e.wseq DESC LIMIT 1"}});
}

absl::StatusOr<StoredRecord> StoreReader::Open(const OfRecord& of, int64_t ordinal,
                                               absl::string_view sealed) {
  page_.Clear();
  if (absl::Status status = page_.Add(*opening_, of, ordinal, sealed); !status.ok()) return status;
  return page_.records()[0];
}

// The records of one ordinal from an id on, then those of all ordinals after it: as one condition
// on both columns SQLite would look at it again for each row, and where it ends is cheaper seen
// here.
absl::Status StoreReader::Scan(absl::string_view owner, absl::string_view record_type,
                               std::optional<ScanPlace> from, std::optional<ScanPlace> until,
                               absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit) {
  page_.Clear();
  // Whether there may be more after this run.
  const auto take = [&](SqlRun& run, absl::StatusOr<bool> row) -> absl::StatusOr<bool> {
    for (; row.ok() && *row; row = run.Next()) {
      absl::StatusOr<std::array<uint8_t, kIdBytes>> id = run.Array<kIdBytes>(1);
      if (!id.ok()) return id.status();
      const int64_t ordinal = run.Int(0);
      if (until && ScanPlace{static_cast<uint32_t>(ordinal), {*id}} >= *until) return false;
      opening_->AsOf(run.Int(6));
      absl::Status added = page_.Add(*opening_,
                                     {.owner = owner,
                                      .record_type = record_type,
                                      .record_id = *id,
                                      .position = run.Int(4),
                                      .subjects = run.Bytes(2),
                                      .identity = run.Bytes(3)},
                                     ordinal, run.Bytes(5));
      if (!added.ok()) return added;
      if (!page_.full()) continue;
      const bool enough = !visit(page_.records());
      page_.Clear();
      if (enough) return false;
    }
    if (!row.ok()) return row.status();
    return true;
  };
  absl::StatusOr<bool> more = true;
  const ScanPlace first = from.value_or(ScanPlace{});
  const bool within = first.record_id != policy::RecordId{};
  // Begun before the other run, so that both are of one snapshot.
  SqlRun after =
      scan_after_.Bind(owner, record_type, within ? first.ordinal : int64_t{first.ordinal} - 1);
  absl::StatusOr<bool> row = after.Next();
  if (within) {
    const SqlBlob first_id(first.record_id.bytes);
    SqlRun run = scan_within_.Bind(owner, record_type, first.ordinal, first_id);
    more = take(run, run.Next());
  }
  if (more.ok() && *more) more = take(after, std::move(row));
  if (!more.ok()) return more.status();
  if (!page_.empty()) visit(page_.records());
  return absl::OkStatus();
}

absl::Status StoreReader::Point(
    const policy::RecordId& id, absl::string_view record_type,
    absl::FunctionRef<bool(absl::string_view)> is_owner,
    absl::FunctionRef<void(absl::string_view, const StoredRecord&)> visit) {
  SqlRun run = point_.Bind(SqlBlob(id.bytes));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  // One answer for what is not there and for what is not to be seen.
  if (!*row || run.Bytes(1) != record_type || !is_owner(run.Bytes(0))) {
    return absl::NotFoundError("there is no such record");
  }
  opening_->AsOf(run.Int(7));
  const absl::StatusOr<StoredRecord> record = Open({.owner = run.Bytes(0),
                                                    .record_type = record_type,
                                                    .record_id = id.bytes,
                                                    .position = run.Int(5),
                                                    .subjects = run.Bytes(3),
                                                    .identity = run.Bytes(4)},
                                                   run.Int(2), run.Bytes(6));
  if (!record.ok()) return record.status();
  visit(run.Bytes(0), *record);
  return absl::OkStatus();
}

absl::Status StoreReader::ByKey(absl::string_view owner, absl::string_view record_type,
                                const Hash16& key, TieOf tie_of,
                                absl::FunctionRef<void(const StoredRecord&)> visit) {
  SqlRun run = by_key_.Bind(SqlBlob(key));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError("there is no such record");
  absl::StatusOr<Hash16> id = run.Array<kIdBytes>(1);
  if (!id.ok()) return id.status();
  const absl::StatusOr<Hash16> tie = run.Array<16>(6), wanted = tie_of(key, *id);
  if (!tie.ok()) return tie.status();
  if (!wanted.ok()) return wanted.status();
  if (*tie != *wanted) return absl::DataLossError("a key has another's record");
  opening_->AsOf(run.Int(7));
  const absl::StatusOr<StoredRecord> record = Open({.owner = owner,
                                                    .record_type = record_type,
                                                    .record_id = *id,
                                                    .position = run.Int(4),
                                                    .subjects = run.Bytes(2),
                                                    .identity = run.Bytes(3)},
                                                   run.Int(0), run.Bytes(5));
  if (!record.ok()) return record.status();
  visit(*record);
  return absl::OkStatus();
}

absl::StatusOr<CollectionRow> StoreReader::Collection(absl::string_view owner,
                                                      absl::string_view record_type) {
  SqlRun run = collection_.Bind(owner, record_type);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  CollectionRow collection{.owner = Copy(owner), .record_type = Copy(record_type)};
  if (!*row) return collection;
  collection.position = run.Int(0);
  collection.time_us = run.Int(1);
  collection.live = run.Int(2);
  collection.tombstones = run.Int(3);
  collection.seal = Copy(run.Bytes(4));
  return collection;
}

absl::StatusOr<int64_t> StoreReader::Collections(std::vector<CollectionRow>& collections) {
  {
    SqlRun run = all_collections_.Bind();
    for (;;) {
      absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      collections.push_back({.owner = Copy(run.Bytes(0)),
                             .record_type = Copy(run.Bytes(1)),
                             .position = run.Int(2),
                             .time_us = run.Int(3),
                             .live = run.Int(4),
                             .tombstones = run.Int(5),
                             .seal = Copy(run.Bytes(6))});
    }
  }
  SqlRun run = position_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

absl::StatusOr<std::vector<StoredKeyVersion>> StoreReader::KeyVersions() {
  return ReadKeyVersions(key_versions_.Bind());
}

absl::StatusOr<int64_t> StoreReader::KeyGeneration() {
  SqlRun run = key_generation_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

absl::StatusOr<SealedRows> StoreReader::FindSealed(KekScope scope, absl::string_view owner,
                                                   absl::Span<const int64_t> versions,
                                                   const std::optional<SealedPlace>& from,
                                                   int64_t rows) {
  return finder_->Find(scope, owner, versions, from, rows);
}

absl::StatusOr<OwnerStatus> StoreReader::StatusOf(absl::string_view owner) {
  OwnerStatus status;
  {
    SqlRun run = subjects_.Bind(owner);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) status.subjects = run.Int(0);
  }
  SqlRun run = collections_.Bind(owner);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return status;
    status.collections.push_back(
        {.record_type = Copy(run.Bytes(0)),
         .live = run.Int(1),
         .tombstones = run.Int(2),
         .last_publish = {.position = run.Int(3), .time = absl::FromUnixMicros(run.Int(4))}});
  }
}

absl::StatusOr<bool> StoreReader::HistoryBefore(absl::Time time) {
  SqlRun run = history_before_.Bind(absl::ToUnixMicros(time));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row && run.Int(0) != 0;
}

absl::StatusOr<LastPublish> StoreReader::LastPublishOf(absl::string_view owner,
                                                       absl::string_view record_type) {
  SqlRun run = last_publish_.Bind(owner, record_type);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return LastPublish{};
  return LastPublish{.position = run.Int(0), .time = absl::FromUnixMicros(run.Int(1))};
}

namespace {

absl::StatusOr<int64_t> OfStoreRow(SqlRun run) {
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

}  // namespace

absl::StatusOr<int64_t> StoreReader::Revision() { return OfStoreRow(revision_.Bind()); }

absl::StatusOr<int64_t> StoreReader::RetractionCount(absl::string_view owner) {
  SqlRun run = retraction_.Bind(owner);
  const absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? run.Int(0) : 0;
}

absl::StatusOr<std::map<std::string, int64_t>> StoreReader::Retractions() {
  std::map<std::string, int64_t> counts;
  SqlRun run = retractions_.Bind();
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return counts;
    counts[Copy(run.Bytes(0))] = run.Int(1);
  }
}

absl::StatusOr<absl::flat_hash_set<uint32_t>> StoreReader::WhoOptedOut(absl::string_view owner,
                                                                       absl::string_view purpose) {
  absl::flat_hash_set<uint32_t> ordinals;
  SqlRun run = opted_out_.Bind(owner, purpose);
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return ordinals;
    ordinals.insert(static_cast<uint32_t>(run.Int(0)));
  }
}

absl::Status StoreReader::OptOutsOf(const Hash16& name, std::set<std::string>& purposes) {
  SqlRun run = opt_outs_of_.Bind(SqlBlob(name));
  for (;;) {
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    purposes.insert(Copy(run.Bytes(0)));
  }
}

absl::StatusOr<std::vector<StoredMouVersion>> StoreReader::MouVersions(uint64_t since) {
  std::vector<StoredMouVersion> versions;
  SqlRun run = mou_versions_.Bind(since);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return versions;
    StoredMouVersion version{.mou = Copy(run.Bytes(0)),
                             .version = static_cast<int32_t>(run.Int(1)),
                             .document = Copy(run.Bytes(2)),
                             .state = Copy(run.Bytes(3)),
                             .log_index = static_cast<uint64_t>(run.Int(4)),
                             .root_check = Copy(run.Bytes(5)),
                             .standing = Copy(run.Bytes(6))};
    SqlRun signatures = mou_signatures_.Bind(version.mou, version.version);
    for (;;) {
      absl::StatusOr<bool> signature = signatures.Next();
      if (!signature.ok()) return signature.status();
      if (!*signature) break;
      version.signatures.push_back({.organization = Copy(signatures.Bytes(0)),
                                    .cms_der = Copy(signatures.Bytes(1)),
                                    .received = absl::FromUnixMicros(signatures.Int(2))});
    }
    if (absl::Status status = CheckMac(MacOf(*seal_keys_, version), run.Bytes(7)); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("version ", version.version, " of MOU ",
                                                      version.mou, ": ", status.message()));
    }
    versions.push_back(std::move(version));
  }
}

absl::StatusOr<std::vector<StoredOrganization>> StoreReader::Organizations(uint64_t since) {
  std::vector<StoredOrganization> organizations;
  SqlRun run = organizations_.Bind(since);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return organizations;
    organizations.push_back({.name = Copy(run.Bytes(0)),
                             .display_name = Copy(run.Bytes(1)),
                             .ca_bundle = Copy(run.Bytes(2)),
                             .crl = Copy(run.Bytes(3)),
                             .signatory_bundle = Copy(run.Bytes(4)),
                             .signatory_crl = Copy(run.Bytes(5)),
                             .log_index = static_cast<uint64_t>(run.Int(6))});
    const StoredOrganization& it = organizations.back();
    if (absl::Status status = CheckMac(MacOf(*seal_keys_, it), run.Bytes(7)); !status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("organization ", it.name, ": ", status.message()));
    }
  }
}

absl::StatusOr<uint64_t> StoreReader::CheckState() {
  const absl::StatusOr<StateRow> before = ReadStateRow(state_row_);
  if (!before.ok()) return before.status();
  const absl::StatusOr<std::vector<StoredMouVersion>> versions = MouVersions(0);
  if (!versions.ok()) return versions.status();
  const absl::StatusOr<std::vector<StoredOrganization>> organizations = Organizations(0);
  if (!organizations.ok()) return organizations.status();
  const absl::StatusOr<StateRow> after = ReadStateRow(state_row_);
  if (!after.ok()) return after.status();
  if (*before != *after) return absl::AbortedError("the state is being changed");
  absl::Status status = server::CheckState(*seal_keys_, *after, *versions, *organizations);
  if (!status.ok()) return status;
  return after->through;
}

absl::StatusOr<std::vector<std::string>> StoreReader::Catalogs() {
  std::vector<std::string> catalogs;
  SqlRun run = catalogs_.Bind();
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return catalogs;
    catalogs.push_back(Copy(run.Bytes(0)));
  }
}

absl::StatusOr<StoredDecision> StoreReader::FindDecision(const Hash16& decision_id,
                                                         const Hash16& principal) {
  SqlRun run = decision_.Bind(SqlBlob(decision_id), SqlBlob(principal));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError("there is no such decision");
  return StoredDecision{.decision = Copy(run.Bytes(0)),
                        .time = absl::FromUnixMicros(run.Int(1)),
                        .log_index = static_cast<uint64_t>(run.Int(2))};
}

absl::StatusOr<LogHead> StoreReader::ReadLogHead() {
  SqlRun run = head_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the log's head is missing");
  absl::StatusOr<Hash> root = run.Array<sizeof(Hash)>(1);
  if (!root.ok()) return root.status();
  absl::StatusOr<std::vector<Hash>> range = SplitHashes(run.Bytes(2));
  if (!range.ok()) return range.status();
  return LogHead{.size = static_cast<uint64_t>(run.Int(0)),
                 .root = *root,
                 .compact_range = *std::move(range),
                 .checkpoint = Copy(run.Bytes(3))};
}

absl::Status StoreReader::ReadLogRows(uint64_t begin, uint64_t end,
                                      absl::FunctionRef<bool(const LogRow&)> visit) {
  SqlRun run = rows_.Bind(begin, end);
  LogRow log_row;
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    absl::StatusOr<Hash> leaf = run.Array<sizeof(Hash)>(1);
    if (!leaf.ok()) return leaf.status();
    log_row.index = static_cast<uint64_t>(run.Int(0));
    log_row.leaf_hash = *leaf;
    log_row.writer = Copy(run.Bytes(2));
    log_row.boot = Copy(run.Bytes(3));
    log_row.wseq = static_cast<uint64_t>(run.Int(4));
    log_row.body = Copy(run.Bytes(5));
    if (!visit(log_row)) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<Hash>> StoreReader::ReadLeafHashes(uint64_t begin, uint64_t end) {
  std::vector<Hash> leaves;
  SqlRun run = leaves_.Bind(begin, end);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return leaves;
    absl::StatusOr<Hash> leaf = run.Array<sizeof(Hash)>(0);
    if (!leaf.ok()) return leaf.status();
    leaves.push_back(*leaf);
  }
}

absl::StatusOr<std::vector<LogRow::Opening>> StoreReader::ReadOpenings(uint64_t index) {
  std::vector<LogRow::Opening> openings;
  SqlRun run = openings_.Bind(index);
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return openings;
    opening_->AsOf(run.Int(3));
    const absl::StatusOr<absl::string_view> content = opening_->Open(
        OfLogOpening{.owner = run.Bytes(0), .field = run.Bytes(1), .index = index}, run.Bytes(2));
    if (DestroyedKeyOf(content.status())) continue;
    if (!content.ok()) return content.status();
    absl::StatusOr<std::pair<std::string, std::string>> opening = SplitOpening(*content);
    if (!opening.ok()) return opening.status();
    openings.push_back({.owner = Copy(run.Bytes(0)),
                        .field = Copy(run.Bytes(1)),
                        .salt = std::move(opening->first),
                        .value = std::move(opening->second)});
  }
}

absl::StatusOr<uint64_t> StoreReader::LastWseq(absl::string_view writer, absl::string_view boot) {
  SqlRun run = last_wseq_.Bind(writer, boot);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError("this boot has written no entry");
  return static_cast<uint64_t>(run.Int(0));
}

}  // namespace sluice::server
