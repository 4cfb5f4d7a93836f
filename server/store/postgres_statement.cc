#include "server/store/postgres_statement.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// Of pg_type, where they never change.
constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25;

constexpr int kFirstPage = 64;
constexpr int kLargestPage = 4096;
constexpr int64_t kPageBytes = 512 << 10;
// Of a page, where another statement comes in between: its rows may be far larger than those whose
// size it was made by.
constexpr int64_t kKeptBytes = 2 * kPageBytes;

int64_t BytesOf(const PGresult* row) {
  int64_t bytes = 0;
  for (int column = 0; column < PQnfields(row); ++column) bytes += PQgetlength(row, 0, column);
  return bytes;
}

absl::Status CheckColumns(const PGresult* result) {
  for (int column = 0; column < PQnfields(result); ++column) {
    switch (PQftype(result, column)) {
      case kBool:
      case kBytea:
      case kInt8:
      case kInt2:
      case kInt4:
      case kText:
        continue;
      default:
        return absl::InternalError("database: a column of a type that the store does not use");
    }
  }
  return absl::OkStatus();
}

}  // namespace

PostgresStatement::PostgresStatement(PostgresConnection* connection, std::string name,
                                     const PGresult& described)
    : connection_(connection), name_(std::move(name)) {
  const int count = PQnparams(&described);
  for (int i = 0; i < count; ++i) types_.push_back(PQparamtype(&described, i));
  integers_.resize(count);
  values_.resize(count);
  lengths_.resize(count);
  formats_.assign(count, 1);
}

void PostgresStatement::Bind(int index, int64_t value) {
  if (index > parameters()) {
    misbound_ = true;
    return;
  }
  char* const bytes = integers_[index - 1].data();
  values_[index - 1] = bytes;
  if (types_[index - 1] == kInt8) {
    const uint64_t wire = htobe64(static_cast<uint64_t>(value));
    std::memcpy(bytes, &wire, lengths_[index - 1] = sizeof wire);
  } else if (types_[index - 1] == kInt4 && value == static_cast<int32_t>(value)) {
    const uint32_t wire = htobe32(static_cast<uint32_t>(value));
    std::memcpy(bytes, &wire, lengths_[index - 1] = sizeof wire);
  } else {
    misbound_ = true;
  }
}

void PostgresStatement::Bind(int index, absl::string_view text) { BindBytes(index, kText, text); }

void PostgresStatement::Bind(int index, const SqlBlob& blob) {
  BindBytes(index, kBytea, blob.bytes);
}

void PostgresStatement::BindBytes(int index, Oid type, absl::string_view bytes) {
  if (index > parameters() || types_[index - 1] != type ||
      bytes.size() > std::numeric_limits<int>::max()) {
    misbound_ = true;
    return;
  }
  // An empty view may have no address, and that would be NULL.
  values_[index - 1] = bytes.empty() ? "" : bytes.data();
  lengths_[index - 1] = static_cast<int>(bytes.size());
}

absl::StatusOr<PostgresResult> PostgresStatement::Run() {
  if (misbound_) {
    connection_->failed_ = true;
    return absl::InternalError("database: a statement was given other values than it takes");
  }
  return connection_->Ask([&](PGconn* connection) {
    return PQsendQueryPrepared(connection, name_.c_str(), parameters(), values_.data(),
                               lengths_.data(), formats_.data(), /*resultFormat=*/1);
  });
}

absl::StatusOr<bool> PostgresStatement::Step() {
  if (!ran_) {
    absl::StatusOr<PostgresResult> result = Run();
    if (!result.ok()) return result.status();
    if (absl::Status status = CheckColumns(result->get()); !status.ok()) return status;
    rows_ = PostgresRows(*std::move(result));
    ran_ = true;
  }
  return rows_.Next();
}

int64_t PostgresRows::Int(int column) const {
  const char* const bytes = PQgetvalue(result_.get(), row_, column);
  switch (PQgetlength(result_.get(), row_, column)) {
    case 8: {
      uint64_t wire;
      std::memcpy(&wire, bytes, sizeof wire);
      return static_cast<int64_t>(be64toh(wire));
    }
    case 4: {
      uint32_t wire;
      std::memcpy(&wire, bytes, sizeof wire);
      return static_cast<int32_t>(be32toh(wire));
    }
    case 2: {
      uint16_t wire;
      std::memcpy(&wire, bytes, sizeof wire);
      return static_cast<int16_t>(be16toh(wire));
    }
    case 1:
      return *bytes;
    default:
      return 0;
  }
}

absl::string_view PostgresRows::Bytes(int column) const {
  return absl::string_view(PQgetvalue(result_.get(), row_, column),
                           PQgetlength(result_.get(), row_, column));
}

void PostgresStatement::Reset() {
  rows_ = PostgresRows();
  ran_ = false;
  misbound_ = false;
  std::fill(values_.begin(), values_.end(), nullptr);
  std::fill(lengths_.begin(), lengths_.end(), 0);
}

absl::StatusOr<bool> PostgresScan::Step() {
  if (!open_) {
    if (absl::Status status = Open(); !status.ok()) return status;
  }
  for (;;) {
    if (!kept_.empty()) {
      rows_ = PostgresRows(std::move(kept_.front()));
      kept_.pop_front();
      return rows_.Next();
    }
    if (!failure_.ok()) return failure_;
    if (connection_->taking_ != this) {
      if (last_) return false;
      if (absl::Status status = Fetch(); !status.ok()) return status;
    }
    absl::StatusOr<PostgresResult> row = NextOfPage();
    if (!row.ok()) return row.status();
    if (*row == nullptr) continue;
    rows_ = PostgresRows(*std::move(row));
    return rows_.Next();
  }
}

absl::Status PostgresScan::Open() {
  own_transaction_ = !connection_->in_transaction();
  if (own_transaction_) {
    if (absl::Status status = connection_->Execute("BEGIN"); !status.ok()) return status;
  }
  open_ = true;
  if (absl::Status status = Run().status(); !status.ok()) return status;
  last_ = false;
  ahead_ = false;
  taken_ = 0;
  page_ = kFirstPage;
  return absl::OkStatus();
}

absl::Status PostgresScan::Fetch() {
  if (ahead_) {
    absl::Status back =
        connection_->Execute(absl::StrCat("MOVE ABSOLUTE ", taken_, " FROM ", name_));
    if (!back.ok()) return back;
    ahead_ = false;
  }
  const std::string fetch = absl::StrCat("FETCH ", page_, " FROM ", name_);
  absl::Status status = connection_->Send([&](PGconn* connection) {
    return PQsendQueryParams(connection, fetch.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                             /*resultFormat=*/1) == 0
               ? 0
               : PQsetSingleRowMode(connection);
  });
  if (!status.ok()) return status;
  connection_->taking_ = this;
  fetched_ = 0;
  page_bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<PostgresResult> PostgresScan::NextOfPage() {
  absl::Status status;
  for (;;) {
    absl::StatusOr<PostgresResult> result = connection_->Take();
    if (!result.ok()) {
      EndPage(result.status());
      return result.status();
    }
    if (*result == nullptr) {
      EndPage(status);
      if (!status.ok()) return status;
      return PostgresResult();
    }
    if (!status.ok()) continue;
    status = connection_->StatusOf(result->get());
    if (status.ok() && fetched_ == 0) status = CheckColumns(result->get());
    // The page ends with a result of no rows.
    if (!status.ok() || PQntuples(result->get()) == 0) continue;
    ++fetched_;
    ++taken_;
    page_bytes_ += BytesOf(result->get());
    return result;
  }
}

void PostgresScan::EndPage(absl::Status status) {
  connection_->taking_ = nullptr;
  failure_ = std::move(status);
  last_ = fetched_ < page_;
  if (last_) return;
  const int64_t fit = kPageBytes * fetched_ / std::max<int64_t>(page_bytes_, 1);
  page_ = static_cast<int>(std::clamp<int64_t>(fit, 1, std::min(2 * page_, kLargestPage)));
}

absl::Status PostgresScan::TakeRest() {
  int64_t room = kKeptBytes;
  int64_t left = 0;
  for (;;) {
    absl::StatusOr<PostgresResult> row = NextOfPage();
    if (!row.ok()) return row.status();
    if (*row == nullptr) break;
    room -= BytesOf(row->get());
    // From the first that does not fit on, so that those after it come in their order.
    if (left > 0 || room < 0) {
      ++left;
    } else {
      kept_.push_back(*std::move(row));
    }
  }
  if (left == 0) return absl::OkStatus();
  taken_ -= left;
  ahead_ = true;
  last_ = false;
  return absl::OkStatus();
}

void PostgresScan::Reset() {
  if (open_) {
    // What fails here is told by the next who uses the connection.
    while (connection_->taking_ == this) NextOfPage().IgnoreError();
    kept_.clear();
    if (connection_->fault() != PostgresConnection::Fault::kLost) {
      connection_->Execute(own_transaction_ ? "COMMIT" : absl::StrCat("CLOSE ", name_))
          .IgnoreError();
    }
    open_ = false;
    failure_ = absl::OkStatus();
  }
  PostgresStatement::Reset();
}

}  // namespace sluice::server
