// PostgreSQL as group commit drives it. Of all gateways on a database one has a group under way at
// a time: it holds the store's own row locked from the beginning to the commit. So positions, and
// the log's indices, are handed out in the order in which they become visible.
//
// A connection that is lost takes the group with it, and is made anew. If it was lost in mid commit
// the group's mark, a row of the same transaction, tells whether it counts.
//
// On the writer's thread.
#ifndef SLUICE_SERVER_STORE_POSTGRES_ENGINE_H_
#define SLUICE_SERVER_STORE_POSTGRES_ENGINE_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/key_encryption_keys.h"
#include "server/store/group_commit.h"
#include "server/store/high_water_marks.h"
#include "server/store/name_hash.h"
#include "server/store/postgres.h"
#include "server/store/store_transaction.h"

namespace sluice::server {

class PostgresEngine final : public GroupEngine {
 public:
  // What a connection has for as long as it lasts, as PostgresStoreOptions say.
  struct Claim {
    std::string writer;
    bool alone = false;
  };

  // `connection` was opened by these options. FAILED_PRECONDITION, with a sentence for the
  // operator, if somebody else has what is claimed.
  static absl::StatusOr<std::unique_ptr<PostgresEngine>> Create(
      PostgresConnection::Options options, Claim claim,
      std::unique_ptr<PostgresConnection> connection, std::unique_ptr<NameHasher> hasher,
      std::shared_ptr<const SealKeys> seal_keys, std::shared_ptr<HighWaterMarks> marks,
      std::shared_ptr<KeyEncryptionKeys> keks);

  // Takes the database for a connection, alone or beside others.
  static absl::Status Take(PostgresConnection* connection, bool alone, absl::Duration patience);

  absl::Status Begin() override;
  absl::Status Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) override;
  Transaction& transaction() override { return *session_.transaction; }
  absl::Status Prepare() override;
  absl::Status Commit() override;
  absl::StatusOr<bool> Settle() override;
  void Rollback() override;
  Fault fault() const override;
  absl::Status Tend() override;
  absl::Duration tend_within() const override;
  bool overdue() const override { return *options_.overdue; }

 private:
  // A connection with all that is prepared on it.
  struct Session {
    std::unique_ptr<PostgresConnection> connection;
    std::unique_ptr<StoreTransaction> transaction;
    SqlStatement lock, mark, find_mark;
    // How the server calls it, to end what may be left of it there.
    int64_t backend = 0;
    int64_t backend_start_us = 0;
  };

  PostgresEngine(PostgresConnection::Options options, Claim claim,
                 std::unique_ptr<NameHasher> hasher, std::shared_ptr<const SealKeys> seal_keys,
                 std::shared_ptr<HighWaterMarks> marks, std::shared_ptr<KeyEncryptionKeys> keks,
                 const Hash16& boot)
      : options_(std::move(options)),
        claim_(std::move(claim)),
        hasher_(std::move(hasher)),
        seal_keys_(std::move(seal_keys)),
        marks_(std::move(marks)),
        keks_(std::move(keks)),
        boot_(boot) {}
  absl::StatusOr<Session> MakeSession(std::unique_ptr<PostgresConnection> connection) const;
  // Looks for the database again, unless it was looked for a moment ago.
  absl::Status Reconnect();
  // The last group of this writer that is durable, when nothing of it is under way any more.
  absl::StatusOr<int64_t> LastDurable();
  absl::Status LockStore();
  // The same, and looks whether it is still the store that this engine was made for.
  absl::Status LockOwnStore();
  // What was claimed, for a connection of this engine's.
  absl::Status TakeClaim(PostgresConnection* connection) const;

  const PostgresConnection::Options options_;
  const Claim claim_;
  const std::unique_ptr<NameHasher> hasher_;
  const std::shared_ptr<const SealKeys> seal_keys_;
  const std::shared_ptr<HighWaterMarks> marks_;
  const std::shared_ptr<KeyEncryptionKeys> keks_;
  const Hash16 boot_;  // of this writer
  Session session_;
  int64_t group_ = 0;
  bool gone_ = false;     // the store was moved or migrated
  bool away_ = false;     // the session is of no use any more
  bool unknown_ = false;  // and whether its last group counts is not known
  absl::Duration pause_ = absl::ZeroDuration();
  std::chrono::steady_clock::time_point tried_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_ENGINE_H_
