// One statement for many sets of values, in one question to the server: a parameter becomes an
// array of them, and the statement runs over the arrays' elements.
#ifndef SLUICE_SERVER_STORE_POSTGRES_MANY_H_
#define SLUICE_SERVER_STORE_POSTGRES_MANY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/postgres.h"
#include "server/store/sql.h"

namespace sluice::server {

// The statement over arrays, `$1` the first parameter's and so on, of these types. Of a SELECT each
// row has the number of its set, from 1, before its own columns. INTERNAL for what is none of the
// statements that SqlConnection::PrepareMany takes.
absl::StatusOr<std::string> OverArrays(absl::string_view sql, const std::vector<Oid>& types);

// The COPY that does what the statement does for many rows, in half the time; empty unless it is an
// INSERT of all its parameters, in order, and nothing else.
std::string AsCopy(absl::string_view sql, size_t parameters);

class PostgresMany final : public PreparedSqlMany {
 public:
  // `copy`: as AsCopy gives it.
  PostgresMany(PostgresConnection* connection, std::string name, std::vector<Oid> types,
               std::string copy);

  int parameters() const override { return static_cast<int>(arrays_.size()); }
  void Expect(size_t row_bytes) override;
  void Bind(int index, int64_t value) override;
  void Bind(int index, absl::string_view text) override;
  void Bind(int index, const SqlBlob& blob) override;
  absl::Status Add(const OnRow& on_row) override;
  absl::Status Finish(const OnRow& on_row) override;
  void Reset() override;

 private:
  // In the wire's form.
  struct Array {
    Oid type = 0;
    std::string bytes;
  };

  void Append(int index, Oid type, absl::string_view element);
  absl::Status Run(const OnRow& on_row);
  absl::Status RunOverArrays(const OnRow& on_row);
  absl::Status RunAsCopy();
  void Begin();

  PostgresConnection* const connection_;
  const std::string name_;
  const std::string copy_;
  std::vector<Array> arrays_;
  int64_t rows_at_once_ = 1;
  int64_t ran_ = 0;   // sets
  int64_t kept_ = 0;  // sets
  int bound_ = 0;     // parameters of the set at hand
  size_t bytes_ = 0;
  bool misbound_ = false;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_POSTGRES_MANY_H_
