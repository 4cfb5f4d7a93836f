#include "tests/support/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/pki.h"

namespace sluice::server {
namespace {

namespace fs = std::filesystem;

constexpr char kPrograms[] = "/usr/lib/postgresql/15/bin/";
constexpr absl::Duration kPatience = absl::Seconds(60);

const passwd* DatabaseUser() { return geteuid() == 0 ? getpwnam("postgres") : nullptr; }

// As the unprivileged user, its output in a file, ended if this thread ends.
pid_t Spawn(std::vector<std::string> command, const std::string& output) {
  std::vector<std::string> words = {"setpriv", "--pdeathsig", "QUIT"};
  if (DatabaseUser() != nullptr) {
    for (const char* word : {"--reuid", "postgres", "--regid", "postgres", "--clear-groups"}) {
      words.emplace_back(word);
    }
  }
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0 || nothing < 0 || chdir("/") != 0) _exit(126);
  dup2(nothing, STDIN_FILENO);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

absl::Status WriteFile(const std::string& path, const std::string& content, fs::perms mode) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  std::error_code error;
  fs::permissions(path, mode, error);
  if (!file || error) return absl::InternalError(absl::StrCat("can't write ", path));
  return absl::OkStatus();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  const bool bound = bind(fd, name, size) == 0 && getsockname(fd, name, &size) == 0;
  close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

struct FinishConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};

}  // namespace

const std::string& PostgresServer::password() {
  static const std::string* const text = new std::string("p:a\\ss 'wörd'");
  return *text;
}

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Start(const Options& options) {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  if (absl::Status status = server->Make(options); !status.ok()) return status;
  return server;
}

PostgresServer& PostgresServer::Shared() {
  static const std::unique_ptr<PostgresServer> server = [] {
    absl::StatusOr<std::unique_ptr<PostgresServer>> started = Start({});
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
      abort();
    }
    return *std::move(started);
  }();
  return *server;
}

PostgresServer::~PostgresServer() {
  StopNow();
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

absl::Status PostgresServer::Make(const Options& options) {
  std::string name = (fs::temp_directory_path() / "sluice-pg-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return absl::InternalError("no temporary directory");
  directory_ = name;
  for (const char* part : {"/client", "/server", "/socket"}) fs::create_directory(name + part);
  fs::permissions(name, fs::perms(0755));
  if (absl::Status status = WriteCredentials(); !status.ok()) return status;
  if (const passwd* user = DatabaseUser(); user != nullptr) {
    for (const char* part : {"/server", "/socket", "/server/tls.crt", "/server/tls.key"}) {
      if (chown((name + part).c_str(), user->pw_uid, user->pw_gid) != 0) {
        return absl::InternalError("can't give the directory to the user postgres");
      }
    }
  }
  const pid_t initdb = Spawn({absl::StrCat(kPrograms, "initdb"), "--pgdata", name + "/server/data",
                              "--no-sync", "--no-instructions", "--username=admin", "--auth=peer",
                              "--encoding=UTF8", "--locale=C.UTF-8"},
                             name + "/initdb.log");
  int status = 0;
  if (waitpid(initdb, &status, 0) != initdb || status != 0) {
    return absl::InternalError(absl::StrCat("initdb has failed: ", ReadFile(name + "/initdb.log")));
  }
  if (absl::Status written = WriteSettings(options); !written.ok()) return written;
  // Somebody may take the port between the look and the start.
  absl::Status started;
  for (int tries = 0; tries < 5; ++tries) {
    port_ = FreePort();
    started = Launch();
    if (started.ok()) break;
    StopNow();
  }
  if (!started.ok()) return started;
  return Run("postgres", absl::StrCat("CREATE ROLE sluice LOGIN PASSWORD $$", password(),
                                      "$$; CREATE ROLE ", kGatewayRole, " LOGIN PASSWORD $$",
                                      password(), "$$; CREATE ROLE by_certificate LOGIN"));
}

absl::Status PostgresServer::WriteCredentials() {
  const pki::Validity validity{absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)};
  const absl::StatusOr<pki::Credential> ca =
      pki::MakeRoot(pki::CaSpec("Database test CA", "example.org", validity));
  if (!ca.ok()) return ca.status();
  const absl::StatusOr<pki::Credential> server = pki::MakeCertificate(
      pki::ServerSpec("spiffe://example.org/database", {}, {"127.0.0.1"}, validity), *ca);
  if (!server.ok()) return server.status();
  pki::CertificateSpec spec = pki::ClientSpec("spiffe://example.org/gateway", validity);
  spec.common_name = "by_certificate";
  const absl::StatusOr<pki::Credential> client = pki::MakeCertificate(spec, *ca);
  if (!client.ok()) return client.status();
  absl::Status status;
  const auto write = [&](const std::string& file, const absl::StatusOr<std::string>& content) {
    if (status.ok()) status = content.status();
    if (status.ok()) status = WriteFile(directory_ + file, *content, fs::perms(0600));
  };
  write("/client/ca.crt", ca->certificate);
  write("/client/tls.crt", client->certificate);
  write("/client/tls.key", client->key.ToPem());
  write("/server/tls.crt", server->certificate);
  write("/server/tls.key", server->key.ToPem());
  std::string escaped;
  for (const char c : password()) {
    if (c == ':' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  write("/client/password",
        absl::StrCat("*:*:*:sluice:", escaped, "\n*:*:*:", kGatewayRole, ":", escaped, "\n"));
  return status;
}

absl::Status PostgresServer::WriteSettings(const Options& options) {
  const std::string data = directory_ + "/server/data";
  fs::copy_file(directory_ + "/client/ca.crt", data + "/clients.crt");
  fs::permissions(data + "/clients.crt", fs::perms(0644));
  std::string settings = absl::StrCat(
      "listen_addresses = '127.0.0.1'\nunix_socket_directories = '", socket_directory(),
      "'\nssl = on\nssl_cert_file = '", directory_, "/server/tls.crt'\nssl_key_file = '",
      directory_,
      "/server/tls.key'\nssl_ca_file = 'clients.crt'\nfsync = ", options.fsync ? "on" : "off",
      "\nautovacuum = off\nmax_connections = 60\n",
      "password_encryption = scram-sha-256\nlog_min_messages = warning\n");
  for (const std::string& setting : options.settings) absl::StrAppend(&settings, setting, "\n");
  // Nobody but root and the superuser's own user can be `admin`.
  const std::string map = absl::StrCat(
      "admins root admin\nadmins postgres admin\nadmins ",
      [] {
        const passwd* user = getpwuid(geteuid());
        return std::string(user == nullptr ? "nobody" : user->pw_name);
      }(),
      " admin\n");
  const std::string access =
      "local all admin peer map=admins\nlocal all all scram-sha-256\n"
      "hostssl all by_certificate 127.0.0.1/32 cert\n"
      "hostssl all sluice 127.0.0.1/32 scram-sha-256\n";
  absl::Status status = WriteFile(data + "/postgresql.auto.conf", settings, fs::perms(0644));
  if (status.ok()) status = WriteFile(data + "/pg_hba.conf", access, fs::perms(0644));
  if (status.ok()) status = WriteFile(data + "/pg_ident.conf", map, fs::perms(0644));
  return status;
}

absl::Status PostgresServer::Launch() {
  const std::string log = directory_ + "/server.log";
  const absl::Time deadline = absl::Now() + kPatience;
  const std::string settings = absl::StrCat("host=", socket_directory(), " port=", port_,
                                            " user=admin dbname=postgres connect_timeout=5");
  for (;;) {
    postmaster_ = Spawn({absl::StrCat(kPrograms, "postgres"), "-D", directory_ + "/server/data",
                         "-p", absl::StrCat(port_)},
                        log);
    int status = 0;
    while (waitpid(postmaster_, &status, WNOHANG) == 0) {
      const std::unique_ptr<PGconn, FinishConnection> connection(PQconnectdb(settings.c_str()));
      if (PQstatus(connection.get()) == CONNECTION_OK) return absl::OkStatus();
      if (absl::Now() > deadline) return absl::DeadlineExceededError("PostgreSQL does not answer");
      absl::SleepFor(absl::Milliseconds(10));
    }
    // Backends of one that was killed may still hold its memory: they end by themselves.
    postmaster_ = -1;
    if (ReadFile(log).find("Address already in use") != std::string::npos ||
        absl::Now() > deadline) {
      return absl::InternalError(absl::StrCat("PostgreSQL does not start: ", ReadFile(log)));
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
}

void PostgresServer::End(int signal) {
  if (postmaster_ <= 0) return;
  kill(postmaster_, signal);
  waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
}

void PostgresServer::Kill() { End(SIGKILL); }
void PostgresServer::StopNow() { End(SIGQUIT); }
absl::Status PostgresServer::StartAgain() {
  return postmaster_ > 0 ? absl::FailedPreconditionError("it runs") : Launch();
}

absl::Status PostgresServer::Run(const std::string& database, const std::string& sql) {
  return Ask(database, sql).status();
}

absl::StatusOr<std::string> PostgresServer::Ask(const std::string& database,
                                                const std::string& sql) {
  const std::unique_ptr<PGconn, FinishConnection> connection(
      PQconnectdb(absl::StrCat("host=", socket_directory(), " port=", port_,
                               " user=admin dbname=", database, " connect_timeout=10")
                      .c_str()));
  const std::unique_ptr<PGresult, ClearResult> result(PQexec(connection.get(), sql.c_str()));
  switch (PQresultStatus(result.get())) {
    case PGRES_COMMAND_OK:
      return std::string();
    case PGRES_TUPLES_OK:
      if (PQntuples(result.get()) == 0) return std::string();
      return std::string(PQgetvalue(result.get(), 0, 0));
    default:
      return absl::InternalError(PQerrorMessage(connection.get()));
  }
}

absl::StatusOr<std::string> PostgresServer::CreateDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  absl::Status status = Run("postgres", absl::StrCat("CREATE DATABASE ", name, " OWNER sluice"));
  if (!status.ok()) return status;
  return name;
}

absl::Status PostgresServer::DropDatabase(const std::string& name) {
  return Run("postgres", absl::StrCat("DROP DATABASE ", name, " WITH (FORCE)"));
}

std::string PostgresServer::SocketSettings(const std::string& database,
                                           const std::string& directory) const {
  return absl::StrCat("host=", directory.empty() ? socket_directory() : directory, " port=", port_,
                      " user=sluice dbname=", database, " passfile=", password_file());
}

std::string PostgresServer::GatewaySettings(const std::string& database) const {
  return absl::StrCat("host=", socket_directory(), " port=", port_, " user=", kGatewayRole,
                      " dbname=", database, " passfile=", password_file());
}

std::string PostgresServer::TcpSettings(const std::string& database) const {
  return absl::StrCat("host=127.0.0.1 port=", port_, " user=sluice dbname=", database,
                      " passfile=", password_file(), " sslrootcert=", ca_file());
}

std::string PostgresServer::CertificateSettings(const std::string& database) const {
  return absl::StrCat("host=127.0.0.1 port=", port_, " user=by_certificate dbname=", database,
                      " sslrootcert=", ca_file(), " sslcert=", directory_,
                      "/client/tls.crt sslkey=", directory_, "/client/tls.key");
}

std::string PostgresServer::socket() const {
  return absl::StrCat(socket_directory(), "/.s.PGSQL.", port_);
}

}  // namespace sluice::server
