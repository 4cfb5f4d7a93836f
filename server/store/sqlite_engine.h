// SQLite as group commit drives it: a transaction a group, a savepoint a work. A group that found
// no room lets go of the ballast, and while that is let go the WAL is not moved: what closes what
// was begun has the room to itself.
//
// On the writer's thread.
#ifndef SLUICE_SERVER_STORE_SQLITE_ENGINE_H_
#define SLUICE_SERVER_STORE_SQLITE_ENGINE_H_

#include <chrono>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/ballast.h"
#include "server/store/group_commit.h"
#include "server/store/high_water_marks.h"
#include "server/store/name_hash.h"
#include "server/store/sqlite.h"
#include "server/store/store_transaction.h"

namespace sluice::server {

class SqliteEngine final : public GroupEngine {
 public:
  // `ballast` is held; null: there is none.
  static absl::StatusOr<std::unique_ptr<SqliteEngine>> Create(
      std::unique_ptr<SqliteConnection> connection, std::unique_ptr<NameHasher> hasher,
      std::shared_ptr<const SealKeys> seal_keys, std::shared_ptr<HighWaterMarks> marks,
      std::shared_ptr<KeyEncryptionKeys> keks, std::unique_ptr<Ballast> ballast);

  absl::Status Begin() override;
  absl::Status Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) override;
  Transaction& transaction() override { return *transaction_; }
  absl::Status Prepare() override;
  absl::Status Commit() override;
  void Rollback() override;
  Fault fault() const override;
  absl::Status Tend() override;
  bool closing_only() const override { return ballast_ != nullptr && !ballast_->held(); }
  absl::Duration tend_within() const override;

 private:
  SqliteEngine() = default;
  // If the disk is full.
  void LetGoOfBallast();
  // Once in a while; until then what became of it the last time.
  absl::Status TakeBallast();

  std::unique_ptr<SqliteConnection> connection_;
  std::unique_ptr<NameHasher> hasher_;
  std::shared_ptr<const SealKeys> seal_keys_;
  std::shared_ptr<HighWaterMarks> marks_;
  std::shared_ptr<KeyEncryptionKeys> keks_;
  std::unique_ptr<StoreTransaction> transaction_;
  SqlStatement begin_, key_generation_, commit_, rollback_, savepoint_, release_, undo_;
  bool undo_failed_ = false;
  std::unique_ptr<Ballast> ballast_;
  absl::Status taken_;
  std::chrono::steady_clock::time_point take_again_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQLITE_ENGINE_H_
