// A gateway's role may do what its store needs, and nothing else. (That the store can do with that,
// the suite of all engines shows, which runs under such a role.)
#include "server/store/gateway_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/store/held_database.h"
#include "server/store/migration.h"
#include "server/store/postgres.h"
#include "server/store/postgres_store.h"
#include "server/store/schema_tables.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;

class GatewayRightsTest : public testing::Test {
 protected:
  ~GatewayRightsTest() override { EXPECT_TRUE(server_.DropDatabase(database_).ok()); }

  absl::Status Make() {
    const HeldDatabase owned =
        HoldDatabase({.postgres = server_.SocketSettings(database_)}, true).value();
    if (absl::Status status = Migrate(*owned.database, {}); !status.ok()) return status;
    return GrantGatewayRights(*owned.database, PostgresServer::kGatewayRole);
  }
  absl::StatusOr<std::unique_ptr<Store>> Open() {
    return OpenPostgresStore({.settings = server_.GatewaySettings(database_),
                              .hash_key = policy::Secret::Copy(std::string(32, 'k')),
                              .keks = std::make_shared<KeksForTest>()});
  }
  // What the gateway's role is told.
  absl::Status AsGateway(absl::string_view sql) {
    return PostgresConnection::Open({.settings = server_.GatewaySettings(database_)})
        .value()
        ->Execute(sql);
  }
  absl::Status Alter(absl::string_view attribute) {
    return AsAdmin(absl::StrCat("ALTER ROLE ", PostgresServer::kGatewayRole, " ", attribute));
  }
  absl::Status AsAdmin(const std::string& sql) { return server_.Run(database_, sql); }

  PostgresServer& server_ = PostgresServer::Shared();
  const std::string database_ = server_.CreateDatabase().value();
};

TEST_F(GatewayRightsTest, AreSaidOfEachTable) {
  const std::vector<SchemaTable> read = ReadSchemaTables(SchemaTables()).value();
  for (const SchemaTable& table : read) {
    EXPECT_TRUE(GatewayRights(table.name).ok()) << table.name;
  }
  EXPECT_EQ(GatewayRights("log_entry").value(), "SELECT, INSERT");
}

// No more than some statement in the sources needs, and no less.
TEST_F(GatewayRightsTest, AreThoseThatTheStoresStatementsNeed) {
  std::map<std::string, std::set<std::string>> needed;
  for (const auto& file :
       std::filesystem::directory_iterator(absl::StrCat(SLUICE_SOURCE_DIR, "/server/store"))) {
    const std::string name = file.path().filename();
    // What the owner of the tables runs, and not the gateway.
    static const std::set<std::string> owners = {"migration.cc", "schema.cc", "store_copy.cc"};
    if (!absl::EndsWith(name, ".cc") || absl::StrContains(name, "_test.cc") ||
        owners.contains(name)) {
      continue;
    }
    std::ifstream in(file.path());
    const std::string source((std::istreambuf_iterator<char>(in)), {});
    const std::string joined = std::regex_replace(source, std::regex("\"\\s*\""), "");
    static const std::regex statement("(INSERT|UPDATE|DELETE)( INTO| FROM)? ([a-z_]+)\\b([^\"]*)");
    for (std::sregex_iterator it(joined.begin(), joined.end(), statement), end; it != end; ++it) {
      std::set<std::string>& rights = needed[(*it)[3]];
      rights.insert((*it)[1]);
      if (absl::StrContains((*it)[4].str(), "DO UPDATE")) rights.insert("UPDATE");
    }
  }
  needed["store"].erase("INSERT");  // with the tables
  std::vector<SchemaTable> tables = ReadSchemaTables(SchemaTables()).value();
  tables.push_back({.name = "writer_mark"});
  for (const SchemaTable& table : tables) {
    std::set<std::string>& rights = needed[table.name];
    rights.insert("SELECT");
    const std::set<std::string> granted = absl::StrSplit(GatewayRights(table.name).value(), ", ");
    EXPECT_EQ(granted, rights) << table.name;
  }
}

TEST_F(GatewayRightsTest, LetAGatewayServeWhatItsOwnerMade) {
  absl::Status status = Open().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("run `sluiced migrate`")) << status;
  ASSERT_TRUE(Make().ok());
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(Publish(**store, BatchOf("1", {RecordOf("1", "bytes", {"somebody"})})).ok());
}

TEST_F(GatewayRightsTest, DoNotReachTheLogsPastNorTheSchema) {
  ASSERT_TRUE(Make().ok());
  ASSERT_TRUE(AsAdmin("INSERT INTO log_entry (idx, leaf_hash, boot, wseq, body) VALUES (0, '', 1, "
                      "1, 'said')")
                  .ok());
  for (const char* sql :
       {"UPDATE log_entry SET body = 'unsaid'", "DELETE FROM log_entry", "TRUNCATE log_entry",
        "DROP TABLE log_entry", "ALTER TABLE log_entry DROP COLUMN body",
        "CREATE TABLE mine (a int)", "DELETE FROM store", "DELETE FROM log_head",
        "INSERT INTO log_head VALUES (2, 0, '', '', '')", "UPDATE decision SET decision = ''",
        "DELETE FROM mou_version", "UPDATE mou_signature SET cms_der = ''",
        "SELECT setval(pg_get_serial_sequence('log_boot', 'id'), 1)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON store TO PUBLIC"}) {
    const absl::Status status = AsGateway(sql);
    if (absl::StartsWith(sql, "GRANT")) continue;  // is a warning: it had nothing to give
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << sql << ": " << status;
  }
  EXPECT_EQ(server_.Ask(database_, "SELECT convert_from(body, 'UTF8') FROM log_entry").value(),
            "said");
  EXPECT_EQ(
      server_.Ask(database_, "SELECT has_table_privilege('by_certificate', 'store', 'SELECT')")
          .value(),
      "f");
}

TEST_F(GatewayRightsTest, AreTakenBackWhereTheyWereMore) {
  ASSERT_TRUE(Make().ok());
  ASSERT_TRUE(
      AsAdmin(absl::StrCat("GRANT ALL ON log_entry, store TO ", PostgresServer::kGatewayRole))
          .ok());
  EXPECT_TRUE(AsGateway("DELETE FROM log_entry").ok());
  ASSERT_TRUE(Make().ok());
  EXPECT_FALSE(AsGateway("DELETE FROM log_entry").ok());
}

TEST_F(GatewayRightsTest, AreRefusedToARoleThatMayDoMoreByAnotherWay) {
  ASSERT_TRUE(Make().ok());
  ASSERT_TRUE(AsAdmin("GRANT UPDATE ON log_entry TO PUBLIC").ok());
  absl::Status status = Make();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("may UPDATE log_entry"));
  ASSERT_TRUE(AsAdmin("REVOKE UPDATE ON log_entry FROM PUBLIC").ok());
  ASSERT_TRUE(AsAdmin("GRANT CREATE ON SCHEMA public TO PUBLIC").ok());
  EXPECT_THAT(std::string(Make().message()), HasSubstr("may make tables"));
  ASSERT_TRUE(AsAdmin("REVOKE CREATE ON SCHEMA public FROM PUBLIC").ok());
  ASSERT_TRUE(AsAdmin("GRANT UPDATE (body) ON log_entry TO PUBLIC").ok());
  EXPECT_THAT(std::string(Make().message()), HasSubstr("may UPDATE log_entry"));
  ASSERT_TRUE(AsAdmin("REVOKE UPDATE (body) ON log_entry FROM PUBLIC").ok());
  // Whose rights it has only once it says so.
  ASSERT_TRUE(
      AsAdmin(absl::StrCat("CREATE ROLE keeper; GRANT ALL ON log_entry TO keeper; ALTER ROLE ",
                           PostgresServer::kGatewayRole, " NOINHERIT; GRANT keeper TO ",
                           PostgresServer::kGatewayRole))
          .ok());
  EXPECT_TRUE(AsGateway("SET ROLE keeper; DELETE FROM log_entry").ok());
  EXPECT_THAT(std::string(Make().message()), HasSubstr("may UPDATE log_entry as keeper"));
  ASSERT_TRUE(AsAdmin(absl::StrCat("DROP OWNED BY keeper; DROP ROLE keeper; ALTER ROLE ",
                                   PostgresServer::kGatewayRole, " INHERIT"))
                  .ok());
  for (const auto& [attribute, words] :
       std::map<std::string, std::string>{{"CREATEROLE", "may make roles"},
                                          {"CREATEDB", "may make databases"},
                                          {"REPLICATION", "may replicate the database"},
                                          {"BYPASSRLS", "may pass by row security"},
                                          {"SUPERUSER", "may do everything, as a superuser"}}) {
    ASSERT_TRUE(Alter(attribute).ok());
    EXPECT_THAT(std::string(Make().message()), HasSubstr(words));
    ASSERT_TRUE(Alter(absl::StrCat("NO", attribute)).ok());
  }
  EXPECT_TRUE(Make().ok());
}

TEST_F(GatewayRightsTest, AreRefusedToARoleThatOwnsSomethingOrIsAMemberOfWhoDoes) {
  ASSERT_TRUE(Make().ok());
  const std::string role = PostgresServer::kGatewayRole;
  ASSERT_TRUE(AsAdmin("CREATE ROLE landlord").ok());
  for (const bool by_membership : {false, true}) {
    const std::string owner = by_membership ? "landlord" : role;
    const std::string as = by_membership ? " as landlord" : "";
    if (by_membership) {
      ASSERT_TRUE(AsAdmin(absl::StrCat("GRANT landlord TO ", role)).ok());
    }
    // Who grants may do so as a member of the role that owns the table.
    ASSERT_TRUE(
        AsAdmin(absl::StrCat("GRANT ", owner, " TO sluice; ALTER TABLE log_entry OWNER TO ", owner))
            .ok());
    EXPECT_THAT(std::string(Make().message()),
                HasSubstr(absl::StrCat("may do everything with a table, as its owner", as)));
    ASSERT_TRUE(AsAdmin("ALTER TABLE log_entry OWNER TO sluice").ok());
    ASSERT_TRUE(AsAdmin(absl::StrCat("ALTER SCHEMA public OWNER TO ", owner,
                                     "; REVOKE CREATE ON SCHEMA public FROM ", owner))
                    .ok());
    EXPECT_THAT(std::string(Make().message()),
                HasSubstr(absl::StrCat("may do everything with the schema, as its owner", as)));
    ASSERT_TRUE(AsAdmin("ALTER SCHEMA public OWNER TO sluice").ok());
    ASSERT_TRUE(AsAdmin(absl::StrCat("ALTER DATABASE ", database_, " OWNER TO ", owner)).ok());
    EXPECT_THAT(std::string(Make().message()),
                HasSubstr(absl::StrCat("may do everything with the database, as its owner", as)));
    ASSERT_TRUE(AsAdmin(absl::StrCat("ALTER DATABASE ", database_, " OWNER TO sluice; REVOKE ",
                                     owner, " FROM sluice"))
                    .ok());
    EXPECT_TRUE(Make().ok()) << Make();
  }
  ASSERT_TRUE(AsAdmin("DROP OWNED BY landlord; DROP ROLE landlord").ok());
}

// A managed server makes each role a member of its own.
TEST_F(GatewayRightsTest, AreGivenToAMemberOfARoleThatAddsNothing) {
  ASSERT_TRUE(Make().ok());
  const std::string role = PostgresServer::kGatewayRole;
  ASSERT_TRUE(
      AsAdmin(absl::StrCat("CREATE ROLE by_token; GRANT by_token, pg_monitor TO ", role)).ok());
  const absl::Status made = Make();
  EXPECT_TRUE(made.ok()) << made;
  for (const char* const reaches : {"pg_read_all_data", "pg_write_all_data", "pg_read_server_files",
                                    "pg_write_server_files", "pg_execute_server_program"}) {
    ASSERT_TRUE(AsAdmin(absl::StrCat("GRANT ", reaches, " TO by_token")).ok());
    EXPECT_THAT(std::string(Make().message()), HasSubstr("which no gateway needs")) << reaches;
    ASSERT_TRUE(AsAdmin(absl::StrCat("REVOKE ", reaches, " FROM by_token")).ok());
  }
  ASSERT_TRUE(AsAdmin("ALTER ROLE by_token CREATEROLE").ok());
  EXPECT_THAT(std::string(Make().message()), HasSubstr("may make roles as by_token"));
  ASSERT_TRUE(AsAdmin(absl::StrCat("REVOKE pg_monitor FROM ", role, "; DROP ROLE by_token")).ok());
}

TEST_F(GatewayRightsTest, AreGrantedByWhoOwnsTheTablesToWhoIsThere) {
  ASSERT_TRUE(Make().ok());
  const HeldDatabase owned =
      HoldDatabase({.postgres = server_.SocketSettings(database_)}, true).value();
  EXPECT_THAT(std::string(GrantGatewayRights(*owned.database, "nobody's").message()),
              HasSubstr("no role nobody's"));
  ASSERT_TRUE(AsAdmin("REASSIGN OWNED BY sluice TO admin").ok());
  EXPECT_THAT(
      std::string(GrantGatewayRights(*owned.database, PostgresServer::kGatewayRole).message()),
      HasSubstr("does not own the tables"));
}

}  // namespace
}  // namespace sluice::server
