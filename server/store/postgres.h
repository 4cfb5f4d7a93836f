// PostgreSQL as this store uses it, by libpq: a connection, and what became of it. What fails is
// told by its SQLSTATE alone: the server's sentences may quote what was bound. No call takes longer
// than the connection's patience, whatever the other end does or does not.
//
// One thread at a time uses a connection and its statements. A statement lives on the server for as
// long as its connection: they are prepared once, not for a call.
#ifndef SLUICE_SERVER_STORE_POSTGRES_H_
#define SLUICE_SERVER_STORE_POSTGRES_H_

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/store/sql.h"

namespace sluice::server {

struct FreePostgresResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresResult = std::unique_ptr<PGresult, FreePostgresResult>;

class PostgresScan;

class PostgresConnection final : public SqlConnection {
 public:
  enum class Fault {
    kNone,
    kFull,  // the server has no space left: what was begun can be rolled back
    kLost,  // the connection is gone, and with it what was not committed
    kFatal  // what the server has read makes no sense
  };

  struct Options {
    // As libpq takes them ("host=... dbname=..."), without secrets; see postgres_settings.h.
    std::string settings;
    bool read_only = false;
    // Until it stands, and until the server has answered one question.
    absl::Duration patience = absl::Seconds(30);
    // Is set for as long as the server owes an answer for longer than kAnswersWithin; may be null.
    std::shared_ptr<std::atomic<bool>> overdue;
    // Nothing is waited for while it is set: whoever set it knows that no answer is of use. May be
    // null.
    std::shared_ptr<const std::atomic<bool>> hopeless;
  };
  // What health waits for, where work may take as long as the patience is.
  static constexpr absl::Duration kAnswersWithin = absl::Seconds(5);

  // INVALID_ARGUMENT for settings that are refused, FAILED_PRECONDITION with a sentence for the
  // operator for a server or a role that will not do. UNAVAILABLE: with libpq's own words, in which
  // host, user and database stand.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const Options& options);
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;
  ~PostgresConnection() override;

  absl::StatusOr<SqlStatement> Prepare(absl::string_view sql) override;
  // Inside of a transaction, or else in one of its own, in which one snapshot holds: other
  // statements may be run meanwhile.
  absl::StatusOr<SqlStatement> PrepareScan(absl::string_view sql) override;
  absl::StatusOr<SqlMany> PrepareMany(absl::string_view sql) override;
  int64_t changes() const override { return changes_; }

  absl::Status Execute(absl::string_view sql) override;
  // And whether that is what the server has done.
  absl::Status Commit() override;
  // Ends the transaction if there is one; whether the connection is still of use.
  bool Rollback();
  // Gives the connection up and tells the server, as far as it hears: from now on it is lost.
  void Close();
  // Whether the server has closed an idle connection, as far as can be told without asking it.
  bool Alive();
  bool usable() override { return Alive(); }
  bool in_transaction() const { return PQtransactionStatus(connection_.get()) != PQTRANS_IDLE; }

  Fault fault() const { return fault_; }
  // Whether any statement has failed since this was last asked.
  bool TakeFailed();
  // Forgets a full disk; what is lost or fatal stays.
  void ForgetFull();

 private:
  friend class PostgresStatement;
  friend class PostgresScan;
  friend class PostgresMany;
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  using Moment = std::chrono::steady_clock::time_point;

  PostgresConnection(std::unique_ptr<PGconn, Finish> connection, const Options& options)
      : connection_(std::move(connection)),
        patience_(options.patience),
        overdue_(options.overdue),
        hopeless_(options.hopeless) {}
  absl::Status Connect();
  absl::Status Configure(const Options& options);

  // A question to the server, and all of its answer: what `send` sends (it says whether it could).
  absl::StatusOr<PostgresResult> Ask(absl::FunctionRef<int(PGconn*)> send);
  // The same in parts: the rest of an answer that another statement is still taking is taken first.
  absl::Status Send(absl::FunctionRef<int(PGconn*)> send);
  // All of the answer to what was sent.
  absl::StatusOr<PostgresResult> TakeAnswer();
  // A question without rows, whose answer is not waited for: the server is at work while we are. It
  // is taken before the next question, which it fails if it failed.
  absl::Status Tell(absl::FunctionRef<int(PGconn*)> send);
  // The same of a COPY FROM STDIN and of what is to be copied.
  absl::Status TellCopy(const std::string& copy, absl::string_view rows);
  absl::Status TakeTold();
  // Sends what libpq holds back.
  absl::Status Flush();
  // The next result of what was asked, null at its end.
  absl::StatusOr<PostgresResult> Take();
  // Waits until libpq can go on, at most until `patience_` is over since `since`.
  absl::Status Await(short events, Moment since);
  // Takes over what came.
  absl::Status Consume();
  // OK, or what an error means; the connection remembers it.
  absl::Status StatusOf(const PGresult* result);
  absl::Status Lost(absl::string_view how);
  // Parameters' types, of a statement that was prepared under this name.
  absl::StatusOr<PostgresResult> PrepareAs(const std::string& name, absl::string_view sql);

  std::unique_ptr<PGconn, Finish> connection_;
  const absl::Duration patience_;
  const std::shared_ptr<std::atomic<bool>> overdue_;
  const std::shared_ptr<const std::atomic<bool>> hopeless_;
  PostgresScan* taking_ = nullptr;  // whose rows are under way
  bool told_ = false;               // an answer is
  int64_t changes_ = 0;
  int statements_ = 0;
  Fault fault_ = Fault::kNone;
  bool failed_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_H_
