// SQL as the store speaks it, whichever engine answers: a connection, a statement with bound
// parameters, one run of it. Each statement is written once, in what the engines' dialects have in
// common; parameters are `$1`, `$2`, ... in the order in which they first stand.
//
// One thread at a time uses a connection and its statements. A statement must not outlive its
// connection, nor a run its statement.
#ifndef SLUICE_SERVER_STORE_SQL_H_
#define SLUICE_SERVER_STORE_SQL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// Bytes to bind as such, and not as text. Borrowed until the run ends.
struct SqlBlob {
  explicit SqlBlob(absl::string_view bytes) : bytes(bytes) {}
  template <size_t n>
  explicit SqlBlob(const std::array<uint8_t, n>& bytes)
      : bytes(reinterpret_cast<const char*>(bytes.data()), n) {}
  absl::string_view bytes;
};

// A row of a result: columns from 0 on, lent until there is another.
class SqlColumns {
 public:
  virtual ~SqlColumns() = default;
  virtual int64_t Int(int column) const = 0;
  virtual absl::string_view Bytes(int column) const = 0;
};

// A prepared statement, as an engine implements it.
class PreparedSql : public SqlColumns {
 public:
  virtual int parameters() const = 0;
  // Parameters from 1 on, lent until Reset. What fails here, a number beyond the last among it, is
  // told by Step.
  virtual void Bind(int index, int64_t value) = 0;
  virtual void Bind(int index, absl::string_view text) = 0;
  virtual void Bind(int index, const SqlBlob& blob) = 0;
  // Whether there is a next row, at which it is then.
  virtual absl::StatusOr<bool> Step() = 0;
  // Ends a run, at whatever row it is.
  virtual void Reset() = 0;
};

class SqlRow;

// A statement that is run for many sets of values, as an engine implements it.
class PreparedSqlMany {
 public:
  using OnRow = std::function<absl::Status(size_t set, const SqlRow& row)>;

  virtual ~PreparedSqlMany() = default;
  virtual int parameters() const = 0;
  // Of the run that begins: how many bytes a row of it may have.
  virtual void Expect(size_t /*row_bytes*/) {}
  // Of the next set, lent until Add.
  virtual void Bind(int index, int64_t value) = 0;
  virtual void Bind(int index, absl::string_view text) = 0;
  virtual void Bind(int index, const SqlBlob& blob) = 0;
  // The set is whole: it is kept, or run with those before it.
  virtual absl::Status Add(const OnRow& on_row) = 0;
  // Runs what was kept.
  virtual absl::Status Finish(const OnRow& on_row) = 0;
  // Forgets what was kept.
  virtual void Reset() = 0;
};

// The row at which a statement is. Columns are lent until the next one.
class SqlRow {
 public:
  // Without the first `skipped` columns.
  explicit SqlRow(const SqlColumns* columns, int skipped = 0)
      : columns_(columns), skipped_(skipped) {}

  // A boolean is 0 or 1.
  int64_t Int(int column) const { return columns_->Int(column + skipped_); }
  absl::string_view Bytes(int column) const { return columns_->Bytes(column + skipped_); }
  // DATA_LOSS unless the column has exactly n bytes.
  template <size_t n>
  absl::StatusOr<std::array<uint8_t, n>> Array(int column) const {
    const absl::string_view bytes = Bytes(column);
    if (bytes.size() != n) return absl::DataLossError("a stored value has another length");
    std::array<uint8_t, n> array;
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return array;
  }

 private:
  const SqlColumns* columns_;
  int skipped_;
};

// One run of a statement, from its binding to its reset, and the row at which it is.
class SqlRun : public SqlRow {
 public:
  SqlRun(SqlRun&& other) noexcept
      : SqlRow(other), statement_(std::exchange(other.statement_, nullptr)) {}
  SqlRun& operator=(SqlRun&&) = delete;
  ~SqlRun() {
    if (statement_ != nullptr) statement_->Reset();
  }

  // Whether there is a next row.
  absl::StatusOr<bool> Next() { return statement_->Step(); }
  // For a statement without rows.
  absl::Status Finish();

 private:
  friend class SqlStatement;
  explicit SqlRun(PreparedSql* statement) : SqlRow(statement), statement_(statement) {}

  PreparedSql* statement_;
};

// Binds all parameters of a statement, in order: integers, absl::string_view (text), SqlBlob.
template <typename Prepared>
class SqlBinder {
 public:
  explicit SqlBinder(Prepared* prepared) : prepared_(prepared) {}

  template <typename... Values>
  void All(const Values&... values) {
    int index = 0;
    (One(++index, values), ...);
    // Too few are as wrong as too many.
    if (index < prepared_->parameters()) One(prepared_->parameters() + 1, 0);
  }

 private:
  void One(int index, absl::string_view text) { prepared_->Bind(index, text); }
  void One(int index, const SqlBlob& blob) { prepared_->Bind(index, blob); }
  template <typename Integer>
  requires std::is_integral_v<Integer>
  void One(int index, Integer value) { prepared_->Bind(index, static_cast<int64_t>(value)); }

  Prepared* prepared_;
};

class SqlStatement {
 public:
  SqlStatement() = default;
  explicit SqlStatement(std::unique_ptr<PreparedSql> prepared) : prepared_(std::move(prepared)) {}

  // Binds all parameters. What is bound is borrowed until the run ends.
  template <typename... Values>
  SqlRun Bind(const Values&... values) {
    SqlBinder(prepared_.get()).All(values...);
    return SqlRun(prepared_.get());
  }
  std::unique_ptr<PreparedSql> Release() && { return std::move(prepared_); }

 private:
  std::unique_ptr<PreparedSql> prepared_;
};

// A statement run for many sets of values, from the first to Finish: in the order of the sets, each
// when it is added or at any time from then to Finish.
class SqlManyRun {
 public:
  SqlManyRun(SqlManyRun&& other) noexcept
      : prepared_(std::exchange(other.prepared_, nullptr)), on_row_(std::move(other.on_row_)) {}
  SqlManyRun& operator=(SqlManyRun&&) = delete;
  ~SqlManyRun() {
    if (prepared_ != nullptr) prepared_->Reset();
  }

  // Binds all parameters. What is bound is borrowed for the call alone.
  template <typename... Values>
  absl::Status Add(const Values&... values) {
    SqlBinder(prepared_).All(values...);
    return prepared_->Add(on_row_);
  }
  absl::Status Finish() { return prepared_->Finish(on_row_); }

 private:
  friend class SqlMany;
  SqlManyRun(PreparedSqlMany* prepared, PreparedSqlMany::OnRow on_row)
      : prepared_(prepared), on_row_(std::move(on_row)) {}

  PreparedSqlMany* prepared_;
  PreparedSqlMany::OnRow on_row_;
};

class SqlMany {
 public:
  SqlMany() = default;
  explicit SqlMany(std::unique_ptr<PreparedSqlMany> prepared) : prepared_(std::move(prepared)) {}

  // Rows are told with the number of the set, from 0, that they are for; they come in the order of
  // the sets. What `on_row` fails with ends the run.
  SqlManyRun Start(PreparedSqlMany::OnRow on_row = nullptr) {
    return Start(std::move(on_row), /*row_bytes=*/1 << 20);
  }
  // The same where no record is in a row: more of them are asked for at once.
  SqlManyRun StartSmall(PreparedSqlMany::OnRow on_row) {
    return Start(std::move(on_row), /*row_bytes=*/256);
  }
  std::unique_ptr<PreparedSqlMany> Release() && { return std::move(prepared_); }

 private:
  SqlManyRun Start(PreparedSqlMany::OnRow on_row, size_t row_bytes) {
    prepared_->Expect(row_bytes);
    return SqlManyRun(prepared_.get(), std::move(on_row));
  }

  std::unique_ptr<PreparedSqlMany> prepared_;
};

class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  // Runs statements that have no parameters and whose rows nobody wants.
  virtual absl::Status Execute(absl::string_view sql) = 0;
  // COMMIT. What is not committed when a connection goes is undone.
  virtual absl::Status Commit() = 0;
  virtual absl::StatusOr<SqlStatement> Prepare(absl::string_view sql) = 0;
  // The same for what may have more rows than memory should hold, may be left before its end, or
  // whose rows must agree with those of statements that are run meanwhile: its rows come as they
  // are asked for. A statement of the other kind may be read whole by its first step.
  virtual absl::StatusOr<SqlStatement> PrepareScan(absl::string_view sql) { return Prepare(sql); }
  // The same for what is run for many sets of values at once, where that is much to gain: a plain
  // SELECT, INSERT ... VALUES, UPDATE or DELETE of one table. No set may see what another changes.
  // What fails of a statement without rows may be told by what is run next, at the latest by the
  // end of the work.
  virtual absl::StatusOr<SqlMany> PrepareMany(absl::string_view sql);
  // Rows that the last statement run changed.
  virtual int64_t changes() const = 0;
  // Whether it can be used at all, as far as is known: one to a server may have been lost.
  virtual bool usable() { return true; }
};

// Prepares each of them; the first error, if there is one.
absl::Status PrepareAll(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements);
absl::Status PrepareScans(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements);
absl::Status PrepareAllMany(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlMany*, absl::string_view>> statements);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQL_H_
