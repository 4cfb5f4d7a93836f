#include "client/command/syslog_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace sluice::client {
namespace {

constexpr absl::Duration kLookAgainAfter = absl::Milliseconds(2);

struct Server {
  bool is_tls = false;
  std::string host, port;
};

absl::StatusOr<Server> ServerOf(absl::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      absl::StrCat(text, " is no server: tls://HOST, tls://HOST:PORT or tcp://HOST:PORT"));
  Server server;
  if (absl::ConsumePrefix(&text, "tls://")) {
    server = {true, "", "6514"};  // RFC 5425 section 4.1
  } else if (absl::ConsumePrefix(&text, "tcp://")) {
    server = {false, "", "601"};  // RFC 3195's, which servers take for RFC 6587
  } else {
    return bad;
  }
  // The port stands behind the last colon, unless that belongs to an address in brackets.
  const size_t colon = text.rfind(':'), bracket = text.rfind(']');
  if (colon != text.npos && (bracket == text.npos || colon > bracket)) {
    uint32_t port = 0;
    if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > 65535) return bad;
    server.port = absl::StrCat(port);
    text = text.substr(0, colon);
  }
  if (absl::ConsumePrefix(&text, "[") && !absl::ConsumeSuffix(&text, "]")) return bad;
  if (text.empty() || absl::StrContains(text, "/") || absl::StrContains(text, "@")) return bad;
  server.host = std::string(text);
  return server;
}

std::string TlsReason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "the connection ended" : reason;
}

}  // namespace

SyslogConnection::~SyslogConnection() {
  if (tls_ != nullptr) SSL_shutdown(tls_.get());
  if (socket_ >= 0) close(socket_);
}

absl::Status SyslogConnection::Failed(absl::string_view what) const {
  return absl::UnavailableError(absl::StrCat(options_.server, ": ", what));
}

absl::Status SyslogConnection::CheckServer(absl::string_view server) {
  return ServerOf(server).status();
}

absl::StatusOr<std::unique_ptr<SyslogConnection>> SyslogConnection::Open(Options options) {
  const absl::StatusOr<Server> server = ServerOf(options.server);
  if (!server.ok()) return server.status();
  std::unique_ptr<SyslogConnection> connection(new SyslogConnection(std::move(options)));
  if (const absl::Status s = connection->Connect(server->host, server->port); !s.ok()) return s;
  if (server->is_tls) {
    if (const absl::Status s = connection->Encrypt(server->host); !s.ok()) return s;
  }
  return connection;
}

absl::Status SyslogConnection::Connect(const std::string& host, const std::string& port) {
  addrinfo wanted = {}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &wanted, &found); error != 0) {
    return Failed(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const timeval within = absl::ToTimeval(options_.within);
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) {
      error = errno;
      continue;
    }
    // That of sending bounds the connecting, too.
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &within, sizeof(within));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
      socket_ = fd;
      return absl::OkStatus();
    }
    error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
  }
  return Failed(strerror(error));
}

absl::Status SyslogConnection::Encrypt(const std::string& host) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (context_ == nullptr) return Failed(TlsReason());
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options_.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, options_.ca.c_str()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.ca, ": no certificates: ", TlsReason()));
  }
  if (!options_.certificate.empty() &&
      (SSL_CTX_use_certificate_chain_file(context, options_.certificate.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context, options_.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return absl::InvalidArgumentError(absl::StrCat(options_.certificate, " and ", options_.key,
                                                   ": no certificate and its key: ", TlsReason()));
  }
  tls_.reset(SSL_new(context));
  if (tls_ == nullptr || SSL_set_fd(tls_.get(), socket_) != 1) return Failed(TlsReason());
  in6_addr address;
  const bool is_address = inet_pton(AF_INET, host.c_str(), &address) == 1 ||
                          inet_pton(AF_INET6, host.c_str(), &address) == 1;
  X509_VERIFY_PARAM* const checks = SSL_get0_param(tls_.get());
  const int named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str())
                               : X509_VERIFY_PARAM_set1_host(checks, host.c_str(), host.size());
  if (named != 1 || (!is_address && SSL_set_tlsext_host_name(tls_.get(), host.c_str()) != 1)) {
    return absl::InvalidArgumentError(absl::StrCat(host, " is no name of a server"));
  }
  if (SSL_connect(tls_.get()) == 1) return absl::OkStatus();
  const long verified = SSL_get_verify_result(tls_.get());
  return Failed(verified == X509_V_OK ? TlsReason() : X509_verify_cert_error_string(verified));
}

bool SyslogConnection::StillOpen() {
  char byte;
  const ssize_t seen = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  if (seen == 0 || tls_ == nullptr) return seen > 0;
  // What comes over TLS is a session's ticket, or the end.
  const timeval at_once = {0, 1000}, within = absl::ToTimeval(options_.within);
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once));
  ERR_clear_error();
  const int read = SSL_peek(tls_.get(), &byte, 1);
  const int error = SSL_get_error(tls_.get(), read);
  ERR_clear_error();
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
  return read > 0 || error == SSL_ERROR_WANT_READ;
}

absl::Status SyslogConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    size_t sent = 0;
    if (tls_ != nullptr) {
      ERR_clear_error();
      if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent) != 1) {
        return Failed(TlsReason());
      }
    } else {
      const ssize_t some = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (some < 0 && errno == EINTR) continue;
      if (some < 0) return Failed(errno == EAGAIN ? "it takes nothing" : strerror(errno));
      sent = static_cast<size_t>(some);
    }
    bytes.remove_prefix(sent);
  }
  return absl::OkStatus();
}

absl::Status SyslogConnection::AwaitAcknowledged() {
  const absl::Time until = absl::Now() + options_.within;
  int outstanding = 0;
  while (ioctl(socket_, SIOCOUTQ, &outstanding) == 0) {
    // An end that came meanwhile may have thrown away what was acknowledged before.
    if (!StillOpen()) return Failed("it ended the connection");
    if (outstanding == 0) return absl::OkStatus();
    if (absl::Now() > until) return Failed("it takes nothing");
    absl::SleepFor(kLookAgainAfter);
  }
  return Failed(strerror(errno));
}

absl::Status SyslogConnection::Write(absl::string_view lines) {
  if (!StillOpen()) return Failed("it ended the connection");
  std::string framed;
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&framed, line.size(), " ", line);
  }
  if (const absl::Status s = Send(framed); !s.ok()) return s;
  return AwaitAcknowledged();
}

}  // namespace sluice::client
