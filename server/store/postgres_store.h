// The store on PostgreSQL, which several gateways may share.
//
// Thread-safe.
#ifndef SLUICE_SERVER_STORE_POSTGRES_STORE_H_
#define SLUICE_SERVER_STORE_POSTGRES_STORE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/secret.h"
#include "server/key_encryption_keys.h"
#include "server/store/group_commit.h"
#include "server/store/store.h"

namespace sluice::server {

struct PostgresStoreOptions {
  // As libpq takes them, without secrets; see postgres_settings.h.
  std::string settings;
  // 32 bytes; under it record keys, subjects' ids and request ids are hashed. A store opens only
  // under the key it was made with: all gateways of a database have the same one.
  policy::Secret hash_key{0};
  // They wrap the data keys under which records and openings are sealed: all gateways of a database
  // have the same ones.
  std::shared_ptr<KeyEncryptionKeys> keks;
  // Serves from a store that was moved elsewhere, too, which it then was not.
  bool accept_moved = false;
  // The gateway's name in the log: another that would write under it is refused. Empty: no gateway.
  std::string writer;
  // Whether nobody else may have the database, and who asks while somebody has it is refused.
  bool alone = false;
  // Reads that run at once; more wait.
  int readers = 4;
  // Until the database has answered; see PostgresConnection.
  absl::Duration patience = absl::Seconds(30);
  GroupCommit::Limits limits;
  // Called once, on the writer's thread, when only a restart helps.
  std::function<void(absl::Status)> on_fatal;
};

// Opens, or makes the tables in an empty database. FAILED_PRECONDITION, with a sentence for the
// operator: it is of a newer schema, not ours, was made under another hash key or keyring, or the
// server or the role will not do. DATA_LOSS: a key-encryption key is lost. UNAVAILABLE: it can't be
// reached.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresStoreOptions options);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_STORE_H_
