#include "server/store/sql.h"

namespace sluice::server {
namespace {

// For an engine that gains nothing from running many sets at once.
class OneByOne final : public PreparedSqlMany {
 public:
  explicit OneByOne(std::unique_ptr<PreparedSql> prepared) : prepared_(std::move(prepared)) {}

  int parameters() const override { return prepared_->parameters(); }
  void Bind(int index, int64_t value) override { prepared_->Bind(index, value); }
  void Bind(int index, absl::string_view text) override { prepared_->Bind(index, text); }
  void Bind(int index, const SqlBlob& blob) override { prepared_->Bind(index, blob); }
  absl::Status Add(const OnRow& on_row) override {
    const absl::Status status = Run(on_row);
    prepared_->Reset();
    ++set_;
    return status;
  }
  absl::Status Finish(const OnRow&) override {
    set_ = 0;
    return absl::OkStatus();
  }
  void Reset() override {
    prepared_->Reset();
    set_ = 0;
  }

 private:
  absl::Status Run(const OnRow& on_row) {
    for (;;) {
      absl::StatusOr<bool> row = prepared_->Step();
      if (!row.ok()) return row.status();
      if (!*row) return absl::OkStatus();
      if (on_row == nullptr) {
        return absl::InternalError("database: a row where none was expected");
      }
      if (absl::Status status = on_row(set_, SqlRow(prepared_.get())); !status.ok()) return status;
    }
  }

  const std::unique_ptr<PreparedSql> prepared_;
  size_t set_ = 0;
};

template <typename Statement, typename Prepare>
absl::Status PrepareEach(std::initializer_list<std::pair<Statement*, absl::string_view>> statements,
                         Prepare prepare) {
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<Statement> prepared = prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SqlMany> SqlConnection::PrepareMany(absl::string_view sql) {
  absl::StatusOr<SqlStatement> one = Prepare(sql);
  if (!one.ok()) return one.status();
  return SqlMany(std::make_unique<OneByOne>(std::move(*one).Release()));
}

absl::Status SqlRun::Finish() {
  absl::StatusOr<bool> row = Next();
  if (!row.ok()) return row.status();
  return *row ? absl::InternalError("database: a row where none was expected") : absl::OkStatus();
}

absl::Status PrepareAll(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements) {
  return PrepareEach(statements, [&](absl::string_view sql) { return connection->Prepare(sql); });
}

absl::Status PrepareScans(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlStatement*, absl::string_view>> statements) {
  return PrepareEach(statements,
                     [&](absl::string_view sql) { return connection->PrepareScan(sql); });
}

absl::Status PrepareAllMany(
    SqlConnection* connection,
    std::initializer_list<std::pair<SqlMany*, absl::string_view>> statements) {
  return PrepareEach(statements,
                     [&](absl::string_view sql) { return connection->PrepareMany(sql); });
}

}  // namespace sluice::server
