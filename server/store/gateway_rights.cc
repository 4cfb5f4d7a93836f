#include "server/store/gateway_rights.h"

#include <set>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace sluice::server {
namespace {

struct Rights {
  absl::string_view table;
  absl::string_view rights;
};

// Reading is part of each: what is changed is looked up before.
constexpr Rights kRights[] = {
    {"answer", "SELECT, INSERT, DELETE"},
    {"catalog", "SELECT, INSERT"},
    {"collection", "SELECT, INSERT, UPDATE"},
    {"data_key", "SELECT, INSERT, UPDATE"},
    {"data_subkey", "SELECT, INSERT"},
    {"decision", "SELECT, INSERT"},
    {"dictionary_head", "SELECT, INSERT, UPDATE"},
    {"dictionary_opening", "SELECT, INSERT, UPDATE"},
    {"disclosed_container", "SELECT, INSERT"},
    {"former_subject", "SELECT, INSERT"},
    {"further_name", "SELECT, INSERT, DELETE"},
    {"identity", "SELECT, INSERT, DELETE"},
    {"log_boot", "SELECT, INSERT"},
    {"log_entry", "SELECT, INSERT"},
    {"log_head", "SELECT, UPDATE"},
    {"log_opening", "SELECT, INSERT, UPDATE"},
    {"mou_signature", "SELECT, INSERT, DELETE"},
    {"mou_version", "SELECT, INSERT, UPDATE"},
    {"organization", "SELECT, INSERT, UPDATE"},
    {"owner", "SELECT, INSERT, UPDATE"},
    {"record", "SELECT, INSERT, UPDATE, DELETE"},
    {"record_change", "SELECT, INSERT, DELETE"},
    {"record_history", "SELECT, INSERT, UPDATE, DELETE"},
    {"record_key", "SELECT, INSERT, UPDATE"},
    {"state_seal", "SELECT, UPDATE"},
    {"store", "SELECT, UPDATE"},
    {"subject", "SELECT, INSERT, UPDATE"},
    {"writer_mark", "SELECT, INSERT, UPDATE, DELETE"},
};

constexpr absl::string_view kAll[] = {"SELECT",   "INSERT",     "UPDATE", "DELETE",
                                      "TRUNCATE", "REFERENCES", "TRIGGER"};

// Of these, those that may be of some columns alone.
constexpr absl::string_view kOfColumns[] = {"SELECT", "INSERT", "UPDATE", "REFERENCES"};

std::string Quoted(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

// The one number of a statement; 0 without a row.
template <typename... Values>
absl::StatusOr<int64_t> One(SqlConnection* connection, absl::string_view sql,
                            const Values&... values) {
  absl::StatusOr<SqlStatement> statement = connection->Prepare(sql);
  if (!statement.ok()) return statement.status();
  SqlRun run = statement->Bind(values...);
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  return *row ? run.Int(0) : 0;
}

absl::Status Grant(SqlConnection* connection, absl::string_view role,
                   const std::set<std::string>& tables) {
  const std::string to = Quoted(role);
  absl::StatusOr<int64_t> may_use = One(
      connection,
      "SELECT has_schema_privilege($1::text::name, current_schema()::regnamespace, 'USAGE')", role);
  if (!may_use.ok()) return may_use.status();
  if (*may_use == 0) {
    absl::StatusOr<SqlStatement> select = connection->Prepare("SELECT current_schema()::text");
    if (!select.ok()) return select.status();
    absl::StatusOr<std::set<std::string>> schema = TextsOf(*select);
    if (!schema.ok()) return schema.status();
    absl::Status granted = connection->Execute(
        absl::StrCat("GRANT USAGE ON SCHEMA ", Quoted(*schema->begin()), " TO ", to));
    if (!granted.ok()) return granted;
  }
  for (const std::string& table : tables) {
    absl::StatusOr<absl::string_view> rights = GatewayRights(table);
    if (!rights.ok()) return rights.status();
    absl::Status granted = connection->Execute(absl::StrCat(
        "REVOKE ALL ON ", table, " FROM ", to, "; GRANT ", *rights, " ON ", table, " TO ", to));
    if (absl::IsFailedPrecondition(granted)) {
      return absl::FailedPreconditionError(
          "this role does not own the tables: give the one that "
          "does by --owner");
    }
    if (!granted.ok()) return granted;
  }
  return absl::OkStatus();
}

// It may have rights as everybody, by another role, or as a superuser.
absl::Status CheckNoMore(SqlConnection* connection, absl::string_view role,
                         const std::set<std::string>& tables) {
  const auto too_much = [&](absl::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("role ", role, " may ", what,
                     ", which no gateway needs, as a superuser, an owner, a member of another role "
                     "or everybody: take that from it"));
  };
  absl::StatusOr<int64_t> makes =
      One(connection,
          "SELECT has_schema_privilege($1::text::name, current_schema()::regnamespace, 'CREATE')",
          role);
  if (!makes.ok()) return makes.status();
  if (*makes != 0) return too_much("make tables");
  for (const std::string& table : tables) {
    const std::vector<absl::string_view> rights = absl::StrSplit(*GatewayRights(table), ", ");
    const std::set<absl::string_view> needed(rights.begin(), rights.end());
    for (const absl::string_view right : kAll) {
      // What is not needed of a table is not needed of one of its columns.
      const bool of_column = !needed.contains(right) && absl::c_linear_search(kOfColumns, right);
      absl::StatusOr<int64_t> may =
          One(connection,
              absl::StrCat("SELECT has_", of_column ? "any_column" : "table",
                           "_privilege($1::text::name, to_regclass($2), $3)"),
              role, absl::string_view(table), right);
      if (!may.ok()) return may.status();
      if ((*may != 0) == needed.contains(right)) continue;
      if (*may != 0) return too_much(absl::StrCat(right, " ", table));
      return absl::FailedPreconditionError(
          absl::StrCat("role ", role, " was not granted ", right, " of ", table));
    }
  }
  // Whoever may become another role has its rights, whether it inherits them or not; and whoever
  // may make roles may make itself a member of one that stands.
  absl::StatusOr<int64_t> others = One(
      connection,
      "SELECT count(*) FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_auth_members m ON "
      "r.oid = m.member WHERE r.rolname = $1::text AND (r.rolcreaterole OR m.member IS NOT NULL)",
      role);
  if (!others.ok()) return others.status();
  return *others == 0 ? absl::OkStatus() : too_much("become another role");
}

}  // namespace

absl::StatusOr<absl::string_view> GatewayRights(absl::string_view table) {
  for (const Rights& rights : kRights) {
    if (rights.table == table) return rights.rights;
  }
  return absl::InternalError(absl::StrCat("nobody has said what a gateway needs of ", table));
}

absl::Status GrantGatewayRights(StoreDatabase& database, absl::string_view role) {
  SqlConnection* const connection = database.connection();
  absl::StatusOr<int64_t> there =
      One(connection, "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = $1::text", role);
  if (!there.ok()) return there.status();
  if (*there == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no role ", role, ": make it first, by CREATE ROLE ... LOGIN"));
  }
  absl::Status status = database.Begin();
  if (!status.ok()) return status;
  absl::StatusOr<std::set<std::string>> tables = database.Tables();
  if (!tables.ok()) return tables.status();
  tables->insert("writer_mark");
  status = Grant(connection, role, *tables);
  if (status.ok()) status = CheckNoMore(connection, role, *tables);
  if (status.ok()) return connection->Commit();
  connection->Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace sluice::server
