// The embedded store: one SQLite file, its WAL beside it. One writer connection behind group
// commit, a few connections that read.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_SQLITE_STORE_H_
#define SLUICE_SERVER_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/secret.h"
#include "server/key_encryption_keys.h"
#include "server/store/group_commit.h"
#include "server/store/store.h"

namespace sluice::server {

struct SqliteStoreOptions {
  std::string path;
  // 32 bytes; under it record keys, subjects' ids and request ids are hashed. A store opens only
  // under the key it was made with.
  policy::Secret hash_key{0};
  // They wrap the data keys under which records and openings are sealed. A store opens only with
  // those it was made with.
  std::shared_ptr<KeyEncryptionKeys> keks;
  // Serves from a store that was moved elsewhere, too, which it then was not.
  bool accept_moved = false;
  // Of all connections together.
  int cache_mib = 64;
  // Reads that run at once; more wait.
  int readers = 4;
  // So much of the disk is kept for what closes what was begun, in `path`-ballast; 0: nothing.
  int64_t ballast_bytes = 0;
  // What is free on that disk; null: what the file system says.
  std::function<absl::StatusOr<int64_t>()> free_bytes;
  GroupCommit::Limits limits;
  // Called once, on the writer's thread, when only a restart helps.
  std::function<void(absl::Status)> on_fatal;
  std::string vfs;  // SQLite's VFS; empty: its own
};

// Opens, or makes with mode 0600. FAILED_PRECONDITION, with a sentence for the operator: another
// process has it open, or reads while its WAL is not empty; it is of a newer schema, not ours, or
// was made under another hash key or keyring. DATA_LOSS if a key-encryption key is lost.
// RESOURCE_EXHAUSTED, with a sentence for the operator, too, if its disk is full.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteStoreOptions options);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQLITE_STORE_H_
