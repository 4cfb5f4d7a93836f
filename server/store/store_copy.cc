#include "server/store/store_copy.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/log_check.h"
#include "server/store/opening_keys.h"
#include "server/store/random_ids.h"
#include "server/store/schema_tables.h"
#include "server/store/store_row.h"
#include "server/store/table_copy.h"

namespace sluice::server {
namespace {

absl::Status Refuse(absl::string_view which, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(which, ": ", status.message()));
}

class Move {
 public:
  Move(StoreDatabase& from, StoreDatabase& to, const StoreCopyOptions& options)
      : from_(from), to_(to), options_(options) {}

  absl::StatusOr<StoreCopyReport> Run() {
    absl::StatusOr<std::vector<SchemaTable>> tables = ReadSchemaTables(options_.schema->tables);
    if (!tables.ok()) return tables.status();
    tables_ = *std::move(tables);
    if (absl::Status status = LookAtSource(); !status.ok()) {
      return Refuse("what is to be copied", status);
    }
    if (absl::Status status = Arrive(); !status.ok()) return Refuse("the target", status);
    // From here on nobody serves until both are marked.
    absl::Status status = WriteMoving(from_.connection(), moving_, to_.place());
    if (!status.ok()) return Refuse("what was copied, and has to be marked as moved", status);
    status = WriteMoving(to_.connection(), "", "");
    if (!status.ok()) return Refuse("the copy, which has to be marked as arrived", status);
    return std::move(report_);
  }

 private:
  // It is a whole store of this gateway.
  absl::Status LookAtSource() {
    if (absl::Status status = from_.CheckOurs(); !status.ok()) return status;
    absl::StatusOr<StoreRow> row =
        ReadStoreRow(from_.connection(), options_.schema->version, options_.key_check);
    if (!row.ok()) return row.status();
    if (!row->moving.empty() && row->moved_to.empty()) {
      return CheckServes(from_.connection(), *row, /*accept_moved=*/false);
    }
    source_ = *std::move(row);
    if (absl::Status status = CheckTables(from_); !status.ok()) return status;
    return CheckDataKeys(from_.connection(), *options_.keks);
  }

  // What the schema's text says is what there is: nothing is forgotten, nothing is anybody else's.
  absl::Status CheckTables(StoreDatabase& database) const {
    absl::StatusOr<std::set<std::string>> there = database.Tables();
    if (!there.ok()) return there.status();
    for (const SchemaTable& table : tables_) {
      if (there->erase(table.name) == 0) {
        return absl::FailedPreconditionError(absl::StrCat("there is no table ", table.name));
      }
    }
    if (there->empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("table ", *there->begin(), " is none of sluiced's, and would not be copied"));
  }

  // Until the whole copy stands, committed, as one that has not arrived.
  absl::Status Arrive() {
    absl::Status status = to_.Begin();
    if (!status.ok()) return status;
    absl::StatusOr<std::set<std::string>> tables = to_.Tables();
    if (!tables.ok()) return tables.status();
    status = tables->empty() ? to_.Make(*options_.schema) : to_.CheckOurs();
    if (!status.ok()) return status;
    absl::StatusOr<StoreRow> row =
        ReadStoreRow(to_.connection(), options_.schema->version, options_.key_check);
    if (!row.ok()) return row.status();
    if (status = CheckTables(to_); !status.ok()) return status;
    if (!row->moving.empty() && row->moved_to.empty()) return GoOn(row->moving);
    if (!source_.moving.empty()) return CheckServes(from_.connection(), source_, false);
    if (status = CheckEmpty(*row); !status.ok()) return status;
    absl::StatusOr<std::vector<Hash16>> id = RandomIds(1);
    if (!id.ok()) return id.status();
    moving_.assign(id->front().begin(), id->front().end());
    if (status = CopyAll(); !status.ok()) return status;
    return CompareAndCommit();
  }

  // With a copy that stands, and of which the source does not know yet, or did not say so.
  absl::Status GoOn(absl::string_view moving) {
    report_.went_on = true;
    moving_ = std::string(moving);
    if (source_.moving == moving_) return to_.connection()->Commit();
    if (!source_.moving.empty()) return CheckServes(from_.connection(), source_, false);
    if (absl::Status status = WriteMoving(to_.connection(), "", ""); !status.ok()) return status;
    return CompareAndCommit();
  }

  absl::Status CheckEmpty(const StoreRow& row) {
    if (!row.moved_to.empty()) return CheckServes(to_.connection(), row, false);
    const absl::Status not_empty = absl::FailedPreconditionError(
        "a gateway was served from it: give an empty database, or a file that is not there");
    if (row.position != 0) return not_empty;
    for (const SchemaTable& table : tables_) {
      if (table.single && table.name != "log_head") continue;
      absl::StatusOr<SqlStatement> any =
          to_.connection()->Prepare(table.single ? "SELECT size FROM log_head WHERE size > 0"
                                                 : absl::StrCat("SELECT ", table.key.front(),
                                                                " FROM ", table.name, " LIMIT 1"));
      if (!any.ok()) return any.status();
      SqlRun run = any->Bind();
      absl::StatusOr<bool> there = run.Next();
      if (!there.ok()) return there.status();
      if (*there) return not_empty;
    }
    return absl::OkStatus();
  }

  absl::Status CopyAll() {
    for (const SchemaTable& table : tables_) {
      if (table.single) {
        absl::Status cleared = to_.connection()->Execute(absl::StrCat("DELETE FROM ", table.name));
        if (absl::IsFailedPrecondition(cleared)) {
          return absl::FailedPreconditionError(
              "this role may not fill the tables: give the one that owns them by --owner");
        }
        if (!cleared.ok()) return cleared;
      }
      absl::StatusOr<int64_t> rows = CopyRows(table, from_.connection(), to_.connection(),
                                              [&](int64_t n) { Say("copied", table, n, false); });
      if (!rows.ok()) return rows.status();
      Say("copied", table, *rows, true);
      if (!table.numbered) continue;
      absl::Status status = to_.GoOnNumbering(table.name, table.key.front());
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status CompareAndCommit() {
    for (const SchemaTable& table : tables_) {
      absl::StatusOr<int64_t> rows =
          CompareRows(table, from_.connection(), to_.connection(),
                      [&](int64_t n) { Say("compared", table, n, false); });
      if (!rows.ok()) return rows.status();
      Say("compared", table, *rows, true);
      ++report_.tables;
      report_.rows += *rows;
    }
    const SchemaTable log{.name = "log_entry"};
    absl::StatusOr<Checkpoint> checkpoint = CheckWholeLog(
        to_.connection(), *options_.log, [&](int64_t n) { Say("hashed", log, n, false); });
    if (!checkpoint.ok()) return checkpoint.status();
    report_.log = *std::move(checkpoint);
    Say("hashed", log, static_cast<int64_t>(report_.log.size), true);
    if (absl::Status status = WriteMoving(to_.connection(), moving_, ""); !status.ok()) {
      return status;
    }
    return to_.connection()->Commit();
  }

  void Say(absl::string_view what, const SchemaTable& table, int64_t rows, bool whole) const {
    if (options_.progress) options_.progress(what, table.name, rows, whole);
  }

  StoreDatabase& from_;
  StoreDatabase& to_;
  const StoreCopyOptions& options_;
  std::vector<SchemaTable> tables_;
  StoreRow source_;
  std::string moving_;
  StoreCopyReport report_;
};

}  // namespace

absl::StatusOr<StoreCopyReport> MoveStore(StoreDatabase& from, StoreDatabase& to,
                                          const StoreCopyOptions& options) {
  return Move(from, to, options).Run();
}

}  // namespace sluice::server
