#include "server/store/sqlite_engine.h"

#include <utility>

namespace sluice::server {
namespace {

// 16 MiB of WAL: much less, and the same hot pages are moved over and over; much more, and the move
// is felt by who waits meanwhile.
constexpr int kFramesToCheckpoint = 4096;
// A page of the database, as a frame holds it.
constexpr int64_t kPageBytes = 4096;
// How often a full disk is looked at.
constexpr absl::Duration kLook = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteEngine>> SqliteEngine::Create(
    std::unique_ptr<SqliteConnection> connection, std::unique_ptr<NameHasher> hasher,
    std::shared_ptr<const SealKeys> seal_keys, std::shared_ptr<HighWaterMarks> marks,
    std::shared_ptr<KeyEncryptionKeys> keks, std::unique_ptr<Ballast> ballast) {
  std::unique_ptr<SqliteEngine> engine(new SqliteEngine);
  engine->connection_ = std::move(connection);
  engine->hasher_ = std::move(hasher);
  engine->seal_keys_ = std::move(seal_keys);
  engine->marks_ = std::move(marks);
  engine->keks_ = std::move(keks);
  engine->ballast_ = std::move(ballast);
  absl::StatusOr<std::unique_ptr<StoreTransaction>> transaction =
      StoreTransaction::Create(engine->connection_.get(), engine->hasher_.get(),
                               engine->seal_keys_.get(), engine->marks_.get(), engine->keks_.get());
  if (!transaction.ok()) return transaction.status();
  engine->transaction_ = *std::move(transaction);
  absl::Status status = PrepareAll(engine->connection_.get(),
                                   {{&engine->begin_, "BEGIN IMMEDIATE"},
                                    {&engine->key_generation_, "SELECT key_generation FROM store"},
                                    {&engine->commit_, "COMMIT"},
                                    {&engine->rollback_, "ROLLBACK"},
                                    {&engine->savepoint_, "SAVEPOINT work"},
                                    {&engine->release_, "RELEASE work"},
                                    {&engine->undo_, "ROLLBACK TO work"}});
  if (!status.ok()) return status;
  return engine;
}

absl::Status SqliteEngine::Begin() {
  connection_->ForgetFull();
  connection_->TakeFailed();
  if (absl::Status status = begin_.Bind().Finish(); !status.ok()) return status;
  SqlRun run = key_generation_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  transaction_->BeginAsOf(run.Int(0));
  return absl::OkStatus();
}

absl::Status SqliteEngine::Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) {
  if (absl::Status status = savepoint_.Bind().Finish(); !status.ok()) {
    undo_failed_ = true;
    return status;
  }
  absl::Status result = work(*transaction_);
  // A work that overlooked a failed statement is half done, whatever it says.
  if (connection_->TakeFailed() && result.ok()) {
    result = absl::InternalError("a statement of this work has failed");
  }
  // Where space ran out SQLite may have rolled back everything: the group is lost anyway.
  if (fault() != Fault::kNone) return result;
  absl::Status status;
  if (!result.ok()) status = undo_.Bind().Finish();
  if (status.ok()) status = release_.Bind().Finish();
  if (!status.ok()) {
    undo_failed_ = true;
    return status;
  }
  return result;
}

absl::Status SqliteEngine::Prepare() {
  if (connection_->TakeFailed()) return absl::InternalError("a statement of this group has failed");
  return connection_->Flush();
}

absl::Status SqliteEngine::Commit() {
  absl::Status status = commit_.Bind().Finish();
  if (status.ok()) return status;
  // A write finds no room before there is anything to fsync, and SQLite has taken all back. What
  // else has no room comes after it.
  if (absl::IsResourceExhausted(status) && fault() == Fault::kFull &&
      !connection_->in_transaction()) {
    return status;
  }
  undo_failed_ = true;
  // What the WAL holds is not known to be on disk: it is for the next start to look at.
  connection_->KeepWalOnClose().IgnoreError();
  return status;
}

void SqliteEngine::Rollback() {
  if (connection_->in_transaction() && !rollback_.Bind().Finish().ok()) undo_failed_ = true;
  LetGoOfBallast();
}

void SqliteEngine::LetGoOfBallast() {
  if (ballast_ == nullptr || !ballast_->held() || fault() != Fault::kFull) return;
  ballast_->LetGo().IgnoreError();  // then it is held yet, and nothing was won
  taken_ = absl::ResourceExhaustedError("its ballast was let go");
  take_again_ = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kLook);
}

absl::Status SqliteEngine::TakeBallast() {
  const auto now = std::chrono::steady_clock::now();
  if (now < take_again_) return taken_;
  take_again_ = now + absl::ToChronoNanoseconds(kLook);
  // Then all that the WAL holds has room in the database, too.
  taken_ = ballast_->Take(connection_->wal_frames() * kPageBytes);
  return taken_;
}

absl::Duration SqliteEngine::tend_within() const {
  return closing_only() ? kLook : absl::InfiniteDuration();
}

GroupEngine::Fault SqliteEngine::fault() const {
  if (undo_failed_) return Fault::kFatal;
  switch (connection_->fault()) {
    case SqliteConnection::Fault::kNone:
      return Fault::kNone;
    case SqliteConnection::Fault::kFull:
      return Fault::kFull;
    case SqliteConnection::Fault::kFatal:
      return Fault::kFatal;
  }
  return Fault::kFatal;
}

absl::Status SqliteEngine::Tend() {
  if (closing_only()) {
    if (absl::Status status = TakeBallast(); !status.ok()) return status;
  }
  if (connection_->wal_frames() < kFramesToCheckpoint) return absl::OkStatus();
  absl::Status status = connection_->Checkpoint();
  if (!status.ok()) LetGoOfBallast();
  return status;
}

}  // namespace sluice::server
