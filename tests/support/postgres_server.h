// A PostgreSQL of a test's own: made in a private directory, reachable over a Unix socket and over
// TLS on 127.0.0.1, gone with its owner. Root gives its place up for the user `postgres`.
//
// One thread, and the one that started it must outlive it: with that thread the server goes.
#ifndef SLUICE_TESTS_SUPPORT_POSTGRES_SERVER_H_
#define SLUICE_TESTS_SUPPORT_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::server {

class PostgresServer {
 public:
  struct Options {
    bool fsync = false;                 // needed where the machine's own crash counts, or a figure
    std::vector<std::string> settings;  // further ones, "name=value"
  };

  static absl::StatusOr<std::unique_ptr<PostgresServer>> Start(const Options& options);
  // One for all tests of the program, started when first asked for; aborts if it can't be.
  static PostgresServer& Shared();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer();

  // kill -9 of the postmaster; returns when it is gone. Its backends notice by themselves.
  void Kill();
  // The same server again, on the same port, after Kill or StopNow.
  absl::Status StartAgain();
  // Ends all sessions at once, as `pg_ctl stop -m immediate` does.
  void StopNow();

  // Runs SQL as the superuser.
  absl::Status Run(const std::string& database, const std::string& sql);
  // The first column of the first row.
  absl::StatusOr<std::string> Ask(const std::string& database, const std::string& sql);
  // A new database that the role `sluice`, no superuser, owns. Its name.
  absl::StatusOr<std::string> CreateDatabase();
  absl::Status DropDatabase(const std::string& name);

  // Connection settings for the role `sluice`, its password in a file: over the Unix socket in
  // `directory` (default: the server's own), or by TCP, where libpq's defaults for TLS hold.
  std::string SocketSettings(const std::string& database, const std::string& directory = "") const;
  std::string TcpSettings(const std::string& database) const;
  // Over the socket for the role of a gateway that owns nothing, with the same password.
  static constexpr char kOwnerRole[] = "sluice";
  static constexpr char kGatewayRole[] = "sluice_gateway";
  std::string GatewaySettings(const std::string& database) const;
  // By TLS for the role `by_certificate`, which has no password.
  std::string CertificateSettings(const std::string& database) const;

  int port() const { return port_; }
  std::string socket_directory() const { return directory_ + "/socket"; }
  std::string socket() const;
  std::string ca_file() const { return directory_ + "/client/ca.crt"; }
  // Holds the passwords.
  std::string password_file() const { return directory_ + "/client/password"; }
  static const std::string& password();

 private:
  PostgresServer() = default;
  absl::Status Make(const Options& options);
  absl::Status WriteCredentials();
  absl::Status WriteSettings(const Options& options);
  // Starts, and waits until it answers.
  absl::Status Launch();
  void End(int signal);

  std::string directory_;
  int port_ = 0;
  pid_t postmaster_ = -1;
  int databases_ = 0;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_POSTGRES_SERVER_H_
