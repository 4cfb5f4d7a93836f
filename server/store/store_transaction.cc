#include "server/store/store_transaction.h"

#include "absl/strings/str_cat.h"
#include "policy/digest.h"
#include "server/store/decision_id.h"
#include "server/store/hash_bytes.h"
#include "server/store/opening_bytes.h"

namespace sluice::server {
namespace {

absl::Status Changed(absl::string_view what) {
  return absl::AbortedError(absl::StrCat(what, " was changed meanwhile"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreTransaction>> StoreTransaction::Create(
    SqlConnection* connection, const NameHasher* hasher, const SealKeys* seal_keys,
    HighWaterMarks* marks, KeyEncryptionKeys* keks) {
  std::unique_ptr<StoreTransaction> transaction(
      new StoreTransaction(connection, hasher, seal_keys, marks));
  absl::StatusOr<std::unique_ptr<StateSeal>> state_seal =
      StateSeal::Create(connection, seal_keys, marks);
  if (!state_seal.ok()) return state_seal.status();
  transaction->state_seal_ = *std::move(state_seal);
  absl::StatusOr<std::unique_ptr<OpeningKeys>> opening = OpeningKeys::Create(connection, keks);
  if (!opening.ok()) return opening.status();
  transaction->opening_ = *std::move(opening);
  absl::StatusOr<std::unique_ptr<SealingKeys>> sealing =
      SealingKeys::Create(connection, keks, transaction->opening_.get());
  if (!sealing.ok()) return sealing.status();
  transaction->sealing_ = *std::move(sealing);
  absl::StatusOr<std::unique_ptr<OptOutTable>> opt_outs = OptOutTable::Create(connection, marks);
  if (!opt_outs.ok()) return opt_outs.status();
  transaction->opt_outs_ = *std::move(opt_outs);
  absl::StatusOr<std::unique_ptr<Dictionary>> dictionary =
      Dictionary::Create(connection, hasher, transaction->opt_outs_.get());
  if (!dictionary.ok()) return dictionary.status();
  transaction->dictionary_ = *std::move(dictionary);
  absl::StatusOr<std::unique_ptr<Erasures>> erasures =
      Erasures::Create(connection, hasher, transaction->opt_outs_.get());
  if (!erasures.ok()) return erasures.status();
  transaction->erasures_ = *std::move(erasures);
  absl::StatusOr<std::unique_ptr<CollectionSeals>> seals =
      CollectionSeals::Create(connection, seal_keys, marks);
  if (!seals.ok()) return seals.status();
  transaction->collection_seals_ = *std::move(seals);
  absl::StatusOr<std::unique_ptr<KeyVersions>> keys =
      KeyVersions::Create({.connection = connection,
                           .seals = transaction->collection_seals_.get(),
                           .sealing = transaction->sealing_.get(),
                           .opening = transaction->opening_.get()});
  if (!keys.ok()) return keys.status();
  transaction->keys_ = *std::move(keys);
  absl::StatusOr<std::unique_ptr<SubjectJoins>> joins =
      SubjectJoins::Create({.connection = connection,
                            .dictionary = transaction->dictionary_.get(),
                            .seals = transaction->collection_seals_.get(),
                            .sealing = transaction->sealing_.get(),
                            .opening = transaction->opening_.get(),
                            .opt_outs = transaction->opt_outs_.get()});
  if (!joins.ok()) return joins.status();
  transaction->joins_ = *std::move(joins);
  absl::StatusOr<std::unique_ptr<RecordHistory>> history =
      RecordHistory::Create(connection, hasher, transaction->collection_seals_.get());
  if (!history.ok()) return history.status();
  transaction->history_ = *std::move(history);
  const RecordWriter::Parts parts{.connection = connection,
                                  .hasher = hasher,
                                  .history = transaction->history_.get(),
                                  .dictionary = transaction->dictionary_.get(),
                                  .joins = transaction->joins_.get(),
                                  .sealing = transaction->sealing_.get(),
                                  .opening = transaction->opening_.get()};
  absl::StatusOr<std::unique_ptr<RecordWriter>> records = RecordWriter::Create(parts);
  if (!records.ok()) return records.status();
  transaction->records_ = *std::move(records);
  absl::StatusOr<std::unique_ptr<RecordWithdrawal>> withdrawal = RecordWithdrawal::Create(parts);
  if (!withdrawal.ok()) return withdrawal.status();
  transaction->withdrawal_ = *std::move(withdrawal);
  if (absl::Status status = transaction->Prepare(); !status.ok()) return status;
  return transaction;
}

absl::Status StoreTransaction::Prepare() {
  absl::Status many = PrepareAllMany(
      connection_, {{&put_dictionary_openings_,
                     "INSERT INTO dictionary_opening (owner, ordinal, salt) VALUES ($1, $2, $3)"},
                    {&insert_containers_,
                     "INSERT INTO disclosed_container (owner, container, idx) "
                     "VALUES ($1, $2, $3)"}});
  if (!many.ok()) return many;
  return PrepareAll(
      connection_,
      {{&find_boot_, "SELECT id FROM log_boot WHERE writer = $1 AND boot = $2"},
       {&insert_boot_, "INSERT INTO log_boot (writer, boot) VALUES ($1, $2) RETURNING id"},
       {&insert_entry_,
        "INSERT INTO log_entry (idx, leaf_hash, boot, wseq, body) VALUES ($1, $2, $3, $4, $5)"},
       {&insert_opening_,
        "INSERT INTO log_opening (idx, owner, field, opening) VALUES ($1, $2, $3, $4)"},
       {&update_head_,
        "UPDATE log_head SET size = $1, root = $2, compact_range = $3, checkpoint = $4 WHERE size "
        "= $5"},
       {&put_dictionary_head_,
        "INSERT INTO dictionary_head (owner, size, compact_range) VALUES ($1, $2, $3) "
        "ON CONFLICT (owner) DO UPDATE SET size = excluded.size, "
        "compact_range = excluded.compact_range"},
       {&find_dictionary_head_, "SELECT size, compact_range FROM dictionary_head WHERE owner = $1"},
       {&find_version_, "SELECT document, seal FROM mou_version WHERE mou = $1 AND version = $2"},
       {&insert_version_,
        "INSERT INTO mou_version (mou, version, document, state, log_index, root_check, standing, "
        "seal) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"},
       {&update_version_,
        "UPDATE mou_version SET state = $1, log_index = $2, root_check = $3, standing = $4, "
        "seal = $5 WHERE mou = $6 AND version = $7 AND log_index = $8"},
       {&delete_signatures_, "DELETE FROM mou_signature WHERE mou = $1 AND version = $2"},
       {&insert_signature_,
        "INSERT INTO mou_signature (mou, version, organization, cms_der, received_us) "
        "VALUES ($1, $2, $3, $4, $5)"},
       {&find_organization_, "SELECT seal FROM organization WHERE name = $1"},
       {&insert_organization_,
        "INSERT INTO organization (name, display_name, ca_bundle, crl, signatory_bundle, "
        "signatory_crl, log_index, seal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
        "ON CONFLICT DO NOTHING"},
       {&update_organization_,
        "UPDATE organization SET display_name = $1, ca_bundle = $2, crl = $3, signatory_bundle = "
        "$4, "
        "signatory_crl = $5, log_index = $6, seal = $7 WHERE name = $8 AND log_index = $9"},
       {&insert_decision_,
        "INSERT INTO decision (decision_id, principal, decision, time_us, log_index) "
        "VALUES ($1, $2, $3, $4, $5)"},
       {&put_catalog_, "INSERT INTO catalog (digest, kept) VALUES ($1, $2) ON CONFLICT DO NOTHING"},
       {&raise_revision_, "UPDATE store SET revision = revision + 1"},
       {&revision_, "SELECT revision FROM store"}});
}

void StoreTransaction::BeginAsOf(int64_t key_generation) {
  if (key_generation == key_generation_) return;
  sealing_->Forget();
  opening_->Forget();
  key_generation_ = key_generation;
}

absl::StatusOr<int64_t> StoreTransaction::BootId(absl::string_view writer, absl::string_view boot) {
  if (boot_.has_value() && boot_->writer == writer && boot_->boot == boot) return boot_->id;
  for (SqlStatement* statement : {&find_boot_, &insert_boot_}) {
    SqlRun run = statement->Bind(writer, boot);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) continue;
    boot_ = Boot{std::string(writer), std::string(boot), run.Int(0)};
    return boot_->id;
  }
  return absl::InternalError("a boot that was just written has no id");
}

absl::Status StoreTransaction::InsertLogRow(const LogRow& row) {
  absl::StatusOr<int64_t> boot = BootId(row.writer, row.boot);
  if (!boot.ok()) return boot.status();
  absl::Status status =
      insert_entry_.Bind(row.index, SqlBlob(row.leaf_hash), *boot, row.wseq, SqlBlob(row.body))
          .Finish();
  if (!status.ok()) return status;
  for (const LogRow::Opening& opening : row.openings) {
    // The salt as well: beside it in the clear a short value could be guessed from its commitment.
    const absl::StatusOr<std::string> content = JoinOpening(opening.salt, opening.value);
    if (!content.ok()) return content.status();
    const absl::StatusOr<absl::string_view> sealed = sealing_->Seal(
        OfLogOpening{.owner = opening.owner, .field = opening.field, .index = row.index}, *content);
    if (!sealed.ok()) return sealed.status();
    status =
        insert_opening_.Bind(row.index, opening.owner, opening.field, SqlBlob(*sealed)).Finish();
    if (!status.ok()) return status;
  }
  if (row.containers.empty()) return absl::OkStatus();
  SqlManyRun run = insert_containers_.Start();
  for (const uint32_t container : row.containers) {
    if (status = run.Add(row.subjects_of, container, row.index); !status.ok()) return status;
  }
  return run.Finish();
}

absl::Status StoreTransaction::UpdateLogHead(uint64_t old_size, const LogHead& head) {
  const std::string range = JoinHashes(head.compact_range);
  absl::Status status =
      update_head_.Bind(head.size, SqlBlob(head.root), SqlBlob(range), head.checkpoint, old_size)
          .Finish();
  if (!status.ok()) return status;
  if (connection_->changes() != 1) {
    return absl::AbortedError("the log's head has moved: another writer is at work");
  }
  return absl::OkStatus();
}

template <typename Outcome>
absl::StatusOr<Outcome> StoreTransaction::Sealed(absl::StatusOr<Outcome> outcome) {
  if (outcome.ok()) {
    absl::Status status = collection_seals_->Write();
    // Other gateways hear of it by the revision.
    if (status.ok() && !marks_.group().retractions.empty()) status = RaiseRevision();
    if (!status.ok()) outcome = status;
  }
  collection_seals_->Forget();
  return outcome;
}

absl::StatusOr<PublishOutcome> StoreTransaction::Publish(const PublishBatch& batch) {
  return Sealed(records_->Publish(batch));
}

absl::StatusOr<DeleteOutcome> StoreTransaction::Delete(const DeleteBatch& batch) {
  return Sealed(records_->Delete(batch));
}

absl::StatusOr<WithdrawOutcome> StoreTransaction::Withdraw(const WithdrawBatch& batch) {
  return Sealed(withdrawal_->Withdraw(batch));
}

absl::StatusOr<bool> StoreTransaction::ForgetHistory(absl::Time time, int64_t rows) {
  return history_->Forget(time, rows);
}

absl::StatusOr<int32_t> StoreTransaction::PutOptOuts(absl::string_view owner,
                                                     absl::Span<const policy::SubjectName> names,
                                                     absl::string_view purpose, bool opted_out) {
  int32_t changed = 0;
  for (const policy::SubjectName& name : names) {
    const absl::StatusOr<Hash16> hash = hasher_.SubjectName(owner, name.id_space, name.id);
    if (!hash.ok()) return hash.status();
    const absl::StatusOr<bool> is_other =
        opted_out ? opt_outs_->Put(owner, *hash, purpose) : opt_outs_->Lift(*hash, purpose);
    if (!is_other.ok()) return is_other.status();
    if (*is_other) ++changed;
  }
  if (changed == 0) return 0;
  absl::Status status = opt_outs_->Raise(owner);
  if (status.ok()) status = RaiseRevision();
  if (!status.ok()) return status;
  return changed;
}

absl::Status StoreTransaction::PutDictionaryHead(absl::string_view owner, uint64_t size,
                                                 const std::vector<Hash>& compact_range) {
  const std::string range = JoinHashes(compact_range);
  return put_dictionary_head_.Bind(owner, size, SqlBlob(range)).Finish();
}

absl::Status StoreTransaction::PutDictionaryOpenings(absl::string_view owner, uint32_t ordinal,
                                                     const std::vector<std::string>& salts) {
  SqlManyRun openings = put_dictionary_openings_.Start();
  for (const std::string& salt : salts) {
    const absl::StatusOr<absl::string_view> sealed =
        sealing_->Seal(OfDictionaryOpening{.owner = owner, .ordinal = ordinal}, salt);
    if (!sealed.ok()) return sealed.status();
    if (absl::Status s = openings.Add(owner, ordinal++, SqlBlob(*sealed)); !s.ok()) return s;
  }
  return openings.Finish();
}

absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> StoreTransaction::DictionaryHead(
    absl::string_view owner) {
  SqlRun run = find_dictionary_head_.Bind(owner);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return std::pair<uint64_t, std::vector<Hash>>(0, {});
  absl::StatusOr<std::vector<Hash>> range = SplitHashes(run.Bytes(1));
  if (!range.ok()) return range.status();
  return std::pair<uint64_t, std::vector<Hash>>(run.Int(0), *std::move(range));
}

absl::Status StoreTransaction::PutMouVersion(const StoredMouVersion& version,
                                             std::optional<uint64_t> replaces) {
  const absl::StatusOr<Hash> mac = MacOf(seal_keys_, version);
  if (!mac.ok()) return mac.status();
  bool known = false;
  std::string before;
  {
    SqlRun run = find_version_.Bind(version.mou, version.version);
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    known = *row;
    if (known) before = std::string(run.Bytes(1));
    if (known && run.Bytes(0) != version.document) {
      return absl::AlreadyExistsError("this version of the MOU was taken in with other bytes");
    }
  }
  if (known != replaces.has_value()) return Changed("the version of the MOU");
  absl::Status status =
      known ? update_version_
                  .Bind(version.state, version.log_index, SqlBlob(version.root_check),
                        version.standing, SqlBlob(*mac), version.mou, version.version, *replaces)
                  .Finish()
            : insert_version_
                  .Bind(version.mou, version.version, SqlBlob(version.document), version.state,
                        version.log_index, SqlBlob(version.root_check), version.standing,
                        SqlBlob(*mac))
                  .Finish();
  if (status.ok() && connection_->changes() != 1) return Changed("the version of the MOU");
  if (status.ok()) status = state_seal_->Replace(before, *mac, version.log_index);
  if (status.ok()) status = delete_signatures_.Bind(version.mou, version.version).Finish();
  for (const StoredSignature& signature : version.signatures) {
    if (!status.ok()) return status;
    status = insert_signature_
                 .Bind(version.mou, version.version, signature.organization,
                       SqlBlob(signature.cms_der), absl::ToUnixMicros(signature.received))
                 .Finish();
  }
  return status.ok() ? RaiseRevision() : status;
}

absl::Status StoreTransaction::PutOrganization(const StoredOrganization& organization,
                                               std::optional<uint64_t> replaces) {
  const StoredOrganization& it = organization;
  const absl::StatusOr<Hash> mac = MacOf(seal_keys_, it);
  if (!mac.ok()) return mac.status();
  std::string before;
  if (replaces) {
    SqlRun run = find_organization_.Bind(it.name);
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) before = std::string(run.Bytes(0));
  }
  absl::Status status = replaces
                            ? update_organization_
                                  .Bind(it.display_name, SqlBlob(it.ca_bundle), SqlBlob(it.crl),
                                        SqlBlob(it.signatory_bundle), SqlBlob(it.signatory_crl),
                                        it.log_index, SqlBlob(*mac), it.name, *replaces)
                                  .Finish()
                            : insert_organization_
                                  .Bind(it.name, it.display_name, SqlBlob(it.ca_bundle),
                                        SqlBlob(it.crl), SqlBlob(it.signatory_bundle),
                                        SqlBlob(it.signatory_crl), it.log_index, SqlBlob(*mac))
                                  .Finish();
  if (!status.ok()) return status;
  if (connection_->changes() != 1) return Changed("the organization");
  status = state_seal_->Replace(before, *mac, it.log_index);
  return status.ok() ? RaiseRevision() : status;
}

absl::Status StoreTransaction::PutCatalog(absl::string_view kept) {
  absl::Status status =
      put_catalog_.Bind(SqlBlob(policy::Sha256Digest(kept)), SqlBlob(kept)).Finish();
  if (!status.ok() || connection_->changes() == 0) return status;
  return RaiseRevision();
}

absl::StatusOr<int64_t> StoreTransaction::Revision() {
  SqlRun run = revision_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? absl::StatusOr<int64_t>(run.Int(0))
              : absl::DataLossError("the store's own row is missing");
}

absl::Status StoreTransaction::PutDecision(const StoredDecision& decision) {
  const std::optional<Hash16> id = ParseDecisionId(decision.decision_id);
  if (!id.has_value()) {
    return absl::InvalidArgumentError("a decision id is 32 lower-case hexadecimal digits");
  }
  const absl::StatusOr<Hash16> whose = hasher_.Decided(decision.principal, *id);
  if (!whose.ok()) return whose.status();
  return insert_decision_
      .Bind(SqlBlob(*id), SqlBlob(*whose), SqlBlob(decision.decision),
            absl::ToUnixMicros(decision.time), decision.log_index)
      .Finish();
}

}  // namespace sluice::server
