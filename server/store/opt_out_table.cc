#include "server/store/opt_out_table.h"

#include <string>

namespace sluice::server {

const char kOptedOutOrdinals[] =
    "WITH opted_out (name_hash) AS ("
    "SELECT name_hash FROM opt_out WHERE owner = $1 AND purpose IN ('', $2) "
    "UNION SELECT j.name_hash FROM opt_out o "
    "JOIN identity i ON i.name_hash = o.name_hash "
    "JOIN identity j ON j.person_hash = i.person_hash "
    "WHERE o.owner = $1 AND o.purpose IN ('', $2)) "
    "SELECT s.ordinal FROM opted_out JOIN subject s ON s.name_hash = opted_out.name_hash "
    "UNION SELECT f.ordinal FROM opted_out JOIN subject s ON s.name_hash = opted_out.name_hash "
    "JOIN former_subject f ON f.owner = s.owner AND f.name = s.name";

const char kOptOutsOfName[] =
    "SELECT purpose FROM opt_out WHERE name_hash = $1 "
    "UNION SELECT o.purpose FROM identity i "
    "JOIN identity j ON j.person_hash = i.person_hash "
    "JOIN opt_out o ON o.name_hash = j.name_hash WHERE i.name_hash = $1 ORDER BY 1";

absl::StatusOr<std::unique_ptr<OptOutTable>> OptOutTable::Create(SqlConnection* connection,
                                                                 HighWaterMarks* marks) {
  std::unique_ptr<OptOutTable> table(new OptOutTable(marks));
  absl::Status status = PrepareAll(
      connection,
      {{&table->put_,
        "INSERT INTO opt_out (name_hash, purpose, owner) VALUES ($1, $2, $3) "
        "ON CONFLICT (name_hash, purpose) DO NOTHING RETURNING owner"},
       {&table->lift_, "DELETE FROM opt_out WHERE name_hash = $1 AND purpose = $2 RETURNING owner"},
       {&table->any_, "SELECT EXISTS (SELECT 1 FROM opt_out)"},
       {&table->owner_of_,
        "SELECT owner FROM opt_out WHERE name_hash = $1 "
        "UNION SELECT o.owner FROM identity i "
        "JOIN identity j ON j.person_hash = i.person_hash "
        "JOIN opt_out o ON o.name_hash = j.name_hash WHERE i.name_hash = $1"},
       {&table->raise_,
        "INSERT INTO retraction (owner, count) VALUES ($1, 1) "
        "ON CONFLICT (owner) DO UPDATE SET count = retraction.count + 1 RETURNING count"},
       {&table->count_, "SELECT count FROM retraction WHERE owner = $1"}});
  if (!status.ok()) return status;
  return table;
}

absl::StatusOr<bool> OptOutTable::Put(absl::string_view owner, const Hash16& name,
                                      absl::string_view purpose) {
  SqlRun run = put_.Bind(SqlBlob(name), purpose, owner);
  return run.Next();
}

absl::StatusOr<bool> OptOutTable::Lift(const Hash16& name, absl::string_view purpose) {
  SqlRun run = lift_.Bind(SqlBlob(name), purpose);
  return run.Next();
}

absl::Status OptOutTable::Moved(absl::Span<const Hash16> names) {
  if (names.empty()) return absl::OkStatus();
  {
    SqlRun run = any_.Bind();
    const absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row || run.Int(0) == 0) return absl::OkStatus();
  }
  for (const Hash16& name : names) {
    std::string owner;
    {
      SqlRun run = owner_of_.Bind(SqlBlob(name));
      const absl::StatusOr<bool> row = run.Next();
      if (!row.ok()) return row.status();
      if (!*row) continue;
      owner = std::string(run.Bytes(0));
    }
    // All of these are one owner's: once is enough.
    return Raise(owner);
  }
  return absl::OkStatus();
}

absl::Status OptOutTable::Raise(absl::string_view owner) {
  SqlRun run = raise_.Bind(owner);
  const absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::InternalError("a count that was raised is not told");
  marks_.group().retractions[std::string(owner)] = run.Int(0);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> OptOutTable::Count(absl::string_view owner) {
  SqlRun run = count_.Bind(owner);
  const absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? run.Int(0) : 0;
}

}  // namespace sluice::server
