#include "server/store/gateway_rights.h"

#include <set>
#include <string>
#include <utility>
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
    {"log_opening", "SELECT, INSERT, UPDATE, DELETE"},
    {"mou_signature", "SELECT, INSERT, DELETE"},
    {"mou_version", "SELECT, INSERT, UPDATE"},
    {"opt_out", "SELECT, INSERT, DELETE"},
    {"organization", "SELECT, INSERT, UPDATE"},
    {"owner", "SELECT, INSERT, UPDATE"},
    {"record", "SELECT, INSERT, UPDATE, DELETE"},
    {"record_change", "SELECT, INSERT, UPDATE, DELETE"},
    {"record_history", "SELECT, INSERT, UPDATE, DELETE"},
    {"record_key", "SELECT, INSERT, UPDATE"},
    {"retraction", "SELECT, INSERT, UPDATE"},
    {"state_seal", "SELECT, UPDATE"},
    {"store", "SELECT, UPDATE"},
    {"subject", "SELECT, INSERT, UPDATE"},
    {"writer_mark", "SELECT, INSERT, UPDATE, DELETE"},
};

constexpr absl::string_view kAll[] = {"SELECT",   "INSERT",     "UPDATE", "DELETE",
                                      "TRUNCATE", "REFERENCES", "TRIGGER"};

// Of these, those that may be of some columns alone.
constexpr absl::string_view kOfColumns[] = {"SELECT", "INSERT", "UPDATE", "REFERENCES"};

// PostgreSQL's own roles by which one reads or writes what one was not granted: tables, or the
// server's files.
constexpr absl::string_view kReachesAll[] = {"pg_read_all_data", "pg_write_all_data",
                                             "pg_read_server_files", "pg_write_server_files",
                                             "pg_execute_server_program"};

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

// What some role may do that a gateway's may not, in the operator's words; empty: nothing.
absl::StatusOr<std::string> TooMuch(SqlConnection* connection, absl::string_view role,
                                    const std::set<std::string>& tables) {
  // Whoever may make roles may make itself a member of one that stands; replication sends all that
  // is written.
  constexpr std::pair<absl::string_view, absl::string_view> kAttributes[] = {
      {"rolsuper", "do everything, as a superuser"},
      {"rolcreaterole", "make roles"},
      {"rolcreatedb", "make databases"},
      {"rolreplication", "replicate the database"},
      {"rolbypassrls", "pass by row security"}};
  for (const auto& [attribute, words] : kAttributes) {
    const absl::StatusOr<int64_t> has = One(
        connection,
        absl::StrCat("SELECT ", attribute, " FROM pg_catalog.pg_roles WHERE rolname = $1::text"),
        role);
    if (!has.ok()) return has.status();
    if (*has != 0) return std::string(words);
  }
  // Whoever owns a thing gives itself every right to it.
  constexpr std::pair<absl::string_view, absl::string_view> kOwned[] = {
      {"SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = "
       "c.relowner "
       "WHERE r.rolname = $1::text AND c.relnamespace = current_schema()::regnamespace",
       "do everything with a table, as its owner"},
      {"SELECT count(*) FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON "
       "r.oid = n.nspowner WHERE r.rolname = $1::text AND n.oid = current_schema()::regnamespace",
       "do everything with the schema, as its owner"},
      {"SELECT count(*) FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON "
       "r.oid = d.datdba WHERE r.rolname = $1::text AND d.datname = current_database()",
       "do everything with the database, as its owner"}};
  for (const auto& [sql, words] : kOwned) {
    const absl::StatusOr<int64_t> owns = One(connection, sql, role);
    if (!owns.ok()) return owns.status();
    if (*owns != 0) return std::string(words);
  }
  const absl::StatusOr<int64_t> makes =
      One(connection,
          "SELECT has_schema_privilege($1::text::name, current_schema()::regnamespace, 'CREATE')",
          role);
  if (!makes.ok()) return makes.status();
  if (*makes != 0) return "make tables";
  for (const std::string& table : tables) {
    const std::vector<absl::string_view> rights = absl::StrSplit(*GatewayRights(table), ", ");
    const std::set<absl::string_view> needed(rights.begin(), rights.end());
    for (const absl::string_view right : kAll) {
      if (needed.contains(right)) continue;
      // What is not needed of a table is not needed of one of its columns.
      const bool of_column = absl::c_linear_search(kOfColumns, right);
      const absl::StatusOr<int64_t> may =
          One(connection,
              absl::StrCat("SELECT has_", of_column ? "any_column" : "table",
                           "_privilege($1::text::name, to_regclass($2), $3)"),
              role, absl::string_view(table), right);
      if (!may.ok()) return may.status();
      if (*may != 0) return absl::StrCat(right, " ", table);
    }
  }
  return "";
}

// It may have rights as everybody, as an owner, or by another role: whoever may become one has its
// rights, whether it inherits them or not. A membership that adds nothing is what a managed server
// gives to everybody.
absl::Status CheckNoMore(SqlConnection* connection, absl::string_view role,
                         const std::set<std::string>& tables) {
  const auto refuse = [&](absl::string_view what, absl::string_view as) {
    return absl::FailedPreconditionError(
        absl::StrCat("role ", role, " may ", what, as == role ? "" : absl::StrCat(" as ", as),
                     ", which no gateway needs: take that from it, or from everybody"));
  };
  absl::StatusOr<SqlStatement> select = connection->Prepare(
      "SELECT rolname::text FROM pg_catalog.pg_roles "
      "WHERE pg_has_role($1::text::name, oid, 'MEMBER') AND NOT "
      "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1::text)");
  if (!select.ok()) return select.status();
  absl::StatusOr<std::set<std::string>> others = TextsOf(*select, role);
  if (!others.ok()) return others.status();
  others->insert(std::string(role));
  for (const std::string& table : tables) {
    for (const absl::string_view right : absl::StrSplit(*GatewayRights(table), ", ")) {
      const absl::StatusOr<int64_t> may =
          One(connection, "SELECT has_table_privilege($1::text::name, to_regclass($2), $3)", role,
              absl::string_view(table), right);
      if (!may.ok()) return may.status();
      if (*may != 0) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("role ", role, " was not granted ", right, " of ", table));
    }
  }
  for (const std::string& other : *others) {
    if (absl::c_linear_search(kReachesAll, other)) return refuse("read or write anything", other);
    const absl::StatusOr<std::string> too_much = TooMuch(connection, other, tables);
    if (!too_much.ok()) return too_much.status();
    if (!too_much->empty()) return refuse(*too_much, other);
  }
  return absl::OkStatus();
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
