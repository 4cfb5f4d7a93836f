#include "server/store/postgres_many.h"

#include <endian.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/store/postgres_statement.h"

namespace sluice::server {
namespace {

// Of pg_type, where they never change.
constexpr Oid kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25;
// Of an array: dimensions, whether there are nulls, type, length, lower bound.
constexpr size_t kLengthAt = 3 * sizeof(uint32_t);
constexpr size_t kArrayHead = 5 * sizeof(uint32_t);

// Of one question: few enough that the server is at work on them while the next are made.
constexpr int64_t kSets = 1024;
// From so many on, a COPY's two answers are made up for.
constexpr int64_t kSetsToCopy = 32;
constexpr size_t kBytes = 4 << 20;
// Of the rows that answer one: they are all held.
constexpr size_t kHeldBytes = 128 << 20;

void AppendWord(uint32_t word, std::string& bytes) {
  const uint32_t wire = htobe32(word);
  bytes.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

absl::StatusOr<absl::string_view> NameOf(Oid type) {
  switch (type) {
    case kBytea:
      return "bytea";
    case kInt8:
      return "bigint";
    case kInt4:
      return "integer";
    case kText:
      return "text";
    default:
      return absl::InternalError("database: a parameter of a type that the store does not use");
  }
}

// `$1` becomes `v.p1`. No string of the store's own SQL has a dollar.
std::string WithElements(absl::string_view sql) {
  std::string body;
  for (size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '$' && i + 1 < sql.size() && isdigit(sql[i + 1])) {
      body += "v.p";
    } else {
      body.push_back(sql[i]);
    }
  }
  return body;
}

}  // namespace

absl::StatusOr<std::string> OverArrays(absl::string_view sql, const std::vector<Oid>& types) {
  std::string arrays, names;
  for (size_t i = 0; i < types.size(); ++i) {
    absl::StatusOr<absl::string_view> type = NameOf(types[i]);
    if (!type.ok()) return type.status();
    absl::StrAppend(&arrays, i > 0 ? ", " : "", "$", i + 1, "::", *type, "[]");
    absl::StrAppend(&names, i > 0 ? ", " : "", "p", i + 1);
  }
  const std::string from = absl::StrCat("unnest(", arrays, ") AS v (", names, ")");
  const std::string body = WithElements(sql);
  const absl::Status other =
      absl::InternalError("database: not a statement that is run for many sets of values");
  if (types.empty()) return other;
  if (absl::StartsWith(body, "SELECT ")) {
    return absl::StrCat("SELECT v.set, q.* FROM unnest(", arrays, ") WITH ORDINALITY AS v (", names,
                        ", set) CROSS JOIN LATERAL (", body, ") AS q ORDER BY v.set");
  }
  if (absl::StartsWith(body, "INSERT INTO ")) {
    constexpr absl::string_view kValues = "VALUES (";
    const size_t values = body.find(std::string(kValues));
    const size_t end = body.find(')', values);
    if (values == std::string::npos || end == std::string::npos) return other;
    const size_t first = values + kValues.size();
    return absl::StrCat(body.substr(0, values), "SELECT ", body.substr(first, end - first),
                        " FROM ", from, body.substr(end + 1));
  }
  const size_t where = body.find(" WHERE ");
  if (where == std::string::npos) return other;
  const bool deletes = absl::StartsWith(body, "DELETE FROM ");
  if (!deletes && !absl::StartsWith(body, "UPDATE ")) return other;
  return absl::StrCat(body.substr(0, where), deletes ? " USING " : " FROM ", from,
                      body.substr(where));
}

std::string AsCopy(absl::string_view sql, size_t parameters) {
  std::string all;
  for (size_t i = 1; i <= parameters; ++i) absl::StrAppend(&all, i > 1 ? ", $" : "$", i);
  if (!absl::ConsumePrefix(&sql, "INSERT INTO ") ||
      !absl::ConsumeSuffix(&sql, absl::StrCat(" VALUES (", all, ")"))) {
    return "";
  }
  return absl::StrCat("COPY ", sql, " FROM STDIN (FORMAT binary)");
}

PostgresMany::PostgresMany(PostgresConnection* connection, std::string name, std::vector<Oid> types,
                           std::string copy)
    : connection_(connection), name_(std::move(name)), copy_(std::move(copy)) {
  for (const Oid type : types) arrays_.push_back({.type = type});
  Begin();
}

void PostgresMany::Begin() {
  for (Array& array : arrays_) {
    array.bytes.clear();
    for (const uint32_t word :
         {uint32_t{1}, uint32_t{0}, uint32_t{array.type}, uint32_t{0}, uint32_t{1}}) {
      AppendWord(word, array.bytes);
    }
  }
  kept_ = 0;
  bytes_ = 0;
}

void PostgresMany::Append(int index, Oid type, absl::string_view element) {
  // In order, one a parameter.
  if (index != bound_ + 1 || index > parameters() || arrays_[index - 1].type != type ||
      element.size() > (256 << 20)) {
    misbound_ = true;
    return;
  }
  ++bound_;
  std::string& bytes = arrays_[index - 1].bytes;
  AppendWord(static_cast<uint32_t>(element.size()), bytes);
  bytes.append(element.data(), element.size());
  bytes_ += sizeof(uint32_t) + element.size();
}

void PostgresMany::Expect(size_t row_bytes) {
  rows_at_once_ = std::clamp<int64_t>(static_cast<int64_t>(kHeldBytes / row_bytes), 1, kSets);
}

void PostgresMany::Bind(int index, int64_t value) {
  const uint64_t wire = htobe64(static_cast<uint64_t>(value));
  const absl::string_view bytes(reinterpret_cast<const char*>(&wire), sizeof wire);
  if (index >= 1 && index <= parameters() && arrays_[index - 1].type == kInt4 &&
      value == static_cast<int32_t>(value)) {
    return Append(index, kInt4, bytes.substr(4));
  }
  Append(index, kInt8, bytes);
}

void PostgresMany::Bind(int index, absl::string_view text) { Append(index, kText, text); }

void PostgresMany::Bind(int index, const SqlBlob& blob) { Append(index, kBytea, blob.bytes); }

absl::Status PostgresMany::Add(const OnRow& on_row) {
  if (misbound_ || std::exchange(bound_, 0) != parameters()) {
    misbound_ = true;
    connection_->failed_ = true;
    return absl::InternalError("database: a statement was given other values than it takes");
  }
  ++kept_;
  const int64_t most = on_row == nullptr ? kSets : rows_at_once_;
  return kept_ >= most || bytes_ >= kBytes ? Run(on_row) : absl::OkStatus();
}

absl::Status PostgresMany::Finish(const OnRow& on_row) {
  absl::Status status = Run(on_row);
  ran_ = 0;
  return status;
}

void PostgresMany::Reset() {
  Begin();
  ran_ = 0;
  bound_ = 0;
  misbound_ = false;
}

absl::Status PostgresMany::Run(const OnRow& on_row) {
  if (kept_ == 0) return absl::OkStatus();
  absl::Status status = copy_.empty() || kept_ < kSetsToCopy ? RunOverArrays(on_row) : RunAsCopy();
  Begin();
  return status;
}

absl::Status PostgresMany::RunOverArrays(const OnRow& on_row) {
  std::vector<const char*> values;
  std::vector<int> lengths, formats(arrays_.size(), 1);
  for (Array& array : arrays_) {
    const uint32_t length = htobe32(static_cast<uint32_t>(kept_));
    std::memcpy(array.bytes.data() + kLengthAt, &length, sizeof length);
    values.push_back(array.bytes.data());
    lengths.push_back(static_cast<int>(array.bytes.size()));
  }
  const auto send = [&](PGconn* connection) {
    return PQsendQueryPrepared(connection, name_.c_str(), parameters(), values.data(),
                               lengths.data(), formats.data(), /*resultFormat=*/1);
  };
  if (on_row == nullptr) return connection_->Tell(send);
  absl::StatusOr<PostgresResult> result = connection_->Ask(send);
  // What `on_row` does may be a run of its own, but not of this statement.
  const int64_t before = std::exchange(ran_, ran_ + kept_);
  if (!result.ok()) return result.status();
  PostgresRows rows(*std::move(result));
  while (rows.Next()) {
    const size_t set = static_cast<size_t>(before + rows.Int(0) - 1);
    if (absl::Status status = on_row(set, SqlRow(&rows, 1)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PostgresMany::RunAsCopy() {
  // A row has its columns' number, then each as the arrays have it: length and bytes.
  constexpr absl::string_view kHead("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  constexpr absl::string_view kEnd("\377\377", 2);
  const uint16_t columns = htobe16(static_cast<uint16_t>(arrays_.size()));
  std::string rows(kHead);
  rows.reserve(kHead.size() + bytes_ + kept_ * sizeof columns + kEnd.size());
  std::vector<absl::string_view> left;
  for (const Array& array : arrays_) {
    left.push_back(absl::string_view(array.bytes).substr(kArrayHead));
  }
  for (int64_t i = 0; i < kept_; ++i) {
    rows.append(reinterpret_cast<const char*>(&columns), sizeof columns);
    for (absl::string_view& column : left) {
      uint32_t length;
      std::memcpy(&length, column.data(), sizeof length);
      const size_t size = sizeof length + be32toh(length);
      rows.append(column.data(), size);
      column.remove_prefix(size);
    }
  }
  rows.append(kEnd.data(), kEnd.size());
  return connection_->TellCopy(copy_, rows);
}

}  // namespace sluice::server
