#include "server/store/postgres_engine.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/store/postgres_database.h"
#include "server/store/random_ids.h"
#include "server/store/schema.h"

namespace sluice::server {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
constexpr absl::Duration kWaitForDatabase = absl::Seconds(5);
// How soon an idle gateway notices that its database is gone.
constexpr absl::Duration kLook = absl::Seconds(1);

absl::Status Away() { return absl::UnavailableError("the database can't be reached"); }

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresEngine>> PostgresEngine::Create(
    PostgresConnection::Options options, Claim claim,
    std::unique_ptr<PostgresConnection> connection, std::unique_ptr<NameHasher> hasher,
    std::shared_ptr<const SealKeys> seal_keys, std::shared_ptr<HighWaterMarks> marks,
    std::shared_ptr<KeyEncryptionKeys> keks) {
  absl::StatusOr<std::vector<Hash16>> boot = RandomIds(1);
  if (!boot.ok()) return boot.status();
  if (options.overdue == nullptr) options.overdue = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<PostgresEngine> engine(
      new PostgresEngine(std::move(options), std::move(claim), std::move(hasher),
                         std::move(seal_keys), std::move(marks), std::move(keks), boot->front()));
  absl::StatusOr<Session> session = engine->MakeSession(std::move(connection));
  if (!session.ok()) return session.status();
  engine->session_ = *std::move(session);
  // What is so old is asked for by nobody.
  absl::Status forgotten = engine->session_.connection->Execute(
      "DELETE FROM writer_mark WHERE marked < now() - interval '30 days'");
  if (!forgotten.ok()) return forgotten;
  return engine;
}

absl::Status PostgresEngine::Take(PostgresConnection* connection, bool alone,
                                  absl::Duration patience) {
  return TakeDatabase(connection, alone ? DatabaseUse::kAlone : DatabaseUse::kShared,
                      std::min(patience, kWaitForDatabase));
}

absl::StatusOr<PostgresEngine::Session> PostgresEngine::MakeSession(
    std::unique_ptr<PostgresConnection> connection) const {
  Session session;
  session.connection = std::move(connection);
  absl::Status taken = TakeClaim(session.connection.get());
  if (!taken.ok()) return taken;
  absl::StatusOr<std::unique_ptr<StoreTransaction>> transaction = StoreTransaction::Create(
      session.connection.get(), hasher_.get(), seal_keys_.get(), marks_.get(), keks_.get());
  if (!transaction.ok()) return transaction.status();
  session.transaction = *std::move(transaction);
  SqlStatement who;
  absl::Status status = PrepareAll(
      session.connection.get(),
      {{&session.lock,
        "SELECT schema_version, length(moving), key_generation FROM store WHERE id = 1 FOR UPDATE"},
       {&session.mark,
        "INSERT INTO writer_mark (boot, number) VALUES ($1, $2) "
        "ON CONFLICT (boot) DO UPDATE SET number = excluded.number, marked = now()"},
       {&session.find_mark, "SELECT number FROM writer_mark WHERE boot = $1"},
       {&who,
        "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity "
        "WHERE pid = pg_backend_pid()"}});
  if (!status.ok()) return status;
  SqlRun run = who.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (*row) {
    session.backend = run.Int(0);
    session.backend_start_us = run.Int(1);
  }
  return session;
}

absl::Status PostgresEngine::Reconnect() {
  const auto now = std::chrono::steady_clock::now();
  if (absl::FromChrono(now - tried_) < pause_) return Away();
  tried_ = now;
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  // What is given up goes first: a server may be at the end of its connections for it.
  session_.connection->Close();
  // libpq's own words are for who starts a gateway; what is told here may be read by others.
  absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
      PostgresConnection::Open(options_);
  if (!connection.ok()) return Away();
  // What is left of the last session may hold the store's row until the server misses us.
  absl::StatusOr<SqlStatement> end =
      (*connection)
          ->Prepare(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND usename = "
              "current_user AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2");
  if (!end.ok()) return Away();
  if (!end->Bind(session_.backend, session_.backend_start_us).Next().ok()) return Away();
  absl::StatusOr<Session> session = MakeSession(*std::move(connection));
  if (!session.ok()) return Away();
  session_ = *std::move(session);
  pause_ = absl::ZeroDuration();
  away_ = false;
  return absl::OkStatus();
}

absl::Status PostgresEngine::TakeClaim(PostgresConnection* connection) const {
  absl::Status taken = Take(connection, claim_.alone, options_.patience);
  if (!taken.ok() || claim_.writer.empty()) return taken;
  return TakeWriterName(connection, claim_.writer, std::min(options_.patience, kWaitForDatabase));
}

absl::Status PostgresEngine::LockStore() {
  SqlRun run = session_.lock.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return absl::OkStatus();
}

absl::Status PostgresEngine::LockOwnStore() {
  SqlRun run = session_.lock.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  gone_ = run.Int(0) != kSchemaVersion || run.Int(1) != 0;
  session_.transaction->BeginAsOf(run.Int(2));
  if (!gone_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the store was moved or migrated while this gateway was cut off from it");
}

absl::Status PostgresEngine::Begin() {
  if (fault() == Fault::kAway) {
    if (absl::Status status = Reconnect(); !status.ok()) return status;
  }
  session_.connection->ForgetFull();
  session_.connection->TakeFailed();
  absl::Status status = session_.connection->Execute("BEGIN");
  if (status.ok()) status = LockOwnStore();
  if (status.ok()) status = session_.mark.Bind(SqlBlob(boot_), ++group_).Finish();
  // Whoever is in the way, nothing can be written: health says so.
  if (!status.ok()) away_ = true;
  return status;
}

absl::Status PostgresEngine::Attempt(absl::FunctionRef<absl::Status(Transaction&)> work) {
  PostgresConnection& connection = *session_.connection;
  if (absl::Status status = connection.Execute("SAVEPOINT work"); !status.ok()) {
    away_ = true;
    return status;
  }
  absl::Status result = work(*session_.transaction);
  // A work that overlooked a failed statement is half done, whatever it says.
  if (connection.TakeFailed() && result.ok()) {
    result = absl::InternalError("a statement of this work has failed");
  }
  if (fault() != Fault::kNone) return result;
  const absl::Status status =
      connection.Execute(result.ok() ? "RELEASE work" : "ROLLBACK TO work; RELEASE work");
  if (!status.ok()) {
    away_ = true;
    return status;
  }
  return result;
}

absl::Status PostgresEngine::Prepare() {
  if (!session_.connection->TakeFailed()) return absl::OkStatus();
  return absl::InternalError("a statement of this group has failed");
}

absl::Status PostgresEngine::Commit() {
  absl::Status status = session_.connection->Commit();
  if (!status.ok()) {
    away_ = true;
    // What the server refused was not done; what it did not answer may be.
    unknown_ = session_.connection->fault() == PostgresConnection::Fault::kLost;
  }
  return status;
}

absl::StatusOr<bool> PostgresEngine::Settle() {
  if (away_) {
    if (absl::Status status = Reconnect(); !status.ok()) return status;
  }
  absl::StatusOr<int64_t> last = LastDurable();
  const bool durable = last.ok() && *last == group_;
  absl::Status status = last.status();
  if (durable) {
    // The server calls a commit done, too, whose wait for a standby was broken off. One of our own
    // waits for all before it.
    status = session_.mark.Bind(SqlBlob(boot_), group_).Finish();
    if (status.ok()) status = session_.connection->Commit();
  } else {
    session_.connection->Rollback();
  }
  if (!status.ok() || fault() == Fault::kFatal) {
    away_ = true;
    return Away();
  }
  unknown_ = false;
  return durable;
}

absl::StatusOr<int64_t> PostgresEngine::LastDurable() {
  // Who has the row knows that the transaction that had it has ended, and how.
  absl::Status status = session_.connection->Execute("BEGIN");
  if (status.ok()) status = LockStore();
  if (!status.ok()) return status;
  SqlRun run = session_.find_mark.Bind(SqlBlob(boot_));
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? run.Int(0) : 0;
}

void PostgresEngine::Rollback() {
  // Who goes on with the store where this one can't must not wait for what it holds.
  if (fault() == Fault::kFatal) return session_.connection->Close();
  if (!away_ && !session_.connection->Rollback()) away_ = true;
}

GroupEngine::Fault PostgresEngine::fault() const {
  if (unknown_) return Fault::kUnknown;
  if (gone_) return Fault::kFatal;
  switch (session_.connection->fault()) {
    case PostgresConnection::Fault::kFatal:
      return Fault::kFatal;
    case PostgresConnection::Fault::kLost:
      return Fault::kAway;
    case PostgresConnection::Fault::kFull:
      return away_ ? Fault::kAway : Fault::kFull;
    case PostgresConnection::Fault::kNone:
      return away_ ? Fault::kAway : Fault::kNone;
  }
  return Fault::kFatal;
}

absl::Status PostgresEngine::Tend() {
  if (fault() == Fault::kNone) {
    // One that hangs keeps its socket open: it is asked.
    PostgresConnection& connection = *session_.connection;
    if (!connection.Alive() || !connection.Execute("SELECT 1").ok()) away_ = true;
    connection.TakeFailed();
  }
  if (fault() != Fault::kAway) return absl::OkStatus();
  return Reconnect();
}

absl::Duration PostgresEngine::tend_within() const {
  return fault() == Fault::kAway ? std::max(pause_, kFirstPause) : kLook;
}

}  // namespace sluice::server
