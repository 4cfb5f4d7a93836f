#include "server/store/postgres.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/store/postgres_many.h"
#include "server/store/postgres_settings.h"
#include "server/store/postgres_statement.h"

namespace sluice::server {
namespace {

constexpr int kOldestServer = 150000;
// How often who waits looks whether there is anything to wait for.
constexpr absl::Duration kHopelessEvery = absl::Milliseconds(100);

// Each statement is made for an index. What the server's statistics say, of tables that may have
// been empty a moment ago, must not lead it elsewhere.
constexpr absl::string_view kPlans =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; "
    "SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan; ";

absl::Status Unsuitable(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("this PostgreSQL will not do: ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const Options& options) {
  absl::StatusOr<PostgresSettings> settings = CompletePostgresSettings(options.settings);
  if (!settings.ok()) return settings.status();
  std::vector<const char*> names, values;
  for (const auto& [name, value] : *settings) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<PGconn, Finish> started(
      PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0));
  if (started == nullptr) return absl::ResourceExhaustedError("no memory to open the database");
  std::unique_ptr<PostgresConnection> connection(
      new PostgresConnection(std::move(started), options));
  if (absl::Status status = connection->Connect(); !status.ok()) return status;
  if (absl::Status status = connection->Configure(options); !status.ok()) return status;
  return connection;
}

PostgresConnection::~PostgresConnection() = default;

absl::Status PostgresConnection::Connect() {
  PGconn* const connection = connection_.get();
  // Notices would go to stderr, whatever they quote.
  PQsetNoticeReceiver(
      connection, [](void*, const PGresult*) {}, nullptr);
  const Moment since = Moment::clock::now();
  PostgresPollingStatusType next =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) {
      fault_ = Fault::kLost;
      return absl::UnavailableError(PQerrorMessage(connection));
    }
    absl::Status ready = Await(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, since);
    if (!ready.ok()) return ready;
    next = PQconnectPoll(connection);
  }
  if (PQsetnonblocking(connection, 1) != 0) return Lost("its socket always blocks");
  return absl::OkStatus();
}

absl::Status PostgresConnection::Configure(const Options& options) {
  const auto is = [&](const char* parameter, absl::string_view value) {
    const char* const says = PQparameterStatus(connection_.get(), parameter);
    return says != nullptr && says == value;
  };
  if (PQserverVersion(connection_.get()) < kOldestServer) return Unsuitable("it is older than 15");
  if (!is("server_encoding", "UTF8")) return Unsuitable("the database's encoding is not UTF8");
  if (is("is_superuser", "on")) {
    return Unsuitable("the role is a superuser: use one that owns nothing but this database");
  }
  // The server gives up a little sooner than who waits for it, and does not hold for ever what a
  // gateway that is gone has locked.
  const int64_t patience = std::max<int64_t>(absl::ToInt64Milliseconds(patience_) * 9 / 10, 1);
  return Execute(absl::StrCat(
      kPlans, "SET statement_timeout = ", patience,
      "; SET idle_in_transaction_session_timeout = ", patience, "; SET tcp_user_timeout = 15000",
      "; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
      "SET tcp_keepalives_count = 3; ",
      // A reader's transaction sees one state. A writer's lock shows it the state after the lock.
      options.read_only ? "SET default_transaction_isolation = 'repeatable read'; "
                          "SET default_transaction_read_only = on"
                        : "SET default_transaction_isolation = 'read committed'; "
                          // Nothing weaker; what waits for a standby to show it may stay.
                          "SELECT set_config('synchronous_commit', 'on', false) "
                          "WHERE current_setting('synchronous_commit') <> 'remote_apply'"));
}

absl::Status PostgresConnection::Execute(absl::string_view sql) {
  const std::string text(sql);
  return Ask([&](PGconn* connection) { return PQsendQuery(connection, text.c_str()); }).status();
}

absl::Status PostgresConnection::Commit() {
  absl::StatusOr<PostgresResult> done =
      Ask([](PGconn* connection) { return PQsendQuery(connection, "COMMIT"); });
  if (!done.ok()) return done.status();
  // A transaction that has failed is rolled back by it, and that is no error.
  if (absl::string_view(PQcmdStatus(done->get())) == "COMMIT") return absl::OkStatus();
  failed_ = true;
  return absl::AbortedError("database: the transaction was rolled back");
}

bool PostgresConnection::Rollback() {
  TakeTold().IgnoreError();  // it is undone, whatever came of it
  if (fault_ == Fault::kLost) return false;
  return !in_transaction() || Execute("ROLLBACK").ok();
}

void PostgresConnection::Close() {
  Lost("it was given up").IgnoreError();
  taking_ = nullptr;
  connection_.reset();
}

bool PostgresConnection::Alive() {
  pollfd socket = {.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  // A server that was asked nothing says nothing, but that it goes, or was told new settings.
  if (fault_ != Fault::kLost && poll(&socket, 1, 0) != 0) Lost("it was closed").IgnoreError();
  return fault_ != Fault::kLost;
}

absl::StatusOr<SqlStatement> PostgresConnection::Prepare(absl::string_view sql) {
  const std::string name = absl::StrCat("s", ++statements_);
  absl::StatusOr<PostgresResult> described = PrepareAs(name, sql);
  if (!described.ok()) return described.status();
  return SqlStatement(std::make_unique<PostgresStatement>(this, name, **described));
}

absl::StatusOr<SqlStatement> PostgresConnection::PrepareScan(absl::string_view sql) {
  const std::string name = absl::StrCat("s", ++statements_);
  absl::StatusOr<PostgresResult> described =
      PrepareAs(name, absl::StrCat("DECLARE ", name, " SCROLL CURSOR FOR ", sql));
  if (!described.ok()) return described.status();
  return SqlStatement(std::make_unique<PostgresScan>(this, name, **described));
}

absl::StatusOr<SqlMany> PostgresConnection::PrepareMany(absl::string_view sql) {
  // The server knows the parameters' types from the statement as it stands.
  absl::StatusOr<PostgresResult> described = PrepareAs(absl::StrCat("s", ++statements_), sql);
  if (!described.ok()) return described.status();
  std::vector<Oid> types;
  for (int i = 0; i < PQnparams(described->get()); ++i) {
    types.push_back(PQparamtype(described->get(), i));
  }
  absl::StatusOr<std::string> over_arrays = OverArrays(sql, types);
  if (!over_arrays.ok()) return over_arrays.status();
  const std::string name = absl::StrCat("s", ++statements_);
  described = PrepareAs(name, *over_arrays);
  if (!described.ok()) return described.status();
  const size_t parameters = types.size();
  return SqlMany(
      std::make_unique<PostgresMany>(this, name, std::move(types), AsCopy(sql, parameters)));
}

absl::StatusOr<PostgresResult> PostgresConnection::PrepareAs(const std::string& name,
                                                             absl::string_view sql) {
  const std::string text(sql);
  absl::Status prepared =
      Ask([&](PGconn* connection) {
        return PQsendPrepare(connection, name.c_str(), text.c_str(), 0, nullptr);
      }).status();
  if (!prepared.ok()) return prepared;
  return Ask([&](PGconn* connection) { return PQsendDescribePrepared(connection, name.c_str()); });
}

absl::StatusOr<PostgresResult> PostgresConnection::Ask(absl::FunctionRef<int(PGconn*)> send) {
  if (absl::Status status = Send(send); !status.ok()) return status;
  return TakeAnswer();
}

absl::StatusOr<PostgresResult> PostgresConnection::TakeAnswer() {
  PostgresResult last;
  absl::Status status;
  for (;;) {
    absl::StatusOr<PostgresResult> result = Take();
    if (!result.ok()) return result.status();
    if (*result == nullptr) break;
    last = *std::move(result);
    if (status.ok()) status = StatusOf(last.get());
  }
  if (!status.ok()) return status;
  if (last == nullptr) return Lost("it gave no answer");
  if (!absl::SimpleAtoi(PQcmdTuples(last.get()), &changes_)) changes_ = 0;
  return last;
}

absl::Status PostgresConnection::Tell(absl::FunctionRef<int(PGconn*)> send) {
  if (absl::Status status = Send(send); !status.ok()) return status;
  told_ = true;
  return absl::OkStatus();
}

absl::Status PostgresConnection::TellCopy(const std::string& copy, absl::string_view rows) {
  absl::Status status =
      Send([&](PGconn* connection) { return PQsendQuery(connection, copy.c_str()); });
  if (!status.ok()) return status;
  absl::StatusOr<PostgresResult> ready = Take();
  if (!ready.ok()) return ready.status();
  if (PQresultStatus(ready->get()) != PGRES_COPY_IN) {
    status = StatusOf(ready->get());
    TakeAnswer().IgnoreError();
    return status.ok() ? absl::InternalError("database: not a COPY") : status;
  }
  if (PQputCopyData(connection_.get(), rows.data(), static_cast<int>(rows.size())) != 1 ||
      PQputCopyEnd(connection_.get(), nullptr) != 1) {
    return Lost("it takes no rows");
  }
  told_ = true;
  return Flush();
}

absl::Status PostgresConnection::TakeTold() {
  if (!std::exchange(told_, false) || fault_ == Fault::kLost) return absl::OkStatus();
  return TakeAnswer().status();
}

absl::Status PostgresConnection::Send(absl::FunctionRef<int(PGconn*)> send) {
  if (fault_ == Fault::kLost) return Lost("it was lost before");
  if (absl::Status status = TakeTold(); !status.ok()) return status;
  if (taking_ != nullptr) {
    if (absl::Status status = taking_->TakeRest(); !status.ok()) return status;
  }
  if (send(connection_.get()) == 0) {
    // Too much to send, or nothing to send it over.
    if (PQstatus(connection_.get()) == CONNECTION_BAD) return Lost("it was closed");
    failed_ = true;
    return absl::InternalError("database: what was asked can't be sent");
  }
  return Flush();
}

absl::Status PostgresConnection::Flush() {
  const Moment since = Moment::clock::now();
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return absl::OkStatus();
    if (left < 0) return Lost("it was closed");
    // Who does not read what it is sent may wait to be read.
    if (absl::Status status = Await(POLLIN | POLLOUT, since); !status.ok()) return status;
    if (absl::Status status = Consume(); !status.ok()) return status;
  }
}

absl::StatusOr<PostgresResult> PostgresConnection::Take() {
  const Moment since = Moment::clock::now();
  while (PQisBusy(connection_.get()) != 0) {
    if (absl::Status status = Await(POLLIN, since); !status.ok()) return status;
    if (absl::Status status = Consume(); !status.ok()) return status;
  }
  return PostgresResult(PQgetResult(connection_.get()));
}

absl::Status PostgresConnection::Await(short events, Moment since) {
  for (;;) {
    const absl::Duration waited = absl::FromChrono(Moment::clock::now() - since);
    if (waited >= patience_) return Lost("it does not answer");
    if (hopeless_ != nullptr && *hopeless_) return Lost("the server was given up");
    if (waited >= kAnswersWithin && overdue_ != nullptr) *overdue_ = true;
    const absl::Duration next = waited < kAnswersWithin ? kAnswersWithin : patience_;
    absl::Duration left = std::min(next, patience_) - waited;
    if (hopeless_ != nullptr) left = std::min(left, kHopelessEvery);
    pollfd socket = {.fd = PQsocket(connection_.get()), .events = events, .revents = 0};
    const int ready = poll(&socket, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Lost("its socket can't be polled");
  }
}

absl::Status PostgresConnection::Consume() {
  if (PQconsumeInput(connection_.get()) == 0) return Lost("it was closed");
  // Not before: one that is closed has not answered.
  if (overdue_ != nullptr) *overdue_ = false;
  return absl::OkStatus();
}

absl::Status PostgresConnection::Lost(absl::string_view how) {
  failed_ = true;
  fault_ = std::max(fault_, Fault::kLost);
  return absl::UnavailableError(absl::StrCat("the connection to the database was lost: ", how));
}

bool PostgresConnection::TakeFailed() {
  TakeTold().IgnoreError();  // it is remembered
  return std::exchange(failed_, false);
}

void PostgresConnection::ForgetFull() {
  if (fault_ == Fault::kFull) fault_ = Fault::kNone;
}

absl::Status PostgresConnection::StatusOf(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
      return absl::OkStatus();
    case PGRES_EMPTY_QUERY:
      failed_ = true;
      return absl::InternalError("database: not one statement");
    default:
      break;
  }
  failed_ = true;
  const char* const field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (field == nullptr || PQstatus(connection_.get()) == CONNECTION_BAD) {
    return Lost(field == nullptr ? "it was closed" : absl::StrCat("SQLSTATE ", field));
  }
  const absl::string_view state = field;
  const std::string message = absl::StrCat("database: SQLSTATE ", state);
  const absl::string_view of_class = state.substr(0, 2);
  if (state == "23505") return absl::AlreadyExistsError(message);
  if (state == "53100") {
    fault_ = std::max(fault_, Fault::kFull);
    return absl::ResourceExhaustedError(message);
  }
  // The server's own limits and quarrels: nobody's quota, and worth another try.
  if (of_class == "53" || of_class == "40") return absl::UnavailableError(message);
  if (of_class == "XX" && state != "XX000") {  // corrupted
    fault_ = Fault::kFatal;
    return absl::DataLossError(message);
  }
  // It is ended, shut down, or another's turn to write. The session is of no more use.
  if (of_class == "08" || absl::StartsWith(state, "57P") || state == "25006" || state == "25P03") {
    return Lost(absl::StrCat("SQLSTATE ", state));
  }
  // Cancelled for its time, a lock that is not to be had, a file that can't be read.
  if (state == "57014" || of_class == "55" || of_class == "58") {
    return absl::UnavailableError(message);
  }
  if (state == "42501") return absl::FailedPreconditionError(message);
  return absl::InternalError(message);
}

}  // namespace sluice::server
