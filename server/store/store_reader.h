// One read connection with its statements.
//
// One thread at a time; the store keeps a few and lends them out.
#ifndef SLUICE_SERVER_STORE_STORE_READER_H_
#define SLUICE_SERVER_STORE_STORE_READER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/key_encryption_keys.h"
#include "server/store/collection_seals.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/record_page.h"
#include "server/store/seal_keys.h"
#include "server/store/sealed_row_finder.h"
#include "server/store/sql.h"
#include "server/store/store.h"
#include "server/store/subject_reader.h"

namespace sluice::server {

class StoreReader {
 public:
  static absl::StatusOr<std::unique_ptr<StoreReader>> Create(
      std::unique_ptr<SqlConnection> connection, std::shared_ptr<const SealKeys> seal_keys,
      std::shared_ptr<const KeyEncryptionKeys> keks);

  // Whether its connection still stands.
  bool usable() { return connection_->usable(); }

  absl::Status Scan(absl::string_view owner, absl::string_view record_type,
                    std::optional<ScanPlace> from, std::optional<ScanPlace> until,
                    absl::FunctionRef<bool(absl::Span<const StoredRecord>)> visit);
  // NOT_FOUND unless it is of this type and of one of these owners.
  absl::Status Point(const policy::RecordId& id, absl::string_view record_type,
                     absl::FunctionRef<bool(absl::string_view)> is_owner,
                     absl::FunctionRef<void(absl::string_view, const StoredRecord&)> visit);
  // NameHasher::KeyTie.
  using TieOf = absl::FunctionRef<absl::StatusOr<Hash16>(const Hash16& key, const Hash16& id)>;
  // The owner's live record of a key's hash; NOT_FOUND.
  absl::Status ByKey(absl::string_view owner, absl::string_view record_type, const Hash16& key,
                     TieOf tie_of, absl::FunctionRef<void(const StoredRecord&)> visit);
  // As it stands: one in which nothing ever was, where there is none.
  absl::StatusOr<CollectionRow> Collection(absl::string_view owner, absl::string_view record_type);
  // All of them, and then the last position that was given.
  absl::StatusOr<int64_t> Collections(std::vector<CollectionRow>& collections);
  absl::StatusOr<std::vector<StoredKeyVersion>> KeyVersions();
  absl::StatusOr<int64_t> KeyGeneration();
  absl::StatusOr<SealedRows> FindSealed(KekScope scope, absl::string_view owner,
                                        absl::Span<const int64_t> versions,
                                        const std::optional<SealedPlace>& from, int64_t rows);
  // What is at hand of keys goes.
  void ForgetKeys() { opening_->Forget(); }
  absl::StatusOr<OwnerStatus> StatusOf(absl::string_view owner);
  absl::StatusOr<bool> HistoryBefore(absl::Time time);
  absl::StatusOr<LastPublish> LastPublishOf(absl::string_view owner, absl::string_view record_type);
  absl::StatusOr<int64_t> Revision();
  absl::StatusOr<int64_t> RetractionCount(absl::string_view owner);
  // Of all owners that have any.
  absl::StatusOr<std::map<std::string, int64_t>> Retractions();
  absl::StatusOr<absl::flat_hash_set<uint32_t>> WhoOptedOut(absl::string_view owner,
                                                            absl::string_view purpose);
  // Adds to them.
  absl::Status OptOutsOf(const Hash16& name, std::set<std::string>& purposes);
  absl::StatusOr<std::vector<StoredMouVersion>> MouVersions(uint64_t since);
  absl::StatusOr<std::vector<StoredOrganization>> Organizations(uint64_t since);
  // As Store::CheckState, but for what it was before.
  absl::StatusOr<uint64_t> CheckState();
  absl::StatusOr<std::vector<std::string>> Catalogs();
  // `principal`: NameHasher::Decided. Without names: who asks knows them.
  absl::StatusOr<StoredDecision> FindDecision(const Hash16& decision_id, const Hash16& principal);
  absl::StatusOr<LogHead> ReadLogHead();
  absl::Status ReadLogRows(uint64_t begin, uint64_t end,
                           absl::FunctionRef<bool(const LogRow&)> visit);
  absl::StatusOr<std::vector<Hash>> ReadLeafHashes(uint64_t begin, uint64_t end);
  absl::StatusOr<std::vector<LogRow::Opening>> ReadOpenings(uint64_t index);
  SubjectReader& subjects() { return *subject_reader_; }
  absl::StatusOr<uint64_t> LastWseq(absl::string_view writer, absl::string_view boot);

 private:
  StoreReader(std::unique_ptr<SqlConnection> connection, std::shared_ptr<const SealKeys> seal_keys,
              std::shared_ptr<const KeyEncryptionKeys> keks)
      : seal_keys_(std::move(seal_keys)),
        keks_(std::move(keks)),
        connection_(std::move(connection)) {}
  absl::Status Prepare();
  // One row of `record`, opened. Lent until the next one.
  absl::StatusOr<StoredRecord> Open(const OfRecord& of, int64_t ordinal, absl::string_view sealed);

  const std::shared_ptr<const SealKeys> seal_keys_;
  const std::shared_ptr<const KeyEncryptionKeys> keks_;
  std::unique_ptr<SqlConnection> connection_;
  std::unique_ptr<OpeningKeys> opening_;
  std::unique_ptr<SealedRowFinder> finder_;
  std::unique_ptr<SubjectReader> subject_reader_;
  SqlStatement key_versions_, key_generation_;
  SqlStatement scan_within_, scan_after_, point_, by_key_, last_publish_, collection_,
      all_collections_, position_, collections_, subjects_, history_before_;
  SqlStatement retraction_, retractions_, opted_out_, opt_outs_of_;
  SqlStatement revision_, mou_versions_, mou_signatures_, organizations_, state_row_, catalogs_;
  SqlStatement decision_, head_, rows_, leaves_, openings_, last_wseq_;
  RecordPage page_;  // kept, so that a scan allocates nothing a row
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_READER_H_
