// A connection to PostgreSQL: to whom, and what it says of what fails.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/postgres_fixture.h"
#include "tests/support/store_builders.h"

namespace sluice::server {
namespace {

using Fault = PostgresConnection::Fault;

class PostgresConnectionTest : public PostgresTest {};

struct Expected {
  const char* state;
  absl::StatusCode code;
  Fault fault = Fault::kNone;
};

TEST_F(PostgresConnectionTest, TakesATransactionThatWasRolledBackForNoCommit) {
  ASSERT_TRUE(connection_->Execute("BEGIN").ok());
  EXPECT_FALSE(connection_->Execute("SELECT 1 / 0").ok());
  EXPECT_TRUE(absl::IsAborted(connection_->Commit()));
  EXPECT_FALSE(connection_->in_transaction());
  ASSERT_TRUE(connection_->Execute("BEGIN; INSERT INTO t (a) VALUES (1)").ok());
  EXPECT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(One(*connection_, "SELECT count(*) FROM t"), 1);
}

TEST_F(PostgresConnectionTest, NoticesThatAnIdleConnectionIsClosed) {
  const auto other = Open();
  EXPECT_TRUE(other->usable());
  const int64_t backend = One(*other, "SELECT pg_backend_pid()");
  EXPECT_TRUE(other->usable());
  ASSERT_TRUE(
      server_.Run(database_, absl::StrCat("SELECT pg_terminate_backend(", backend, ", 30000)"))
          .ok());
  EXPECT_FALSE(other->usable());
}

TEST_F(PostgresConnectionTest, TellsWhatFailsByItsSqlstateAlone) {
  const Expected all[] = {{"23505", absl::StatusCode::kAlreadyExists},
                          {"23502", absl::StatusCode::kInternal},
                          {"40001", absl::StatusCode::kUnavailable},
                          {"40P01", absl::StatusCode::kUnavailable},
                          {"53100", absl::StatusCode::kResourceExhausted, Fault::kFull},
                          {"53200", absl::StatusCode::kUnavailable},
                          {"57014", absl::StatusCode::kUnavailable},
                          {"55P03", absl::StatusCode::kUnavailable},
                          {"58030", absl::StatusCode::kUnavailable},
                          {"57P01", absl::StatusCode::kUnavailable, Fault::kLost},
                          {"08006", absl::StatusCode::kUnavailable, Fault::kLost},
                          {"25006", absl::StatusCode::kUnavailable, Fault::kLost},
                          {"XX001", absl::StatusCode::kDataLoss, Fault::kFatal},
                          {"XX002", absl::StatusCode::kDataLoss, Fault::kFatal},
                          {"XX000", absl::StatusCode::kInternal},
                          {"42501", absl::StatusCode::kFailedPrecondition},
                          {"22012", absl::StatusCode::kInternal},
                          {"P0001", absl::StatusCode::kInternal}};
  for (const Expected& expected : all) {
    const auto connection = Open();
    const absl::Status status = connection->Execute(
        absl::StrCat("DO $$ BEGIN RAISE EXCEPTION 'Ada Lovelace' USING ERRCODE = '", expected.state,
                     "', DETAIL = 'Ada'; END $$"));
    EXPECT_EQ(status.code(), expected.code) << expected.state;
    EXPECT_EQ(connection->fault(), expected.fault) << expected.state;
    EXPECT_TRUE(connection->TakeFailed());
    EXPECT_TRUE(absl::StrContains(status.message(), expected.state)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "Ada")) << status;
  }
}

TEST_F(PostgresConnectionTest, NamesNoValueThatStandsTwice) {
  SqlStatement insert = Prepare("INSERT INTO t (a, b) VALUES ($1, 'Ada')");
  ASSERT_TRUE(insert.Bind(815).Finish().ok());
  const absl::Status status = insert.Bind(815).Finish();
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_FALSE(absl::StrContains(status.message(), "815")) << status;
  connection_->ForgetFull();
  EXPECT_EQ(connection_->fault(), Fault::kNone);
}

TEST_F(PostgresConnectionTest, KnowsThatItsConnectionIsLost) {
  const auto other = Open();
  Fill(10'000);
  SqlStatement scan = other->PrepareScan("SELECT a, repeat(b, 1000) FROM t").value();
  SqlStatement one = other->Prepare("SELECT 1").value();
  const int64_t backend = One(*other, "SELECT pg_backend_pid()");
  absl::StatusOr<bool> row;
  {
    SqlRun run = scan.Bind();
    ASSERT_TRUE(run.Next().value());
    ASSERT_TRUE(
        server_.Run(database_, absl::StrCat("SELECT pg_terminate_backend(", backend, ", 30000)"))
            .ok());
    while ((row = run.Next()).ok()) ASSERT_TRUE(*row);
  }
  EXPECT_TRUE(absl::IsUnavailable(row.status())) << row.status();
  EXPECT_EQ(other->fault(), Fault::kLost);
  EXPECT_TRUE(absl::IsUnavailable(one.Bind().Next().status()));
  EXPECT_TRUE(absl::IsUnavailable(other->Execute("SELECT 1")));
}

TEST_F(PostgresConnectionTest, WaitsForAServerThatHangsNoLongerThanItsPatience) {
  const auto other = Open(false, absl::Seconds(2));
  const auto backend = static_cast<pid_t>(One(*other, "SELECT pg_backend_pid()"));
  ASSERT_EQ(kill(backend, SIGSTOP), 0);
  const absl::Status status = other->Execute("SELECT 1");
  kill(backend, SIGCONT);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "does not answer")) << status;
  EXPECT_EQ(other->fault(), Fault::kLost);
}

TEST_F(PostgresConnectionTest, SendsNoMoreThanAServerThatHangsTakes) {
  const auto other = Open(false, absl::Seconds(2));
  SqlStatement select = other->Prepare("SELECT length($1::bytea)").value();
  const auto backend = static_cast<pid_t>(One(*other, "SELECT pg_backend_pid()"));
  const std::string large(32 << 20, 'x');
  ASSERT_EQ(kill(backend, SIGSTOP), 0);
  const absl::Status status = select.Bind(SqlBlob(large)).Next().status();
  kill(backend, SIGCONT);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(PostgresConnectionTest, WaitsToConnectNoLongerThanItsPatience) {
  const TestDirectory directory;
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {.sun_family = AF_UNIX};
  const std::string path = directory.Path(".s.PGSQL.5432");
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  const auto connection = PostgresConnection::Open(
      {.settings = absl::StrCat("port=5432 dbname=x user=x host=", directory.Path("")),
       .patience = absl::Milliseconds(200)});
  close(listener);
  EXPECT_TRUE(absl::IsUnavailable(connection.status())) << connection.status();
}

TEST_F(PostgresConnectionTest, EndsAStatementThatTakesTooLong) {
  const auto other = Open(false, absl::Seconds(2));
  EXPECT_TRUE(absl::IsUnavailable(other->Execute("SELECT pg_sleep(600)")));
  // The server has given up first: the connection stands.
  EXPECT_EQ(other->fault(), Fault::kNone);
  EXPECT_TRUE(other->Execute("SELECT 1").ok());
}

TEST_F(PostgresConnectionTest, RefusesASuperuser) {
  const auto connection = PostgresConnection::Open(
      {.settings = absl::StrCat("host=", server_.socket_directory(), " port=", server_.port(),
                                " user=admin dbname=", database_)});
  EXPECT_TRUE(absl::IsFailedPrecondition(connection.status())) << connection.status();
}

TEST_F(PostgresConnectionTest, RefusesADatabaseOfAnotherEncoding) {
  ASSERT_TRUE(server_
                  .Run("postgres",
                       "CREATE DATABASE ascii OWNER sluice ENCODING SQL_ASCII LOCALE 'C' "
                       "TEMPLATE template0")
                  .ok());
  const auto connection = PostgresConnection::Open({.settings = server_.SocketSettings("ascii")});
  EXPECT_TRUE(absl::IsFailedPrecondition(connection.status())) << connection.status();
  EXPECT_TRUE(server_.DropDatabase("ascii").ok());
}

TEST_F(PostgresConnectionTest, SpeaksTlsToTheServerThatItsCaNames) {
  const auto connection = PostgresConnection::Open({.settings = server_.TcpSettings(database_)});
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(One(**connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), 1);
  EXPECT_EQ(One(**connection,
                "SELECT current_setting('tcp_user_timeout')::integer > 0 OR "
                "current_setting('tcp_keepalives_idle')::integer = 10"),
            1);
}

TEST_F(PostgresConnectionTest, RefusesAServerThatIsNotTheOneMeant) {
  std::string settings = server_.TcpSettings(database_);
  // Its certificate is for 127.0.0.1.
  settings.replace(settings.find("127.0.0.1"), 9, "localhost");
  EXPECT_TRUE(absl::IsUnavailable(PostgresConnection::Open({.settings = settings}).status()));
  // Nobody vouches for it.
  settings = server_.TcpSettings(database_);
  settings.resize(settings.find(" sslrootcert"));
  EXPECT_TRUE(absl::IsUnavailable(
      PostgresConnection::Open({.settings = settings + " sslrootcert=/nonexistent"}).status()));
}

TEST_F(PostgresConnectionTest, TakesAClientsCertificateForItsPassword) {
  const auto connection =
      PostgresConnection::Open({.settings = server_.CertificateSettings(database_)});
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(One(**connection, "SELECT current_user = 'by_certificate'"), 1);
}

TEST_F(PostgresConnectionTest, SaysNothingOfAPassword) {
  std::string settings = server_.SocketSettings(database_);
  const absl::Status given =
      PostgresConnection::Open({.settings = settings + " password=hunter2"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(given));
  EXPECT_FALSE(absl::StrContains(given.message(), "hunter2"));
  // A wrong one.
  const TestDirectory directory;
  std::ofstream(directory.Path("password")) << "*:*:*:*:hunter2\n";
  ASSERT_EQ(chmod(directory.Path("password").c_str(), 0600), 0);
  settings.resize(settings.find(" passfile"));
  const absl::Status wrong =
      PostgresConnection::Open(
          {.settings = absl::StrCat(settings, " passfile=", directory.Path("password"))})
          .status();
  EXPECT_TRUE(absl::IsUnavailable(wrong)) << wrong;
  EXPECT_FALSE(absl::StrContains(wrong.message(), "hunter2"));
}

}  // namespace
}  // namespace sluice::server
