#include "server/store/postgres_store.h"

#include <atomic>
#include <utility>
#include <vector>

#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/postgres.h"
#include "server/store/postgres_database.h"
#include "server/store/postgres_engine.h"
#include "server/store/postgres_revision.h"
#include "server/store/sql_store.h"
#include "server/store/store_reader.h"

namespace sluice::server {

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresStoreOptions options) {
  if (options.readers < 1) return absl::InvalidArgumentError("a store needs a reader");
  if (options.keks == nullptr) {
    return absl::InvalidArgumentError("a store needs key-encryption keys");
  }
  absl::StatusOr<std::unique_ptr<NameHasher>> hasher = NameHasher::Create(options.hash_key);
  if (!hasher.ok()) return hasher.status();
  absl::StatusOr<std::unique_ptr<NameHasher>> reading_hasher = NameHasher::Create(options.hash_key);
  if (!reading_hasher.ok()) return reading_hasher.status();
  absl::StatusOr<std::shared_ptr<const SealKeys>> seal_keys = SealKeys::Create(options.hash_key);
  if (!seal_keys.ok()) return seal_keys.status();

  const PostgresConnection::Options writing{.settings = options.settings,
                                            .patience = options.patience,
                                            .overdue = std::make_shared<std::atomic<bool>>(false)};
  absl::StatusOr<std::unique_ptr<PostgresConnection>> writer = PostgresConnection::Open(writing);
  if (!writer.ok()) return writer.status();
  // First: who migrates or copies has it alone.
  absl::Status status = PostgresEngine::Take(writer->get(), options.alone, options.patience);
  if (status.ok()) {
    status = PostgresDatabase(writer->get()).Prepare(**hasher, options.accept_moved);
  }
  if (status.ok()) status = CheckDataKeys(writer->get(), *options.keks);
  if (!status.ok()) return status;

  // Where the revision can't be read what else is read may go to nobody: so nobody waits for it.
  const auto lost = std::make_shared<std::atomic<bool>>(false);
  const PostgresConnection::Options reading{.settings = options.settings,
                                            .read_only = true,
                                            .patience = options.patience,
                                            .hopeless = lost};
  const auto open_reader = [reading, seal_keys = *seal_keys,
                            keks = options.keks]() -> absl::StatusOr<std::unique_ptr<StoreReader>> {
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        PostgresConnection::Open(reading);
    if (!connection.ok()) return connection.status();
    return StoreReader::Create(*std::move(connection), seal_keys, keks);
  };
  std::vector<std::unique_ptr<StoreReader>> readers;
  // And one that no scan has.
  for (int i = 0; i < options.readers + 1; ++i) {
    absl::StatusOr<std::unique_ptr<StoreReader>> reader = open_reader();
    if (!reader.ok()) return reader.status();
    readers.push_back(*std::move(reader));
  }

  const auto marks = std::make_shared<HighWaterMarks>();
  absl::StatusOr<std::unique_ptr<PostgresEngine>> engine = PostgresEngine::Create(
      writing, {.writer = options.writer, .alone = options.alone}, *std::move(writer),
      *std::move(hasher), *seal_keys, marks, options.keks);
  if (!engine.ok()) return engine.status();
  auto commit = std::make_unique<GroupCommit>(options.limits, *std::move(engine),
                                              std::move(options.on_fatal));
  return MakeSqlStore({.shared = !options.alone,
                       .check = [] { return absl::OkStatus(); },
                       .hasher = *std::move(reading_hasher),
                       .seal_keys = *seal_keys,
                       .marks = marks,
                       .readers = std::move(readers),
                       .open_reader = open_reader,
                       .revision = [revision = std::make_shared<PostgresRevision>(
                                        reading, lost)] { return revision->Read(); },
                       .commit = std::move(commit)});
}

}  // namespace sluice::server
