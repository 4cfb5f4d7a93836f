// A connection to a server that takes syslog: over TLS (RFC 5425) or, on a network of one's own,
// over TCP (RFC 6587), each message preceded by its length. Neither protocol has an answer, so that
// all there is to know is that the server's machine has acknowledged the bytes.
//
// One an export; not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_SYSLOG_CONNECTION_H_
#define SLUICE_CLIENT_COMMAND_SYSLOG_CONNECTION_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::client {

class SyslogConnection {
 public:
  struct Options {
    std::string server;  // tls://HOST[:6514] or tcp://HOST[:601]; [::1] for an IPv6 address
    // Of TLS: PEM files. Without `ca` the system's certificates vouch for the server; a
    // certificate and its key are for a server that asks for them.
    std::string ca, certificate, key;
    // For each step: until connected, until what was written is acknowledged.
    absl::Duration within = absl::Seconds(30);
  };

  // INVALID_ARGUMENT for what is no such server.
  static absl::Status CheckServer(absl::string_view server);
  // INVALID_ARGUMENT for what is no such server or file, UNAVAILABLE if it can't be reached or is
  // not the one that its name says.
  static absl::StatusOr<std::unique_ptr<SyslogConnection>> Open(Options options);
  ~SyslogConnection();
  SyslogConnection(const SyslogConnection&) = delete;
  SyslogConnection& operator=(const SyslogConnection&) = delete;

  // Lines, each with its end, which is not sent. The server's machine has all of them when it
  // returns OK; UNAVAILABLE: it may have some.
  absl::Status Write(absl::string_view lines);

 private:
  explicit SyslogConnection(Options options) : options_(std::move(options)) {}
  absl::Status Connect(const std::string& host, const std::string& port);
  absl::Status Encrypt(const std::string& host);
  absl::Status Send(absl::string_view bytes);
  absl::Status AwaitAcknowledged();
  // The peer has not ended the connection.
  bool StillOpen();
  absl::Status Failed(absl::string_view what) const;

  const Options options_;
  int socket_ = -1;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, SSL_free};
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_SYSLOG_CONNECTION_H_
