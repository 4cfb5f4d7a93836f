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

// A prepared statement, as an engine implements it.
class PreparedSql {
 public:
  virtual ~PreparedSql() = default;
  virtual int parameters() const = 0;
  // Parameters from 1 on, lent until Reset. What fails here, a number beyond the last among it, is
  // told by Step.
  virtual void Bind(int index, int64_t value) = 0;
  virtual void Bind(int index, absl::string_view text) = 0;
  virtual void Bind(int index, const SqlBlob& blob) = 0;
  // Whether there is a next row. Columns, from 0 on, are of that row, and lent until the next step.
  virtual absl::StatusOr<bool> Step() = 0;
  virtual int64_t Int(int column) const = 0;
  virtual absl::string_view Bytes(int column) const = 0;
  // Ends a run, at whatever row it is.
  virtual void Reset() = 0;
};

// One run of a statement, from its binding to its reset.
class SqlRun {
 public:
  SqlRun(SqlRun&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  SqlRun& operator=(SqlRun&&) = delete;
  ~SqlRun() {
    if (statement_ != nullptr) statement_->Reset();
  }

  // Whether there is a next row. Columns are of that row, and lent until the next call.
  absl::StatusOr<bool> Next() { return statement_->Step(); }
  // For a statement without rows.
  absl::Status Finish();

  // A boolean is 0 or 1.
  int64_t Int(int column) const { return statement_->Int(column); }
  absl::string_view Bytes(int column) const { return statement_->Bytes(column); }
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
  friend class SqlStatement;
  explicit SqlRun(PreparedSql* statement) : statement_(statement) {}

  PreparedSql* statement_;
};

class SqlStatement {
 public:
  SqlStatement() = default;
  explicit SqlStatement(std::unique_ptr<PreparedSql> prepared) : prepared_(std::move(prepared)) {}

  // Binds all parameters, in order: integers, absl::string_view (text), SqlBlob. What is bound is
  // borrowed until the run ends.
  template <typename... Values>
  SqlRun Bind(const Values&... values) {
    int index = 0;
    (BindOne(++index, values), ...);
    // Too few are as wrong as too many.
    if (index < prepared_->parameters()) BindOne(prepared_->parameters() + 1, 0);
    return SqlRun(prepared_.get());
  }

 private:
  void BindOne(int index, absl::string_view text) { prepared_->Bind(index, text); }
  void BindOne(int index, const SqlBlob& blob) { prepared_->Bind(index, blob); }
  template <typename Integer>
  requires std::is_integral_v<Integer>
  void BindOne(int index, Integer value) { prepared_->Bind(index, static_cast<int64_t>(value)); }

  std::unique_ptr<PreparedSql> prepared_;
};

class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  virtual absl::StatusOr<SqlStatement> Prepare(absl::string_view sql) = 0;
  // The same for what may have more rows than memory should hold, may be left before its end, or
  // whose rows must agree with those of statements that are run meanwhile: its rows come as they
  // are asked for. A statement of the other kind may be read whole by its first step.
  virtual absl::StatusOr<SqlStatement> PrepareScan(absl::string_view sql) { return Prepare(sql); }
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

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_SQL_H_
