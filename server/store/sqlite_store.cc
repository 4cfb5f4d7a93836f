#include "server/store/sqlite_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/ballast.h"
#include "server/store/name_hash.h"
#include "server/store/opening_keys.h"
#include "server/store/sql_store.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_database.h"
#include "server/store/sqlite_engine.h"
#include "server/store/store_file.h"
#include "server/store/store_reader.h"

namespace sluice::server {
namespace {

absl::Status NoRoom(const std::string& path, const absl::Status& cause) {
  if (!absl::IsResourceExhausted(cause)) return cause;
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk of ", path, " is full, make room and start again: ", cause.message()));
}

// Null if none is asked for. A start without it would serve, and could then not close.
absl::StatusOr<std::unique_ptr<Ballast>> TakeBallast(const SqliteStoreOptions& options) {
  if (options.ballast_bytes == 0) return nullptr;
  absl::StatusOr<std::unique_ptr<Ballast>> ballast =
      Ballast::Open({.path = options.path + "-ballast",
                     .bytes = options.ballast_bytes,
                     .free_bytes = options.free_bytes});
  if (!ballast.ok()) return ballast.status();
  if (absl::Status taken = (*ballast)->Take(0); !taken.ok()) return NoRoom(options.path, taken);
  return ballast;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteStoreOptions options) {
  if (options.readers < 1 || options.cache_mib < 1) {
    return absl::InvalidArgumentError("a store needs a reader and a cache");
  }
  if (options.keks == nullptr) {
    return absl::InvalidArgumentError("a store needs key-encryption keys");
  }
  absl::StatusOr<std::unique_ptr<NameHasher>> hasher = NameHasher::Create(options.hash_key);
  if (!hasher.ok()) return hasher.status();
  absl::StatusOr<std::unique_ptr<NameHasher>> reading_hasher = NameHasher::Create(options.hash_key);
  if (!reading_hasher.ok()) return reading_hasher.status();
  absl::StatusOr<std::shared_ptr<const SealKeys>> seal_keys = SealKeys::Create(options.hash_key);
  if (!seal_keys.ok()) return seal_keys.status();
  absl::StatusOr<std::unique_ptr<StoreFile>> file = StoreFile::Open(options.path);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::unique_ptr<Ballast>> ballast = TakeBallast(options);
  if (!ballast.ok()) return ballast.status();

  // Writing gets three quarters of the cache: scans pass each page once, indexes are met again.
  const int64_t cache_kib = int64_t{options.cache_mib} << 10;
  absl::StatusOr<std::unique_ptr<SqliteConnection>> writer =
      SqliteConnection::Open({.path = options.path,
                              .read_only = false,
                              .cache_kib = cache_kib * 3 / 4,
                              .vfs = options.vfs});
  if (!writer.ok()) return writer.status();
  absl::Status prepared =
      SqliteDatabase(writer->get(), options.path).Prepare(**hasher, options.accept_moved);
  if (!prepared.ok()) return NoRoom(options.path, prepared);
  if (absl::Status status = CheckDataKeys(writer->get(), *options.keks); !status.ok())
    return status;
  // After an fsync that failed the page cache may show a WAL that the disk does not have. So
  // nothing is built on an old one: what it holds is written anew into the database, and it begins
  // again. Where a reader keeps the old one, nothing is written: behind a frame that the disk does
  // not have all others would be lost, too.
  if (absl::Status status = (*writer)->CheckpointAll(); !status.ok()) {
    const bool busy =
        absl::IsUnavailable(status) && (*writer)->fault() == SqliteConnection::Fault::kNone;
    if (!busy) return NoRoom(options.path, status);
    return absl::FailedPreconditionError(
        absl::StrCat("another process still reads ", options.path,
                     ", `sluiced store verify` or a backup: start when it has ended"));
  }

  std::vector<std::unique_ptr<StoreReader>> readers;
  // And one that no scan has.
  for (int i = 0; i < options.readers + 1; ++i) {
    absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
        SqliteConnection::Open({.path = options.path,
                                .read_only = true,
                                .cache_kib = cache_kib / 4 / options.readers,
                                .vfs = options.vfs});
    if (!connection.ok()) return connection.status();
    absl::StatusOr<std::unique_ptr<StoreReader>> reader =
        StoreReader::Create(*std::move(connection), *seal_keys, options.keks);
    if (!reader.ok()) return reader.status();
    readers.push_back(*std::move(reader));
  }
  if (absl::Status status = (*file)->Remember(); !status.ok()) return status;

  const auto marks = std::make_shared<HighWaterMarks>();
  absl::StatusOr<std::unique_ptr<SqliteEngine>> engine = SqliteEngine::Create(
      *std::move(writer), *std::move(hasher), *seal_keys, marks, options.keks, *std::move(ballast));
  if (!engine.ok()) return engine.status();
  auto commit = std::make_unique<GroupCommit>(options.limits, *std::move(engine),
                                              std::move(options.on_fatal));
  return MakeSqlStore(
      {.check = [held = std::shared_ptr<StoreFile>(*std::move(file))] { return held->Check(); },
       .hasher = *std::move(reading_hasher),
       .seal_keys = *seal_keys,
       .marks = marks,
       .readers = std::move(readers),
       .commit = std::move(commit)});
}

}  // namespace sluice::server
