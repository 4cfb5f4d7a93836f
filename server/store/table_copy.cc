#include "server/store/table_copy.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::server {
namespace {

constexpr int64_t kProgressEvery = 100'000;

std::string Columns(const SchemaTable& table) {
  return absl::StrJoin(table.columns, ", ", [](std::string* out, const SchemaColumn& column) {
    out->append(column.name);
  });
}

// Both engines give the rows of a key's order in the same one: numbers, and bytes as they compare.
std::string SelectAll(const SchemaTable& table) {
  return absl::StrCat("SELECT ", Columns(table), " FROM ", table.name, " ORDER BY ",
                      absl::StrJoin(table.key, ", "));
}

std::string Insert(const SchemaTable& table) {
  std::string values;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    absl::StrAppend(&values, i > 0 ? ", $" : "$", i + 1);
  }
  return absl::StrCat("INSERT INTO ", table.name, " (", Columns(table), ") VALUES (", values, ")");
}

void Bind(const SchemaTable& table, const SqlRow& row, PreparedSqlMany& insert) {
  for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
    switch (table.columns[i].type) {
      case SchemaColumn::Type::kInteger:
        insert.Bind(i + 1, row.Int(i));
        break;
      case SchemaColumn::Type::kText:
        insert.Bind(i + 1, row.Bytes(i));
        break;
      case SchemaColumn::Type::kBlob:
        insert.Bind(i + 1, SqlBlob(row.Bytes(i)));
        break;
    }
  }
}

bool Same(const SchemaTable& table, const SqlRow& one, const SqlRow& other) {
  for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
    const bool same = table.columns[i].type == SchemaColumn::Type::kInteger
                          ? one.Int(i) == other.Int(i)
                          : one.Bytes(i) == other.Bytes(i);
    if (!same) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<int64_t> CopyRows(const SchemaTable& table, SqlConnection* from, SqlConnection* to,
                                 const std::function<void(int64_t)>& progress) {
  absl::StatusOr<SqlStatement> select = from->PrepareScan(SelectAll(table));
  if (!select.ok()) return select.status();
  absl::StatusOr<SqlMany> prepared = to->PrepareMany(Insert(table));
  if (!prepared.ok()) return prepared.status();
  const std::unique_ptr<PreparedSqlMany> insert = std::move(*prepared).Release();
  SqlRun run = select->Bind();
  for (int64_t rows = 0;; ++rows) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) {
      if (absl::Status status = insert->Finish(nullptr); !status.ok()) return status;
      return rows;
    }
    Bind(table, run, *insert);
    if (absl::Status status = insert->Add(nullptr); !status.ok()) return status;
    if (rows > 0 && rows % kProgressEvery == 0) progress(rows);
  }
}

absl::StatusOr<int64_t> CompareRows(const SchemaTable& table, SqlConnection* one,
                                    SqlConnection* other,
                                    const std::function<void(int64_t)>& progress) {
  absl::StatusOr<SqlStatement> of_one = one->PrepareScan(SelectAll(table));
  if (!of_one.ok()) return of_one.status();
  absl::StatusOr<SqlStatement> of_other = other->PrepareScan(SelectAll(table));
  if (!of_other.ok()) return of_other.status();
  SqlRun left = of_one->Bind();
  SqlRun right = of_other->Bind();
  for (int64_t rows = 0;; ++rows) {
    absl::StatusOr<bool> has_left = left.Next();
    if (!has_left.ok()) return has_left.status();
    absl::StatusOr<bool> has_right = right.Next();
    if (!has_right.ok()) return has_right.status();
    if (!*has_left && !*has_right) return rows;
    if (*has_left != *has_right || !Same(table, left, right)) {
      return absl::DataLossError(
          absl::StrCat("table ", table.name, ": row ", rows + 1, " of the copy is another"));
    }
    if (rows > 0 && rows % kProgressEvery == 0) progress(rows);
  }
}

}  // namespace sluice::server
