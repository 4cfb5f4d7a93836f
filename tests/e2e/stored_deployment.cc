#include "tests/e2e/stored_deployment.h"

#include <signal.h>
#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice::tests {
namespace {

server::PostgresServer* ServerFor(Engine engine, server::PostgresServer* server) {
  switch (engine) {
    case Engine::kSqlite:
      return nullptr;
    case Engine::kPostgres:
      return server != nullptr ? server : &server::PostgresServer::Shared();
  }
  return nullptr;
}

std::string AskSqlite(const std::string& path, const std::string& statements) {
  sqlite3* db = nullptr;
  std::string answer;
  char* message = nullptr;
  const auto take = [](void* to, int columns, char** values, char**) {
    if (columns > 0 && values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  const bool done =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
      sqlite3_busy_timeout(db, 10'000) == SQLITE_OK &&
      sqlite3_exec(db, statements.c_str(), take, &answer, &message) == SQLITE_OK;
  const std::string why = message == nullptr ? "" : message;
  sqlite3_free(message);
  sqlite3_close(db);
  if (!done) Must(absl::InternalError(absl::StrCat(statements, ": ", why)));
  return answer;
}

}  // namespace

StoredDeployment::StoredDeployment(Engine engine, server::PostgresServer* server)
    : server_(ServerFor(engine, server)) {
  if (server_ != nullptr) database_ = Must(server_->CreateDatabase());
  Configure("");
  ProposeSigned("pipeline");
}

void StoredDeployment::Configure(const std::string& more) {
  std::string text = Configuration();
  if (server_ != nullptr) {
    text = absl::StrReplaceAll(
        text, {{"store: {sqlite: sluice.db}",
                absl::StrCat("store: {postgres: \"", server_->TcpSettings(database_), "\"}")}});
  }
  WriteConfiguration(absl::StrCat(text, more));
}

StoredDeployment::~StoredDeployment() {
  if (process() > 0) End(SIGKILL);
  if (server_ != nullptr) server_->DropDatabase(database_).IgnoreError();
}

void StoredDeployment::Sql(const std::string& statements) { Ask(statements); }

std::string StoredDeployment::Ask(const std::string& question) {
  if (server_ != nullptr) return Must(server_->Ask(database_, question));
  return AskSqlite(Path("sluice.db").string(), question);
}

size_t StoredDeployment::CountReleased() {
  ReadRows rows;
  const absl::Status status = Read(*District(), ReadRequest("pipeline"), rows);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(rows.complete);
  return rows.row_ids.size();
}

}  // namespace sluice::tests
