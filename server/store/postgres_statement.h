// Statements on a PostgresConnection, their values in the binary form: one whose rows are read
// whole, and one whose rows come by and by.
#ifndef SLUICE_SERVER_STORE_POSTGRES_STATEMENT_H_
#define SLUICE_SERVER_STORE_POSTGRES_STATEMENT_H_

#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "server/store/postgres.h"
#include "server/store/sql.h"

namespace sluice::server {

// A result's rows, one after the other.
class PostgresRows final : public SqlColumns {
 public:
  PostgresRows() = default;
  explicit PostgresRows(PostgresResult result) : result_(std::move(result)) {}

  bool Next() { return ++row_ < PQntuples(result_.get()); }
  int64_t Int(int column) const override;
  absl::string_view Bytes(int column) const override;

 private:
  PostgresResult result_;
  int row_ = -1;
};

class PostgresStatement : public PreparedSql {
 public:
  // Of a statement that stands on the server under this name; `described` tells the parameters.
  PostgresStatement(PostgresConnection* connection, std::string name, const PGresult& described);

  int parameters() const override { return static_cast<int>(types_.size()); }
  void Bind(int index, int64_t value) override;
  void Bind(int index, absl::string_view text) override;
  void Bind(int index, const SqlBlob& blob) override;
  absl::StatusOr<bool> Step() override;
  int64_t Int(int column) const override { return rows_.Int(column); }
  absl::string_view Bytes(int column) const override { return rows_.Bytes(column); }
  void Reset() override;

 protected:
  // Runs it with what is bound.
  absl::StatusOr<PostgresResult> Run();

  PostgresConnection* const connection_;
  const std::string name_;
  PostgresRows rows_;

 private:
  void BindBytes(int index, Oid type, absl::string_view bytes);

  std::vector<Oid> types_;
  std::vector<std::array<char, 8>> integers_;
  std::vector<const char*> values_;
  std::vector<int> lengths_, formats_;
  bool misbound_ = false;
  bool ran_ = false;
};

// Rows are fetched a page at a time through a cursor, each page about as large as the socket's
// buffers whatever the rows are, and taken from the socket one by one: memory is bounded by a row,
// and who stops early has waited for a page at most.
class PostgresScan final : public PostgresStatement {
 public:
  using PostgresStatement::PostgresStatement;

  absl::StatusOr<bool> Step() override;
  void Reset() override;

 private:
  friend class PostgresConnection;
  absl::Status Open();
  absl::Status Fetch();
  // The next row of the page that is under way, as a result; null at its end.
  absl::StatusOr<PostgresResult> NextOfPage();
  void EndPage(absl::Status status);
  // Another statement wants the connection: keeps what fits of the page, and leaves the rest to be
  // fetched again.
  absl::Status TakeRest();

  bool open_ = false;
  bool own_transaction_ = false;
  bool last_ = false;  // nothing comes after this page
  int page_ = 0;       // rows asked for
  int fetched_ = 0;    // of them
  int64_t page_bytes_ = 0;
  int64_t taken_ = 0;   // rows of all pages
  bool ahead_ = false;  // the cursor stands beyond them
  std::deque<PostgresResult> kept_;
  absl::Status failure_;  // after what is kept
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_STATEMENT_H_
