#include "server/store_verification.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/log_key.h"
#include "server/dictionary_verification.h"
#include "server/keys.h"
#include "server/log_verification.h"
#include "server/store/opening_keys.h"
#include "server/store/postgres.h"
#include "server/store/record_verifier.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"
#include "server/store/store_reader.h"
#include "server/store/store_row.h"

namespace sluice::server {
namespace {

// A connection on which one state of the store is seen, whatever a gateway writes meanwhile.
absl::StatusOr<std::unique_ptr<SqlConnection>> OpenSnapshot(const Config& config) {
  if (!config.postgres.empty()) {
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        PostgresConnection::Open({.settings = config.postgres, .read_only = true});
    if (!connection.ok()) return connection.status();
    const absl::Status begun =
        (*connection)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (!begun.ok()) return begun;
    return *std::move(connection);
  }
  if (!std::filesystem::exists(config.sqlite)) {
    return absl::NotFoundError(absl::StrCat(config.sqlite, " is not there"));
  }
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open({.path = config.sqlite, .read_only = true});
  if (!connection.ok()) return connection.status();
  if (const absl::Status begun = (*connection)->Execute("BEGIN"); !begun.ok()) return begun;
  return *std::move(connection);
}

std::string PublishedCheckpoint(const Config& config) {
  std::ifstream file(config.log_tiles + "/checkpoint", std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

absl::Status VerifyStore(const Config& config, const KeyDirectory::Clock& clock,
                         StoreFindings* findings) {
  if (!std::filesystem::is_directory(config.keys.directory)) {
    return absl::NotFoundError(absl::StrCat("the keys are not at ", config.keys.directory));
  }
  const absl::StatusOr<std::unique_ptr<Keys>> keys = Keys::Open(config.keys, clock);
  if (!keys.ok()) return keys.status();
  absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks =
      OpenKeyEncryptionKeys(config.keys, clock);
  if (!keks.ok()) return keks.status();
  const std::shared_ptr<const KeyEncryptionKeys> shared_keks = *std::move(keks);
  const absl::StatusOr<policy::Secret> hash_key = (*keys)->StoreHashKey();
  if (!hash_key.ok()) return hash_key.status();
  const absl::StatusOr<policy::Secret> seed = (*keys)->LogSigningSeed();
  if (!seed.ok()) return seed.status();
  const absl::StatusOr<std::unique_ptr<const LogKey>> log_key =
      LogKey::Create(*seed, config.log_origin);
  if (!log_key.ok()) return log_key.status();
  const absl::StatusOr<std::unique_ptr<NameHasher>> hasher = NameHasher::Create(*hash_key);
  if (!hasher.ok()) return hasher.status();
  const absl::StatusOr<std::shared_ptr<const SealKeys>> seal_keys = SealKeys::Create(*hash_key);
  if (!seal_keys.ok()) return seal_keys.status();

  // Before the snapshot, which then has all that was published.
  const std::string published = PublishedCheckpoint(config);
  absl::StatusOr<std::unique_ptr<SqlConnection>> opened = OpenSnapshot(config);
  if (!opened.ok()) return opened.status();
  SqlConnection* const connection = opened->get();
  const absl::StatusOr<Hash16> key_check = (*hasher)->KeyCheck();
  if (!key_check.ok()) return key_check.status();
  const absl::StatusOr<StoreRow> row = ReadStoreRow(connection, kSchemaVersion, *key_check);
  if (!row.ok()) return row.status();
  // From here on what can't be opened for want of its key is what was destroyed.
  if (absl::Status status = CheckDataKeys(connection, *shared_keks); !status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<StoreReader>> reader =
      StoreReader::Create(*std::move(opened), *seal_keys, shared_keks);
  if (!reader.ok()) return reader.status();

  const absl::StatusOr<std::unique_ptr<RecordVerifier>> records =
      RecordVerifier::Create({.connection = connection,
                              .hasher = hasher->get(),
                              .seal_keys = seal_keys->get(),
                              .keks = shared_keks.get(),
                              .findings = findings});
  if (!records.ok()) return records.status();
  const absl::StatusOr<std::unique_ptr<LogVerification>> log =
      LogVerification::Create({.connection = connection,
                               .reader = reader->get(),
                               .keks = shared_keks.get(),
                               .findings = findings,
                               .origin = config.log_origin,
                               .vkey = (*log_key)->vkey(),
                               .published = published});
  if (!log.ok()) return log.status();
  absl::Status status = (*records)->Run();
  if (status.ok()) status = (*log)->Run();
  if (!status.ok()) return status;
  return VerifyDictionaries(connection, shared_keks.get(), (*log)->dictionaries(), findings);
}

}  // namespace sluice::server
